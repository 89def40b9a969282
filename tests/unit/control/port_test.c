#include "unit.h"

#include "control/port.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static void ports_lie_outside_the_ephemeral_range(void **state)
{
    (void)state;
    static const struct {
        uint16_t first, last;
    } ranges[] = {{32768, 60999}, {1024, 65535}, {15000, 60999}, {20500, 60000}, {10000, 65535}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        struct port_chooser chooser;
        port_chooser_init_beside(&chooser, SLICE("/srv/notes"), ranges[i].first, ranges[i].last);
        assert_true(chooser.first >= 1024 && chooser.first < chooser.last);
        assert_in_range(chooser.next, chooser.first, chooser.last);
        bool is_everything = ranges[i].first <= 1024;
        assert_true(is_everything || chooser.last < ranges[i].first ||
                    chooser.first > ranges[i].last);
    }
}

static void each_choice_is_another_and_goes_round(void **state)
{
    (void)state;
    struct port_chooser chooser;
    port_chooser_init_beside(&chooser, SLICE("x"), 32768, 60999);
    uint16_t first = port_choose(&chooser), second = port_choose(&chooser);
    assert_int_not_equal(first, second);
    chooser.next = chooser.last;
    (void)port_choose(&chooser);
    assert_int_equal(chooser.next, chooser.first);
}

static void a_port_somebody_listens_on_is_passed_over(void **state)
{
    (void)state;
    struct port_chooser chooser;
    port_chooser_init(&chooser, SLICE("y"));
    uint16_t port = port_choose(&chooser);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    chooser.next = port;
    assert_int_not_equal(port_choose(&chooser), port);
    chooser.first = chooser.last = chooser.next = port;
    assert_int_equal(port_choose(&chooser), 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_lie_outside_the_ephemeral_range),
        cmocka_unit_test(each_choice_is_another_and_goes_round),
        cmocka_unit_test(a_port_somebody_listens_on_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
