/*
 * Traces by W3C Trace Context. Weir's span of a request has the request's id, each try at a target
 * one of its own, which the target sees as its parent. Nothing here is called where the
 * configuration asks for no traces.
 */
#pragma once

#include "conf/snapshot.h"
#include "http/exchange.h"

/*
 * Goes on with the trace that the request brought along, whose decision about sampling is followed,
 * or begins one.
 */
void trace_begin(struct exchange *exchange, const struct conf_tracing *conf);

static inline bool trace_is_on(const struct exchange *exchange)
{
    return (exchange->notes.trace.high | exchange->notes.trace.low) != 0;
}

/* traceparent, and tracestate where there is a valid one, for the target of the latest try. */
void trace_write_fields(struct writer *writer, const struct exchange *exchange);
