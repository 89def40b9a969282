/* Blocks, their budget, and the date of a thread. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "http/worker.h"
#include "os/kernel.h"
#include "os/loop.h"
#include "os/sim.h"

static struct sim *sim;
static struct loop *loop;
static struct worker worker;

static int begin(void **state)
{
    (void)state;
    struct kernel *kernel;
    assert_int_equal(sim_create(1, NULL, &sim), 0);
    assert_int_equal(sim_host_create(sim, "10.0.0.1", &kernel), 0);
    assert_int_equal(loop_create(kernel, &loop), 0);
    worker_init(&worker, 3, 7, 2 * BLOCK_LARGE_BYTES);
    return 0;
}

static int end(void **state)
{
    (void)state;
    worker_finish(&worker);
    assert_null(worker_current());
    loop_destroy(loop);
    sim_destroy(sim);
    return 0;
}

static void a_worker_is_found_on_its_thread(void **state)
{
    (void)state;
    assert_ptr_equal(worker_current(), &worker);
    assert_int_equal(worker.number, 3);
}

static void the_block_given_back_last_is_taken_first(void **state)
{
    (void)state;
    char *a = block_take(BLOCK_SMALL), *b = block_take(BLOCK_SMALL);
    assert_true(a != NULL && b != NULL && a != b);
    memset(a, 'a', BLOCK_SMALL_BYTES);
    memset(b, 'b', BLOCK_SMALL_BYTES);
    block_give(a, BLOCK_SMALL);
    block_give(b, BLOCK_SMALL);
    assert_ptr_equal(block_take(BLOCK_SMALL), b);
    assert_ptr_equal(block_take(BLOCK_SMALL), a);
    block_give(a, BLOCK_SMALL);
    block_give(b, BLOCK_SMALL);
    block_give(NULL, BLOCK_SMALL);
    assert_int_equal(worker.idle_count[BLOCK_SMALL], 2);
    assert_int_equal(worker.block_bytes, 2 * BLOCK_SMALL_BYTES);
}

static void the_two_sizes_are_kept_apart(void **state)
{
    (void)state;
    char *small = block_take(BLOCK_SMALL);
    block_give(small, BLOCK_SMALL);
    char *large = block_take(BLOCK_LARGE);
    assert_ptr_not_equal(large, small);
    memset(large, 'x', BLOCK_LARGE_BYTES);
    block_give(large, BLOCK_LARGE);
    assert_int_equal(worker.idle_count[BLOCK_SMALL], 1);
    assert_int_equal(worker.idle_count[BLOCK_LARGE], 1);
}

static void beyond_the_budget_there_are_no_blocks(void **state)
{
    (void)state;
    char *a = block_take(BLOCK_LARGE), *b = block_take(BLOCK_LARGE);
    assert_true(a != NULL && b != NULL);
    assert_null(block_take(BLOCK_LARGE));
    assert_null(block_take(BLOCK_SMALL));
    assert_int_equal(counter_read(&worker.counters.blocks_refused), 2);
    block_give(a, BLOCK_LARGE);
    assert_null(block_take(BLOCK_SMALL)); /* an idle block of another size is still in the budget */
    assert_ptr_equal(block_take(BLOCK_LARGE), a);
    block_give(a, BLOCK_LARGE);
    block_give(b, BLOCK_LARGE);
}

static void a_heap_without_memory_is_as_a_budget_used_up(void **state)
{
    (void)state;
    memory_fail_from(1);
    assert_null(block_take(BLOCK_SMALL));
    memory_fail_from(0);
    assert_int_equal(counter_read(&worker.counters.blocks_refused), 1);
    assert_int_equal(worker.block_bytes, 0);
}

