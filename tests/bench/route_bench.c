/*
 * What finding a rule costs, in a file such as many_sites.py prints: the time to read it and to
 * build the router, then nanoseconds a request, over sites and paths in turn. route_bench FILE
 * [REQUESTS]; run it under callgrind for instructions.
 */
#include "base/cleanup.h"
#include "edge/route/router.h"
#include "http/exchange.h"

#include <assert.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define EXCHANGES 4096

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double heap_mib(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd) / 1048576;
}

static struct exchange exchanges[EXCHANGES];
static char texts[EXCHANGES][256];

/* One of the sites, and a path that its rules have, or none has. */
static void make_exchange(const struct snapshot *snapshot, struct prng *prng, unsigned i)
{
    static const char *const paths[] = {"/p0",         "/api/v1/users/42", "/b2/x", "/img3/a/b.png",
                                        "/nowhere/at", "/q4/list",         "/",     "/t7/x"};
    const struct conf_site *site = &snapshot->sites[prng_below(prng, snapshot->sites_count)];
    int len = snprintf(texts[i], sizeof texts[i], "%s%.*s", i % 8 == 7 ? "www." : "",
                       SLICE_ARG(site->domains[0]));
    struct exchange *exchange = &exchanges[i];
    exchange->host = slice_of(texts[i], (size_t)len);
    exchange->path = slice_of_cstr(paths[prng_below(prng, COUNT_OF(paths))]);
    exchange->query = SLICE("page=2&x=%41");
    exchange->client = SLICE("192.0.2.7");
    exchange->request.method = METHOD_GET;
    exchange->request.method_name = SLICE("GET");
}

static void find_all(const struct snapshot *snapshot, const struct router *router,
                     unsigned requests)
{
    struct prng prng;
    prng_init(&prng, 7);
    for (unsigned i = 0; i < EXCHANGES; i++)
        make_exchange(snapshot, &prng, i);
    uint64_t numbers = 0;
    double start = now_ms();
    for (unsigned i = 0; i < requests; i++) {
        const struct conf_site *site;
        const struct route *route = router_find(router, 0, &exchanges[i % EXCHANGES], &site);
        assert(site != NULL);
        numbers += route == NULL ? 0 : route->rule->number;
    }
    double took_ms = now_ms() - start;
    printf("find            %8.1f ns a request (rule %.1f on average)\n", took_ms * 1e6 / requests,
           (double)numbers / requests);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: route_bench FILE [REQUESTS]\n");
        return 2;
    }
    unsigned requests = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2000000;
    struct snapshot *snapshot;
    struct conf_errors errors;
    conf_errors_init(&errors);
    double start = now_ms();
    int rc = snapshot_read(argv[1], NULL, &snapshot, &errors);
    conf_errors_finish(&errors);
    if (rc < 0) {
        (void)fprintf(stderr, "route_bench: %s is no good: weir check tells why\n", argv[1]);
        return 1;
    }
    printf("read            %8.1f ms, %.1f MiB\n", now_ms() - start,
           (double)snapshot->arena.bytes / 1048576);
    double before_mib = heap_mib();
    struct router router;
    start = now_ms();
    rc = router_init(&router, snapshot, (struct hash_key){1, 2});
    assert(rc == 0);
    printf("router          %8.1f ms, %.1f MiB, %u nodes\n", now_ms() - start,
           heap_mib() - before_mib, router.index.nodes_count);
    find_all(snapshot, &router, requests);
    router_finish(&router);
    snapshot_unref(snapshot);
    return 0;
}
