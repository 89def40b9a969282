/*
 * The canonical request and what is signed of it. Both are kept as texts: who is told that a
 * signature does not match finds the difference in them.
 */
#include "base/cleanup.h"
#include "wire/http/chars.h"
#include "wire/s3/checksum.h"
#include "wire/s3/digest.h"
#include "wire/s3/signature.h"

#include <errno.h>
#include <openssl/crypto.h>

#define ALGORITHM "AWS4-HMAC-SHA256"

/* An encoded parameter. */
struct pair {
    struct slice name;
    struct slice value;
};

static int compare(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.at, b.at, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static bool comes_before(const struct pair *a, const struct pair *b)
{
    int order = compare(a->name, b->name);
    return order != 0 ? order < 0 : compare(a->value, b->value) < 0;
}

static int escape_into(struct arena *arena, struct slice text, struct slice *ret_text)
{
    struct writer writer;
    *ret_text = text;
    if (chars_are(text, CHAR_UNRESERVED))
        return 0;
    char *room = arena_alloc(arena, 3 * text.len);
    if (room == NULL)
        return -ENOMEM;
    writer_init(&writer, room, 3 * text.len);
    s3_escape(&writer, text, false);
    *ret_text = writer_slice(&writer);
    return 0;
}

/* Encoded, in the order of their bytes; without the signature itself. */
static int write_query(struct writer *writer, const struct s3_query *query, bool is_presigned,
                       struct arena *arena)
{
    UNINITIALISED struct pair pairs[S3_PARAMS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < query->count; i++) {
        const struct s3_param *param = &query->at[i];
        struct pair pair;
        if (is_presigned && slice_equal(param->name, SLICE("X-Amz-Signature")))
            continue;
        if (escape_into(arena, param->name, &pair.name) < 0 ||
            escape_into(arena, param->value, &pair.value) < 0)
            return -ENOMEM;
        unsigned at = count++;
        for (; at > 0 && comes_before(&pair, &pairs[at - 1]); at--)
            pairs[at] = pairs[at - 1];
        pairs[at] = pair;
    }
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            write_char(writer, '&');
        write_slice(writer, pairs[i].name);
        write_char(writer, '=');
        write_slice(writer, pairs[i].value);
    }
    return 0;
}

/* Runs of blanks are one. */
static void write_value(struct writer *writer, struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        bool is_blank = value.at[i] == ' ' || value.at[i] == '\t';
        if (is_blank && i > 0 && (value.at[i - 1] == ' ' || value.at[i - 1] == '\t'))
            continue;
        write_char(writer, is_blank ? ' ' : value.at[i]);
    }
}

/* All lines of a name are one, in their order. One that is not there is empty. */
static void write_header(struct writer *writer, const struct s3_signed *request, struct slice name)
{
    bool is_there = false;
    for (size_t i = 0; i < name.len; i++)
        write_char(writer, ascii_lower(name.at[i]));
    write_char(writer, ':');
    for (unsigned i = 0; i < request->fields->count; i++) {
        const struct field *field = &request->fields->at[i];
        if (!slice_equal_nocase(field->name, name))
            continue;
        if (is_there)
            write_char(writer, ',');
        write_value(writer, field->value);
        is_there = true;
    }
    if (!is_there && slice_equal_nocase(name, SLICE("host")))
        write_slice(writer, request->host);
    write_char(writer, '\n');
}

/* Decoded and encoded anew, so that it does not matter which characters the client escapes. */
static void write_path(struct writer *writer, struct slice path, char *room)
{
    ptrdiff_t len = s3_unescape(path, false, room);
    s3_escape(writer, len < 0 ? path : slice_of(room, (size_t)len), true);
}

static size_t canonical_bytes(const struct s3_signed *request, const struct s3_signature *claim)
{
    size_t bytes = request->method.len + 3 * request->path.len + 2 * claim->headers.len +
                   claim->payload.len + 64;
    for (unsigned i = 0; i < request->query->count; i++)
        bytes += 3 * (request->query->at[i].name.len + request->query->at[i].value.len) + 2;
    struct slice headers = claim->headers, name;
    while (slice_cut(&headers, ';', &name)) {
        bytes += 2 + (slice_equal_nocase(name, SLICE("host")) ? request->host.len : 0);
        for (unsigned i = 0; i < request->fields->count; i++) {
            if (slice_equal_nocase(request->fields->at[i].name, name))
                bytes += request->fields->at[i].value.len + 1;
        }
    }
    return bytes;
}

