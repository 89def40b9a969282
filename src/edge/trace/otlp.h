/*
 * Spans as OTLP's JSON (https://opentelemetry.io/docs/specs/otlp/, JSON Protobuf encoding): of each
 * record one for the request, and one for each of its tries. Attributes are those of the semantic
 * conventions for HTTP, and some of Weir's own.
 */
#pragma once

#include "base/writer.h"
#include "edge/explain/decisions.h"

/*
 * An ExportTraceServiceRequest of all the records that lie in `records` one behind the other.
 * Returns how many spans it has.
 */
unsigned otlp_write(struct writer *writer, struct slice service, struct slice records);

/* How many spans these records are. */
unsigned otlp_count(struct slice records);
