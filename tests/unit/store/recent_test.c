#include "unit.h"

#include "store/recent.h"

#include <stdio.h>

#define BYTES_MAX ((size_t)64 << 10)
#define KEYS      4096

static struct slice name(char *room, size_t size, unsigned number)
{
    (void)snprintf(room, size, "key/%u", number);
    return slice_of_cstr(room);
}

static void change(struct recent *recent, unsigned number, uint64_t sequence)
{
    char room[32];
    struct version version = {.bucket = 1, .key = name(room, sizeof room, number)};
    struct object *object = object_create(&version);
    assert_non_null(object);
    assert_int_equal(recent_change(recent, 1, version.key, sequence, RECENT_OBJECT, object), 0);
    object_unref(object);
}

static enum recent_answer answer_of(struct recent *recent, unsigned number)
{
    char room[32];
    struct recent_found found;
    recent_find(recent, 1, name(room, sizeof room, number), &found);
    object_unref(found.object);
    return found.answer;
}

static void settle(struct recent *recent, unsigned number, uint64_t sequence)
{
    char room[32];
    recent_settle(recent, 1, name(room, sizeof room, number), sequence);
}

/* Far more than the budget: all of it stays while the index has none of it, and goes afterwards. */
static void what_the_index_lacks_stays(void **state)
{
    (void)state;
    struct recent *recent;
    struct recent_stats stats;
    assert_int_equal(recent_create(BYTES_MAX, &recent), 0);
    for (unsigned i = 0; i < KEYS; i++)
        change(recent, i, i + 1);
    recent_stats_read(recent, &stats);
    assert_int_equal(stats.items, KEYS);
    assert_true(stats.bytes > BYTES_MAX);
    for (unsigned i = 0; i < KEYS; i++)
        assert_int_equal(answer_of(recent, i), RECENT_OBJECT);
    for (unsigned i = 0; i < KEYS; i++)
        settle(recent, i, i + 1);
    recent_stats_read(recent, &stats);
    assert_true(stats.bytes <= BYTES_MAX);
    recent_destroy(recent);
}

/* Settled, changed again before it went, settled by the older change: it is held all the same. */
static void an_older_change_does_not_settle_a_later_one(void **state)
{
    (void)state;
    struct recent *recent;
    assert_int_equal(recent_create(BYTES_MAX, &recent), 0);
    change(recent, 0, 1);
    settle(recent, 0, 1);
    settle(recent, 0, 1);
    change(recent, 0, 2);
    change(recent, 0, 3);
    settle(recent, 0, 2);
    for (unsigned i = 1; i < KEYS; i++) {
        change(recent, i, i + 3);
        settle(recent, i, i + 3);
    }
    assert_int_equal(answer_of(recent, 0), RECENT_OBJECT);
    struct recent_stats stats;
    settle(recent, 0, 3);
    recent_stats_read(recent, &stats);
    assert_true(stats.bytes <= BYTES_MAX);
    recent_destroy(recent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_index_lacks_stays),
        cmocka_unit_test(an_older_change_does_not_settle_a_later_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
