/*
 * Does a name lead here? Asked as an authority will ask, before it is asked to: its refusals count
 * against us. A text of our own is put under the name's challenges and fetched from outside.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

#include <stdint.h>

struct resolver;

struct reach_options {
    struct resolver *resolver;
    const char *admin_socket; /* the edge's */
    uint16_t port;            /* where authorities look: 80 */
};

/* On a fiber. 0; or -EHOSTUNREACH with the name, the address that was found and what to do; or
 * another error, told: the edge does not answer. */
int reach_check(const struct reach_options *options, struct slice name, struct error *ret_error);
