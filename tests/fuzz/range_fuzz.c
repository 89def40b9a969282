/*
 * Range against a representation whose size is the first eight bytes. Holds: what is answered lies
 * in the representation and does not overlap, and written as a Range of its own is read as itself.
 */
#include "fuzz.h"

#include "base/writer.h"
#include "wire/http/range.h"

#include <errno.h>

static void check_written_anew(const struct byte_range *ranges, int count, uint64_t size)
{
    char room[HTTP_RANGES_MAX * 42 + 8];
    struct writer writer;
    struct byte_range again[HTTP_RANGES_MAX];
    writer_init(&writer, room, sizeof room);
    write_literal(&writer, "bytes=");
    for (int i = 0; i < count; i++) {
        if (i > 0)
            write_char(&writer, ',');
        write_u64(&writer, ranges[i].first);
        write_char(&writer, '-');
        write_u64(&writer, ranges[i].last);
    }
    CHECK(!writer.overflown);
    CHECK(http_range_parse(writer_slice(&writer), size, again) == count);
    for (int i = 0; i < count; i++)
        CHECK(again[i].first == ranges[i].first && again[i].last == ranges[i].last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint64_t size;
    struct byte_range ranges[HTTP_RANGES_MAX];
    if (len < sizeof size)
        return 0;
    memcpy(&size, data, sizeof size);
    struct slice value = slice_of(data + sizeof size, len - sizeof size);
    int count = http_range_parse(value, size, ranges);
    CHECK(count <= HTTP_RANGES_MAX && (count >= 0 || count == -ERANGE));
    for (int i = 0; i < count; i++) {
        CHECK(ranges[i].first <= ranges[i].last && ranges[i].last < size);
        for (int j = 0; j < i; j++)
            CHECK(ranges[i].first > ranges[j].last || ranges[j].first > ranges[i].last);
    }
    if (count > 0)
        check_written_anew(ranges, count, size);
    return 0;
}
