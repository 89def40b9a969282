/* Beginning a trace, and passing it on. */
#include "edge/trace/trace.h"

#include "http/worker.h"
#include "wire/http/trace_context.h"

#define ALL 10000 /* of conf_tracing.sample */

void trace_begin(struct exchange *exchange, const struct conf_tracing *conf)
{
    const struct fields *fields = &exchange->request.fields;
    struct exchange_trace *trace = &exchange->notes.trace;
    struct prng *prng = &worker_current()->prng;
    struct trace_parent parent;
    if (trace_parent_of(fields, &parent) == 0) {
        *trace = (struct exchange_trace){
            .high = parent.trace_high,
            .low = parent.trace_low,
            .parent = parent.span,
            .is_sampled = (parent.flags & TRACE_FLAG_SAMPLED) != 0,
            .passes_state = trace_has_state(fields),
        };
        return;
    }
    /* Without its parent a state means nothing (§3.3). An id is never 0. */
    *trace = (struct exchange_trace){
        .high = prng_next(prng),
        .low = prng_next(prng) | 1,
        .is_sampled = prng_below(prng, ALL) < conf->sample,
    };
}

void trace_write_fields(struct writer *writer, const struct exchange *exchange)
{
    const struct exchange_notes *notes = &exchange->notes;
    unsigned tries = notes->tries < EXCHANGE_TRIES_MAX ? notes->tries : EXCHANGE_TRIES_MAX;
    const struct trace_parent own = {
        .trace_high = notes->trace.high,
        .trace_low = notes->trace.low,
        .span = tries > 0 ? notes->tried[tries - 1].span : exchange->id,
        .flags = notes->trace.is_sampled ? TRACE_FLAG_SAMPLED : 0,
    };
    write_literal(writer, "traceparent: ");
    trace_parent_write(writer, &own);
    write_literal(writer, "\r\n");
    if (notes->trace.passes_state)
        trace_state_write(writer, &exchange->request.fields);
}
