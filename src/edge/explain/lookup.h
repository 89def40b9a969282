/* Asking all workers for what they remember of a request. On fibers of worker 0. */
#pragma once

#include "edge/explain/decisions.h"

struct edge;

/*
 * Copies the record of that request. 0, -ENOENT when no worker has it (any more), -ETIMEDOUT when
 * none has it but some did not answer in time, -ENOMEM or -ECANCELED.
 */
int lookup_request(struct edge *edge, uint64_t id, char ret_record[static DECISION_BYTES_MAX]);

/* One line of the list of failed and slow requests. */
struct lookup_line {
    uint64_t id;
    int64_t wall_us;
    uint64_t duration_us;
    unsigned status;
    char text[160]; /* method, host and path */
    char reason[128];
};

#define LOOKUP_LINES_MAX 50

/* The last ones of all workers, the newest first. Returns how many, or an error as above. */
int lookup_failed(struct edge *edge, struct lookup_line ret_lines[static LOOKUP_LINES_MAX]);

/* When the workers have ended: frees questions that were never answered. */
void lookups_finish(struct edge *edge);
