/* Answers of the admin API: documents of any length up to a maximum, and errors as JSON. */
#pragma once

#include "base/buffer.h"
#include "base/writer.h"

struct exchange;

/* Writes a document. It may be called several times, each with more room. */
typedef void reply_render(struct writer *writer, const void *arg);

/* 200 with the document. */
void reply_document(struct exchange *exchange, struct slice content_type, reply_render *render,
                    const void *arg);

#define REPLY_JSON       SLICE("application/json")
#define REPLY_PROMETHEUS SLICE("text/plain; version=0.0.4; charset=utf-8")

/*
 * {"error": …, "at": …}. `at` is where in the request's document the fault lies, as
 * "targets[3].address"; left out when empty.
 */
void reply_error(struct exchange *exchange, unsigned status, struct slice at, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/* All of the request's body; false when that failed, which has been answered. */
bool reply_read_body(struct exchange *exchange, struct buffer *body);

/* The same of a text of any length up to that of a document. */
void reply_error_text(struct exchange *exchange, unsigned status, const char *text);

/* 405 with the methods that are allowed, as "GET, PUT". */
void reply_wrong_method(struct exchange *exchange, struct slice allowed);
