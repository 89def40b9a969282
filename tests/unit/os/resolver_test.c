/* The resolver over c-ares, asked of a tiny name server on the same loop. */
#include "hosts.h"

#include "os/file.h"
#include "os/io.h"
#include "os/kernel.h"
#include "os/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define TYPE_A    1
#define TYPE_AAAA 28
#define HEAD      12

enum behaviour { ANSWER, DENY, FAIL, STAY_SILENT, TRUNCATE };

static struct name_server {
    struct io udp;
    struct acceptor tcp;
    enum behaviour behaviour;
    unsigned a_count; /* addresses 192.0.2.1 and on */
    int asked_udp;
    int asked_tcp;
    uint16_t port;
} server;

static struct kernel *kernel;
static struct loop *loop;
static struct resolver *resolver;

static unsigned char *put16(unsigned char *at, unsigned value)
{
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
    return at + 2;
}

/* The type asked for; *ret_end is where the question ends. */
static unsigned read_question(const unsigned char *query, size_t len, size_t *ret_end)
{
    size_t at = HEAD;
    while (at < len && query[at] != 0)
        at += query[at] + 1u;
    assert_true(at + 5 <= len);
    *ret_end = at + 5;
    return (unsigned)query[at + 1] << 8 | query[at + 2];
}

static size_t make_reply(const unsigned char *query, size_t len, bool is_tcp, unsigned char *reply)
{
    size_t end;
    unsigned type = read_question(query, len, &end);
    unsigned count = type == TYPE_A && server.behaviour != DENY ? server.a_count : 0;
    unsigned flags = 0x8180;
    if (server.behaviour == DENY)
        flags |= 3;
    if (server.behaviour == FAIL)
        flags |= 2;
    if (server.behaviour == FAIL || (server.behaviour == TRUNCATE && !is_tcp))
        count = 0;
    if (server.behaviour == TRUNCATE && !is_tcp)
        flags |= 0x0200;
    memcpy(reply, query, end);
    unsigned char *at = put16(reply + 2, flags);
    at = put16(at, 1);
    at = put16(at, count);
    at = put16(at, 0);
    (void)put16(at, 0);
    at = reply + end;
    for (unsigned i = 0; i < count; i++) {
        at = put16(at, 0xc000 | HEAD);
        at = put16(at, TYPE_A);
        at = put16(at, 1);
        at = put16(put16(at, 0), 60); /* time to live */
        at = put16(at, 4);
        at = put16(put16(at, 192 << 8), 2 << 8 | (i + 1));
    }
    return (size_t)(at - reply);
}

static void serve_udp(struct io *io)
{
    unsigned char query[512], reply[512];
    struct sockaddr_in peer;
    socklen_t peer_len = sizeof peer;
    ssize_t got;
    while ((got = recvfrom(io->fd, query, sizeof query, MSG_DONTWAIT, (struct sockaddr *)&peer,
                           &peer_len)) > HEAD) {
        server.asked_udp++;
        if (server.behaviour == STAY_SILENT)
            continue;
        size_t len = make_reply(query, (size_t)got, false, reply);
        assert_int_equal(sendto(io->fd, reply, len, 0, (struct sockaddr *)&peer, peer_len), len);
    }
}

static void read_exactly(struct io *io, void *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t got = io_read_wait(io, (char *)bytes + at, len - at, loop_deadline(5000));
        assert_true(got > 0);
        at += (size_t)got;
    }
}

static void serve_tcp(void *arg)
{
    struct io io;
    unsigned char query[512], reply[514], len_bytes[2];
    io_init(&io, NULL);
    assert_int_equal(io_open(&io, *(int *)arg), 0);
    while (io_wait(&io, IO_READABLE, loop_deadline(5000)) > 0) {
        ssize_t got = io_read(&io, len_bytes, 1);
        if (got == 0)
            break;
        if (got == -EAGAIN)
            continue;
        assert_int_equal(got, 1);
        read_exactly(&io, len_bytes + 1, 1);
        size_t len = (size_t)len_bytes[0] << 8 | len_bytes[1];
        assert_true(len < sizeof query);
        read_exactly(&io, query, len);
        server.asked_tcp++;
        size_t reply_len = make_reply(query, len, true, reply + 2);
        (void)put16(reply, (unsigned)reply_len);
        struct iovec part = {reply, reply_len + 2};
        assert_int_equal(io_write_all(&io, &part, 1, 5000), 0);
    }
    io_close(&io);
}

