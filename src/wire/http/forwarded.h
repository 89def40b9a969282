/* The Forwarded field (RFC 7239): what proxies on the way tell about the request they got. */
#pragma once

#include "base/slice.h"

/*
 * One proxy's element. What it does not say is empty. Of a quoted value this is what stands between
 * the quotes, escapes and all: nothing that means anything here needs one.
 */
struct forwarded_element {
    struct slice for_node; /* who the request came from */
    struct slice host;     /* as that one asked for it */
    struct slice proto;    /* how it came: "http", "https" */
};

/*
 * Takes the next element off the front of *rest. 1; 0 when there is none left; -EBADMSG for what
 * §4 does not allow, a parameter given twice in an element included: nothing of the field is to be
 * believed then.
 */
int forwarded_next(struct slice *rest, struct forwarded_element *ret_element);

/*
 * The parts of a node (§6) or of an entry of X-Forwarded-For: "192.0.2.7", "192.0.2.7:80",
 * "[2001:db8::1]", "[2001:db8::1]:80"; with `bare_v6` "2001:db8::1" too. The address stands in
 * *ret_host without brackets, yet to be parsed. 0, or -EINVAL for anything else, such as "unknown".
 */
int forwarded_split_node(struct slice node, bool bare_v6, struct slice *ret_host);

struct writer;

/* "for=" and such a node of an address. */
void forwarded_write_for(struct writer *writer, struct slice address);

/* A value, as a token or else quoted. It has no quotes, backslashes or control characters. */
void forwarded_write_value(struct writer *writer, struct slice value);
