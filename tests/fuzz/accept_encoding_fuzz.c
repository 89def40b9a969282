/*
 * Accept-Encoding. Holds: qualities are in their range; the order of the elements does not matter;
 * what is chosen is offered and acceptable, or identity; a list in two fields says the same.
 */
#include "fuzz.h"

#include "wire/http/encoding.h"
#include "wire/http/message.h"

static struct accept_encoding parse(struct slice first, struct slice second)
{
    struct field at[2] = {{SLICE("Accept-Encoding"), first, FIELD_ACCEPT_ENCODING},
                          {SLICE("Accept-Encoding"), second, FIELD_ACCEPT_ENCODING}};
    struct fields fields = {at, 2, 2};
    struct accept_encoding accept;
    accept_encoding_parse(&fields, &accept);
    return accept;
}

static void check_choice(const struct accept_encoding *accept)
{
    static const enum http_encoding offered[] = {ENCODING_ZSTD, ENCODING_BR, ENCODING_GZIP};
    for (unsigned count = 0; count <= 3; count++) {
        enum http_encoding chosen = accept_encoding_choose(accept, offered, count);
        bool is_offered = chosen == ENCODING_IDENTITY;
        for (unsigned i = 0; i < count; i++) {
            is_offered |= chosen == offered[i];
            CHECK(accept->quality[chosen] >= accept->quality[offered[i]]);
        }
        CHECK(is_offered);
        CHECK(chosen == ENCODING_IDENTITY || accept->quality[chosen] > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice value = slice_of(data, len), rest = value, element;
    struct slice empty = SLICE("");
    struct accept_encoding accept = parse(value, empty), swapped = parse(empty, value);
    CHECK(memcmp(&accept, &swapped, sizeof accept) == 0);
    for (unsigned i = 0; i < ENCODINGS_COUNT; i++)
        CHECK(accept.quality[i] <= ENCODING_QUALITY_MAX);
    check_choice(&accept);

    if (http_list_next(&rest, &element)) {
        struct accept_encoding apart = parse(element, rest), turned = parse(rest, element);
        CHECK(memcmp(&accept, &apart, sizeof accept) == 0);
        CHECK(memcmp(&accept, &turned, sizeof accept) == 0);
    }
    return 0;
}
