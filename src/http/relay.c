/* Two connections joined: one pump for each direction, both driven by readiness. */
#include "http/relay.h"

#include "base/cleanup.h"

#include <errno.h>

#define TURN_BYTES_MAX 65536

enum { TO_TARGET, TO_CLIENT };

struct pump {
    struct io io; /* the side it reads from; the other pump's is written to */
    char *block;  /* owned; NULL while nothing waits */
    uint8_t block_size;
    uint32_t start, end;
    bool is_bulk; /* bytes come faster than a large block at a time */
    bool source_ended;
    bool end_passed_on;
    uint64_t bytes;
};

struct relay {
    struct list link;     /* in the worker's relays */
    struct pump pumps[2]; /* by direction */
    struct task task;
    struct timer timer; /* the idle time-out's, or the end of a pause */
    bool is_paused;
    struct relay_terms terms;
};

static void destroy(struct relay *relay, int error)
{
    const struct relay_result result = {relay->pumps[TO_TARGET].bytes,
                                        relay->pumps[TO_CLIENT].bytes, error};
    list_remove(&relay->link);
    counter_subtract(&worker_current()->counters.connections_open, 1);
    list_remove(&relay->task.link);
    timer_cancel(&relay->timer);
    bool is_reset = error < 0 && (error != -ETIMEDOUT || relay->terms.resets_idle);
    if (relay->terms.on_end != NULL)
        relay->terms.on_end(relay->terms.arg, &result);
    for (int i = 0; i < 2; i++) {
        block_give(relay->pumps[i].block, relay->pumps[i].block_size);
        if (is_reset)
            io_reset(&relay->pumps[i].io);
        else
            io_close(&relay->pumps[i].io);
    }
    memory_free(relay);
}

static ssize_t write_waiting(struct pump *pump, struct io *out)
{
    struct iovec part = {pump->block + pump->start, pump->end - pump->start};
    ssize_t put = io_write(out, &part, 1);
    if (put <= 0)
        return put;
    pump->start += (uint32_t)put;
    pump->bytes += (uint64_t)put;
    return put;
}

static void drop_block(struct pump *pump)
{
    block_give(pump->block, pump->block_size);
    pump->block = NULL;
    pump->start = pump->end = 0;
}

static int take_block(struct pump *pump)
{
    if (pump->is_bulk) {
        pump->block = block_take_bulk(&pump->block_size);
    } else {
        pump->block = block_take(BLOCK_LARGE);
        pump->block_size = BLOCK_LARGE;
    }
    return pump->block == NULL ? -ENOMEM : 0;
}

static ssize_t read_more(struct pump *pump)
{
    if (pump->block == NULL && take_block(pump) < 0)
        return -ENOMEM;
    ssize_t got = io_read(&pump->io, pump->block, block_bytes((enum block_size)pump->block_size));
    if (got != -EAGAIN)
        pump->is_bulk = got >= BLOCK_LARGE_BYTES;
    if (got > 0) {
        pump->start = 0;
        pump->end = (uint32_t)got;
    } else {
        drop_block(pump);
    }
    return got;
}

/* Moves bytes one way until one side is not ready: 0, 1 when its turn is used up, or an error.
 * Where the other way has ended both are about to be closed, which says so too. */
static int run_pump(struct pump *pump, struct io *out, bool is_last)
{
    size_t moved = 0;
    while (moved < TURN_BYTES_MAX) {
        ssize_t rc;
        if (pump->start < pump->end) {
            rc = write_waiting(pump, out);
            moved += rc > 0 ? (size_t)rc : 0;
        } else if (pump->source_ended) {
            if (!pump->end_passed_on && !is_last)
                io_shutdown_write(out);
            pump->end_passed_on = true;
            return 0;
        } else {
            rc = read_more(pump);
            pump->source_ended = rc == 0;
        }
        if (rc < 0)
            return rc == -EAGAIN ? 0 : (int)rc;
        if (pump->block != NULL && pump->start == pump->end)
            drop_block(pump);
    }
    return 1;
}

static uint64_t moved_bytes(const struct relay *relay)
{
    return relay->pumps[TO_TARGET].bytes + relay->pumps[TO_CLIENT].bytes;
}

