/* The part of the table that is about filters and policies (policy.h): rows of rules and sites. */
#pragma once

#include "conf/schema.h"

extern const struct schema_struct request_headers_type, response_headers_type, cors_type,
    compress_type, rate_limit_type, concurrency_type, basic_auth_type, proxy_users_type, auth_type;

/* `errors` of a site; read by check_errors, which sees the whole map. */
extern const struct schema_row error_page_row;
