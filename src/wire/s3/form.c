/* Delimiters are looked for in what was received, of which as much stays back as one may be cut. */
#include "wire/s3/form.h"

#include "wire/http/message.h"

#include <errno.h>

enum { AT_START, IN_HEAD, IN_FIELD, AT_FILE, IN_FILE, AT_END };

static int malformed(struct s3_fault *fault)
{
    return s3_fault_set(fault, S3_MALFORMED_POST_REQUEST);
}

/* The value of a parameter behind ';', its quotes taken off; a NULL start: none. */
static struct slice parameter(struct slice value, struct slice name)
{
    struct slice part;
    (void)slice_cut(&value, ';', &part);
    while (value.at != NULL && value.len > 0) {
        value = slice_trim(value);
        ptrdiff_t equals = slice_find(value, '=');
        if (equals < 0)
            break;
        struct slice found = slice_trim(slice_first(value, (size_t)equals));
        value = slice_trim(slice_from(value, (size_t)equals + 1));
        struct slice text;
        if (slice_starts_with(value, SLICE("\""))) {
            value = slice_from(value, 1);
            if (!slice_cut(&value, '"', &text))
                break;
            struct slice rest;
            (void)slice_cut(&value, ';', &rest);
        } else {
            (void)slice_cut(&value, ';', &text);
            text = slice_trim(text);
        }
        if (slice_equal_nocase(found, name))
            return text;
    }
    return (struct slice){NULL, 0};
}

int s3_form_init(struct s3_form *form, struct slice content_type, struct s3_fault *fault)
{
    struct slice type = content_type, rest = content_type;
    memset(form, 0, sizeof *form);
    buffer_init(&form->in, SIZE_MAX);
    (void)slice_cut(&rest, ';', &type);
    if (!slice_equal_nocase(slice_trim(type), SLICE("multipart/form-data")))
        return s3_fault_set(fault, S3_REQUEST_IS_NOT_MULTIPART);
    struct slice boundary = parameter(content_type, SLICE("boundary"));
    if (boundary.len == 0 || boundary.len > S3_FORM_BOUNDARY_MAX)
        return malformed(fault);
    memcpy(form->delimiter, "\r\n--", 4);
    memcpy(form->delimiter + 4, boundary.at, boundary.len);
    form->delimiter_len = 4 + boundary.len;
    /* The first delimiter has no line before it. */
    return buffer_append(&form->in, SLICE("\r\n")) < 0 ? s3_fault_memory(fault) : 0;
}

void s3_form_finish(struct s3_form *form)
{
    buffer_finish(&form->in);
}

int s3_form_feed(struct s3_form *form, struct slice bytes, struct s3_fault *fault)
{
    buffer_consume(&form->in, form->taken);
    form->taken = 0;
    return buffer_append(&form->in, bytes) < 0 ? s3_fault_memory(fault) : 0;
}

static struct slice unread(const struct s3_form *form)
{
    return slice_from(buffer_slice(&form->in), form->taken);
}

static struct slice delimiter_of(const struct s3_form *form)
{
    return slice_of(form->delimiter, form->delimiter_len);
}

/* One line of a part's head. */
static int take_line(struct s3_form *form, struct slice line, struct s3_fault *fault)
{
    ptrdiff_t colon = slice_find(line, ':');
    if (colon <= 0)
        return malformed(fault);
    struct slice name = slice_first(line, (size_t)colon);
    struct slice value = slice_trim(slice_from(line, (size_t)colon + 1));
    if (slice_equal_nocase(name, SLICE("content-type")))
        form->type = value;
    if (!slice_equal_nocase(name, SLICE("content-disposition")))
        return 0;
    form->name = parameter(value, SLICE("name"));
    form->file_name = parameter(value, SLICE("filename"));
    return form->name.at == NULL ? malformed(fault) : 0;
}

