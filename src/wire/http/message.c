/* Tokens, lists, methods and reason phrases: the small words of HTTP. */
#include "wire/http/message.h"

#include "base/cleanup.h"
#include "wire/http/chars.h"

bool http_is_token(struct slice s)
{
    return s.len > 0 && chars_are(s, CHAR_TOKEN);
}

bool http_is_field_value(struct slice s)
{
    return chars_are(s, CHAR_VALUE);
}

/* Where the element at the front of a list ends: at its comma, or the list's end. */
static size_t element_length(struct slice list)
{
    bool quoted = false;
    for (size_t i = 0; i < list.len; i++) {
        char c = list.at[i];
        if (c == '"')
            quoted = !quoted;
        else if (c == '\\' && quoted)
            i++;
        else if (c == ',' && !quoted)
            return i;
    }
    return list.len;
}

bool http_list_next(struct slice *list, struct slice *ret_element)
{
    while (list->len > 0) {
        size_t len = element_length(*list);
        struct slice element = slice_trim(slice_first(*list, len));
        *list = slice_from(*list, len + 1);
        if (element.len > 0) {
            *ret_element = element;
            return true;
        }
    }
    return false;
}

bool http_list_has(struct slice list, struct slice token)
{
    struct slice element;
    while (http_list_next(&list, &element)) {
        ptrdiff_t parameters = slice_find(element, ';');
        if (parameters >= 0)
            element = slice_trim(slice_first(element, (size_t)parameters));
        if (slice_equal_nocase(element, token))
            return true;
    }
    return false;
}

static const struct slice method_names[] = {
    [METHOD_GET] = {"GET", 3},         [METHOD_HEAD] = {"HEAD", 4},
    [METHOD_POST] = {"POST", 4},       [METHOD_PUT] = {"PUT", 3},
    [METHOD_DELETE] = {"DELETE", 6},   [METHOD_CONNECT] = {"CONNECT", 7},
    [METHOD_OPTIONS] = {"OPTIONS", 7}, [METHOD_TRACE] = {"TRACE", 5},
    [METHOD_PATCH] = {"PATCH", 5},
};

enum http_method http_method_of(struct slice name)
{
    for (unsigned i = METHOD_GET; i < COUNT_OF(method_names); i++) {
        if (slice_equal(name, method_names[i]))
            return (enum http_method)i;
    }
    return METHOD_OTHER;
}

bool http_method_is_safe(enum http_method method)
{
    return method == METHOD_GET || method == METHOD_HEAD || method == METHOD_OPTIONS ||
           method == METHOD_TRACE;
}

bool http_method_is_idempotent(enum http_method method)
{
    return http_method_is_safe(method) || method == METHOD_PUT || method == METHOD_DELETE;
}

/* The IANA registry of status codes. */
static const char *const reasons[] = {
    [100] = "Continue",
    [101] = "Switching Protocols",
    [102] = "Processing",
    [103] = "Early Hints",
    [200] = "OK",
    [201] = "Created",
    [202] = "Accepted",
    [203] = "Non-Authoritative Information",
    [204] = "No Content",
    [205] = "Reset Content",
    [206] = "Partial Content",
    [207] = "Multi-Status",
    [208] = "Already Reported",
    [226] = "IM Used",
    [300] = "Multiple Choices",
    [301] = "Moved Permanently",
    [302] = "Found",
    [303] = "See Other",
    [304] = "Not Modified",
    [305] = "Use Proxy",
    [307] = "Temporary Redirect",
    [308] = "Permanent Redirect",
    [400] = "Bad Request",
    [401] = "Unauthorized",
    [402] = "Payment Required",
    [403] = "Forbidden",
    [404] = "Not Found",
    [405] = "Method Not Allowed",
    [406] = "Not Acceptable",
    [407] = "Proxy Authentication Required",
    [408] = "Request Timeout",
    [409] = "Conflict",
    [410] = "Gone",
    [411] = "Length Required",
    [412] = "Precondition Failed",
    [413] = "Content Too Large",
    [414] = "URI Too Long",
    [415] = "Unsupported Media Type",
    [416] = "Range Not Satisfiable",
    [417] = "Expectation Failed",
    [421] = "Misdirected Request",
    [422] = "Unprocessable Content",
    [423] = "Locked",
    [424] = "Failed Dependency",
    [425] = "Too Early",
    [426] = "Upgrade Required",
    [428] = "Precondition Required",
    [429] = "Too Many Requests",
    [431] = "Request Header Fields Too Large",
    [451] = "Unavailable For Legal Reasons",
    [500] = "Internal Server Error",
    [501] = "Not Implemented",
    [502] = "Bad Gateway",
    [503] = "Service Unavailable",
    [504] = "Gateway Timeout",
    [505] = "HTTP Version Not Supported",
    [506] = "Variant Also Negotiates",
    [507] = "Insufficient Storage",
    [508] = "Loop Detected",
    [511] = "Network Authentication Required",
};

const char *http_status_reason(unsigned status)
{
    if (status >= COUNT_OF(reasons) || reasons[status] == NULL)
        return "Unknown";
    return reasons[status];
}

struct slice http_version_name(const struct request_head *request)
{
    if (request->version_major == 2)
        return SLICE("HTTP/2.0");
    return request->version_minor == 0 ? SLICE("HTTP/1.0") : SLICE("HTTP/1.1");
}

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

void fields_drop_late(struct fields *fields)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < fields->count; i++) {
        if (!is_too_late(fields->at[i].id))
            fields->at[kept++] = fields->at[i];
    }
    fields->count = kept;
}
