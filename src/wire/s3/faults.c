/* The table's rows, and the error body made of one. */
#include "wire/s3/faults.h"

#include "wire/xml/writer.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct row {
    struct slice name;
    struct slice text;
    unsigned status;
};

static const struct row rows[S3_CODES] = {
#define ROW(name, code, status, text) [S3_##name] = {SLICE(code), SLICE(text), status},
    S3_FAULTS(ROW)
#undef ROW
};

static const struct row *row_of(enum s3_code code)
{
    assert(code > S3_NO_FAULT && code < S3_CODES);
    return &rows[code];
}

struct slice s3_code_name(enum s3_code code)
{
    return row_of(code)->name;
}

unsigned s3_code_status(enum s3_code code)
{
    return row_of(code)->status;
}

struct slice s3_code_text(enum s3_code code)
{
    return row_of(code)->text;
}

enum s3_code s3_code_find(struct slice name)
{
    for (enum s3_code code = S3_NO_FAULT + 1; code < S3_CODES; code++) {
        if (slice_equal(rows[code].name, name))
            return code;
    }
    return S3_NO_FAULT;
}

int s3_fault_set(struct s3_fault *fault, enum s3_code code)
{
    fault->code = code;
    fault->text[0] = '\0';
    return -EBADMSG;
}

int s3_fault_say(struct s3_fault *fault, enum s3_code code, const char *format, ...)
{
    fault->code = code;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return -EBADMSG;
}

int s3_fault_memory(struct s3_fault *fault)
{
    (void)s3_fault_set(fault, S3_SLOW_DOWN);
    return -ENOMEM;
}

struct slice s3_fault_text(const struct s3_fault *fault)
{
    return fault->text[0] == '\0' ? s3_code_text(fault->code) : slice_of_cstr(fault->text);
}

int s3_error_write(struct buffer *out, const struct s3_error *error)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open(&writer, "Error");
    xml_element(&writer, "Code", s3_code_name(error->fault.code));
    xml_element(&writer, "Message", s3_fault_text(&error->fault));
    for (size_t i = 0; i < error->details_count; i++)
        xml_element_if(&writer, error->details[i].name, error->details[i].value);
    xml_element_if(&writer, "Key", error->key);
    xml_element_if(&writer, "BucketName", error->bucket);
    xml_element_if(&writer, "Resource", error->resource);
    xml_element_if(&writer, "RequestId", error->request_id);
    xml_element_if(&writer, "HostId", error->host_id);
    xml_close(&writer);
    return xml_writer_end(&writer);
}
