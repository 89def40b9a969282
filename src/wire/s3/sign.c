/* The claim is made first, then signed as it would be checked. */
#include "wire/s3/sign.h"

#include "base/cleanup.h"

#include <errno.h>

#define DAY_LEN 8

static struct slice value_of(const struct s3_signed *request, struct slice name)
{
    const struct field *field = fields_find_name(request->fields, name);
    return field == NULL ? (struct slice){NULL, 0} : field->value;
}

static int compare_names(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < len; i++) {
        int order = ascii_lower(a.at[i]) - ascii_lower(b.at[i]);
        if (order != 0)
            return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

/* Puts the name where it belongs in the order of the alphabet, once. */
static void insert_name(struct slice *names, unsigned *count, struct slice name)
{
    unsigned at = *count;
    while (at > 0 && compare_names(name, names[at - 1]) < 0)
        at--;
    if (at > 0 && compare_names(name, names[at - 1]) == 0)
        return;
    for (unsigned i = *count; i > at; i--)
        names[i] = names[i - 1];
    names[at] = name;
    ++*count;
}

/* "host;range;x-amz-date": in lower case and in order. */
static int list_headers(const struct s3_signed *request, struct arena *arena,
                        struct slice *ret_headers)
{
    struct slice names[HTTP_FIELDS_MAX + 1];
    unsigned count = 0;
    size_t bytes = 0;
    struct writer writer;
    insert_name(names, &count, SLICE("host"));
    for (unsigned i = 0; i < request->fields->count && count <= HTTP_FIELDS_MAX; i++)
        insert_name(names, &count, request->fields->at[i].name);
    for (unsigned i = 0; i < count; i++)
        bytes += names[i].len + 1;
    char *room = arena_alloc(arena, bytes);
    if (room == NULL)
        return -ENOMEM;
    writer_init(&writer, room, bytes);
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            write_char(&writer, ';');
        for (size_t k = 0; k < names[i].len; k++)
            write_char(&writer, ascii_lower(names[i].at[k]));
    }
    *ret_headers = writer_slice(&writer);
    return 0;
}

int s3_sign(const struct s3_signed *request, const struct s3_signer *signer, struct arena *arena,
            struct slice *ret_authorization)
{
    struct s3_proof proof;
    struct s3_signature claim = {
        .form = S3_SIGNED_HEADER,
        .timestamp = value_of(request, SLICE("x-amz-date")),
        .payload = value_of(request, SLICE("x-amz-content-sha256")),
    };
    if (claim.timestamp.len != S3_TIMESTAMP_LEN || claim.payload.len == 0)
        return -EINVAL;
    claim.scope = arena_format(arena, "%.*s/%.*s/s3/aws4_request", DAY_LEN, claim.timestamp.at,
                               SLICE_ARG(signer->region));
    if (claim.scope.at == NULL || list_headers(request, arena, &claim.headers) < 0 ||
        s3_signature_make(request, &claim, signer->key, arena, &proof) < 0)
        return -ENOMEM;
    *ret_authorization = arena_format(
        arena, "AWS4-HMAC-SHA256 Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%.*s",
        SLICE_ARG(signer->access_key), SLICE_ARG(claim.scope), SLICE_ARG(claim.headers),
        S3_SIGNATURE_LEN, proof.signature);
    return ret_authorization->at == NULL ? -ENOMEM : 0;
}