static int write_canonical(const struct s3_signed *request, const struct s3_signature *claim,
                           struct arena *arena, struct slice *ret_text)
{
    struct writer writer;
    struct slice headers = claim->headers, name;
    size_t bytes = canonical_bytes(request, claim);
    char *room = arena_alloc(arena, bytes), *path = arena_alloc(arena, request->path.len);
    if (room == NULL || path == NULL)
        return -ENOMEM;
    writer_init(&writer, room, bytes);
    write_slice(&writer, request->method);
    write_char(&writer, '\n');
    write_path(&writer, request->path, path);
    write_char(&writer, '\n');
    if (write_query(&writer, request->query, claim->form == S3_SIGNED_QUERY, arena) < 0)
        return -ENOMEM;
    write_char(&writer, '\n');
    while (slice_cut(&headers, ';', &name))
        write_header(&writer, request, name);
    write_char(&writer, '\n');
    write_slice(&writer, claim->headers);
    write_char(&writer, '\n');
    write_slice(&writer, claim->payload);
    *ret_text = writer_slice(&writer);
    return writer.overflown ? -ENOMEM : 0;
}

static int write_to_sign(const struct s3_signature *claim, struct slice canonical,
                         struct arena *arena, struct slice *ret_text)
{
    unsigned char sum[S3_SUM_BYTES_MAX];
    char hex[2 * S3_SUM_BYTES_MAX];
    struct writer writer;
    size_t bytes = sizeof ALGORITHM + claim->timestamp.len + claim->scope.len + sizeof hex + 8;
    char *room = arena_alloc(arena, bytes);
    if (room == NULL || s3_sum_of(S3_CHECKSUM_SHA256, canonical, sum) < 0)
        return -ENOMEM;
    writer_init(&writer, room, bytes);
    write_literal(&writer, ALGORITHM "\n");
    write_slice(&writer, claim->timestamp);
    write_char(&writer, '\n');
    write_slice(&writer, claim->scope);
    write_char(&writer, '\n');
    write_slice(&writer, s3_hex_write(sum, S3_SUM_BYTES_MAX, hex));
    *ret_text = writer_slice(&writer);
    return 0;
}

int s3_sign_text(const unsigned char key[static S3_SIGNING_KEY_BYTES], struct slice text,
                 char ret_signature[static S3_SIGNATURE_LEN])
{
    unsigned char sum[S3_HMAC_BYTES];
    int rc = s3_hmac(slice_of((const char *)key, S3_SIGNING_KEY_BYTES), text, sum);
    if (rc == 0)
        (void)s3_hex_write(sum, sizeof sum, ret_signature);
    return rc;
}

int s3_signing_key(struct slice secret_key, struct slice day, struct slice region,
                   unsigned char ret_key[static S3_SIGNING_KEY_BYTES])
{
    enum { SECRET_BYTES_MAX = 1024 };
    char secret[4 + SECRET_BYTES_MAX] = "AWS4";
    size_t len = secret_key.len < SECRET_BYTES_MAX ? secret_key.len : SECRET_BYTES_MAX;
    memcpy(secret + 4, secret_key.at, len);
    const struct slice steps[] = {region, SLICE("s3"), SLICE("aws4_request")};
    int rc = s3_hmac(slice_of(secret, 4 + len), day, ret_key);
    for (size_t i = 0; rc == 0 && i < COUNT_OF(steps); i++)
        rc = s3_hmac(slice_of((const char *)ret_key, S3_SIGNING_KEY_BYTES), steps[i], ret_key);
    OPENSSL_cleanse(secret, sizeof secret);
    return rc;
}

int s3_signature_make(const struct s3_signed *request, const struct s3_signature *claim,
                      const unsigned char key[static S3_SIGNING_KEY_BYTES], struct arena *arena,
                      struct s3_proof *ret_proof)
{
    if (write_canonical(request, claim, arena, &ret_proof->canonical) < 0 ||
        write_to_sign(claim, ret_proof->canonical, arena, &ret_proof->to_sign) < 0)
        return -ENOMEM;
    return s3_sign_text(key, ret_proof->to_sign, ret_proof->signature);
}

bool s3_signature_is(struct slice claimed, const char signature[static S3_SIGNATURE_LEN])
{
    return claimed.len == S3_SIGNATURE_LEN &&
           CRYPTO_memcmp(claimed.at, signature, S3_SIGNATURE_LEN) == 0;
}
