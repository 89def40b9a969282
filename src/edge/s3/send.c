#include "edge/s3/send.h"

#include "base/log.h"
#include "base/memory.h"
#include "edge/s3/seal.h"
#include "http/exchange.h"
#include "http/worker.h"
#include "os/loop.h"

#include <errno.h>
#include <string.h>

/* Less is copied as fast. */
#define FROM_FILE_BYTES_MIN 16384
#define PROMPT_MS           100

_Static_assert(BLOCK_HUGE_BYTES == OUTGOING_BYTES, "a part of an object fits into a huge block");

/* The smallest block into which a part fits. */
static enum block_size size_for(const struct object *object)
{
    if (object->version.size <= BLOCK_SMALL_BYTES)
        return BLOCK_SMALL;
    return object->version.size <= BLOCK_LARGE_BYTES ? BLOCK_LARGE : BLOCK_HUGE;
}

/*
 * What was read and found right may leave from the file itself. The kernel could drop a page
 * between and read it once more from a disk that has failed since; so not to clients who let it
 * wait.
 */
static int send_part(struct exchange *exchange, const struct outgoing *outgoing, struct slice data,
                     bool *is_prompt)
{
    uint64_t offset;
    int file = *is_prompt && data.len >= FROM_FILE_BYTES_MIN && exchange_can_send_file(exchange)
                   ? outgoing_file(outgoing, data.len, &offset)
                   : -1;
    if (file < 0)
        return exchange_send(exchange, data, outgoing->left > 0);
    int64_t begun_ms = loop_now_ms();
    int rc = exchange_send_file(exchange, file, offset, data.len, outgoing->left > 0);
    *is_prompt = loop_now_ms() - begun_ms < PROMPT_MS;
    return rc;
}

static int send_parts(struct exchange *exchange, struct outgoing *outgoing,
                      struct s3_unsealer *unsealer, char *room)
{
    int rc;
    struct slice data;
    bool is_prompt = unsealer->seal == NULL;
    while ((rc = outgoing_next(outgoing, room, &data)) == 1) {
        rc = s3_unsealer_apply(unsealer, data);
        if (rc < 0)
            return rc;
        rc = send_part(exchange, outgoing, data, &is_prompt);
        if (rc < 0)
            return 0; /* the client is gone */
    }
    return rc;
}

/* What went wrong, for the log; and for the caller while he can still answer. */
static int fail(struct exchange *exchange, const struct object *object, int rc)
{
    log_error("the content of \"%.*s\" cannot be read: %s", SLICE_ARG(object->version.key),
              rc == -EBADMSG ? "its checksum does not hold" : strerror(-rc));
    if (exchange->state == RESPONSE_NONE || exchange->state == RESPONSE_HEAD)
        return rc;
    exchange_break(exchange);
    return 0;
}

int object_send(struct exchange *exchange, struct store *store, struct object *object,
                uint64_t offset, uint64_t length, const struct s3_seal *seal)
{
    struct outgoing outgoing;
    struct s3_unsealer unsealer;
    enum block_size size = size_for(object);
    if (length == 0) {
        (void)exchange_send(exchange, (struct slice){0}, false);
        return 0;
    }
    char *room = block_take(size);
    bool is_lent = room != NULL;
    if (!is_lent) /* of the largest there are few */
        room = memory_alloc_raw(block_bytes(size));
    if (room == NULL)
        return -ENOMEM;
    outgoing_init(&outgoing, store, object, offset, length);
    int rc = s3_unsealer_begin(&unsealer, seal, &object->version, offset);
    if (rc == 0)
        rc = send_parts(exchange, &outgoing, &unsealer, room);
    s3_unsealer_finish(&unsealer);
    outgoing_finish(&outgoing);
    if (is_lent)
        block_give(room, size);
    else
        memory_free(room);
    return rc == 0 ? 0 : fail(exchange, object, rc);
}