/* The lines up to the empty one. 1 when they were there. */
static int take_head(struct s3_form *form, struct s3_fault *fault)
{
    struct slice rest = unread(form), line;
    if (slice_starts_with(rest, SLICE("--")))
        return s3_fault_set(fault, S3_INCORRECT_NUMBER_OF_FILES);
    ptrdiff_t end = slice_search(rest, SLICE("\r\n\r\n"));
    if (end < 0 && rest.len <= sizeof form->room)
        return 0;
    if (end < 2 || (size_t)end > sizeof form->room || !slice_starts_with(rest, SLICE("\r\n")))
        return malformed(fault);
    form->name = form->file_name = form->type = (struct slice){NULL, 0};
    memcpy(form->room, rest.at, (size_t)end);
    struct slice lines = slice_of(form->room + 2, (size_t)end - 2);
    while (lines.len > 0 && slice_cut(&lines, '\n', &line)) {
        if (slice_ends_with(line, SLICE("\r")))
            line.len--;
        int rc = take_line(form, line, fault);
        if (rc < 0)
            return rc;
    }
    if (form->name.at == NULL)
        return malformed(fault);
    form->taken += (size_t)end + 4;
    bool is_file = slice_equal_nocase(form->name, SLICE("file"));
    form->state = is_file ? AT_FILE : IN_FIELD;
    return 1;
}

static int take_field(struct s3_form *form, struct s3_fault *fault, struct s3_form_part *ret_part)
{
    struct slice rest = unread(form);
    ptrdiff_t end = slice_search(rest, delimiter_of(form));
    size_t len = end < 0 ? rest.len : (size_t)end;
    if (form->fields_bytes + form->name.len + len > S3_FORM_FIELDS_BYTES_MAX)
        return s3_fault_set(fault, S3_MAX_POST_PRE_DATA_LENGTH_EXCEEDED);
    if (end < 0)
        return S3_FORM_MORE;
    form->fields_bytes += form->name.len + len;
    *ret_part = (struct s3_form_part){.name = form->name, .value = slice_first(rest, len)};
    form->taken += len + form->delimiter_len;
    form->state = IN_HEAD;
    return S3_FORM_FIELD;
}

static int take_data(struct s3_form *form, struct s3_form_part *ret_part)
{
    struct slice rest = unread(form);
    ptrdiff_t end = slice_search(rest, delimiter_of(form));
    /* What may be the beginning of a delimiter stays. */
    size_t len = end >= 0                         ? (size_t)end
                 : rest.len < form->delimiter_len ? 0
                                                  : rest.len - form->delimiter_len + 1;
    if (len == 0 && end < 0)
        return S3_FORM_MORE;
    if (len == 0) {
        form->state = AT_END;
        return S3_FORM_END;
    }
    *ret_part = (struct s3_form_part){.value = slice_first(rest, len)};
    form->taken += len;
    return S3_FORM_DATA;
}

/* What stands before the first delimiter is no part. */
static int take_start(struct s3_form *form, struct s3_fault *fault)
{
    struct slice rest = unread(form);
    ptrdiff_t at = slice_search(rest, delimiter_of(form));
    if (at < 0)
        return rest.len > sizeof form->room ? malformed(fault) : 0;
    form->taken += (size_t)at + form->delimiter_len;
    form->state = IN_HEAD;
    return 1;
}

int s3_form_next(struct s3_form *form, struct s3_fault *fault, struct s3_form_part *ret_part)
{
    int rc = 1;
    if (form->state == AT_START)
        rc = take_start(form, fault);
    if (rc == 1 && form->state == IN_HEAD)
        rc = take_head(form, fault);
    if (rc <= 0)
        return rc < 0 ? rc : S3_FORM_MORE;
    switch (form->state) {
    case IN_FIELD:
        return take_field(form, fault, ret_part);
    case AT_FILE:
        *ret_part = (struct s3_form_part){.file_name = form->file_name, .type = form->type};
        form->state = IN_FILE;
        return S3_FORM_FILE;
    case IN_FILE:
        return take_data(form, ret_part);
    default:
        return S3_FORM_END;
    }
}
