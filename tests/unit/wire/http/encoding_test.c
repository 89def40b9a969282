#include "unit.h"

#include "base/cleanup.h"
#include "wire/http/encoding.h"
#include "wire/http/message.h"

/* Accept-Encoding of up to two fields; NULL: no such field. */
struct quality_case {
    const char *values[2];
    unsigned identity, gzip, br, zstd;
};

static const struct quality_case quality_cases[] = {
    {{NULL}, 1000, 0, 0, 0},
    {{""}, 1, 0, 0, 0},
    {{"gzip"}, 1, 1000, 0, 0},
    {{"x-gzip"}, 1, 1000, 0, 0},
    {{"gzip, deflate, br, zstd"}, 1, 1000, 1000, 1000},
    {{"GZIP , bR;Q=0.5"}, 1, 1000, 500, 0},
    {{"gzip;q=0.123,br;q=1.000 , zstd ; q=0.25"}, 1, 123, 1000, 250},
    {{"identity"}, 1000, 0, 0, 0},
    {{"identity;q=0.5, gzip;q=0.4"}, 500, 400, 0, 0},
    {{"identity;q=0"}, 0, 0, 0, 0},
    {{"*"}, 1000, 1000, 1000, 1000},
    {{"*;q=0.3, br"}, 300, 300, 1000, 300},
    {{"*;q=0"}, 0, 0, 0, 0},
    {{"*;q=0, gzip"}, 0, 1000, 0, 0},
    {{"identity;q=0.2, *;q=0"}, 200, 0, 0, 0},
    {{"gzip", "br;q=0.5"}, 1, 1000, 500, 0},
    /* named twice */
    {{"gzip;q=0, gzip"}, 1, 0, 0, 0},
    {{"gzip", "gzip;q=0.2"}, 1, 200, 0, 0},
    {{"gzip;q=0.2, x-gzip"}, 1, 200, 0, 0},
    /* malformed elements do not count */
    {{"gzip;q=, br"}, 1, 0, 1000, 0},
    {{"gzip;q=2, br;q=1.001, zstd;q=0.1234"}, 1, 0, 0, 0},
    {{"gzip;q=.5, br;q=0,5"}, 1, 0, 0, 0},
    {{"gzip;q=-1, br;q=1x, zstd;q=0.a"}, 1, 0, 0, 0},
    {{"gzip;level=1, br;q=0.5;x=1, zstd;"}, 1, 0, 0, 0},
    {{"gzip;q=0.5."}, 1, 0, 0, 0},
    {{"gzip br"}, 1, 0, 0, 0},
    {{"identity;q=x"}, 1, 0, 0, 0},
    {{";q=1, ;, ,,"}, 1, 0, 0, 0},
    /* others */
    {{"gzipp, g, brotli, deflate, compress, **"}, 1, 0, 0, 0},
};

static struct accept_encoding parse(const char *const values[2])
{
    struct field at[3] = {{SLICE("Accept"), SLICE("gzip"), FIELD_ACCEPT}};
    struct fields fields = {at, 1, COUNT_OF(at)};
    for (unsigned i = 0; i < 2 && values[i] != NULL; i++)
        at[fields.count++] = (struct field){SLICE("Accept-Encoding"), slice_of_cstr(values[i]),
                                            FIELD_ACCEPT_ENCODING};
    struct accept_encoding accept;
    accept_encoding_parse(&fields, &accept);
    return accept;
}

static void qualities_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(quality_cases); i++) {
        const struct quality_case *row = &quality_cases[i];
        struct accept_encoding accept = parse(row->values);
        if (accept.quality[ENCODING_IDENTITY] != row->identity ||
            accept.quality[ENCODING_GZIP] != row->gzip || accept.quality[ENCODING_BR] != row->br ||
            accept.quality[ENCODING_ZSTD] != row->zstd)
            fail_msg("row %zu, %s: identity %u, gzip %u, br %u, zstd %u", i, row->values[0],
                     accept.quality[ENCODING_IDENTITY], accept.quality[ENCODING_GZIP],
                     accept.quality[ENCODING_BR], accept.quality[ENCODING_ZSTD]);
    }
}

static void the_best_is_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum http_encoding offered[3], chosen;
        unsigned count;
    } rows[] = {
        {"gzip, br, zstd", {ENCODING_BR, ENCODING_ZSTD, ENCODING_GZIP}, ENCODING_BR, 3},
        {"gzip, br, zstd", {ENCODING_GZIP, ENCODING_BR}, ENCODING_GZIP, 2},
        {"gzip, br;q=0.9", {ENCODING_BR, ENCODING_GZIP}, ENCODING_GZIP, 2},
        {"gzip;q=0.001", {ENCODING_GZIP}, ENCODING_GZIP, 1},
        {"gzip, br", {ENCODING_ZSTD}, ENCODING_IDENTITY, 1},
        {"gzip", {0}, ENCODING_IDENTITY, 0},
        {"gzip;q=0.5, identity", {ENCODING_GZIP}, ENCODING_IDENTITY, 1},
        {"gzip;q=0.5, identity;q=0.5", {ENCODING_GZIP}, ENCODING_GZIP, 1},
        {"*", {ENCODING_ZSTD, ENCODING_GZIP}, ENCODING_ZSTD, 2},
        {"", {ENCODING_GZIP}, ENCODING_IDENTITY, 1},
        {"identity;q=0", {ENCODING_GZIP}, ENCODING_IDENTITY, 1},
        {"*;q=0", {ENCODING_GZIP}, ENCODING_IDENTITY, 1},
        {NULL, {ENCODING_GZIP}, ENCODING_IDENTITY, 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *values[2] = {rows[i].value};
        struct accept_encoding accept = parse(values);
        enum http_encoding chosen = accept_encoding_choose(&accept, rows[i].offered, rows[i].count);
        if (chosen != rows[i].chosen)
            fail_msg("row %zu, %s: %.*s", i, rows[i].value, SLICE_ARG(http_encoding_name(chosen)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qualities_are_read),
        cmocka_unit_test(the_best_is_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
