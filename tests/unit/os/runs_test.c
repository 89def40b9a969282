/* Whatever the pieces, each reader gets all that was added, in order. */
#include "unit.h"

#include "base/hash.h"
#include "os/kernel.h"
#include "os/offload.h"
#include "os/runs.h"

#include <sched.h>

#define RUN_BYTES 64
#define BYTES     20000

struct taken {
    char bytes[BYTES];
    size_t len;
    unsigned runs;
    unsigned yields; /* after each run: a slow reader */
    bool had_short_run;
};

struct passing {
    char sent[BYTES];
    struct taken taken[RUNS_READERS_MAX];
    struct loop *loop;
    struct prng prng;
    bool fills_room;
};

static void take(void *arg, struct slice run)
{
    struct taken *taken = arg;
    assert_false(taken->had_short_run); /* only the last one is */
    taken->had_short_run = run.len < RUN_BYTES;
    assert_true(run.len <= sizeof taken->bytes - taken->len);
    memcpy(taken->bytes + taken->len, run.at, run.len);
    taken->len += run.len;
    taken->runs++;
    for (unsigned i = 0; i < taken->yields; i++)
        (void)sched_yield();
}

static size_t add(struct passing *passing, struct runs *runs, struct slice left)
{
    size_t len = 1 + (size_t)prng_below(&passing->prng, 3 * RUN_BYTES);
    struct slice piece = slice_first(left, len);
    if (passing->fills_room) {
        size_t room_len;
        char *room = runs_room(runs, &room_len);
        assert_non_null(room);
        piece = slice_first(piece, room_len);
        memcpy(room, piece.at, piece.len);
        assert_int_equal(runs_add(runs, slice_of(room, piece.len)), 0);
    } else {
        assert_int_equal(runs_add(runs, piece), 0);
    }
    return piece.len;
}

static void pass(void *arg)
{
    struct passing *passing = arg;
    struct runs *runs = NULL;
    for (size_t i = 0; i < BYTES; i++)
        passing->sent[i] = (char)prng_next(&passing->prng);
    assert_int_equal(runs_create(RUN_BYTES, &runs), 0);
    for (unsigned i = 0; i < RUNS_READERS_MAX; i++) {
        passing->taken[i] = (struct taken){.yields = 3 * i};
        assert_int_equal(runs_add_reader(runs, take, &passing->taken[i]), i);
    }
    struct slice left = slice_of(passing->sent, sizeof passing->sent);
    while (left.len > 0)
        left = slice_from(left, add(passing, runs, left));
    runs_end(runs);
    for (unsigned i = 0; i < RUNS_READERS_MAX; i++) {
        runs_await(runs, i);
        assert_int_equal(passing->taken[i].len, BYTES);
        assert_memory_equal(passing->taken[i].bytes, passing->sent, BYTES);
        assert_int_equal(passing->taken[i].runs, (BYTES + RUN_BYTES - 1) / RUN_BYTES);
    }
    runs_destroy(runs);
    if (passing->loop != NULL)
        loop_stop(passing->loop);
}

static void pass_on_a_loop(struct kernel *kernel, struct passing *passing)
{
    assert_int_equal(loop_create(kernel, &passing->loop), 0);
    assert_int_equal(fiber_start(pass, passing, NULL), 0);
    assert_int_equal(loop_run(passing->loop), 0);
    loop_destroy(passing->loop);
    passing->loop = NULL;
}

static void each_reader_gets_all_beside_the_fiber(void **state)
{
    (void)state;
    static struct passing passing;
    assert_int_equal(offload_start(3), 0);
    for (unsigned seed = 0; seed < 50; seed++) {
        struct kernel *kernel = NULL;
        prng_init(&passing.prng, seed);
        passing.fills_room = seed % 2 == 1;
        assert_int_equal(kernel_real_create(&kernel), 0);
        pass_on_a_loop(kernel, &passing);
        kernel_real_destroy(kernel);
    }
    offload_stop();
}

static void a_thread_without_a_loop_does_it_all(void **state)
{
    (void)state;
    static struct passing passing;
    prng_init(&passing.prng, 1);
    pass(&passing);
    passing.fills_room = true;
    pass(&passing);
}

/* As when a client leaves: what was given is read before the readers' memory goes. */
static void leave_half_way(void *arg)
{
    struct passing *passing = arg;
    struct runs *runs = NULL;
    assert_int_equal(runs_create(RUN_BYTES, &runs), 0);
    passing->taken[0] = (struct taken){.yields = 50};
    (void)runs_add_reader(runs, take, &passing->taken[0]);
    assert_int_equal(runs_add(runs, slice_of(passing->sent, (size_t)3 * RUN_BYTES + 10)), 0);
    runs_destroy(runs);
    assert_int_equal(passing->taken[0].runs, 3);
    loop_stop(passing->loop);
}

static void the_end_awaits_the_readers(void **state)
{
    (void)state;
    static struct passing passing;
    struct kernel *kernel = NULL;
    assert_int_equal(offload_start(1), 0);
    assert_int_equal(kernel_real_create(&kernel), 0);
    assert_int_equal(loop_create(kernel, &passing.loop), 0);
    assert_int_equal(fiber_start(leave_half_way, &passing, NULL), 0);
    assert_int_equal(loop_run(passing.loop), 0);
    loop_destroy(passing.loop);
    kernel_real_destroy(kernel);
    offload_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reader_gets_all_beside_the_fiber),
        cmocka_unit_test(a_thread_without_a_loop_does_it_all),
        cmocka_unit_test(the_end_awaits_the_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
