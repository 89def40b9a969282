#include "unit.h"

#include "base/hash.h"
#include "base/wheel.h"

#define TIMERS 300

static int64_t fire_due(struct wheel *wheel, int64_t now_ms, int64_t *fired_at)
{
    struct list due;
    list_init(&due);
    int64_t fired = 0;
    wheel_advance(wheel, now_ms, &due);
    while (!list_is_empty(&due)) {
        struct wheel_timer *timer = CONTAINER_OF(due.next, struct wheel_timer, link);
        list_remove(&timer->link);
        if (fired_at != NULL)
            *fired_at = timer->deadline_ms;
        fired++;
    }
    return fired;
}

/* Random deadlines from a millisecond to years: never early, never passed over. */
static void each_timer_fires_once_in_its_time(void **state)
{
    (void)state;
    static struct wheel wheel;
    static struct wheel_timer timers[TIMERS];
    struct prng prng;
    prng_init(&prng, 7);
    int64_t now = 123456789;
    wheel_init(&wheel, now);
    for (int i = 0; i < TIMERS; i++) {
        wheel_timer_init(&timers[i]);
        wheel_arm(&wheel, &timers[i], now + (int64_t)(prng_next(&prng) >> (24 + i % 40)));
    }
    for (int i = 0; i < TIMERS; i += 5)
        wheel_cancel(&timers[i]);
    int64_t fired = 0;
    for (;;) {
        int64_t next = wheel_next_ms(&wheel);
        if (next == INT64_MAX)
            break;
        assert_true(next > now);
        now = next;
        int64_t due_at = now;
        fired += fire_due(&wheel, now, &due_at);
        assert_true(due_at <= now);
        for (int i = 0; i < TIMERS; i++)
            assert_true(!wheel_timer_is_armed(&timers[i]) || timers[i].deadline_ms > now);
    }
    assert_int_equal(fired, TIMERS - TIMERS / 5);
}

static void a_jump_fires_all_that_lies_between(void **state)
{
    (void)state;
    static struct wheel wheel;
    static struct wheel_timer timers[TIMERS];
    wheel_init(&wheel, 0);
    for (int i = 0; i < TIMERS; i++) {
        wheel_timer_init(&timers[i]);
        wheel_arm(&wheel, &timers[i], i * 37);
    }
    assert_int_equal(fire_due(&wheel, TIMERS * 37, NULL), TIMERS);
    wheel_arm(&wheel, &timers[0], 5);
    assert_int_equal(fire_due(&wheel, TIMERS * 37 + 1, NULL), 1);
}

static void arming_again_moves_the_deadline(void **state)
{
    (void)state;
    static struct wheel wheel;
    struct wheel_timer timer;
    wheel_init(&wheel, 1000);
    wheel_timer_init(&timer);
    wheel_arm(&wheel, &timer, 1010);
    wheel_arm(&wheel, &timer, 90000);
    assert_int_equal(fire_due(&wheel, 89999, NULL), 0);
    assert_int_equal(fire_due(&wheel, 90000, NULL), 1);
    assert_false(wheel_timer_is_armed(&timer));
}

/* Moved on and back at random while time passes, as guards of idle connections are. */
static void a_timer_that_is_moved_often_fires_at_its_last_deadline(void **state)
{
    (void)state;
    static struct wheel wheel;
    static struct wheel_timer timers[TIMERS];
    struct prng prng;
    prng_init(&prng, 11);
    int64_t now = 1000;
    wheel_init(&wheel, now);
    for (int i = 0; i < TIMERS; i++)
        wheel_timer_init(&timers[i]);
    for (int round = 0; round < 20000; round++) {
        struct wheel_timer *moved = &timers[prng_below(&prng, TIMERS)];
        wheel_arm(&wheel, moved, now + (int64_t)prng_below(&prng, UINT64_C(1) << (round % 20)));
        now += 1 + (int64_t)prng_below(&prng, 30);
        int64_t fired_at = now;
        (void)fire_due(&wheel, now, &fired_at);
        assert_true(fired_at <= now);
        for (int i = 0; i < TIMERS; i++)
            assert_true(!wheel_timer_is_armed(&timers[i]) || timers[i].deadline_ms > now);
    }
    (void)fire_due(&wheel, now + (1 << 21), NULL);
    assert_int_equal(wheel_next_ms(&wheel), INT64_MAX);
}

static void a_timer_can_be_moved_to_an_earlier_deadline(void **state)
{
    (void)state;
    static struct wheel wheel;
    struct wheel_timer timer;
    wheel_init(&wheel, 0);
    wheel_timer_init(&timer);
    wheel_arm(&wheel, &timer, 5000);
    wheel_arm(&wheel, &timer, 70000);
    wheel_arm(&wheel, &timer, 6000);
    wheel_arm(&wheel, &timer, 40);
    assert_int_equal(fire_due(&wheel, 39, NULL), 0);
    assert_int_equal(fire_due(&wheel, 40, NULL), 1);
    assert_int_equal(fire_due(&wheel, 100000, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_timer_fires_once_in_its_time),
        cmocka_unit_test(a_jump_fires_all_that_lies_between),
        cmocka_unit_test(arming_again_moves_the_deadline),
        cmocka_unit_test(a_timer_that_is_moved_often_fires_at_its_last_deadline),
        cmocka_unit_test(a_timer_can_be_moved_to_an_earlier_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
