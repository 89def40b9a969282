/*
 * What a store should hold, kept beside it: for each key the content that was acknowledged last,
 * and, when the last change of it failed, the one that may or may not be there. Used by the tests
 * that kill the store.
 */
#pragma once

#include "base/hash.h"
#include "store/store.h"

#define MODEL_KEYS 12

struct model_state {
    bool is_there;
    unsigned number; /* of the change that made it: its content, fields and tags follow from that */
    size_t length;
    unsigned tagging; /* of the change that gave it its tags */
};

struct model_key {
    struct model_state now;   /* acknowledged */
    struct model_state maybe; /* with has_maybe: what a failed change would have made */
    bool has_maybe;
};

struct model {
    struct model_key keys[MODEL_KEYS];
    uint32_t bucket; /* 0: not made yet */
    unsigned changes;
    struct prng prng;
};

void model_init(struct model *model, uint64_t seed);

/* Opens the store on that disk, with its bucket. Returns store_open's result. */
int model_open(struct model *model, struct disk *disk, struct store **ret_store);

/* Makes the bucket, when it is not there. 0 or the error. */
int model_make_bucket(struct model *model, struct store *store);

/* One change of a random kind: puts small and large, deletions, tags, objects in parts. Returns its
 * result; the model knows. */
int model_change(struct model *model, struct store *store);

/* Fails the test when the store holds something else: each object, what it says of itself, and the
 * listing. What may have been is decided by this: from now on it is what was found. */
void model_check(struct model *model, struct store *store);
