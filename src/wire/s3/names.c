/* The rules, one function each. */
#include "wire/s3/names.h"

#include "base/cleanup.h"

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || ascii_is_digit(c);
}

/* S3 refuses what looks like one, whatever its numbers are. */
static bool is_like_an_address(struct slice name)
{
    struct slice rest = name, part;
    unsigned parts = 0;
    while (slice_cut(&rest, '.', &part)) {
        uint64_t number;
        if (++parts > 4 || part.len > 3 || slice_parse_u64(part, &number) < 0)
            return false;
    }
    return parts == 4;
}

static bool is_reserved(struct slice name)
{
    static const struct slice prefixes[] = {
        SLICE("xn--"),
        SLICE("sthree-"),
        SLICE("amzn-s3-demo-"),
    };
    static const struct slice suffixes[] = {
        SLICE("-s3alias"), SLICE("--ol-s3"), SLICE(".mrap"), SLICE("--x-s3"), SLICE("--table-s3"),
    };
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        if (slice_starts_with(name, prefixes[i]))
            return true;
    }
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        if (slice_ends_with(name, suffixes[i]))
            return true;
    }
    return false;
}

bool s3_bucket_name_is_valid(struct slice name)
{
    if (name.len < 3 || name.len > S3_BUCKET_BYTES_MAX || !is_letter_or_digit(name.at[0]) ||
        !is_letter_or_digit(name.at[name.len - 1]))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!is_letter_or_digit(c) && c != '.' && c != '-')
            return false;
        /* A dot stands between letters and digits only. The ends were looked at above. */
        if (c == '.' &&
            (!is_letter_or_digit(name.at[i - 1]) || !is_letter_or_digit(name.at[i + 1])))
            return false;
    }
    return !is_like_an_address(name) && !is_reserved(name);
}

int s3_key_check(struct slice key, struct s3_fault *fault)
{
    if (key.len == 0)
        return s3_fault_say(fault, S3_INVALID_REQUEST, "The key of an object cannot be empty");
    if (key.len > S3_KEY_BYTES_MAX)
        return s3_fault_set(fault, S3_KEY_TOO_LONG);
    /* No path and no document could name it again: it could be read and removed by nobody. */
    if (memchr(key.at, '\0', key.len) != NULL)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT, "The key of an object cannot hold a NUL");
    return 0;
}
