/* One place for the order. Called once a request, only where a site or rule asks for something. */
#include "edge/filter/filters.h"

#include "conf/snapshot.h"
#include "edge/filter/compress.h"
#include "edge/filter/cors.h"
#include "edge/filter/error_page.h"
#include "edge/filter/headers.h"
#include "http/exchange.h"

int filters_add(struct exchange *exchange, const struct conf_site *site,
                const struct conf_rule *rule)
{
    static const struct conf_header_edits none = {0};
    const struct conf_cors *cors = rule == NULL ? &site->cors : &rule->cors;
    int rc = 0;
    if (site->errors.pages_count > 0)
        rc = error_page_add_filter(exchange, &site->errors);
    if (rc == 0 && cors->enabled)
        rc = cors_add_filter(exchange, cors);
    if (rc == 0 && site->hsts.enabled && exchange->is_secure)
        rc = headers_add_filter(exchange, &site->hsts_edits, &none);
    if (rc == 0)
        rc = headers_add_filter(exchange, &site->response_headers,
                                rule == NULL ? &none : &rule->response_headers);
    if (rc == 0 && rule != NULL && rule->compress.enabled)
        rc = compress_add_filter(exchange, &rule->compress);
    return rc;
}
