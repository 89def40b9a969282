/*
 * Field lines of a head that h1_scan has found complete: each is split, known names get their
 * number, and what decides on framing and connection is noted on the way.
 */
#include "wire/h1/block.h"
#include "wire/h1/parse.h"

#include "base/cleanup.h"

#include <errno.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int note_options(struct slice list, struct h1_facts *facts, struct h1_refusal *ret_refusal)
{
    struct slice option;
    while (http_list_next(&list, &option)) {
        if (!http_is_token(option))
            return h1_refuse(ret_refusal, 400, "a connection option that is no token");
        if (++facts->connection_options > HTTP_CONNECTION_OPTIONS_MAX)
            return h1_refuse(ret_refusal, 431, "too many connection options");
        if (slice_equal_nocase(option, SLICE("keep-alive")))
            facts->says_keep_alive = true;
        else if (slice_equal_nocase(option, SLICE("close")))
            facts->says_close = true;
        else if (slice_equal_nocase(option, SLICE("upgrade")))
            facts->names_upgrade = true;
    }
    return 0;
}

static int note_connection(const struct field *field, struct h1_facts *facts,
                           struct h1_refusal *ret_refusal)
{
    /* What nearly all messages say, compared in words: it is the name of a known field too. */
    if (LIKELY(field_id_of(field->value) == FIELD_KEEP_ALIVE)) {
        facts->connection_options++;
        facts->says_keep_alive = true;
        return 0;
    }
    return note_options(field->value, facts, ret_refusal);
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
        facts->host = field;
        return 0;
    case FIELD_CONTENT_LENGTH:
        facts->content_lengths++;
        facts->content_length = field;
        return 0;
    case FIELD_TRANSFER_ENCODING:
        facts->transfer_encodings++;
        facts->transfer_encoding = field;
        return 0;
    case FIELD_CONNECTION:
        return note_connection(field, facts, ret_refusal);
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

/* `end` is that of the head: what may be read, and more than the line. */
static int parse_field(struct slice line, const char *end, struct field *ret_field,
                       struct h1_refusal *ret_refusal)
{
    const char *colon = bytes_find(line.at, end, ':', '\r'), *line_end = line.at + line.len;
    struct slice name = slice_of(line.at, (size_t)(colon - line.at));
    enum field_id id = field_id_of(name);
    if (UNLIKELY(colon == line_end && !is_blank(*line.at)))
        return h1_refuse(ret_refusal, 400, "field line without a colon");
    /* A name that is known is a token. */
    if (UNLIKELY(id == FIELD_OTHER && !http_is_token(name)))
        return refuse_name(name, ret_refusal);

    const char *from = colon + 1, *to = line_end;
    while (is_blank(*from))
        from++;
    while (to > from && is_blank(to[-1]))
        to--;
    *ret_field = (struct field){name, slice_of(from, (size_t)(to - from)), id};
    return 0;
}

int h1_parse_fields(struct h1_lines *lines, struct fields *fields, struct h1_facts *facts,
                    struct h1_refusal *ret_refusal)
{
    unsigned count = 0;
    for (;;) {
        struct slice line = h1_lines_next(lines);
        if (line.len == 0)
            break;
        if (count == fields->max)
            return h1_refuse(ret_refusal, 431, "too many fields");
        struct field *field = &fields->at[count];
        int result = parse_field(line, lines->end, field, ret_refusal);
        if (result < 0)
            return result;
        result = note_field(field, facts, ret_refusal);
        if (result < 0)
            return result;
        count++;
    }
    fields->count = count;
    return 0;
}
