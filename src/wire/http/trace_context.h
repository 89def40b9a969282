/*
 * W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context-1/): which trace a request is
 * part of, and the span that caused it. Strict: what is not exactly of the form is as if it were
 * not there, and a new trace begins (§4.3).
 */
#pragma once

#include "base/writer.h"
#include "wire/http/message.h"

#define TRACE_FLAG_SAMPLED 1

/* traceparent without its version. */
struct trace_parent {
    uint64_t trace_high; /* of the 16 bytes of the trace's id, not both 0 */
    uint64_t trace_low;
    uint64_t span; /* the parent's id, not 0 */
    uint8_t flags;
};

#define TRACE_PARENT_BYTES 55

/*
 * §3.2. Version 00 has exactly 55 bytes; of a later version those are taken and what follows behind
 * another '-' is ignored. Returns 0 or -EBADMSG.
 */
int trace_parent_parse(struct slice text, struct trace_parent *ret_parent);

/* As version 00; only the sampled flag is passed on. */
void trace_parent_write(struct writer *writer, const struct trace_parent *parent);

/*
 * §3.3: a part of the list, one field's value; at most `*left` members, which is counted down.
 * Empty members are allowed. A key that stands twice in one field is not.
 */
bool trace_state_is_valid(struct slice value, unsigned *left);
#define TRACE_STATE_MEMBERS_MAX 32

/* The parent that a request names: exactly one traceparent field, of the form. 0 or -EBADMSG. */
int trace_parent_of(const struct fields *fields, struct trace_parent *ret_parent);

/* Does it have a tracestate, all of whose fields are valid? */
bool trace_has_state(const struct fields *fields);

/* "tracestate: …\r\n" with the values of all its fields in their order. */
void trace_state_write(struct writer *writer, const struct fields *fields);
