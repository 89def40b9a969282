/*
 * What PUT …/targets takes: {"epoch": 3, "targets": [{"id": "api-1", "address": "127.0.0.1:21001",
 * "weight": 1}]}. All of it is checked before any of it is used.
 */
#pragma once

#include "base/arena.h"
#include "edge/forward/target.h"

#define TARGET_LIST_MAX       1000
#define TARGET_ID_BYTES_MAX   128
#define TARGET_WEIGHT_MAX     256
#define TARGET_WEIGHT_DEFAULT 1

struct target_list {
    struct arena arena; /* of all below */
    uint64_t epoch;
    struct target_wish *wishes; /* ids are borrowed from the arena or the text */
    unsigned count;
};

/* What is wrong, for a person, and where: "targets[3].address", or nothing for the whole. */
struct target_list_fault {
    char at[64];
    char text[256];
};

/* 0; or -EINVAL or -ENOMEM with the fault told. The list is to be finished either way. */
int target_list_parse(struct target_list *ret_list, struct slice text,
                      struct target_list_fault *ret_fault);
void target_list_finish(struct target_list *list);
