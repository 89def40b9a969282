/*
 * The `forward` action: a request goes to a target of a group, its response comes back. Other
 * actions may send a request of their own making the same way, with its pools, tries and streams.
 */
#pragma once

#include "edge/route/router.h"

struct exchange;
struct response_head;
struct upload_source;
struct view;

/* The exchange holds the view. */
void forward_run(struct exchange *exchange, const struct route *route, struct view *view);

/* What goes up in place of the client's request, and who gets the answer. All is borrowed. */
struct forward_terms {
    const struct conf_rule *rule; /* whose timeouts, retries and body_max hold */
    unsigned group;               /* its number in the view */
    enum http_method method;
    struct slice head; /* the whole head of the request, with its empty line */
    struct upload_source *body;
    /* Looks at the final response's head, and may change it, before the client gets anything.
     * False: the client gets nothing of it, and the caller goes on. NULL: all are for the client.
     */
    bool (*accept)(void *arg, struct response_head *response);
    void *arg;
};

enum forward_end {
    FORWARD_ANSWERED, /* in full, cut short, or nobody is there any more */
    FORWARD_DECLINED, /* by `accept` */
    FORWARD_FAILED,   /* no answer came; nothing was sent to the client yet */
};

struct forward_outcome {
    enum forward_end end;
    unsigned status; /* of what was declined; or what tells the failure best */
    const char *why; /* of a failure; static */
};

/* The same for such a request. */
void forward_send(struct exchange *exchange, const struct forward_terms *terms, struct view *view,
                  struct forward_outcome *ret_outcome);
