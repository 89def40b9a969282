/*
 * The policies of a rule, with what they need at run time. A plane has one gate for each rule that
 * has some, by the number that conf gave it; what must survive a reload is in limiter.h.
 */
#pragma once

#include "conf/snapshot.h"

struct balancer;
struct basic_auth;
struct exchange;
struct limiter;

struct gate {
    const struct conf_rule *rule;  /* borrowed from the snapshot */
    struct limiter *rate;          /* counted; NULL: none, as the next two */
    struct limiter *concurrency;   /* counted */
    struct basic_auth *basic_auth; /* owned */
    unsigned auth_group;           /* of `auth`: index into the snapshot's groups */
};

/* snapshot->gates_count + 1 of them; the first is unused. 0 or -ENOMEM. */
int gates_create(const struct snapshot *snapshot, struct gate **ret_gates);
void gates_destroy(const struct snapshot *snapshot, struct gate *gates); /* NULL is fine */

/* Limits that need nobody's name. True when the request goes on, else it has been answered. */
bool gate_admit_client(const struct gate *gate, struct exchange *exchange);

/*
 * Passwords, limits by user, the auth service (`auth_balancer` is that of auth_group), and the size
 * of the body. True when the request goes on. May wait.
 */
bool gate_admit_user(const struct gate *gate, struct exchange *exchange,
                     struct balancer *auth_balancer);
