/*
 * Bytes through a bad network: several clients and servers, each transfer goes both ways at once,
 * and what arrives is what was sent, in order, or the connection has failed. Once the network is
 * well again, every transfer succeeds.
 */
#include "os/io.h"
#include "runner.h"

#include <errno.h>

#define PORT        9000
#define SERVERS_MAX 3
#define CLIENTS_MAX 12
#define LEN_MAX     40000
#define PATIENCE_MS 30000
#define HEAD_BYTES  8
#define CHUNK_BYTES 3000

struct transfer {
    struct io io;
    uint32_t len;   /* each way */
    uint32_t shift; /* tells transfers apart */
    int result;     /* of the sending side */
    struct fiber *waiting;
    bool has_sent;
};

static struct {
    struct sim_run *run;
    int servers;
    int clients_left;
    bool is_calm;
    uint64_t succeeded, failed;
} test;

static char byte_at(uint32_t shift, size_t at)
{
    return (char)(at * 31 + at / 257 + shift);
}

static int send_pattern(struct io *io, uint32_t shift, size_t len)
{
    char bytes[CHUNK_BYTES];
    for (size_t at = 0; at < len;) {
        size_t part = len - at < sizeof bytes ? len - at : sizeof bytes;
        for (size_t i = 0; i < part; i++)
            bytes[i] = byte_at(shift, at + i);
        struct iovec vector = {bytes, part};
        int rc = io_write_all(io, &vector, 1, PATIENCE_MS);
        if (rc < 0)
            return rc;
        at += part;
    }
    io_shutdown_write(io);
    return 0;
}

/* All of it and nothing else, or an error; never a wrong byte. */
static int receive_pattern(struct io *io, uint32_t shift, size_t len)
{
    char bytes[CHUNK_BYTES];
    for (size_t at = 0;;) {
        ssize_t got = io_read_wait(io, bytes, sizeof bytes, loop_deadline(PATIENCE_MS));
        if (got < 0)
            return (int)got;
        if (got == 0)
            return at == len ? 0 : -ECONNRESET;
        for (ssize_t i = 0; i < got; i++, at++)
            CHECK(at < len && bytes[i] == byte_at(shift, at));
    }
}

static void send_in_background(void *arg)
{
    struct transfer *transfer = arg;
    transfer->result = send_pattern(&transfer->io, transfer->shift, transfer->len);
    transfer->has_sent = true;
    if (transfer->waiting != NULL)
        fiber_wake(transfer->waiting);
}

static int wait_until_sent(void *arg)
{
    struct transfer *transfer = arg;
    transfer->waiting = fiber_current();
    while (!transfer->has_sent)
        (void)fiber_wait(FIBER_FOREVER);
    return transfer->result;
}

static int exchange_patterns(struct transfer *transfer)
{
    int rc = fiber_start(send_in_background, transfer, NULL);
    if (rc < 0)
        return rc;
    rc = receive_pattern(&transfer->io, transfer->shift, transfer->len);
    if (rc < 0)
        io_close(&transfer->io); /* so that the sender ends too */
    int sent = fiber_shield(wait_until_sent, transfer, FIBER_FOREVER);
    return rc < 0 ? rc : sent;
}

static int read_head(struct transfer *transfer)
{
    char head[HEAD_BYTES];
    for (size_t at = 0; at < sizeof head;) {
        ssize_t got =
            io_read_wait(&transfer->io, head + at, sizeof head - at, loop_deadline(PATIENCE_MS));
        if (got <= 0)
            return got == 0 ? -ECONNRESET : (int)got;
        at += (size_t)got;
    }
    memcpy(&transfer->len, head, 4);
    memcpy(&transfer->shift, head + 4, 4);
    CHECK(transfer->len <= LEN_MAX);
    return 0;
}

static void serve(void *arg)
{
    struct transfer transfer = {0};
    io_init(&transfer.io, NULL);
    CHECK(io_open(&transfer.io, (int)(intptr_t)arg) == 0);
    if (read_head(&transfer) == 0)
        (void)exchange_patterns(&transfer);
    io_close(&transfer.io);
}

static void accept_one(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    (void)peer;
    CHECK(fiber_start(serve, (void *)(intptr_t)fd, NULL) == 0);
}

static void server_main(void *arg)
{
    (void)arg;
    struct kernel *kernel = sim_machine_kernel(sim_machine_current());
    struct acceptor acceptor;
    struct address any;
    CHECK(address_from_ip(SLICE("0.0.0.0"), PORT, &any) == 0);
    int fd = kernel->ops->listen(kernel, &any, 8, false);
    CHECK(fd >= 0 && acceptor_start(&acceptor, fd, accept_one) == 0);
    while (fiber_wait(FIBER_FOREVER) == 0)
        ;
    acceptor_stop(&acceptor);
    kernel->ops->close(kernel, fd);
}

static const char *const server_ips[SERVERS_MAX] = {"10.0.0.2", "10.0.0.3", "10.0.0.4"};

static int transfer_once(void)
{
    struct prng *prng = &test.run->prng;
    struct transfer transfer = {
        .len = (uint32_t)prng_below(prng, LEN_MAX + 1),
        .shift = (uint32_t)prng_next(prng),
    };
    struct address address;
    const char *ip = server_ips[prng_below(prng, (uint64_t)test.servers)];
    CHECK(address_from_ip(slice_of_cstr(ip), PORT, &address) == 0);
    io_init(&transfer.io, NULL);
    int rc = io_connect_wait(&transfer.io, &address, loop_deadline(PATIENCE_MS));
    if (rc < 0)
        return rc;
    char head[HEAD_BYTES];
    memcpy(head, &transfer.len, 4);
    memcpy(head + 4, &transfer.shift, 4);
    struct iovec part = {head, sizeof head};
    rc = io_write_all(&transfer.io, &part, 1, PATIENCE_MS);
    if (rc == 0)
        rc = exchange_patterns(&transfer);
    io_close(&transfer.io);
    return rc;
}

static bool is_network_error(int rc)
{
    return rc == -ECONNRESET || rc == -EPIPE || rc == -ETIMEDOUT || rc == -ECONNREFUSED ||
           rc == -ECONNABORTED;
}

static void client(void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++) {
        int rc = transfer_once();
        CHECK(rc == 0 || is_network_error(rc));
        CHECK(rc == 0 || !test.is_calm);
        rc == 0 ? test.succeeded++ : test.failed++;
    }
    test.clients_left--;
}

static void run_clients(int count)
{
    test.clients_left = count;
    for (int i = 0; i < count; i++)
        CHECK(fiber_start(client, NULL, NULL) == 0);
    for (int64_t until = loop_deadline(86400000); test.clients_left > 0;) {
        CHECK(loop_now_ms() < until);
        if (fiber_sleep(100) < 0)
            return;
    }
}

static void scenario(void *arg)
{
    test.run = arg;
    test.is_calm = false;
    test.servers = 1 + (int)prng_below(&test.run->prng, SERVERS_MAX);
    for (int i = 0; i < test.servers; i++)
        CHECK(sim_machine_start(server_ips[i], server_main, NULL, NULL) == 0);
    run_clients(1 + (int)prng_below(&test.run->prng, CLIENTS_MAX));
    sim_set_faults(sim_world_sim(), NULL);
    sim_heal(sim_world_sim());
    if (fiber_sleep(200000) < 0) /* what still hangs times out */
        return;
    test.is_calm = true;
    run_clients(3);
}

int main(int argc, char **argv)
{
    return sim_runner(argc, argv, "transfer", scenario);
}
