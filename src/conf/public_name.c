/* By the name alone: nothing is looked up. Called by link_tls.c. */
#include "conf/public_name.h"

#include "base/cleanup.h"
#include "conf/value.h"

static const char *const private_tops[] = {
    "alt", "corp",  "example",     "home",      "home.arpa", "internal", "invalid",
    "lan", "local", "localdomain", "localhost", "onion",     "test",
};

static bool is_below(struct slice name, struct slice top)
{
    if (!slice_ends_with(name, top))
        return false;
    return name.len == top.len || name.at[name.len - top.len - 1] == '.';
}

bool public_name_is(struct slice name)
{
    if (slice_starts_with(name, SLICE("*.")))
        name = slice_from(name, 2);
    if (!value_is_host(name) || slice_find(name, '.') < 0 || slice_find(name, '_') >= 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(private_tops); i++) {
        if (is_below(name, slice_of_cstr(private_tops[i])))
            return false;
    }
    return true;
}
