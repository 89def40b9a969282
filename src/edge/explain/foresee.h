/* What would happen to a request that is not sent: the same parser, router and rules decide. */
#pragma once

#include "base/json.h"

struct edge;

#define FORESEEN_FIELDS_MAX 32

/* A request as a person describes it. Slices are borrowed. */
struct foreseen {
    struct slice method;
    struct slice url;                         /* "http://host:port/path?query" */
    struct slice fields[FORESEEN_FIELDS_MAX]; /* "Name: value" */
    unsigned fields_count;
    struct slice from; /* the client's address; empty: 127.0.0.1 */
};

/* What is wrong with the description itself, static; NULL: nothing. */
const char *foresee_check(const struct foreseen *foreseen);

/* An object; docs/admin-api.md names its members. On worker 0, with a description that is right. */
void foresee_write(struct json_writer *json, const struct edge *edge,
                   const struct foreseen *foreseen);
