/* Password files: every line is counted, and what is not wrong is a name and a bcrypt hash. */
#include "fuzz.h"

#include "conf/htpasswd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice text = slice_of(data, len);
    struct htpasswd_line line;
    unsigned number = 0, lines = 1, before = 0;
    for (size_t i = 0; i < len; i++)
        lines += data[i] == '\n';
    while (htpasswd_next(&text, &number, &line)) {
        CHECK(number > before && number <= lines);
        before = number;
        if (line.why != NULL)
            continue;
        CHECK(line.name.len > 0 && line.name.len <= HTPASSWD_NAME_MAX);
        CHECK(slice_find(line.name, ':') < 0 && slice_find(line.name, '\n') < 0);
        CHECK(htpasswd_is_bcrypt(line.hash));
    }
    CHECK(number == lines || (len == 0 && number <= 1));
    return 0;
}
