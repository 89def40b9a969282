/*
 * What a forward proxy itself answers: which rule decided and where it stands, or what went wrong,
 * as text or as a page, with Proxy-Status (RFC 9209). Never an address that a name led to, nor
 * anything of who asked: the page of a denial may be seen by others.
 */
#pragma once

#include "edge/proxy/passage.h"

struct exchange;

/* The exchange's notes tell the reason too. A client that left is answered by nothing. */
void answer_end(struct exchange *exchange, const struct passage *passage,
                enum passage_result result);

/* 407, with what is asked for. `reason` is static. */
void answer_ask_password(struct exchange *exchange, const struct proxy *proxy, const char *reason);
