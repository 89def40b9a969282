/* Last in, first out: its tables are warm. */
#include "edge/filter/encoder_pool.h"

struct encoder *encoder_pool_take(struct encoder_pool *pool, enum http_encoding encoding)
{
    if (pool->in_use >= ENCODERS_IN_USE_MAX)
        return NULL;
    struct encoder *encoder = pool->idle_count[encoding] > 0
                                  ? pool->idle[encoding][--pool->idle_count[encoding]]
                                  : encoder_create(encoding);
    if (encoder != NULL)
        pool->in_use++;
    return encoder;
}

void encoder_pool_give(struct encoder_pool *pool, struct encoder *encoder)
{
    enum http_encoding encoding = encoder_encoding(encoder);
    pool->in_use--;
    if (pool->idle_count[encoding] < ENCODERS_IDLE_MAX)
        pool->idle[encoding][pool->idle_count[encoding]++] = encoder;
    else
        encoder_destroy(encoder);
}

void encoder_pool_finish(struct encoder_pool *pool)
{
    for (int i = 0; i < ENCODINGS_COUNT; i++) {
        while (pool->idle_count[i] > 0)
            encoder_destroy(pool->idle[i][--pool->idle_count[i]]);
    }
}
