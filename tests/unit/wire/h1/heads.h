/* Heads in tests: text in, the parsed head or the status of its refusal out. */
#pragma once

#include "wire/h1/head.h"

#include <assert.h>
#include <stdlib.h>

struct parsed_request {
    struct field at[HTTP_FIELDS_MAX];
    struct request_head head;
    struct h1_refusal refusal;
    size_t length; /* of the head */
};

struct parsed_response {
    struct field at[HTTP_FIELDS_MAX];
    struct response_head head;
    struct h1_refusal refusal;
    size_t length;
};

/* Returns 0, or the status of the refusal. Incomplete heads are a fault of the test. */
static inline unsigned parse_request(struct slice text, struct parsed_request *ret_parsed)
{
    struct h1_scan scan = {0};
    *ret_parsed = (struct parsed_request){0};
    ret_parsed->head.fields = (struct fields){ret_parsed->at, 0, HTTP_FIELDS_MAX};
    int length = h1_scan(&scan, text, &ret_parsed->refusal);
    assert(length != 0);
    if (length < 0)
        return ret_parsed->refusal.status;
    ret_parsed->length = (size_t)length;
    int result = h1_parse_request(slice_first(text, (size_t)length), &ret_parsed->head,
                                  &ret_parsed->refusal);
    return result < 0 ? ret_parsed->refusal.status : 0;
}

static inline unsigned parse_response(struct slice text, enum http_method method,
                                      struct parsed_response *ret_parsed)
{
    struct h1_scan scan = {0};
    *ret_parsed = (struct parsed_response){0};
    ret_parsed->head.fields = (struct fields){ret_parsed->at, 0, HTTP_FIELDS_MAX};
    int length = h1_scan(&scan, text, &ret_parsed->refusal);
    assert(length != 0);
    if (length < 0)
        return ret_parsed->refusal.status;
    ret_parsed->length = (size_t)length;
    int result = h1_parse_response(slice_first(text, (size_t)length), method, &ret_parsed->head,
                                   &ret_parsed->refusal);
    return result < 0 ? ret_parsed->refusal.status : 0;
}
