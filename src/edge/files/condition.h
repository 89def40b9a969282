/* Conditional requests for GET and HEAD (RFC 9110 §13), given what is known of the file. */
#pragma once

#include "wire/http/message.h"

/* What a representation is told apart by. */
struct validators {
    struct slice etag;  /* strong, with its quotes */
    int64_t modified_s; /* as Last-Modified says it */
};

/* Does the request have any of If-*, or Range? */
bool condition_is_asked(const struct request_head *request);

/* 200: go on; 304; or 412. In the order of RFC 9110 §13.2.2. `now_s` is for two-digit years. */
unsigned condition_status(const struct request_head *request, const struct validators *validators,
                          int64_t now_s);

/*
 * The value of Range when it is to be looked at: a GET with one such field, whose If-Range, if any,
 * names just this representation (RFC 9110 §13.1.5, §14.2). Empty otherwise.
 */
struct slice condition_range(const struct request_head *request,
                             const struct validators *validators, int64_t now_s);
