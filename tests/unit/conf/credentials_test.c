/* Files of certificates: what is read, and what is said of it. */
#include "conf_unit.h"
#include "tls_unit.h"

#include "base/cleanup.h"
#include "conf/credentials.h"
#include "conf/s3_keys.h"
#include "os/file.h"
#include "os/folder.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct made for_a, for_b, nameless;

static void put(const char *name, const char *first, const char *second)
{
    char path[128], content[2 * PEM_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int len = snprintf(content, sizeof content, "%s%s", first, second);
    assert_int_equal(file_replace(path, slice_of(content, (size_t)len), 0600), 0);
}

static int begin(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/weir-credentials-XXXXXX");
    assert_non_null(mkdtemp(folder));
    make_certificate(&for_a, "DNS:a.org,DNS:*.a.org", MADE_EC);
    make_certificate(&for_b, "DNS:b.org", MADE_RSA_2048);
    make_signed(&nameless, "authority", NULL, MADE_EC, NULL);
    put("a.pem", for_a.chain, "");
    put("a.key", for_a.key_pem, "");
    put("b.pem", for_b.key_pem, for_b.chain);
    put("ca.pem", nameless.chain, "");
    put("nameless.pem", nameless.chain, nameless.key_pem);
    put("broken.pem", "-----BEGIN", "");
    return 0;
}

static int end(void **state)
{
    (void)state;
    made_free(&for_a);
    made_free(&for_b);
    made_free(&nameless);
    return folder_remove(folder);
}

/* All that is said about a site "a" with this `tls`, at the time; "w " before warnings. */
static void say(const char *tls, const char *domains, int64_t after_s, struct buffer *said)
{
    SCOPED(buffer_finish) struct buffer text;
    SCOPED(bundle_finish) struct bundle bundle;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    SCOPED(conf_errors_finish) struct conf_errors warnings;
    struct snapshot *snapshot = NULL;
    char file[128];
    buffer_init(&text, 4096);
    bundle_init(&bundle);
    conf_errors_init(&errors);
    conf_errors_init(&warnings);
    (void)snprintf(file, sizeof file, "%s/weir.yaml", folder);
    assert_int_equal(buffer_format(&text,
                                   "listeners: { l: { address: \":443\", tls: auto } }\n"
                                   "sites: { a: { domains: [%s], respond: 200,\n"
                                   "  tls: %s } }\n",
                                   domains, tls),
                     0);
    assert_int_equal(snapshot_parse(slice_of_cstr(file), buffer_slice(&text), &snapshot, &errors),
                     0);
    int rc = credentials_gather(snapshot, folder, &bundle, &errors);
    if (rc == 0)
        rc =
            credentials_check(snapshot, &bundle, (int64_t)time(NULL) + after_s, &errors, &warnings);
    assert_int_equal(rc, errors.count > 0 ? -EINVAL : 0);
    for (unsigned i = 0; i < errors.count; i++)
        assert_int_equal(buffer_format(said, "%u: %.*s\n", errors.at[i].place.line,
                                       SLICE_ARG(errors.at[i].text)),
                         0);
    for (unsigned i = 0; i < warnings.count; i++)
        assert_int_equal(buffer_format(said, "w %u: %.*s\n", warnings.at[i].place.line,
                                       SLICE_ARG(warnings.at[i].text)),
                         0);
    assert_int_equal(buffer_append_char(said, '\0'), 0);
    snapshot_unref(snapshot);
}

static void every_fault_is_told_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *tls, *domains;
        int64_t after_s;
        const char *said; /* a part of it; NULL: nothing is said */
    } cases[] = {
        {"{ certificate: a.pem, key: a.key }", "a.org, \"*.a.org\"", 0, NULL},
        {"{ certificate: b.pem }", "b.org", 0, NULL},
        {"{ certificates: [b.pem, { certificate: a.pem, key: a.key }] }", "a.org, b.org", 0, NULL},
        {"{ certificate: a.pem, key: a.key, client_auth: ca.pem }", "a.org", 0, NULL},
        {"{ certificate: none.pem }", "a.org", 0, "none.pem cannot be read: there is no such file"},
        {"{ certificate: a.pem, key: none.key }", "a.org", 0, "3: the key "},
        {"{ certificate: a.pem }", "a.org", 0, "a.pem cannot be used: there is no private key"},
        {"{ certificate: a.pem, key: b.pem }", "a.org", 0, " with the key "},
        {"{ certificate: broken.pem }", "a.org", 0, "broken.pem cannot be used: "},
        {"{ certificate: b.pem }", "a.org", 0, "is for b.org, and for no domain of the site \"a\""},
        {"{ certificate: nameless.pem }", "a.org", 0, "names nobody"},
        {"{ certificate: nameless.pem }", "\"*\"", 0, NULL},
        {"{ certificate: b.pem }", "a.org, b.org", 0,
         "w 2: no certificate of the site \"a\" is for \"a.org\""},
        {"{ certificate: b.pem }", "b.org", 7200, "has expired on "},
        {"{ certificate: b.pem }", "b.org", -7200, "is this machine's clock right?"},
        {"{ certificate: b.pem, client_auth: broken.pem }", "b.org", 0,
         "broken.pem cannot be used: "},
        {"{ certificate: b.pem, client_auth: none.pem }", "b.org", 0, "the file of authorities "},
        {"internal", "a.localhost", 0, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        SCOPED(buffer_finish) struct buffer said;
        buffer_init(&said, 8192);
        say(cases[i].tls, cases[i].domains, cases[i].after_s, &said);
        if (cases[i].said == NULL)
            assert_string_equal(said.at, "");
        else if (strstr(said.at, cases[i].said) == NULL)
            fail_msg("%s: \"%s\" is not in \"%s\"", cases[i].tls, cases[i].said, said.at);
    }
}

