#include "edge/bucket/path.h"

#include "http/exchange.h"
#include "store/version.h"
#include "wire/http/uri.h"

#include <errno.h>

int bucket_key_of(struct exchange *exchange, const struct conf_bucket_site *site, struct slice path,
                  struct slice index, struct slice *ret_key)
{
    struct slice prefix = site->prefix;
    char *room = arena_alloc(&exchange->arena, prefix.len + path.len + index.len + 1);
    if (room == NULL)
        return -ENOMEM;
    if (path.len == 0 || path.at[0] != '/')
        return -ENOENT;
    struct writer writer;
    writer_init(&writer, room, prefix.len + path.len + index.len);
    write_slice(&writer, prefix);
    ptrdiff_t len = uri_decode(slice_from(path, 1), room + prefix.len);
    if (len < 0)
        return -ENOENT;
    writer.at += len;
    if (path.at[path.len - 1] == '/')
        write_slice(&writer, index);
    *ret_key = writer_slice(&writer);
    return ret_key->len == 0 || ret_key->len > VERSION_KEY_BYTES_MAX ? -ENOENT : 0;
}
