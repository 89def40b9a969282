/* getrandom, or the generator of a simulated kernel. */
#include "os/random.h"

#include "os/loop_internal.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

void random_system_bytes(void *ret_bytes, size_t len)
{
    char *at = ret_bytes;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        assert(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
}

void random_bytes(void *ret_bytes, size_t len)
{
    if (loop_self != NULL)
        loop_self->kernel->ops->random(loop_self->kernel, ret_bytes, len);
    else
        random_system_bytes(ret_bytes, len);
}

void random_seed(struct prng *ret_prng)
{
    uint64_t seed;
    random_bytes(&seed, sizeof seed);
    prng_init(ret_prng, seed);
}

struct hash_key random_hash_key(void)
{
    struct hash_key key;
    random_bytes(&key, sizeof key);
    return key;
}
