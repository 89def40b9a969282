/* Whose requests count together, and how limiters are found again. */
#include "unit.h"

#include "edge/policy/limiter.h"
#include "http/exchange.h"

static struct exchange exchange_of(const char *client, const char *user, struct field *field)
{
    struct exchange exchange = {.client = slice_of_cstr(client)};
    exchange.notes.user = slice_of_cstr(user);
    exchange.request.fields = (struct fields){field, field == NULL ? 0 : 1, 1};
    return exchange;
}

static bool is_same(enum conf_limit_by by, const struct exchange *a, const struct exchange *b)
{
    const struct conf_limit_key key = {by, SLICE("X-Key")};
    char room_a[LIMITER_KEY_BYTES], room_b[LIMITER_KEY_BYTES];
    return slice_equal(limiter_key(a, &key, room_a), limiter_key(b, &key, room_b));
}

static void keys_tell_clients_apart(void **state)
{
    (void)state;
    struct exchange a = exchange_of("10.0.0.1", "", NULL), b = exchange_of("10.0.0.2", "", NULL);
    struct exchange v6a = exchange_of("2001:db8:1:2::1", "", NULL);
    struct exchange v6b = exchange_of("2001:db8:1:2:ff::9", "", NULL);
    struct exchange v6c = exchange_of("2001:db8:1:3::1", "", NULL);
    assert_true(is_same(CONF_LIMIT_BY_ALL, &a, &b));
    assert_false(is_same(CONF_LIMIT_BY_ADDRESS, &a, &b));
    assert_true(is_same(CONF_LIMIT_BY_ADDRESS, &v6a, &v6b));
    assert_false(is_same(CONF_LIMIT_BY_ADDRESS, &v6a, &v6c));
}

static void users_and_fields_are_no_addresses(void **state)
{
    (void)state;
    struct field key = {SLICE("x-key"), SLICE("10.0.0.1"), FIELD_OTHER};
    struct exchange a = exchange_of("10.0.0.1", "", NULL), b = exchange_of("10.0.0.2", "", &key);
    struct exchange c = exchange_of("10.0.0.3", "10.0.0.1", &key);
    assert_false(is_same(CONF_LIMIT_BY_HEADER, &a, &b));
    assert_true(is_same(CONF_LIMIT_BY_HEADER, &b, &c));
    assert_false(is_same(CONF_LIMIT_BY_USER, &a, &c));
    assert_true(is_same(CONF_LIMIT_BY_USER, &c, &c));
}

static void a_limiter_is_found_again_by_its_identity(void **state)
{
    (void)state;
    struct conf_rate_limit conf = {true, {10, 1000}, 5, {CONF_LIMIT_BY_ADDRESS, SLICE("")}};
    struct limiter *first = limiter_take_rate(SLICE("shop"), 1, &conf);
    assert_non_null(first);
    assert_ptr_equal(limiter_take_rate(SLICE("shop"), 1, &conf), first);
    struct limiter *other_rule = limiter_take_rate(SLICE("shop"), 2, &conf);
    struct limiter *other_site = limiter_take_rate(SLICE("blog"), 1, &conf);
    conf.burst = 6;
    struct limiter *other_burst = limiter_take_rate(SLICE("shop"), 1, &conf);
    assert_ptr_not_equal(other_rule, first);
    assert_ptr_not_equal(other_site, first);
    assert_ptr_not_equal(other_burst, first);
    limiter_unref(other_rule);
    limiter_unref(other_site);
    limiter_unref(other_burst);
    limiter_unref(first);
    limiter_unref(first);
    limiter_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_tell_clients_apart),
        cmocka_unit_test(users_and_fields_are_no_addresses),
        cmocka_unit_test(a_limiter_is_found_again_by_its_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
