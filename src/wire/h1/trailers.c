/* Trailer sections: fields behind a chunked body, without those that may not come that late. */
#include "wire/h1/parse.h"

#include <errno.h>

/*
 * Fields that frame, route, modify or authenticate a message, or say how to process its content
 * (RFC 9110 §6.5.1): too late in a trailer, and dangerous to whoever merges trailers into the head.
 */
static bool is_too_late(enum field_id id)
{
    switch (id) {
    case FIELD_AUTHORIZATION:
    case FIELD_CACHE_CONTROL:
    case FIELD_CONTENT_ENCODING:
    case FIELD_CONTENT_LENGTH:
    case FIELD_CONTENT_RANGE:
    case FIELD_CONTENT_TYPE:
    case FIELD_COOKIE:
    case FIELD_EXPECT:
    case FIELD_FORWARDED:
    case FIELD_HOST:
    case FIELD_IF_MATCH:
    case FIELD_IF_MODIFIED_SINCE:
    case FIELD_IF_NONE_MATCH:
    case FIELD_IF_RANGE:
    case FIELD_IF_UNMODIFIED_SINCE:
    case FIELD_LOCATION:
    case FIELD_MAX_FORWARDS:
    case FIELD_RANGE:
    case FIELD_SET_COOKIE:
    case FIELD_TRAILER:
    case FIELD_VARY:
    case FIELD_VIA:
    case FIELD_WWW_AUTHENTICATE:
    case FIELD_X_FORWARDED_FOR:
    case FIELD_X_FORWARDED_HOST:
    case FIELD_X_FORWARDED_PORT:
    case FIELD_X_FORWARDED_PROTO:
    case FIELD_X_REQUEST_ID:
        return true;
    default:
        return field_is_hop_by_hop(id);
    }
}

int h1_parse_trailers(struct slice section, struct fields *ret_fields,
                      struct h1_refusal *ret_refusal)
{
    struct h1_facts facts = {0};
    struct h1_lines lines;
    h1_lines_init(&lines, section);
    int result = h1_parse_fields(&lines, ret_fields, &facts, ret_refusal);
    if (result < 0)
        return result;
    unsigned kept = 0;
    for (unsigned i = 0; i < ret_fields->count; i++) {
        if (!is_too_late(ret_fields->at[i].id))
            ret_fields->at[kept++] = ret_fields->at[i];
    }
    ret_fields->count = kept;
    return 0;
}
