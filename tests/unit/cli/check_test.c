#include "unit.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "cli/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct said {
    char path[64];
    struct buffer out;
    struct buffer errors;
};

/* Checks a file with that text. */
static int check(struct said *said, const char *text)
{
    (void)snprintf(said->path, sizeof said->path, "/tmp/weir-check-XXXXXX");
    int fd = mkstemp(said->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
    buffer_init(&said->out, 65536);
    buffer_init(&said->errors, 65536);
    int rc = check_file(said->path, "/nonexistent", &said->out, &said->errors);
    assert_int_equal(unlink(said->path), 0);
    return rc;
}

static void finish(struct said *said)
{
    buffer_finish(&said->out);
    buffer_finish(&said->errors);
}

static void expect_text(const struct buffer *buffer, const char *format, const char *path)
{
    SCOPED(buffer_finish) struct buffer expected;
    buffer_init(&expected, 65536);
    struct slice rest = slice_of_cstr(format), part;
    for (bool is_first = true; slice_cut(&rest, '@', &part); is_first = false) {
        assert_int_equal(is_first ? 0 : buffer_append(&expected, slice_of_cstr(path)), 0);
        assert_int_equal(buffer_append(&expected, part), 0);
    }
    assert_true(slice_equal(buffer_slice(buffer), buffer_slice(&expected)));
}

static void a_right_file_is_summed_up(void **state)
{
    (void)state;
    SCOPED(finish) struct said said;
    assert_int_equal(check(&said,
                           "target_groups: { g: [\"a:1\"] }\n"
                           "services: { a: { command: x } }\n"
                           "sites: { s: { rules: [ { respond: 200 }, { forward: a } ] } }\n"),
                     0);
    expect_text(&said.out,
                "@ is right: 1 listener, 1 site, 2 rules, 1 service, 1 target group\n"
                "listens at http://*:80\n",
                said.path);
    assert_int_equal(said.errors.len, 0);
}

static void listeners_are_told_by_what_they_speak(void **state)
{
    (void)state;
    SCOPED(finish) struct said said;
    assert_int_equal(check(&said,
                           "listeners:\n"
                           "  a: \"127.0.0.1:80\"\n"
                           "  b: unix:/run/x.sock\n"
                           "  c: { address: \":5\", protocol: tcp, forward: g }\n"
                           "  d: { address: \":6\", protocol: tcp, forward: g, tls: internal }\n"
                           "target_groups: { g: { targets: \"a:1\", protocol: tcp } }\n"),
                     0);
    expect_text(&said.out,
                "@ is right: 4 listeners, 0 sites, 0 rules, 0 services, 1 target group\n"
                "listens at http://127.0.0.1:80\n"
                "listens at unix:/run/x.sock for http\n"
                "listens at tcp://*:5\n"
                "listens at tls://*:6\n"
                "gets a certificate for localhost, ::1, 127.0.0.1 from Weir's own authority\n",
                said.path);
}

static void what_will_listen_and_be_got_is_told(void **state)
{
    (void)state;
    SCOPED(finish) struct said said;
    assert_int_equal(check(&said, "sites:\n"
                                  "  s: { domains: [b.localhost, a.org, \"*.a.org\"],\n"
                                  "       respond: 200 }\n"),
                     0);
    expect_text(&said.out,
                "@ is right: 2 listeners, 1 site, 1 rule, 0 services, 0 target groups\n"
                "listens at http://*:80\n"
                "listens at https://*:443\n"
                "gets a certificate for b.localhost from Weir's own authority\n"
                "gets a certificate for a.org by ACME\n",
                said.path);
    expect_text(&said.errors,
                "@:2:38: warning: no certificate for \"*.a.org\": public authorities certify a "
                "wildcard by \"acme: { challenge: dns }\" only; or give \"tls\" a certificate\n"
                "      s: { domains: [b.localhost, a.org, \"*.a.org\"],\n"
                "                                         ^\n",
                said.path);
}

static void a_wrong_file_is_told_with_its_lines(void **state)
{
    (void)state;
    SCOPED(finish) struct said said;
    assert_int_equal(check(&said, "app: x\nworkers: 0\nsitess: {}\n"), -EINVAL);
    expect_text(&said.errors,
                "@:2:10: error: \"workers\" must be from 1 to 256, not 0\n"
                "    workers: 0\n"
                "             ^\n"
                "@:3:1: error: unknown key \"sitess\" in the file; did you mean \"sites\"?\n"
                "    sitess: {}\n"
                "    ^\n"
                "2 errors in @\n",
                said.path);
    assert_int_equal(said.out.len, 0);
}

static void a_missing_file_is_told_by_its_name(void **state)
{
    (void)state;
    struct buffer out, errors;
    buffer_init(&out, 65536);
    buffer_init(&errors, 65536);
    assert_int_equal(check_file("/nonexistent/weir.yaml", "/nonexistent", &out, &errors), -EINVAL);
    expect_text(&errors,
                "@: error: cannot be read: No such file or directory\n"
                "1 error in @\n",
                "/nonexistent/weir.yaml");
    buffer_finish(&out);
    buffer_finish(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_file_is_summed_up),
        cmocka_unit_test(listeners_are_told_by_what_they_speak),
        cmocka_unit_test(what_will_listen_and_be_got_is_told),
        cmocka_unit_test(a_wrong_file_is_told_with_its_lines),
        cmocka_unit_test(a_missing_file_is_told_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
