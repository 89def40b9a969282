/*
 * Entries behind one another: two lengths of four bytes, lowest first, then the name and the
 * content. The supervisor makes it and passes it on, the edge takes it in.
 */
#include "conf/bundle.h"

#include "base/cleanup.h"

#include <errno.h>

#define HEAD_BYTES 8

static const struct hash_key key = {0x62756e, 0x646c65};

void bundle_init(struct bundle *bundle)
{
    buffer_init(&bundle->bytes, BUNDLE_BYTES_MAX);
    map_init(&bundle->known, key);
}

void bundle_finish(struct bundle *bundle)
{
    if (bundle->bytes.at != NULL)
        explicit_bzero(bundle->bytes.at, bundle->bytes.len);
    buffer_finish(&bundle->bytes);
    map_finish(&bundle->known);
    bundle_init(bundle);
}

/* As buffer_reserve, but what was outgrown is wiped. */
static int reserve(struct buffer *buffer, size_t more)
{
    struct buffer larger;
    if (buffer->cap - buffer->len >= more)
        return 0;
    buffer_init(&larger, buffer->max);
    size_t wanted = more > buffer->cap ? more : buffer->cap;
    if (buffer->len + wanted > buffer->max)
        wanted = more;
    int rc = buffer_reserve(&larger, buffer->len + wanted);
    if (rc == 0)
        rc = buffer_append(&larger, buffer_slice(buffer));
    if (rc < 0) {
        buffer_finish(&larger);
        return rc;
    }
    if (buffer->at != NULL)
        explicit_bzero(buffer->at, buffer->len);
    buffer_finish(buffer);
    *buffer = larger;
    return 0;
}

static void write_length(char *at, size_t len)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(unsigned char)(len >> (8 * i));
}

static size_t read_length(const char *at)
{
    size_t len = 0;
    for (int i = 3; i >= 0; i--)
        len = len << 8 | (unsigned char)at[i];
    return len;
}

int bundle_add(struct bundle *bundle, struct slice name, struct slice content)
{
    char head[HEAD_BYTES];
    if (name.len > BUNDLE_FILE_BYTES_MAX || content.len > BUNDLE_FILE_BYTES_MAX)
        return -EMSGSIZE;
    write_length(head, name.len);
    write_length(head + 4, content.len);
    int rc = reserve(&bundle->bytes, HEAD_BYTES + name.len + content.len);
    if (rc < 0)
        return rc;
    /* There is room for all of it. */
    (void)buffer_append(&bundle->bytes, slice_of(head, sizeof head));
    (void)buffer_append(&bundle->bytes, name);
    (void)buffer_append(&bundle->bytes, content);
    return 0;
}

/* The entry at the front of *rest, taken off it. */
static bool next_entry(struct slice *rest, struct slice *ret_name, struct slice *ret_content)
{
    if (rest->len < HEAD_BYTES)
        return false;
    size_t name_len = read_length(rest->at), content_len = read_length(rest->at + 4);
    if (name_len > BUNDLE_FILE_BYTES_MAX || content_len > BUNDLE_FILE_BYTES_MAX ||
        rest->len - HEAD_BYTES < name_len + content_len)
        return false;
    *ret_name = slice_of(rest->at + HEAD_BYTES, name_len);
    *ret_content = slice_of(ret_name->at + name_len, content_len);
    *rest = slice_from(*rest, HEAD_BYTES + name_len + content_len);
    return true;
}

int bundle_seal(struct bundle *bundle)
{
    struct slice rest = buffer_slice(&bundle->bytes), name, content;
    int rc = 0;
    while (rc == 0 && rest.len > 0) {
        char *entry = bundle->bytes.at + (rest.at - bundle->bytes.at);
        rc = next_entry(&rest, &name, &content) ? map_set(&bundle->known, name, entry) : -EBADMSG;
    }
    return rc;
}

int bundle_take(struct bundle *bundle, struct slice bytes)
{
    int rc = reserve(&bundle->bytes, bytes.len);
    if (rc == 0)
        rc = buffer_append(&bundle->bytes, bytes);
    return rc < 0 ? rc : bundle_seal(bundle);
}

struct slice bundle_bytes(const struct bundle *bundle)
{
    return buffer_slice(&bundle->bytes);
}

bool bundle_find(const struct bundle *bundle, struct slice name, struct slice *ret_content)
{
    const char *entry = map_get(&bundle->known, name);
    if (entry == NULL)
        return false;
    struct slice rest = slice_of(entry, bundle->bytes.len - (size_t)(entry - bundle->bytes.at)),
                 found;
    return next_entry(&rest, &found, ret_content);
}
