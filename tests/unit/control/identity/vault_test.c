/* What is kept between two lives of the keeper, and the authority in it. */
#include "control/identity/authorities.h"
#include "control/identity/report.h"

#include "unit.h"

#include "base/cleanup.h"
#include "os/folder.h"
#include "os/kernel.h"
#include "os/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char state_folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(state_folder, sizeof state_folder, "/tmp/weir-vault-XXXXXX");
    return mkdtemp(state_folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    return folder_remove(state_folder);
}

static void on_fiber(void (*main)(void *arg))
{
    struct kernel *kernel = NULL;
    struct loop *loop = NULL;
    assert_int_equal(kernel_real_create(&kernel), 0);
    assert_int_equal(loop_create(kernel, &loop), 0);
    assert_int_equal(fiber_start(main, NULL, NULL), 0);
    assert_int_equal(loop_run(loop), 0);
    loop_destroy(loop);
    kernel_real_destroy(kernel);
}

static unsigned mode_of(const char *name)
{
    char path[256];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/%s", state_folder, name);
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 0777;
}

static void files_are_their_owners_alone(void **state)
{
    (void)state;
    struct vault vault;
    SCOPED(buffer_finish) struct buffer content;
    buffer_init(&content, 100);
    assert_int_equal(vault_open(&vault, state_folder), 0);
    assert_int_equal(vault_write(&vault, SLICE("a"), ".pem", SLICE("secret")), 0);
    assert_int_equal(mode_of("certificates"), 0700);
    assert_int_equal(mode_of("certificates/a.pem"), 0600);
    assert_int_equal(vault_read(&vault, SLICE("a"), ".pem", &content), 0);
    assert_true(slice_equal(buffer_slice(&content), SLICE("secret")));
    assert_int_equal(vault_remove(&vault, SLICE("a"), ".pem"), 0);
    assert_int_equal(vault_remove(&vault, SLICE("a"), ".pem"), 0);
    assert_int_equal(vault_read(&vault, SLICE("a"), ".pem", &content), -ENOENT);
}

static void take_twice(void *arg)
{
    (void)arg;
    struct vault vault;
    struct tls_authority *one = NULL, *two = NULL, *open = NULL;
    struct error error = {0};
    bool is_new = false;
    assert_int_equal(vault_open(&vault, state_folder), 0);
    assert_int_equal(authorities_find(&vault, TLS_AUTHORITY_LOCAL, &one, &error), -ENOENT);
    assert_int_equal(authorities_take(&vault, TLS_AUTHORITY_LOCAL, &one, &is_new, &error), 0);
    assert_true(is_new);
    assert_int_equal(authorities_take(&vault, TLS_AUTHORITY_LOCAL, &two, &is_new, &error), 0);
    assert_false(is_new);
    assert_memory_equal(tls_authority_digest(one), tls_authority_digest(two), 32);
    assert_int_equal(authorities_take(&vault, TLS_AUTHORITY_OPEN, &open, &is_new, &error), 0);
    assert_true(is_new);
    assert_memory_not_equal(tls_authority_digest(one), tls_authority_digest(open), 32);
    tls_authority_destroy(one);
    tls_authority_destroy(two);
    tls_authority_destroy(open);
    loop_stop(loop_current());
}

static void an_authority_is_made_once(void **state)
{
    (void)state;
    on_fiber(take_twice);
    assert_int_equal(mode_of("certificates/authority.pem"), 0600);
}

static void take_damaged(void *arg)
{
    (void)arg;
    struct vault vault;
    struct tls_authority *none = NULL;
    struct error error = {0};
    bool is_new = true;
    assert_int_equal(vault_open(&vault, state_folder), 0);
    assert_int_equal(vault_write(&vault, SLICE("authority"), ".pem", SLICE("junk")), 0);
    assert_int_equal(authorities_take(&vault, TLS_AUTHORITY_LOCAL, &none, &is_new, &error),
                     -EINVAL);
    assert_non_null(strstr(error.text, "there is no private key in it; remove it"));
    assert_false(is_new);
    loop_stop(loop_current());
}

/* People trust it: it must not be replaced behind their backs. */
static void a_damaged_authority_is_told(void **state)
{
    (void)state;
    on_fiber(take_damaged);
}

static void names_choose_their_authority(void **state)
{
    (void)state;
    const struct slice local[] = {SLICE("localhost"), SLICE("10.0.0.1")};
    const struct slice mixed[] = {SLICE("localhost"), SLICE("wiki")};
    assert_int_equal(authorities_reach(local, 2), TLS_AUTHORITY_LOCAL);
    assert_int_equal(authorities_reach(mixed, 2), TLS_AUTHORITY_OPEN);
}

static void failures_are_remembered(void **state)
{
    (void)state;
    struct vault vault;
    struct slice name = SLICE("example.org");
    struct report_entry one = {.id = SLICE("example.org-01234567"),
                               .source = "acme",
                               .names = &name,
                               .names_count = 1,
                               .phase = REPORT_FAILING,
                               .next_try_s = 1800000000,
                               .failures = 3,
                               .is_refused = true,
                               .is_asked_to_wait = true,
                               .error = "it says \"no\""};
    const struct report_entry *entries[] = {&one};
    struct report_entry again = {.id = one.id}, other = {.id = SLICE("other")};
    assert_int_equal(vault_open(&vault, state_folder), 0);
    assert_int_equal(report_write(&vault, entries, 1), 0);
    report_recall(&vault, &again);
    report_recall(&vault, &other);
    assert_int_equal(again.failures, 3);
    assert_int_equal(again.next_try_s, 1800000000);
    assert_true(again.is_asked_to_wait);
    assert_string_equal(again.error, one.error);
    assert_int_equal(other.failures, 0);
    one.is_refused = false;
    again = (struct report_entry){.id = one.id};
    assert_int_equal(report_write(&vault, entries, 1), 0);
    report_recall(&vault, &again);
    assert_int_equal(again.failures, 0);
    assert_int_equal(again.next_try_s, 0);
    assert_int_equal(vault_write(&vault, SLICE("state"), ".json", SLICE("{\"certif")), 0);
    again.failures = 0;
    report_recall(&vault, &again);
    assert_int_equal(again.failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_their_owners_alone, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(an_authority_is_made_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_damaged_authority_is_told, make_folder, remove_folder),
        cmocka_unit_test(names_choose_their_authority),
        cmocka_unit_test_setup_teardown(failures_are_remembered, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
