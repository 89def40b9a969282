/* The router is asked once more for each reading. */
#include "edge/route/ambiguity.h"

#include "http/exchange.h"
#include "wire/http/uri.h"

#include <errno.h>

static bool meets_another(const struct router *router, size_t listener, struct exchange *exchange,
                          struct slice path, const struct conf_rule *rule)
{
    const struct conf_site *site;
    struct slice kept = exchange->path;
    exchange->path = path;
    const struct route *route = router_find(router, listener, exchange, &site);
    exchange->path = kept;
    return route == NULL || route->rule != rule;
}

int ambiguity_find(const struct router *router, size_t listener, struct exchange *exchange,
                   const struct conf_rule *rule)
{
    struct slice path;
    unsigned apply = uri_readings(exchange->path);
    if (apply == 0)
        return 0;
    char *room = arena_alloc_array(&exchange->arena, exchange->path.len, 4);
    if (room == NULL)
        return -ENOMEM;
    for (unsigned reading = 1; reading < URI_READINGS; reading++) {
        if ((reading & ~apply) != 0)
            continue;
        if (uri_read_path(exchange->path, reading, room, &path) < 0 ||
            meets_another(router, listener, exchange, path, rule))
            return 1;
    }
    return 0;
}
