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

/* Names without an id in a message's Connection fields. */
struct options {
    struct slice at[HTTP_CONNECTION_OPTIONS_MAX]; /* borrowed from the fields */
    unsigned count;
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
static bool note_options(struct slice list, struct field_set *drops, struct options *options)
{
    struct slice option;
    while (http_list_next(&list, &option)) {
        enum field_id id = field_id_of(option);
        if (id != FIELD_OTHER) {
            if (!is_end_to_end(id))
                field_set_add(drops, id);
        } else if (!slice_equal_nocase(option, SLICE("close"))) {
            if (options->count == COUNT_OF(options->at))
                return false;
            options->at[options->count++] = option;
        }
    }
    return true;
}

static bool options_have(const struct options *options, struct slice name)
{
    for (unsigned i = 0; i < options->count; i++) {
        if (slice_equal_nocase(options->at[i], name))
            return true;
    }
    return false;
}

/* Connection: keep-alive names nothing that is not left out anyway. */
static bool names_fields(const struct fields *fields)
{
    for (unsigned i = 0; i < fields->count; i++) {
        const struct field *field = &fields->at[i];
        if (field->id == FIELD_CONNECTION && field_id_of(field->value) != FIELD_KEEP_ALIVE)
            return true;
    }
    return false;
}

/*
 * CGI, WSGI and PHP see no difference between '-' and '_' in a name: to them X_Forwarded_For is
 * what we leave out and write ourselves. All such names begin with an X or a C.
 */
static bool is_other_spelling(struct slice name, const struct field_set *drops)
{
    char dashed[FIELD_NAME_BYTES_MAX];
    char first = (char)(name.at[0] | 0x20);
    if (LIKELY(first != 'x' && first != 'c') || name.len > sizeof dashed ||
        memchr(name.at, '_', name.len) == NULL)
        return false;
    for (size_t i = 0; i < name.len; i++)
        dashed[i] = name.at[i] == '_' ? '-' : name.at[i];
    enum field_id id = field_id_of(slice_of(dashed, name.len));
    return id != FIELD_OTHER && field_set_has(drops, id);
}

/* `options` is NULL when there are none. */
static bool is_dropped(const struct field *field, const struct field_set *drops,
                       const struct options *options)
{
    if (field->id == FIELD_OTHER)
        return (options != NULL && options_have(options, field->name)) ||
               is_other_spelling(field->name, drops);
    return field_is_hop_by_hop(field->id) || field->id == FIELD_CONTENT_LENGTH ||
           field->id == FIELD_HOST || field_set_has(drops, field->id);
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

static void write_kept(struct writer *writer, const struct fields *fields,
                       const struct field_set *drops, const struct options *options)
{
    struct run run = {NULL, NULL};
    for (unsigned i = 0; i < fields->count; i++) {
        const struct field *field = &fields->at[i];
        if (is_dropped(field, drops, options))
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

/* Apart from the usual way, which shall not pay for the room of `options`. */
static __attribute__((noinline)) void
write_with_options(struct writer *writer, const struct fields *fields, struct field_set drops)
{
    struct options options = {.count = 0};
    for (unsigned i = 0; i < fields->count; i++) {
        const struct field *field = &fields->at[i];
        if (field->id == FIELD_CONNECTION && !note_options(field->value, &drops, &options)) {
            writer->overflown = true;
            return;
        }
    }
    write_kept(writer, fields, &drops, &options);
}

void h1_write_forwarded(struct writer *writer, const struct fields *fields,
                        const struct field_set *leave_out)
{
    static const struct field_set nothing = {{0}};
    const struct field_set *drops = leave_out == NULL ? &nothing : leave_out;
    if (names_fields(fields))
        write_with_options(writer, fields, *drops);
    else
        write_kept(writer, fields, drops, NULL);
}

bool h1_drop_named(struct fields *fields)
{
    struct options options = {.count = 0};
    struct field_set drops = {{0}};
    for (unsigned i = 0; i < fields->count; i++) {
        const struct field *field = &fields->at[i];
        if (field->id == FIELD_CONNECTION && !note_options(field->value, &drops, &options))
            return false;
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < fields->count; i++) {
        const struct field *field = &fields->at[i];
        /* Upgrade and the like are still asked for, and never written. */
        bool is_named = field->id == FIELD_OTHER
                            ? options_have(&options, field->name)
                            : field_set_has(&drops, field->id) && !field_is_hop_by_hop(field->id);
        if (field->id != FIELD_CONNECTION && !is_named)
            fields->at[kept++] = *field;
    }
    fields->count = kept;
    return true;
}

void h1_write_last_chunk(struct writer *writer, const struct fields *trailers)
{
    write_literal(writer, "0\r\n");
    h1_write_forwarded(writer, trailers, NULL);
    h1_write_end(writer);
}