static void managed_ones_are_gathered_when_they_are_there(void **state)
{
    (void)state;
    SCOPED(bundle_finish) struct bundle bundle;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    char room[CREDENTIALS_NAME_BYTES], path[200];
    struct slice content;
    conf_errors_init(&errors);
    bundle_init(&bundle);
    struct snapshot *snapshot =
        parse_good("sites: { a: { domains: a.localhost, respond: 200 } }\n");
    uint64_t before = credentials_stamp(snapshot, folder);
    assert_int_equal(credentials_gather(snapshot, folder, &bundle, &errors), 0);
    struct slice name = credentials_managed_name(snapshot->managed[0], room);
    assert_false(bundle_find(&bundle, name, &content));
    bundle_finish(&bundle);
    (void)snprintf(path, sizeof path, "%s/certificates", folder);
    assert_int_equal(folder_make(path, 0700), 0);
    (void)credentials_managed_file(snapshot->managed[0], room);
    put(room, for_a.key_pem, for_a.chain);
    assert_int_not_equal(credentials_stamp(snapshot, folder), before);
    assert_int_equal(credentials_gather(snapshot, folder, &bundle, &errors), 0);
    assert_true(
        bundle_find(&bundle, credentials_managed_name(snapshot->managed[0], room), &content));
    assert_true(slice_starts_with(content, SLICE("-----BEGIN PRIVATE KEY")));
    snapshot_unref(snapshot);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer text;
    char file[128];
    struct snapshot *snapshot = NULL;
    struct conf_errors errors, warnings;
    buffer_init(&text, 4096);
    (void)snprintf(file, sizeof file, "%s/weir.yaml", folder);
    assert_int_equal(
        buffer_append(&text,
                      SLICE("listeners: { l: { address: \":443\", tls: auto } }\n"
                            "sites: { a: { domains: [a.org, c.org], respond: 200,\n"
                            "  tls: { certificates: [b.pem, { certificate: a.pem, key: a.key "
                            "}, none.pem], client_auth: ca.pem } } }\n"
                            "target_groups: { g: { targets: \"h:1\", tls: { ca: ca.pem, "
                            "certificate: b.pem } } }\n")),
        0);
    conf_errors_init(&errors);
    assert_int_equal(snapshot_parse(slice_of_cstr(file), buffer_slice(&text), &snapshot, &errors),
                     0);
    conf_errors_finish(&errors);
    int rc = -ENOMEM;
    for (long nth = 1; rc == -ENOMEM; nth++) {
        SCOPED(bundle_finish) struct bundle bundle;
        bundle_init(&bundle);
        conf_errors_init(&errors);
        conf_errors_init(&warnings);
        memory_fail_from(nth);
        rc = credentials_gather(snapshot, folder, &bundle, &errors);
        if (rc == -EINVAL) {
            int judged =
                credentials_check(snapshot, &bundle, (int64_t)time(NULL), &errors, &warnings);
            rc = judged == -ENOMEM ? judged : rc;
        }
        memory_fail_from(0);
        assert_true(rc == -EINVAL || rc == -ENOMEM);
        conf_errors_finish(&errors);
        conf_errors_finish(&warnings);
    }
    snapshot_unref(snapshot);
}

/* Only where some rule serves S3; a missing file is no fault, a wrong one is told. */
static void keys_of_s3_come_along(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *keys;
        int rc;
        bool is_there;
    } cases[] = {
        {"s3: {}", NULL, 0, false},
        {"s3: {}", "{\"keys\":[]}", 0, true},
        {"respond: 200", "{\"keys\":[]}", 0, false},
        {"respond: 200", "broken", 0, false},
        {"s3: {}", "broken", -EINVAL, true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        SCOPED(bundle_finish) struct bundle bundle;
        SCOPED(conf_errors_finish) struct conf_errors errors;
        SCOPED(conf_errors_finish) struct conf_errors warnings;
        char text[128], file[128];
        struct snapshot *snapshot = NULL;
        struct slice content;
        bundle_init(&bundle);
        conf_errors_init(&errors);
        conf_errors_init(&warnings);
        (void)snprintf(text, sizeof text, "listeners: { l: \":80\" }\nsites: { a: { %s } }\n",
                       cases[i].rule);
        (void)snprintf(file, sizeof file, "%s/weir.yaml", folder);
        assert_int_equal(
            snapshot_parse(slice_of_cstr(file), slice_of_cstr(text), &snapshot, &errors), 0);
        uint64_t before = credentials_stamp(snapshot, folder);
        if (cases[i].keys != NULL)
            put(S3_KEYS_FILE, cases[i].keys, "");
        assert_true((before != credentials_stamp(snapshot, folder)) ==
                    (snapshot->has_s3 && cases[i].keys != NULL));
        assert_int_equal(credentials_gather(snapshot, folder, &bundle, &errors), 0);
        assert_true(bundle_find(&bundle, SLICE(S3_KEYS_NAME), &content) == cases[i].is_there);
        assert_int_equal(credentials_check(snapshot, &bundle, 0, &errors, &warnings), cases[i].rc);
        assert_true(cases[i].rc == 0 ||
                    slice_equal(errors.at[0].text,
                                SLICE("s3-keys.json in the state folder cannot be used: it is no "
                                      "JSON")));
        snapshot_unref(snapshot);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_told_with_its_line),
        cmocka_unit_test(managed_ones_are_gathered_when_they_are_there),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(keys_of_s3_come_along),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