static void accept_tcp(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    (void)peer;
    assert_int_equal(fiber_start(serve_tcp, &fd, NULL), 0); /* runs at once, and takes fd */
}

static void open_name_server(void)
{
    struct address address;
    assert_int_equal(address_from_ip(SLICE("127.0.0.1"), 0, &address), 0);
    int listening = kernel->ops->listen(kernel, &address, 16, false);
    assert_true(listening >= 0);
    assert_int_equal(kernel->ops->local_address(kernel, listening, &address), 0);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(udp, &address.any, address.len), 0);
    server = (struct name_server){.a_count = 1, .port = address_port(&address)};
    io_init(&server.udp, serve_udp);
    assert_int_equal(io_open(&server.udp, udp), 0);
    assert_int_equal(acceptor_start(&server.tcp, listening, accept_tcp), 0);
}

static int begin(void **state)
{
    (void)state;
    assert_int_equal(kernel_real_create(&kernel), 0);
    assert_int_equal(loop_create(kernel, &loop), 0);
    open_name_server();
    char servers[40];
    (void)snprintf(servers, sizeof servers, "127.0.0.1:%u", server.port);
    struct resolver_options options = {.servers = servers, .timeout_ms = 200, .tries = 1};
    assert_int_equal(resolver_create(&options, &resolver), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    resolver_destroy(resolver);
    int listening = server.tcp.listening_fd;
    acceptor_stop(&server.tcp);
    (void)close(listening);
    io_close(&server.udp);
    loop_destroy(loop);
    kernel_real_destroy(kernel);
    return 0;
}

static void run(fiber_main *main)
{
    assert_int_equal(fiber_start(main, NULL, NULL), 0);
    assert_int_equal(loop_run(loop), 0);
}

static int lookup(const char *name, struct address *ret_addresses, unsigned max)
{
    return resolver_lookup(resolver, slice_of_cstr(name), 8080, ret_addresses, max,
                           loop_deadline(5000));
}

static void assert_address(const struct address *address, const char *expected)
{
    char text[ADDRESS_TEXT_BYTES];
    (void)address_format(address, text);
    assert_string_equal(text, expected);
}

static void look_up_numbers(void *arg)
{
    (void)arg;
    struct address found;
    assert_int_equal(lookup("10.1.2.3", &found, 1), 1);
    assert_address(&found, "10.1.2.3:8080");
    assert_int_equal(lookup("::1", &found, 1), 1);
    assert_address(&found, "[::1]:8080");
    assert_int_equal(server.asked_udp, 0);
    loop_stop(loop);
}

static void numeric_addresses_ask_nobody(void **state)
{
    (void)state;
    run(look_up_numbers);
}

static void look_up_twice(void *arg)
{
    (void)arg;
    struct address found[4];
    server.a_count = 3;
    assert_int_equal(lookup("three.test", found, 4), 3);
    assert_address(&found[0], "192.0.2.1:8080");
    assert_address(&found[2], "192.0.2.3:8080");
    int asked = server.asked_udp;
    assert_true(asked > 0);
    server.a_count = 1;
    assert_int_equal(lookup("THREE.test", found, 2), 2);
    assert_int_equal(server.asked_udp, asked);
    loop_stop(loop);
}

static void an_answer_is_kept_for_its_time(void **state)
{
    (void)state;
    run(look_up_twice);
}

static void look_up_all(void *arg)
{
    (void)arg;
    struct resolver_answer answer;
    server.a_count = 3;
    assert_int_equal(
        resolver_lookup_all(resolver, SLICE("all.test"), 81, loop_deadline(5000), &answer), 3);
    assert_int_equal(answer.count, 3);
    assert_int_equal(answer.error, 0);
    assert_address(&answer.addresses[2], "192.0.2.3:81");
    assert_in_range(answer.fresh_until_ms - loop_now_ms(), 55000, 60000);

    assert_int_equal(resolver_lookup_all(resolver, SLICE("::1"), 81, loop_now_ms(), &answer), 1);
    assert_address(&answer.addresses[0], "[::1]:81");
    assert_true(answer.fresh_until_ms == INT64_MAX);

    server.behaviour = DENY;
    assert_int_equal(
        resolver_lookup_all(resolver, SLICE("gone.test"), 81, loop_deadline(5000), &answer),
        -ENOENT);
    loop_stop(loop);
}

static void an_answer_tells_how_long_it_holds(void **state)
{
    (void)state;
    run(look_up_all);
}

static int lookups_left;

static void look_up_shared(void *arg)
{
    (void)arg;
    struct address found;
    assert_int_equal(lookup("shared.test", &found, 1), 1);
    if (--lookups_left == 0)
        loop_stop(loop);
}

static void concurrent_lookups_share_one_query(void **state)
{
    (void)state;
    struct resolver_stats stats;
    lookups_left = 10;
    for (int i = 0; i < 9; i++)
        assert_int_equal(fiber_start(look_up_shared, NULL, NULL), 0);
    run(look_up_shared);
    resolver_stats_read(resolver, &stats);
    assert_int_equal(stats.lookups, 10);
    assert_int_equal(stats.queries, 1);
    assert_true(server.asked_udp <= 2); /* A and AAAA */
}

static void look_up_denied(void *arg)
{
    (void)arg;
    struct address found;
    server.behaviour = DENY;
    assert_int_equal(lookup("gone.test", &found, 1), -ENOENT);
    int asked = server.asked_udp;
    assert_int_equal(lookup("gone.test", &found, 1), -ENOENT);
    assert_int_equal(server.asked_udp, asked);
    server.behaviour = ANSWER;
    server.a_count = 0;
    assert_int_equal(lookup("empty.test", &found, 1), -ENOENT);
    loop_stop(loop);
}

static void a_denial_is_kept_a_short_while(void **state)
{
    (void)state;
    run(look_up_denied);
}

static void look_up_failing(void *arg)
{
    (void)arg;
    struct address found;
    server.behaviour = FAIL;
    assert_int_equal(lookup("failing.test", &found, 1), -EREMOTEIO);
    server.behaviour = STAY_SILENT;
    assert_int_equal(lookup("silent.test", &found, 1), -ETIMEDOUT);
    int64_t began_ms = loop_now_ms();
    assert_int_equal(
        resolver_lookup(resolver, SLICE("quiet.test"), 80, &found, 1, loop_deadline(20)),
        -ETIMEDOUT);
    assert_true(loop_now_ms() - began_ms < 150);
    loop_stop(loop);
}

static void failing_and_silent_servers_are_told_apart(void **state)
{
    (void)state;
    run(look_up_failing);
}

static void look_up_truncated(void *arg)
{
    (void)arg;
    struct address found[8];
    server.behaviour = TRUNCATE;
    server.a_count = 5;
    assert_int_equal(lookup("large.test", found, 8), 5);
    assert_true(server.asked_tcp > 0);
    assert_address(&found[4], "192.0.2.5:8080");
    loop_stop(loop);
}

static void a_truncated_answer_is_asked_again_over_tcp(void **state)
{
    (void)state;
    run(look_up_truncated);
}

static void look_up_nonsense(void *arg)
{
    (void)arg;
    char long_name[300];
    struct address found;
    memset(long_name, 'a', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    static const char *const wrong[] = {"",    ".",   ".test",  "a..test",
                                        "a b", "a/b", "a\r\nb", "ä.test"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(lookup(wrong[i], &found, 1), -EINVAL);
    assert_int_equal(lookup(long_name, &found, 1), -EINVAL);
    assert_int_equal(server.asked_udp, 0);
    loop_stop(loop);
}

static void what_is_no_host_name_is_refused(void **state)
{
    (void)state;
    run(look_up_nonsense);
}

static void look_up_in_hosts_file(void *arg)
{
    (void)arg;
    struct address found[4];
    assert_int_equal(lookup("app.hosts.test", found, 4), 1);
    char text[ADDRESS_TEXT_BYTES];
    (void)address_format_host(&found[0], text);
    assert_string_equal(text, "192.0.2.200");
    assert_int_equal(server.asked_udp, 0);
    loop_stop(loop);
}

static void the_hosts_file_comes_first(void **state)
{
    (void)state;
    char path[64];
    unit_write_hosts(path, sizeof path, "192.0.2.200 app.hosts.test\n");
    run(look_up_in_hosts_file);
    unit_remove_hosts(path);
}

static void be_cancelled(void *arg)
{
    struct address found;
    server.behaviour = STAY_SILENT;
    *(int *)arg = lookup("slow.test", &found, 1);
}

static void cancel_lookup(void *arg)
{
    (void)arg;
    struct fiber *waiting;
    int result = 0;
    assert_int_equal(fiber_start(be_cancelled, &result, &waiting), 0);
    assert_int_equal(fiber_sleep(5), 0);
    fiber_cancel(waiting);
    assert_int_equal(fiber_sleep(1), 0);
    assert_int_equal(result, -ECANCELED);
    loop_stop(loop);
}

/* Its query goes on; it ends with the resolver. */
static void a_lookup_can_be_cancelled(void **state)
{
    (void)state;
    run(cancel_lookup);
}

static void look_up_many(void *arg)
{
    (void)arg;
    struct address found;
    struct resolver_stats stats;
    char name[32];
    for (int i = 0; i < RESOLVER_NAMES_MAX + 50; i++) {
        (void)snprintf(name, sizeof name, "n%d.localhost", i);
        (void)lookup(name, &found, 1);
    }
    resolver_stats_read(resolver, &stats);
    assert_int_equal(stats.names, RESOLVER_NAMES_MAX);
    loop_stop(loop);
}

static void the_cache_is_bounded(void **state)
{
    (void)state;
    run(look_up_many);
}

/* A resolv.conf, and a server on 127.0.0.9 that never answers. */

static char servers_file[64];
static int silent = -1;
static struct resolver *following;
static int first_result;

static void write_servers(const char *text)
{
    assert_int_equal(file_replace(servers_file, slice_of_cstr(text), 0600), 0);
}

static int begin_with_file(void **state)
{
    if (begin(state) != 0)
        return -1;
    (void)snprintf(servers_file, sizeof servers_file, "/tmp/weir-resolver-test-%d", (int)getpid());
    write_servers("nameserver 127.0.0.9\n");
    struct address address;
    assert_int_equal(address_from_ip(SLICE("127.0.0.9"), server.port, &address), 0);
    silent = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(silent, &address.any, address.len), 0);
    struct resolver_options options = {
        .file = servers_file, .port = server.port, .timeout_ms = 60000, .tries = 1};
    assert_int_equal(resolver_create(&options, &following), 0);
    return 0;
}

static int end_with_file(void **state)
{
    resolver_destroy(following);
    (void)close(silent);
    (void)unlink(servers_file);
    return end(state);
}

static void look_up_first(void *arg)
{
    (void)arg;
    struct address found;
    first_result =
        resolver_lookup(following, SLICE("first.test"), 80, &found, 1, loop_deadline(20000));
}

static void move_to_other_servers(void *arg)
{
    (void)arg;
    struct address found;
    char name[32];
    int rc = -ETIMEDOUT;
    first_result = 0;
    assert_int_equal(fiber_start(look_up_first, NULL, NULL), 0);
    assert_int_equal(
        resolver_lookup(following, SLICE("other.test"), 80, &found, 1, loop_deadline(50)),
        -ETIMEDOUT);
    write_servers("nameserver 127.0.0.1\n");
    int64_t until_ms = loop_deadline(10000);
    for (int i = 0; rc < 0 && loop_now_ms() < until_ms; i++) {
        (void)snprintf(name, sizeof name, "n%d.test", i);
        rc = resolver_lookup(following, slice_of_cstr(name), 80, &found, 1, loop_deadline(100));
    }
    assert_int_equal(rc, 1);
    while (first_result == 0 && loop_now_ms() < until_ms)
        assert_int_equal(fiber_sleep(5), 0);
    assert_int_equal(first_result, 1);
    loop_stop(loop);
}

static void changed_servers_are_asked_also_what_others_did_not_answer(void **state)
{
    (void)state;
    run(move_to_other_servers);
}

static void wrong_servers_are_refused(void **state)
{
    (void)state;
    struct resolver *other = NULL;
    struct resolver_options options = {.servers = "not an address"};
    assert_true(resolver_create(&options, &other) < 0);
    assert_null(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numeric_addresses_ask_nobody, begin, end),
        cmocka_unit_test_setup_teardown(an_answer_is_kept_for_its_time, begin, end),
        cmocka_unit_test_setup_teardown(an_answer_tells_how_long_it_holds, begin, end),
        cmocka_unit_test_setup_teardown(concurrent_lookups_share_one_query, begin, end),
        cmocka_unit_test_setup_teardown(a_denial_is_kept_a_short_while, begin, end),
        cmocka_unit_test_setup_teardown(failing_and_silent_servers_are_told_apart, begin, end),
        cmocka_unit_test_setup_teardown(a_truncated_answer_is_asked_again_over_tcp, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_host_name_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(the_hosts_file_comes_first, begin, end),
        cmocka_unit_test_setup_teardown(a_lookup_can_be_cancelled, begin, end),
        cmocka_unit_test_setup_teardown(the_cache_is_bounded, begin, end),
        cmocka_unit_test_setup_teardown(changed_servers_are_asked_also_what_others_did_not_answer,
                                        begin_with_file, end_with_file),
        cmocka_unit_test_setup_teardown(wrong_servers_are_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
