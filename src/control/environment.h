/*
 * What a task finds in its environment: where it runs and for whom (PATH, HOME, LANG, TZ and the
 * like from Weir's own, nothing else of it), PORT, WEIR_TASK, WEIR_SERVICE, and the service's env.
 */
#pragma once

#include "base/arena.h"
#include "conf/snapshot.h"

struct environment {
    struct arena arena;
    const char **variables; /* "NAME=value", ending in NULL; until environment_finish */
};

/* `port` 0: none. 0 or -ENOMEM. */
int environment_make(struct environment *environment, const struct conf_service *service,
                     const char *task_id, uint16_t port);
void environment_finish(struct environment *environment);
