/* Called for CONNECT and for SOCKS alike. */
#include "edge/proxy/way.h"

#include "base/cleanup.h"
#include "edge/proxy/parent.h"

enum passage_result way_open(struct passage *passage, struct upstream *way)
{
    struct passage_addresses addresses;
    int64_t deadline_ms = passage_deadline(passage);
    *way = (struct upstream){0};
    io_init(&way->io, NULL);
    inflow_init(&way->inflow, BLOCK_LARGE);
    enum passage_result result = passage_find(passage, deadline_ms, &addresses);
    if (result == PASSAGE_OPEN)
        result = passage_dial(passage, &addresses, deadline_ms, &way->io);
    if (result == PASSAGE_OPEN && UNLIKELY(passage->proxy->conf->parent.enabled))
        result = parent_ask(passage, way, deadline_ms);
    return result;
}

void way_close(struct upstream *way)
{
    inflow_finish(&way->inflow);
    io_close(&way->io);
}
