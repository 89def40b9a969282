/*
 * HTTP/1 heads as bytes. Forwarding is the hot part: fields that stand behind each other in the
 * buffer they were received in, in the very form they would be written in, are copied as one run.
 */
#include "wire/h1/serialise.h"

#include "base/cleanup.h"

void h1_write_request_line(struct writer *writer, struct slice method, struct slice target)
{
    write_slice(writer, method);
    write_char(writer, ' ');
    write_slice(writer, target);
    write_literal(writer, " HTTP/1.1\r\n");
}

void h1_write_status_line(struct writer *writer, unsigned status, struct slice reason)
{
    char digits[] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                     (char)('0' + status % 10), ' '};
    write_literal(writer, "HTTP/1.1 ");
    write_bytes(writer, digits, sizeof digits);
    write_slice(writer, reason.len > 0 ? reason : slice_of_cstr(http_status_reason(status)));
    write_literal(writer, "\r\n");
}

void h1_write_field(struct writer *writer, struct slice name, struct slice value)
{
    write_slice(writer, name);
    write_literal(writer, ": ");
    write_slice(writer, value);
    write_literal(writer, "\r\n");
}

void h1_write_length(struct writer *writer, uint64_t length)
{
    write_literal(writer, "Content-Length: ");
    write_u64(writer, length);
    write_literal(writer, "\r\n");
}

/* What is left out of a message: ids by the caller's wish, and what its Connection fields name. */
struct named {
    struct field_set known;
    struct slice others[HTTP_CONNECTION_OPTIONS_MAX]; /* borrowed from the fields */
    unsigned others_count;
};

/*
 * Fields meant for every recipient (RFC 9110 §7.6.1): naming them in Connection is an error or an
 * attack on what the next hop relies on.
 */
static bool is_end_to_end(enum field_id id)
{
    switch (id) {
    case FIELD_AUTHORIZATION:
    case FIELD_CACHE_CONTROL:
    case FIELD_CONTENT_ENCODING:
    case FIELD_CONTENT_LENGTH:
    case FIELD_CONTENT_RANGE:
    case FIELD_CONTENT_TYPE:
    case FIELD_COOKIE:
    case FIELD_FORWARDED:
    case FIELD_HOST:
    case FIELD_SET_COOKIE:
    case FIELD_VARY:
    case FIELD_VIA:
    case FIELD_X_FORWARDED_FOR:
    case FIELD_X_FORWARDED_HOST:
    case FIELD_X_FORWARDED_PORT:
    case FIELD_X_FORWARDED_PROTO:
    case FIELD_X_REQUEST_ID:
        return true;
    default:
        return false;
    }
}

/* False when more is named than the parser lets through: then the message is not from it. */
static bool note_options(struct slice list, struct named *named)
{
    struct slice option;
    while (http_list_next(&list, &option)) {
        enum field_id id = field_id_of(option);
        if (id != FIELD_OTHER) {
            if (!is_end_to_end(id))
                field_set_add(&named->known, id);
        } else if (!slice_equal_nocase(option, SLICE("close"))) {
            if (named->others_count == COUNT_OF(named->others))
                return false;
            named->others[named->others_count++] = option;
        }
    }
    return true;
}

static bool note_connection(const struct fields *fields, struct named *named)
{
    for (unsigned i = 0; i < fields->count; i++) {
        const struct field *field = &fields->at[i];
        if (field->id != FIELD_CONNECTION || field_id_of(field->value) == FIELD_KEEP_ALIVE)
            continue;
        if (!note_options(field->value, named))
            return false;
    }
    return true;
}

static bool names(const struct named *named, struct slice name)
{
    for (unsigned i = 0; i < named->others_count; i++) {
        if (slice_equal_nocase(named->others[i], name))
            return true;
    }
    return false;
}

static bool is_dropped(const struct field *field, const struct named *named)
{
    if (field->id == FIELD_OTHER)
        return named->others_count > 0 && names(named, field->name);
    return field_is_hop_by_hop(field->id) || field->id == FIELD_CONTENT_LENGTH ||
           field->id == FIELD_HOST || field_set_has(&named->known, field->id);
}

/* Does this field stand in memory as h1_write_field would write it, up to its CRLF? */
static bool is_as_written(const struct field *field)
{
    const char *behind = field->name.at + field->name.len;
    return field->value.at == behind + 2 && behind[0] == ':' && behind[1] == ' ';
}

/* Fields that stand behind each other in memory as they would be written: nothing, or from the
 * first name to the last value. */
struct run {
    const char *start; /* borrowed; NULL when there is none */
    const char *end;
};

static void write_run(struct writer *writer, struct run *run)
{
    if (run->start == NULL)
        return;
    write_bytes(writer, run->start, (size_t)(run->end - run->start));
    write_literal(writer, "\r\n");
    run->start = NULL;
}

static bool run_goes_on(const struct run *run, const struct field *field)
{
    return run->start != NULL && field->name.at == run->end + 2 && run->end[0] == '\r' &&
           run->end[1] == '\n';
}

void h1_write_forwarded(struct writer *writer, const struct fields *fields,
                        const struct field_set *leave_out)
{
    struct named named;
    named.known = leave_out == NULL ? (struct field_set){{0}} : *leave_out;
    named.others_count = 0;
    if (!note_connection(fields, &named)) {
        writer->overflown = true;
        return;
    }
    struct run run = {NULL, NULL};
    for (unsigned i = 0; i < fields->count; i++) {
        const struct field *field = &fields->at[i];
        if (is_dropped(field, &named))
            continue;
        if (!is_as_written(field)) {
            write_run(writer, &run);
            h1_write_field(writer, field->name, field->value);
            continue;
        }
        if (!run_goes_on(&run, field)) {
            write_run(writer, &run);
            run.start = field->name.at;
        }
        run.end = field->value.at + field->value.len;
    }
    write_run(writer, &run);
}
