/*
 * PROXY protocol headers. Holds: of a header that is taken every shorter piece is awaited, what
 * follows makes no difference, and what is written of it in either version reads as the same.
 */
#include "fuzz.h"

#include "wire/proxy/proxy.h"

static int parse(struct slice bytes, struct proxy_header *ret_header)
{
    const char *why = NULL;
    int rc = proxy_parse(bytes, ret_header, &why);
    CHECK((rc < 0) == (why != NULL) && rc <= (int)bytes.len);
    return rc;
}

static void check_writing(const struct proxy_header *header, enum proxy_version version)
{
    char memory[PROXY_V1_BYTES_MAX];
    struct writer writer;
    struct proxy_header again;
    writer_init(&writer, memory, sizeof memory);
    proxy_write(&writer, version, header);
    CHECK(!writer.overflown);
    struct slice written = writer_slice(&writer);
    CHECK(parse(written, &again) == (int)written.len);
    if (header->family == PROXY_IPV4 || header->family == PROXY_IPV6)
        CHECK(memcmp(header, &again, sizeof again) == 0);
    else
        CHECK(again.family == PROXY_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct proxy_header header = {0}, other = {0};
    struct slice bytes = slice_of(data, len);
    int rc = parse(bytes, &header);
    CHECK(rc != 0 || len < PROXY_V2_BYTES_MAX);
    size_t taken = rc > 0 ? (size_t)rc : 0;
    for (size_t i = 0; i < taken; i++)
        CHECK(parse(slice_first(bytes, i), &other) == 0);
    if (rc > 0) {
        CHECK(parse(slice_first(bytes, taken), &other) == rc);
        CHECK(memcmp(&header, &other, sizeof other) == 0);
        check_writing(&header, PROXY_V1);
        check_writing(&header, PROXY_V2);
    }
    return 0;
}
