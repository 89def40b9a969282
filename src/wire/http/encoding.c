/* Accept-Encoding: one pass over its elements. Called for responses that exist in more than one
 * coding. */
#include "wire/http/encoding.h"

#include "wire/http/message.h"

#define UNNAMED UINT16_MAX
#define ANY     ENCODINGS_COUNT /* "*", behind the codings */

static const struct slice names[ENCODINGS_COUNT] = {
    [ENCODING_IDENTITY] = {"identity", 8},
    [ENCODING_GZIP] = {"gzip", 4},
    [ENCODING_BR] = {"br", 2},
    [ENCODING_ZSTD] = {"zstd", 4},
};

/* An encoding, ANY, or -1 for what Weir does not know. */
static int encoding_of(struct slice name)
{
    if (slice_equal(name, SLICE("*")))
        return ANY;
    if (slice_equal_nocase(name, SLICE("x-gzip"))) /* RFC 9110 §8.4.1.3 */
        return ENCODING_GZIP;
    for (int i = 0; i < ENCODINGS_COUNT; i++) {
        if (slice_equal_nocase(name, names[i]))
            return i;
    }
    return -1;
}

/* qvalue of RFC 9110 §12.4.2: "0" or "1" with at most three decimals, none above one. */
static bool parse_quality(struct slice text, uint16_t *ret_quality)
{
    if (text.len == 0 || text.len > 5 || (text.at[0] != '0' && text.at[0] != '1') ||
        (text.len > 1 && text.at[1] != '.'))
        return false;
    unsigned quality = text.at[0] == '1' ? ENCODING_QUALITY_MAX : 0;
    unsigned unit = 100;
    for (size_t i = 2; i < text.len; i++, unit /= 10) {
        if (!ascii_is_digit(text.at[i]))
            return false;
        quality += (unsigned)(text.at[i] - '0') * unit;
    }
    if (quality > ENCODING_QUALITY_MAX)
        return false;
    *ret_quality = (uint16_t)quality;
    return true;
}

/* codings [ weight ]. */
static bool parse_element(struct slice element, struct slice *ret_name, uint16_t *ret_quality)
{
    struct slice weight = element, name;
    (void)slice_cut(&weight, ';', &name);
    *ret_name = slice_trim(name);
    *ret_quality = ENCODING_QUALITY_MAX;
    if (weight.at == NULL)
        return true;
    weight = slice_trim(weight);
    return weight.len > 2 && (weight.at[0] | 0x20) == 'q' && weight.at[1] == '=' &&
           parse_quality(slice_from(weight, 2), ret_quality);
}

static void read_list(struct slice list, uint16_t named[static ENCODINGS_COUNT + 1])
{
    struct slice element, name;
    while (http_list_next(&list, &element)) {
        uint16_t quality;
        if (!parse_element(element, &name, &quality))
            continue;
        int encoding = encoding_of(name);
        if (encoding >= 0 && quality < named[encoding])
            named[encoding] = quality;
    }
}

void accept_encoding_parse(const struct fields *fields, struct accept_encoding *ret_accept)
{
    uint16_t named[ENCODINGS_COUNT + 1];
    bool is_given = false;
    for (unsigned i = 0; i <= ENCODINGS_COUNT; i++)
        named[i] = UNNAMED;
    for (unsigned i = 0; i < fields->count; i++) {
        if (fields->at[i].id != FIELD_ACCEPT_ENCODING)
            continue;
        read_list(fields->at[i].value, named);
        is_given = true;
    }
    for (unsigned i = 0; i < ENCODINGS_COUNT; i++) {
        uint16_t unnamed = 0;
        if (i == ENCODING_IDENTITY)
            unnamed = is_given ? 1 : ENCODING_QUALITY_MAX;
        if (named[ANY] != UNNAMED)
            unnamed = named[ANY];
        ret_accept->quality[i] = named[i] != UNNAMED ? named[i] : unnamed;
    }
}

enum http_encoding accept_encoding_choose(const struct accept_encoding *accept,
                                          const enum http_encoding *offered, unsigned count)
{
    enum http_encoding best = ENCODING_IDENTITY;
    unsigned best_quality = 0;
    for (unsigned i = 0; i < count; i++) {
        if (accept->quality[offered[i]] > best_quality) {
            best = offered[i];
            best_quality = accept->quality[best];
        }
    }
    return accept->quality[ENCODING_IDENTITY] > best_quality ? ENCODING_IDENTITY : best;
}

struct slice http_encoding_name(enum http_encoding encoding)
{
    return names[encoding];
}
