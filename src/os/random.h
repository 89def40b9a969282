/*
 * Randomness. On a loop it comes from the loop's kernel, so that a simulated world repeats from its
 * seed; elsewhere from the system. Nothing here fails: Linux gives random bytes for ever once it
 * has started, and before that the calls wait for it.
 */
#pragma once

#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>

/* Secure: good for keys, tokens, and identifiers that must not be guessed. One system call. */
void random_bytes(void *ret_bytes, size_t len);

/* The same, never simulated. */
void random_system_bytes(void *ret_bytes, size_t len);

/* For choices that need no secrecy: seeds a generator that then costs no system calls. */
void random_seed(struct prng *ret_prng);

/* A key for base/hash.h and base/map.h. */
struct hash_key random_hash_key(void);