static void of_many_idle_blocks_only_some_are_kept(void **state)
{
    (void)state;
    enum { TAKEN = 70, KEPT = 64 };
    char *taken[TAKEN];
    worker.block_bytes_max = TAKEN * (size_t)BLOCK_LARGE_BYTES;
    for (int i = 0; i < TAKEN; i++) {
        taken[i] = block_take(BLOCK_LARGE);
        assert_non_null(taken[i]);
    }
    assert_null(block_take(BLOCK_LARGE));
    for (int i = 0; i < TAKEN; i++)
        block_give(taken[i], BLOCK_LARGE);
    assert_int_equal(worker.idle_count[BLOCK_LARGE], KEPT);
    assert_int_equal(worker.block_bytes, KEPT * BLOCK_LARGE_BYTES);
}

static void check_date(int64_t expected_s)
{
    char expected[HTTP_DATE_BYTES];
    http_date_write(expected, expected_s);
    assert_true(slice_equal(worker_date(), slice_of(expected, sizeof expected)));
}

static void watch_dates(void *arg)
{
    (void)arg;
    int64_t began_s = loop_wall_us() / 1000000;
    check_date(began_s);
    sim_jump_wall_clock(sim, 86400 * INT64_C(1000000));
    check_date(began_s); /* not yet seen */
    assert_int_equal(fiber_sleep(10), 0);
    assert_in_range(loop_wall_us() / 1000000, began_s + 86400, began_s + 86401);
    check_date(loop_wall_us() / 1000000);
    loop_stop(loop);
}

static void of_huge_blocks_there_are_a_few_and_then_large_ones(void **state)
{
    (void)state;
    static char *taken[BLOCKS_HUGE_MAX];
    uint8_t size;
    worker.block_bytes_max = (BLOCKS_HUGE_MAX + 1) * (size_t)BLOCK_HUGE_BYTES;
    for (int i = 0; i < BLOCKS_HUGE_MAX; i++) {
        taken[i] = block_take_bulk(&size);
        assert_non_null(taken[i]);
        assert_int_equal(size, BLOCK_HUGE);
        memset(taken[i], 'x', BLOCK_HUGE_BYTES);
    }
    char *large = block_take_bulk(&size);
    assert_non_null(large);
    assert_int_equal(size, BLOCK_LARGE);
    block_give(large, BLOCK_LARGE);
    for (int i = 0; i < BLOCKS_HUGE_MAX; i++)
        block_give(taken[i], BLOCK_HUGE);
    assert_true(worker.idle_count[BLOCK_HUGE] > 0);
    assert_int_equal(worker.huge_count, worker.idle_count[BLOCK_HUGE]);
    assert_int_equal(counter_read(&worker.counters.blocks_refused), 0);
}

static void where_the_budget_has_no_huge_block_there_is_a_large_one(void **state)
{
    (void)state;
    uint8_t size;
    char *large = block_take_bulk(&size);
    assert_non_null(large);
    assert_int_equal(size, BLOCK_LARGE);
    block_give(large, BLOCK_LARGE);
    assert_int_equal(counter_read(&worker.counters.blocks_refused), 0);
}

static void the_date_follows_the_wall_clock(void **state)
{
    (void)state;
    assert_int_equal(fiber_start(watch_dates, NULL, NULL), 0);
    assert_int_equal(loop_run(loop), 0);
}

static void counters_are_added_to_and_taken_from(void **state)
{
    (void)state;
    uint64_t counter = 0;
    counter_add(&counter, 5);
    counter_subtract(&counter, 2);
    assert_int_equal(counter_read(&counter), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_worker_is_found_on_its_thread),
        TEST(the_block_given_back_last_is_taken_first),
        TEST(the_two_sizes_are_kept_apart),
        TEST(beyond_the_budget_there_are_no_blocks),
        TEST(a_heap_without_memory_is_as_a_budget_used_up),
        TEST(of_many_idle_blocks_only_some_are_kept),
        TEST(of_huge_blocks_there_are_a_few_and_then_large_ones),
        TEST(where_the_budget_has_no_huge_block_there_is_a_large_one),
        TEST(the_date_follows_the_wall_clock),
        TEST(counters_are_added_to_and_taken_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
