/*
 * What a forward proxy would do with a request that is not sent: the same rules and the same guard
 * decide, about each address that the name leads to now. Nothing is dialled.
 */
#pragma once

#include "base/json.h"
#include "edge/proxy/passage.h"

struct edge;
struct exchange;

/* A request as a person describes it. Slices are borrowed. */
struct foreseen_passage {
    struct slice proxy;  /* its name */
    struct slice user;   /* empty: none */
    struct slice method; /* empty: CONNECT for https, else GET */
    struct slice url;    /* "http://host:port/path" */
    struct slice from;   /* the client's address; empty: 127.0.0.1 */

    /* What foresee_passage has found. */
    struct view *view; /* counted */
    struct passage passage;
    enum passage_result result; /* of all; PASSAGE_OPEN: it would be let pass */
    bool lacks_password;        /* the proxy asks for one, and no user was named */
    bool is_looked_up;
    struct foreseen_address {
        struct address address;
        const struct conf_proxy_rule *rule; /* that decides; NULL: none */
        const char *private_why;            /* of PASSAGE_PRIVATE */
        enum passage_result result;
    } addresses[RESOLVER_ADDRESSES_MAX];
    unsigned addresses_count;
};

/*
 * Finds out, on worker 0; waits for the name to be looked up. Memory is of the exchange's arena.
 * NULL, and foresee_passage_finish is to be called; or what is wrong with the description.
 */
const char *foresee_passage(struct foreseen_passage *foreseen, struct exchange *exchange);
void foresee_passage_finish(struct foreseen_passage *foreseen);

/* An object; docs/admin-api.md names its members. */
void foresee_passage_write(struct json_writer *json, const struct foreseen_passage *foreseen);
