/*
 * Field lines of a head that h1_scan has found complete: each is split, known names get their
 * number, and what decides on framing and connection is noted on the way.
 */
#include "wire/h1/block.h"
#include "wire/h1/parse.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>

struct slice h1_line(const char *at, const char *end)
{
    const char *cr = bytes_find(at, end, '\r', '\r');
    assert(cr + 2 <= end);
    return slice_of(at, (size_t)(cr - at));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int note_connection(struct slice list, struct h1_facts *facts,
                           struct h1_refusal *ret_refusal)
{
    /* What nearly all messages say; a comparison in words. */
    if (LIKELY(field_id_of(list) == FIELD_KEEP_ALIVE)) {
        facts->connection_options++;
        facts->says_keep_alive = true;
        return 0;
    }
    struct slice option;
    while (http_list_next(&list, &option)) {
        if (!http_is_token(option))
            return h1_refuse(ret_refusal, 400, "a connection option that is no token");
        if (++facts->connection_options > HTTP_CONNECTION_OPTIONS_MAX)
            return h1_refuse(ret_refusal, 431, "too many connection options");
        if (field_id_of(option) == FIELD_KEEP_ALIVE)
            facts->says_keep_alive = true;
        else if (slice_equal_nocase(option, SLICE("close")))
            facts->says_close = true;
        else if (slice_equal_nocase(option, SLICE("upgrade")))
            facts->names_upgrade = true;
    }
    return 0;
}

static void note_expect(struct slice value, struct h1_facts *facts)
{
    if (slice_equal_nocase(value, SLICE("100-continue")))
        facts->expects_continue = true;
    else
        facts->expects_unknown = true;
}

static int note_field(const struct field *field, struct h1_facts *facts,
                      struct h1_refusal *ret_refusal)
{
    switch (field->id) {
    case FIELD_HOST:
        facts->hosts++;
        facts->host = field->value;
        return 0;
    case FIELD_CONTENT_LENGTH:
        facts->content_lengths++;
        facts->content_length = field->value;
        return 0;
    case FIELD_TRANSFER_ENCODING:
        facts->transfer_encodings++;
        facts->transfer_encoding = field->value;
        return 0;
    case FIELD_CONNECTION:
        return note_connection(field->value, facts, ret_refusal);
    case FIELD_UPGRADE:
        facts->has_upgrade |= field->value.len > 0;
        return 0;
    case FIELD_EXPECT:
        note_expect(field->value, facts);
        return 0;
    default:
        return 0;
    }
}

static int refuse_name(struct slice name, struct h1_refusal *ret_refusal)
{
    if (name.len == 0)
        return h1_refuse(ret_refusal, 400, "empty field name");
    if (is_blank(name.at[0]))
        return h1_refuse(ret_refusal, 400, "folded field line");
    if (is_blank(name.at[name.len - 1]))
        return h1_refuse(ret_refusal, 400, "blank before the colon");
    return h1_refuse(ret_refusal, 400, "bad field name");
}

/* Parses the field line at `at`. Returns where the next one begins, or NULL when refused. */
static const char *parse_field(const char *at, const char *end, struct field *ret_field,
                               struct h1_refusal *ret_refusal)
{
    const char *colon = bytes_find(at, end, ':', '\r');
    assert(colon < end);
    struct slice name = slice_of(at, (size_t)(colon - at));
    enum field_id id = field_id_of(name);
    if (UNLIKELY(*colon != ':' && !is_blank(*at))) {
        h1_refuse(ret_refusal, 400, "field line without a colon");
        return NULL;
    }
    /* A name that is known is a token. */
    if (UNLIKELY(id == FIELD_OTHER && !http_is_token(name))) {
        refuse_name(name, ret_refusal);
        return NULL;
    }

    const char *from = colon + 1;
    while (is_blank(*from))
        from++;
    const char *cr = bytes_find(from, end, '\r', '\r');
    assert(cr + 2 <= end);
    const char *to = cr;
    while (to > from && is_blank(to[-1]))
        to--;
    *ret_field = (struct field){name, slice_of(from, (size_t)(to - from)), id};
    return cr + 2;
}

int h1_parse_fields(const char *at, const char *end, struct fields *fields, struct h1_facts *facts,
                    struct h1_refusal *ret_refusal)
{
    unsigned count = 0;
    while (at + 2 < end) {
        if (count == fields->max)
            return h1_refuse(ret_refusal, 431, "too many fields");
        struct field *field = &fields->at[count];
        at = parse_field(at, end, field, ret_refusal);
        if (at == NULL)
            return -EBADMSG;
        int result = note_field(field, facts, ret_refusal);
        if (result < 0)
            return result;
        count++;
    }
    fields->count = count;
    return 0;
}
