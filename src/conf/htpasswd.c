/* One line at a time, strictly. What is wrong is told in words that say how to make it right. */
#include "conf/htpasswd.h"

#include "base/cleanup.h"

static bool is_radix64(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || ascii_is_digit(c) || c == '.' || c == '/';
}

bool htpasswd_is_bcrypt(struct slice hash)
{
    if (hash.len != BCRYPT_HASH_LEN || hash.at[0] != '$' || hash.at[1] != '2' ||
        (hash.at[2] != 'a' && hash.at[2] != 'b' && hash.at[2] != 'y') || hash.at[3] != '$' ||
        !ascii_is_digit(hash.at[4]) || !ascii_is_digit(hash.at[5]) || hash.at[6] != '$')
        return false;
    for (size_t i = 7; i < hash.len; i++) {
        if (!is_radix64(hash.at[i]))
            return false;
    }
    return true;
}

static const char *why_not_hash(struct slice hash)
{
    static const struct {
        struct slice prefix;
        const char *why;
    } others[] = {
        {{"$apr1$", 6}, "the hash is MD5; only bcrypt is taken: htpasswd -B"},
        {{"$1$", 3}, "the hash is MD5; only bcrypt is taken: htpasswd -B"},
        {{"$5$", 3}, "the hash is SHA-256; only bcrypt is taken: htpasswd -B"},
        {{"$6$", 3}, "the hash is SHA-512; only bcrypt is taken: htpasswd -B"},
        {{"{SHA}", 5}, "the hash is SHA-1; only bcrypt is taken: htpasswd -B"},
        {{"$2x$", 4}, "the hash is of a bcrypt that was broken: make it anew by htpasswd -B"},
        {{"$2", 2}, "the bcrypt hash is damaged: it has 60 characters, as in $2y$10$…"},
    };
    if (htpasswd_is_bcrypt(hash)) {
        unsigned cost = (unsigned)(hash.at[4] - '0') * 10 + (unsigned)(hash.at[5] - '0');
        return cost >= 4 && cost <= HTPASSWD_COST_MAX ? NULL : "bcrypt's cost must be from 4 to 15";
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (slice_starts_with(hash, others[i].prefix))
            return others[i].why;
    }
    return "there is no bcrypt hash behind the colon: htpasswd -B makes one";
}

static const char *why_not_name(struct slice name)
{
    if (name.len == 0 || name.len > HTPASSWD_NAME_MAX)
        return "a name has 1 to 255 bytes";
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.at[i] < 0x20 || name.at[i] == 0x7f)
            return "a name has no control characters";
    }
    return NULL;
}

static void read_line(struct slice text, struct htpasswd_line *ret_line)
{
    ptrdiff_t colon = slice_find(text, ':');
    *ret_line = (struct htpasswd_line){.name = text};
    if (colon < 0) {
        ret_line->why = "there is no colon between a name and its hash";
        return;
    }
    ret_line->name = slice_first(text, (size_t)colon);
    ret_line->hash = slice_from(text, (size_t)colon + 1);
    ret_line->why = why_not_name(ret_line->name);
    if (ret_line->why == NULL)
        ret_line->why = why_not_hash(ret_line->hash);
}

bool htpasswd_next(struct slice *text, unsigned *line, struct htpasswd_line *ret_line)
{
    struct slice at;
    while (slice_cut(text, '\n', &at)) {
        ++*line;
        if (at.len > 0 && at.at[at.len - 1] == '\r')
            at.len--;
        if (slice_trim(at).len == 0 || at.at[0] == '#')
            continue;
        read_line(at, ret_line);
        return true;
    }
    return false;
}
