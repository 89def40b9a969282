/* SipHash-1-3 and xoshiro256**, written from their papers. */
#include "base/hash.h"

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

/* Inlined, so that the state stays in registers: a look-up hashes a few words. */
static inline __attribute__((always_inline)) void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v2 = rotate_left(s->v2, 32);
}

/* Sets bit 5 of each byte that is an ASCII capital. */
static uint64_t lower_word(uint64_t word)
{
    uint64_t lower = 0;
    for (int i = 0; i < 64; i += 8)
        lower |= (uint64_t)(unsigned char)ascii_lower((char)(word >> i)) << i;
    return lower;
}

static uint64_t sip_hash(struct hash_key key, struct slice bytes, bool nocase)
{
    struct sip s = {key.a ^ 0x736f6d6570736575u, key.b ^ 0x646f72616e646f6du,
                    key.a ^ 0x6c7967656e657261u, key.b ^ 0x7465646279746573u};
    size_t left = bytes.len;
    const char *at = bytes.at;
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        if (nocase)
            word = lower_word(word);
        s.v3 ^= word;
        sip_round(&s);
        s.v0 ^= word;
    }
    uint64_t last = hash_tail(at, left);
    if (nocase)
        last = lower_word(last);
    last |= (uint64_t)bytes.len << 56;
    s.v3 ^= last;
    sip_round(&s);
    s.v0 ^= last;
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t hash_bytes(struct hash_key key, struct slice bytes)
{
    return sip_hash(key, bytes, false);
}

uint64_t hash_bytes_nocase(struct hash_key key, struct slice bytes)
{
    return sip_hash(key, bytes, true);
}

/* splitmix64: spreads a seed over the state. */
static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void prng_init(struct prng *prng, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        prng->state[i] = split_mix(&seed);
}

uint64_t prng_next(struct prng *prng)
{
    uint64_t *s = prng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}
