/*
 * Paths, queries and authorities. Holds: the normal form of a normal form is itself; it has no
 * empty segment, no dot segment even for a server that decodes all of it or cuts parameters off,
 * and no byte that must not stand in a path; a host splits to itself.
 */
#include "fuzz.h"

#include "base/memory.h"
#include "wire/http/chars.h"
#include "wire/http/uri.h"

static void check_segment(struct slice segment, bool is_last)
{
    CHECK(segment.len > 0 || is_last);
    CHECK(!slice_equal(segment, SLICE(".")) && !slice_equal(segment, SLICE("..")));
    for (size_t i = 0; i < segment.len; i++) {
        if (segment.at[i] != '%') {
            CHECK(char_is(segment.at[i], CHAR_PATH));
            continue;
        }
        CHECK(i + 2 < segment.len);
        char byte;
        CHECK(uri_decode(slice_of(segment.at + i, 3), &byte) == 1);
        CHECK(byte != 0 && !char_is(byte, CHAR_UNRESERVED));
        CHECK(ascii_lower(segment.at[i + 1]) ==
              segment.at[i + 1] + (segment.at[i + 1] >= 'A') * 32);
    }
}

/* What a server sees that decodes everything, slashes too, and then resolves dots. */
static void check_no_way_out(struct slice path)
{
    char *decoded = memory_alloc(path.len);
    CHECK(decoded != NULL);
    ptrdiff_t len = uri_decode(path, decoded);
    CHECK(len > 0);
    for (ptrdiff_t i = 0; i < len; i++) {
        if (decoded[i] == '\\')
            decoded[i] = '/';
    }
    struct slice rest = slice_of(decoded, (size_t)len), part;
    while (slice_cut(&rest, '/', &part)) {
        ptrdiff_t parameters = slice_find(part, ';');
        struct slice name = parameters < 0 ? part : slice_first(part, (size_t)parameters);
        CHECK(!slice_equal(name, SLICE("..")) && !slice_equal(name, SLICE(".")));
    }
    memory_free(decoded);
}

static void try_path(struct slice raw)
{
    char *out = memory_alloc(3 * raw.len + 1);
    CHECK(out != NULL);
    struct slice path;
    if (uri_normalise_path(raw, out, &path) == 0) {
        CHECK(path.len > 0 && path.at[0] == '/' && path.len <= 3 * raw.len);
        struct slice rest = slice_from(path, 1), part;
        while (slice_cut(&rest, '/', &part))
            check_segment(part, rest.at == NULL);
        check_no_way_out(path);

        char *again = memory_alloc(3 * path.len);
        struct slice same;
        CHECK(again != NULL && uri_normalise_path(path, again, &same) == 0);
        CHECK(slice_equal(path, same));
        memory_free(again);
    }
    memory_free(out);
}

/* Of a path in the form of rules: whatever is read of it is a path in normal form. */
static void try_readings(struct slice raw)
{
    char *out = memory_alloc(3 * raw.len + 1), *room = memory_alloc(12 * raw.len + 1);
    struct slice path, read;
    CHECK(out != NULL && room != NULL);
    if (uri_normalise_path(raw, out, &path) == 0) {
        char *matched = memory_alloc(path.len);
        CHECK(matched != NULL);
        uri_matched_path(path, matched, &path);
        unsigned apply = uri_readings(path);
        for (unsigned reading = 1; reading < URI_READINGS; reading++) {
            if ((reading & ~apply) == 0 && uri_read_path(path, reading, room, &read) == 0)
                CHECK(read.at[0] == '/' && read.len <= path.len &&
                      (uri_readings(read) & reading) == 0);
        }
        memory_free(matched);
    }
    memory_free(out);
    memory_free(room);
}

static void try_authority(struct slice authority)
{
    char *out = memory_alloc(authority.len + 1), *again = memory_alloc(authority.len + 1);
    struct slice host, same;
    unsigned port, same_port;
    CHECK(out != NULL && again != NULL);
    if (uri_split_authority(authority, out, &host, &port) == 0) {
        CHECK(host.len > 0 && port <= 65535);
        CHECK(uri_split_authority(host, again, &same, &same_port) == 0);
        CHECK(slice_equal(host, same) && same_port == 0);
    }
    memory_free(out);
    memory_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice bytes = slice_of(data, len);
    try_path(bytes);
    try_readings(bytes);
    try_authority(bytes);
    char *out = memory_alloc(len + 1);
    CHECK(out != NULL);
    ptrdiff_t decoded = uri_decode(bytes, out);
    CHECK(decoded <= (ptrdiff_t)len && (decoded >= 0 || !uri_is_query(bytes)));
    memory_free(out);
    return 0;
}
