/*
 * Text passes as it is; a start tag is looked up once it is complete, and the value behind it is
 * held until its end. Values of S3's documents hold no '<' but as an escape.
 */
#include "wire/s3/rename.h"

#include "base/cleanup.h"

enum { IN_TEXT, IN_TAG, IN_VALUE, IN_SKIPPED };

enum effect { RENAMED, RELOCATED, NOTED, BLANKED };

static const struct element {
    struct slice tag;
    enum effect effect;
} elements[] = {
    {SLICE("<Name>"), RENAMED},
    {SLICE("<Bucket>"), RENAMED},
    {SLICE("<BucketName>"), RENAMED},
    {SLICE("<Location>"), RELOCATED},
    {SLICE("<Code>"), NOTED},
    {SLICE("<AWSAccessKeyId>"), BLANKED},
    {SLICE("<StringToSign>"), BLANKED},
    {SLICE("<StringToSignBytes>"), BLANKED},
    {SLICE("<SignatureProvided>"), BLANKED},
    {SLICE("<CanonicalRequest>"), BLANKED},
    {SLICE("<CanonicalRequestBytes>"), BLANKED},
};

static struct slice held(const struct s3_rename *rename)
{
    return slice_of(rename->held, rename->held_len);
}

static int flush(struct s3_rename *rename, struct buffer *out)
{
    int rc = rename->held_len == 0 ? 0 : buffer_append(out, held(rename));
    rename->held_len = 0;
    return rc;
}

static void hold(struct s3_rename *rename, char c)
{
    rename->held[rename->held_len++] = c;
}

static bool is_full(const struct s3_rename *rename)
{
    return rename->held_len == S3_RENAME_VALUE_MAX;
}

static const struct element *find_element(struct slice tag)
{
    for (size_t i = 0; i < COUNT_OF(elements); i++) {
        if (slice_equal(elements[i].tag, tag))
            return &elements[i];
    }
    return NULL;
}

static int end_tag(struct s3_rename *rename, struct buffer *out)
{
    const struct element *element = find_element(held(rename));
    int rc = flush(rename, out);
    rename->state = IN_TEXT;
    if (rc < 0 || element == NULL || (element->effect == RELOCATED && rename->location.at == NULL))
        return rc;
    rename->element = element;
    rename->state = element->effect == RENAMED || element->effect == NOTED ? IN_VALUE : IN_SKIPPED;
    return element->effect == RELOCATED ? buffer_append(out, rename->location) : 0;
}

static int end_value(struct s3_rename *rename, struct buffer *out)
{
    const struct element *element = rename->element;
    struct slice value = held(rename);
    if (element->effect == NOTED) {
        memcpy(rename->code, value.at, value.len);
        rename->code[value.len] = '\0';
    } else if (slice_equal(value, rename->from)) {
        rename->held_len = 0;
        return buffer_append(out, rename->to);
    }
    return flush(rename, out);
}

/* A '<', which ends what was before. */
static int begin_tag(struct s3_rename *rename, struct buffer *out)
{
    int rc = rename->state == IN_VALUE ? end_value(rename, out) : flush(rename, out);
    rename->state = IN_TAG;
    hold(rename, '<');
    return rc;
}

static int take(struct s3_rename *rename, char c, struct buffer *out)
{
    int rc = 0;
    if (c == '<')
        return begin_tag(rename, out);
    if (rename->state == IN_SKIPPED)
        return 0;
    if (is_full(rename)) {
        rename->state = IN_TEXT;
        rc = flush(rename, out);
    }
    if (rc == 0 && rename->state == IN_TEXT)
        return buffer_append_char(out, c);
    hold(rename, c);
    return rc == 0 && rename->state == IN_TAG && c == '>' ? end_tag(rename, out) : rc;
}

/* Up to the next '<' all at once. */
static int pass_text(struct slice *part, struct buffer *out)
{
    ptrdiff_t at = slice_find(*part, '<');
    struct slice text = at < 0 ? *part : slice_first(*part, (size_t)at);
    *part = slice_from(*part, text.len);
    return text.len == 0 ? 0 : buffer_append(out, text);
}

int s3_rename_feed(struct s3_rename *rename, struct slice part, bool is_last, struct buffer *out)
{
    int rc = 0;
    while (rc == 0 && part.len > 0) {
        if (rename->state == IN_TEXT)
            rc = pass_text(&part, out);
        if (rc < 0 || part.len == 0)
            break;
        rc = take(rename, part.at[0], out);
        part = slice_from(part, 1);
    }
    return rc < 0 || !is_last ? rc : flush(rename, out);
}
