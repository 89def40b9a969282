/* Kept connections by destination: found again, bounded, the longest unused going first. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "edge/proxy/destinations.h"

#include <stdio.h>

static struct address address_of(const char *host, uint16_t port)
{
    struct address address;
    assert_int_equal(address_from_ip(slice_of_cstr(host), port, &address), 0);
    return address;
}

static void a_destination_is_an_address_and_a_port(void **state)
{
    struct destinations destinations;
    (void)state;
    destinations_init(&destinations, (struct hash_key){1, 2});
    struct address addresses[] = {address_of("192.0.2.1", 80), address_of("192.0.2.1", 81),
                                  address_of("192.0.2.2", 80), address_of("2001:db8::1", 80)};
    struct destination *taken[4];
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        assert_null(destination_find(&destinations, &addresses[i]));
        taken[i] = destination_take(&destinations, &addresses[i]);
        assert_non_null(taken[i]);
    }
    assert_int_equal(destinations.count, 4);
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        assert_ptr_equal(destination_find(&destinations, &addresses[i]), taken[i]);
        assert_int_equal(taken[i]->users, 2);
        destination_release(taken[i]);
        destination_release(taken[i]);
    }
    destinations_finish(&destinations);
}

static void the_longest_unused_makes_room_but_never_one_in_use(void **state)
{
    struct destinations destinations;
    (void)state;
    destinations_init(&destinations, (struct hash_key){1, 2});
    struct address held = address_of("192.0.2.1", 1), first = address_of("192.0.2.1", 2);
    struct destination *kept = destination_take(&destinations, &held);
    for (unsigned port = 2; port <= DESTINATIONS_MAX + 10; port++) {
        struct address address = address_of("192.0.2.1", (uint16_t)port);
        struct destination *one = destination_take(&destinations, &address);
        assert_non_null(one);
        destination_release(one);
        assert_true(destinations.count <= DESTINATIONS_MAX);
    }
    assert_null(destination_find(&destinations, &first));
    assert_ptr_equal(destination_find(&destinations, &held), kept);
    destination_release(kept);
    destination_release(kept);
    destinations_finish(&destinations);
}

static void every_allocation_may_fail(void **state)
{
    struct destinations destinations;
    struct address address = address_of("192.0.2.1", 80);
    struct destination *taken = NULL;
    (void)state;
    destinations_init(&destinations, (struct hash_key){1, 2});
    for (long nth = 1; taken == NULL; nth++) {
        assert_true(nth < 20);
        memory_fail_from(nth);
        taken = destination_take(&destinations, &address);
        memory_fail_from(0);
    }
    destination_release(taken);
    destinations_finish(&destinations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_destination_is_an_address_and_a_port),
        cmocka_unit_test(the_longest_unused_makes_room_but_never_one_in_use),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
