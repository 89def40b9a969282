/*
 * Stickiness by a cookie whose value is a token: a hash of the target's id, or of the group's name.
 * It tells nothing of addresses, and stays the same when Weir restarts and on other machines. As
 * with ALB, a client whose target cannot take its request gets another one, and another cookie.
 */
#pragma once

#include "base/writer.h"
#include "conf/snapshot.h"

struct exchange;

uint64_t sticky_token(const struct conf_sticky *conf, struct slice id);

/* The token that the client sent; false when it sent none. */
bool sticky_read(const struct exchange *exchange, const struct conf_sticky *conf,
                 uint64_t *ret_token);

/* A Set-Cookie field in a response's head. */
void sticky_write(struct writer *head, const struct exchange *exchange,
                  const struct conf_sticky *conf, uint64_t token);
