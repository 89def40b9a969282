/*
 * One address costs what io_connect_wait costs. Of several at most a few are under way at one time;
 * the fiber waits for whichever says something first, woken by their on_ready.
 */
#include "os/dial.h"

#include "base/cleanup.h"
#include "os/fiber.h"

#include <assert.h>
#include <errno.h>

struct attempt {
    struct io io;
    struct dial *dial; /* borrowed */
    unsigned which;
};

struct dial {
    struct attempt attempts[DIAL_ADDRESSES_MAX];
    struct fiber *fiber; /* borrowed; while it waits */
    unsigned order[DIAL_ADDRESSES_MAX];
    unsigned count;
    unsigned begun;     /* of `order` */
    unsigned under_way; /* of those */
    int64_t next_ms;    /* when the next one begins beside them */
    int last_error;
    unsigned last_which;
};

static void ready(struct io *io)
{
    struct dial *dial = CONTAINER_OF(io, struct attempt, io)->dial;
    if (dial->fiber != NULL)
        fiber_wake(dial->fiber);
}

/* The families in turn, beginning with that of the first; within one in the order given. */
static void arrange(struct dial *dial, const struct address *addresses)
{
    bool is_taken[DIAL_ADDRESSES_MAX] = {false};
    sa_family_t family = addresses[0].any.sa_family;
    for (unsigned at = 0; at < dial->count; at++) {
        unsigned next = 0, other = dial->count;
        for (; next < dial->count; next++) {
            if (is_taken[next])
                continue;
            if (addresses[next].any.sa_family == family)
                break;
            if (other == dial->count)
                other = next;
        }
        if (next == dial->count)
            next = other;
        is_taken[next] = true;
        dial->order[at] = next;
        family = addresses[next].any.sa_family == AF_INET6 ? AF_INET : AF_INET6;
    }
}

static void fail(struct dial *dial, struct attempt *attempt, int rc)
{
    io_close(&attempt->io);
    dial->last_error = rc;
    dial->last_which = attempt->which;
}

/* The next address. False: there is none left. */
static bool begin_next(struct dial *dial, const struct address *addresses)
{
    while (dial->begun < dial->count) {
        struct attempt *attempt = &dial->attempts[dial->begun];
        attempt->dial = dial;
        attempt->which = dial->order[dial->begun++];
        io_init(&attempt->io, ready);
        int rc = io_connect(&attempt->io, &addresses[attempt->which]);
        if (rc == 0) {
            dial->under_way++;
            return true;
        }
        fail(dial, attempt, rc);
    }
    return false;
}

/* One that is connected, or NULL; those that have failed are closed. */
static struct attempt *look(struct dial *dial)
{
    for (unsigned i = 0; i < dial->begun; i++) {
        struct attempt *attempt = &dial->attempts[i];
        if (!io_is_open(&attempt->io) || (attempt->io.ready & IO_WRITABLE) == 0)
            continue;
        int rc = io_connected(&attempt->io);
        if (rc == 0)
            return attempt;
        fail(dial, attempt, rc);
        dial->under_way--;
        dial->next_ms = 0;
    }
    return NULL;
}

static int run(struct dial *dial, const struct address *addresses, int64_t deadline_ms,
               struct attempt **ret_attempt)
{
    for (;;) {
        struct attempt *attempt = look(dial);
        if (attempt != NULL) {
            *ret_attempt = attempt;
            return 0;
        }
        if (loop_now_ms() >= dial->next_ms) {
            bool has_begun = begin_next(dial, addresses);
            if (!has_begun && dial->under_way == 0)
                return dial->last_error;
            dial->next_ms = has_begun ? loop_deadline(DIAL_STAGGER_MS) : FIBER_FOREVER;
            continue;
        }
        dial->fiber = fiber_current();
        int rc = fiber_wait(dial->next_ms < deadline_ms ? dial->next_ms : deadline_ms);
        dial->fiber = NULL;
        if (rc == -ECANCELED || (rc == -ETIMEDOUT && loop_now_ms() >= deadline_ms))
            return rc;
    }
}

/* Takes `winner` (may be NULL) out to `io` and closes all others. */
static void finish(struct dial *dial, struct attempt *winner, struct io *io)
{
    if (winner != NULL)
        io_move(io, &winner->io, io->on_ready);
    for (unsigned i = 0; i < dial->begun; i++)
        io_close(&dial->attempts[i].io);
}

int dial_addresses(const struct address *addresses, unsigned count, int64_t deadline_ms,
                   struct io *io, unsigned *ret_which)
{
    assert(count > 0);
    *ret_which = 0;
    if (LIKELY(count == 1))
        return io_connect_wait(io, &addresses[0], deadline_ms);
    struct dial dial = {.count = count < DIAL_ADDRESSES_MAX ? count : DIAL_ADDRESSES_MAX};
    struct attempt *winner = NULL;
    arrange(&dial, addresses);
    int rc = run(&dial, addresses, deadline_ms, &winner);
    *ret_which = winner == NULL ? dial.last_which : winner->which;
    finish(&dial, winner, io);
    return rc;
}
