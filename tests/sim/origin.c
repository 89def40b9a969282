/* The target, its moods, and the pattern it sends. */
#include "origin.h"

#include "os/io.h"

#include <errno.h>

#define IDS_MAX    100000
#define PART_BYTES 4000
#define BLOCKS_MAX ((size_t)64 << 20)
#define SLOW_MS    4000

static const char *const ips[] = {"10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4"};

static unsigned next_id;
static unsigned times_done[IDS_MAX];
static struct prng *mood; /* NULL: none */

const char *origin_ip(int index)
{
    return ips[index];
}

void origins_are_moody(struct prng *prng)
{
    mood = prng;
}

void origins_reset(void)
{
    next_id = 0;
    mood = NULL;
    memset(times_done, 0, sizeof times_done);
}

unsigned origin_next_id(void)
{
    CHECK(next_id < IDS_MAX);
    return next_id++;
}

unsigned origin_times_done(unsigned id)
{
    return times_done[id];
}

static char pattern_byte(uint32_t shift, size_t at)
{
    return (char)(at * 13 + at / 241 + shift);
}

static void pattern_fill(char *bytes, size_t len, uint32_t shift, size_t at)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = pattern_byte(shift, at + i);
}

void pattern_check(struct slice data, uint32_t shift, size_t at)
{
    for (size_t i = 0; i < data.len; i++)
        CHECK(data.at[i] == pattern_byte(shift, at + i));
}

int pattern_write(struct io *io, uint32_t shift, size_t len, int64_t timeout_ms)
{
    char bytes[PART_BYTES];
    for (size_t at = 0; at < len;) {
        size_t part = len - at < sizeof bytes ? len - at : sizeof bytes;
        pattern_fill(bytes, part, shift, at);
        struct iovec vector = {bytes, part};
        int rc = io_write_all(io, &vector, 1, timeout_ms);
        if (rc < 0)
            return rc;
        at += part;
    }
    return 0;
}

static bool has_mood(uint64_t one_in)
{
    return mood != NULL && prng_below(mood, one_in) == 0;
}

static bool parse_path(struct slice path, uint64_t *ret_len, uint64_t *ret_shift, uint64_t *ret_id)
{
    struct slice rest = slice_from(path, 1), part;
    return slice_cut(&rest, '/', &part) && slice_parse_u64(part, ret_len) == 0 &&
           slice_cut(&rest, '/', &part) && slice_parse_u64(part, ret_shift) == 0 &&
           slice_cut(&rest, '/', &part) && slice_parse_u64(part, ret_id) == 0;
}

/* False when the body did not come whole. */
static bool read_body(struct exchange *exchange, uint32_t shift)
{
    struct slice data;
    size_t at = 0;
    int rc;
    while ((rc = exchange_read_body(exchange, &data)) > 0) {
        pattern_check(data, shift, at);
        at += data.len;
    }
    return rc == 0;
}

static void send_pattern(struct exchange *exchange, uint32_t shift, size_t len)
{
    char bytes[PART_BYTES];
    uint64_t length = shift % 2 == 0 ? len : EXCHANGE_LENGTH_UNKNOWN; /* chunked */
    struct writer *head = exchange_begin(exchange, 200, (struct slice){0}, length);
    if (head == NULL)
        return;
    exchange_write_own_fields(head);
    int rc = 0;
    for (size_t at = 0; at < len && rc == 0;) {
        size_t part = len - at < sizeof bytes ? len - at : sizeof bytes;
        pattern_fill(bytes, part, shift, at);
        at += part;
        if (has_mood(100)) {
            exchange_break(exchange);
            return;
        }
        rc = exchange_send(exchange, slice_of(bytes, part), at < len);
    }
    if (len == 0)
        (void)exchange_send(exchange, (struct slice){0}, false);
}

static void answer(struct exchange *exchange)
{
    uint64_t len, shift, id;
    struct origin *self = worker_current()->edge;
    if (slice_equal(exchange->path, SLICE("/healthz"))) {
        exchange_respond(exchange, 200, SLICE("text/plain"), SLICE("well\n"), NULL);
        return;
    }
    CHECK(parse_path(exchange->path, &len, &shift, &id) && id < IDS_MAX);
    self->requests++;
    times_done[id]++;
    if (!read_body(exchange, (uint32_t)shift) || has_mood(12)) {
        exchange_break(exchange);
        return;
    }
    if (shift == ORIGIN_SLOW_SHIFT)
        (void)fiber_sleep(SLOW_MS);
    else if (has_mood(10))
        (void)fiber_sleep((int64_t)prng_below(mood, 12000));
    send_pattern(exchange, (uint32_t)shift, len);
}

static void accept_connection(struct acceptor *acceptor, int fd, const struct address *peer)
{
    struct origin *self = CONTAINER_OF(acceptor, struct origin, acceptor);
    session_accept(&self->server, fd, peer);
}

int wait_for_sessions(void *worker)
{
    struct worker *self = worker;
    int rc = 0;
    while (self->counters.connections_open > 0 && rc == 0)
        rc = fiber_sleep(5);
    return self->counters.connections_open > 0 ? -ETIMEDOUT : 0;
}

int wait_for_fibers(void *unused)
{
    (void)unused;
    struct fiber_stats stats;
    do {
        fiber_stats_read(&stats);
    } while (stats.running > 1 && fiber_sleep(5) == 0);
    return 0;
}

void check_blocks(const struct worker *worker)
{
    CHECK(worker->block_bytes == worker->idle_count[BLOCK_SMALL] * BLOCK_SMALL_BYTES +
                                     worker->idle_count[BLOCK_LARGE] * BLOCK_LARGE_BYTES);
}

static void origin_main(void *arg)
{
    struct origin *self = arg;
    struct kernel *kernel = sim_machine_kernel(sim_machine_current());
    struct address any;
    worker_init(&self->worker, 0, (uint64_t)self->index, BLOCKS_MAX);
    self->worker.edge = self;
    self->server = (struct server){
        .handle = answer,
        .port = ORIGIN_PORT,
        .head_timeout_ms = 10000,
        .idle_timeout_ms = 30000,
        .body_max = UINT64_MAX,
    };
    CHECK(address_from_ip(SLICE("0.0.0.0"), ORIGIN_PORT, &any) == 0);
    int fd = kernel->ops->listen(kernel, &any, 64);
    CHECK(fd >= 0 && acceptor_start(&self->acceptor, fd, accept_connection) == 0);
    while (fiber_wait(FIBER_FOREVER) == 0)
        ;
    acceptor_stop(&self->acceptor);
    kernel->ops->close(kernel, fd);
    sessions_close();
    (void)fiber_shield(wait_for_sessions, &self->worker, loop_deadline(60000));
    (void)fiber_shield(wait_for_fibers, NULL, loop_deadline(60000));
    check_blocks(&self->worker);
    worker_finish(&self->worker);
}

void origin_start(struct origin *origin)
{
    CHECK(sim_machine_start(origin_ip(origin->index), origin_main, origin, &origin->machine) == 0);
}

void origin_stop(struct origin *origin)
{
    if (origin->machine != NULL)
        sim_machine_stop(origin->machine);
    origin->machine = NULL;
}
