/*
 * Secrets that stand where logs would show them: in queries, and in header fields. What is a secret
 * is told by its name, in any case, percent-encoded or not.
 */
#pragma once

#include "base/writer.h"
#include "conf/snapshot.h"

#define REDACTED SLICE("REDACTED")

/* The names that are meant where the configuration gives none. Each ends in {NULL, 0}. */
extern const struct slice redact_query_standard[];
extern const struct slice redact_headers_standard[];

/* Calls put for one part of the URL after the other, with REDACTED for the values of secrets. */
void redact_url(struct writer *writer, const struct conf_redact *redact, struct slice url,
                void (*put)(struct writer *writer, struct slice part));

/* Is the value of that header field a secret? */
bool redact_is_secret_header(const struct conf_redact *redact, struct slice name);