/* After a turn that has moved bytes: is it to rest now? */
static bool pause(struct relay *relay, uint64_t bytes)
{
    int64_t pause_us =
        relay->terms.pace == NULL || bytes == 0 ? 0 : relay->terms.pace(relay->terms.arg, bytes);
    if (pause_us <= 0)
        return false;
    relay->is_paused = true;
    timer_arm(&relay->timer, loop_deadline((pause_us + 999) / 1000));
    return true;
}

static void run_relay(struct task *task)
{
    struct relay *relay = CONTAINER_OF(task, struct relay, task);
    struct pump *to_target = &relay->pumps[TO_TARGET], *to_client = &relay->pumps[TO_CLIENT];
    uint64_t before = moved_bytes(relay);
    if (UNLIKELY(relay->is_paused))
        return;
    int down = run_pump(to_client, &to_target->io, to_target->end_passed_on);
    int up = down < 0 ? down : run_pump(to_target, &to_client->io, to_client->end_passed_on);
    if (up < 0 || down < 0 || (to_target->end_passed_on && to_client->end_passed_on)) {
        destroy(relay, down < 0 ? down : up < 0 ? up : 0);
        return;
    }
    if (UNLIKELY(pause(relay, moved_bytes(relay) - before)))
        return;
    timer_arm(&relay->timer, loop_deadline(relay->terms.idle_ms));
    if (up == 1 || down == 1)
        task_queue(task);
}

static void client_ready(struct io *io)
{
    task_queue(&CONTAINER_OF(io, struct relay, pumps[TO_TARGET].io)->task);
}

static void target_ready(struct io *io)
{
    task_queue(&CONTAINER_OF(io, struct relay, pumps[TO_CLIENT].io)->task);
}

static void timed_out(struct timer *timer)
{
    struct relay *relay = CONTAINER_OF(timer, struct relay, timer);
    if (!relay->is_paused) {
        destroy(relay, -ETIMEDOUT);
        return;
    }
    relay->is_paused = false;
    task_queue(&relay->task);
}

/* Takes over what was received already; pinned bytes are copied, since their block is not ours. */
static int take_received(struct pump *pump, struct inflow *inflow)
{
    struct slice bytes = inflow_bytes(inflow);
    if (bytes.len == 0)
        return 0;
    pump->block_size = bytes.len > BLOCK_LARGE_BYTES ? BLOCK_HUGE : BLOCK_LARGE;
    pump->block = block_take((enum block_size)pump->block_size);
    if (pump->block == NULL)
        return -ENOMEM;
    memcpy(pump->block, bytes.at, bytes.len);
    pump->end = (uint32_t)bytes.len;
    return 0;
}

int relay_start(struct io *client, struct inflow *from_client, struct io *target,
                struct inflow *from_target, const struct relay_terms *terms)
{
    struct relay *relay = NEW(struct relay);
    if (relay == NULL)
        return -ENOMEM;
    if (take_received(&relay->pumps[TO_TARGET], from_client) < 0 ||
        take_received(&relay->pumps[TO_CLIENT], from_target) < 0) {
        block_give(relay->pumps[TO_TARGET].block, relay->pumps[TO_TARGET].block_size);
        memory_free(relay);
        return -ENOMEM;
    }
    from_client->start = from_client->end;
    from_target->start = from_target->end;
    list_init(&relay->link);
    list_append(&worker_current()->relays, &relay->link);
    counter_add(&worker_current()->counters.connections_open, 1);
    task_init(&relay->task, run_relay);
    timer_init(&relay->timer, timed_out);
    relay->terms = *terms;
    io_move(&relay->pumps[TO_TARGET].io, client, client_ready);
    io_move(&relay->pumps[TO_CLIENT].io, target, target_ready);
    task_queue(&relay->task);
    return 0;
}

void relays_close(void)
{
    LIST_FOR_EACH (&worker_current()->relays, link)
        destroy(CONTAINER_OF(link, struct relay, link), -ECANCELED);
}

const char *relay_reason(int error)
{
    switch (error) {
    case 0:
        return NULL;
    case -ETIMEDOUT:
        return "nothing came for the idle time-out";
    case -ECANCELED:
        return "cut off at the end of the drain";
    default:
        return "the connection broke";
    }
}
