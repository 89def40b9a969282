/* What the admin API answers: one row for each method and path. docs/admin-api.md tells the rest.
 */
#pragma once

#include "base/slice.h"

struct exchange;

struct admin_route {
    const char *method;  /* GET answers HEAD too */
    const char *pattern; /* "{name}" stands for one segment */
    void (*handle)(struct exchange *exchange, struct slice name);
};

/* Ends in a row without a method. */
extern const struct admin_route admin_routes[];

/* Does the path fit? *ret_name is what stands at "{name}". */
bool admin_pattern_fits(struct slice pattern, struct slice path, struct slice *ret_name);

void status_get(struct exchange *exchange, struct slice name);
void targets_get(struct exchange *exchange, struct slice name);
void targets_put(struct exchange *exchange, struct slice name);
void reload_post(struct exchange *exchange, struct slice name);
void credentials_post(struct exchange *exchange, struct slice name);
void maintenance_put(struct exchange *exchange, struct slice name);
void maintenance_delete(struct exchange *exchange, struct slice name);
void challenge_http_put(struct exchange *exchange, struct slice name);
void challenge_http_delete(struct exchange *exchange, struct slice name);
void challenge_tls_put(struct exchange *exchange, struct slice name);
void challenge_tls_delete(struct exchange *exchange, struct slice name);
void metrics_get(struct exchange *exchange, struct slice name);
void requests_get(struct exchange *exchange, struct slice name);
void request_get(struct exchange *exchange, struct slice name);
void explain_get(struct exchange *exchange, struct slice name);
