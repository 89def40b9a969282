/* Names and passwords of requests (RFC 7617) against a rule's users (passwords.h). */
#pragma once

#include "conf/policy.h"

struct basic_auth;
struct exchange;

/* `conf` is borrowed from the snapshot, which outlives it. NULL: no memory. */
struct basic_auth *basic_auth_create(const struct conf_basic_auth *conf);
void basic_auth_destroy(struct basic_auth *auth); /* NULL is fine */

/*
 * True when the request's credentials are right: exchange->notes.user is set, and the credentials
 * are taken out of the request unless they are to be passed on. Else it has been answered: 401, or
 * 503 when too many wait to be checked. May wait.
 */
bool basic_auth_admit(struct basic_auth *auth, struct exchange *exchange);
