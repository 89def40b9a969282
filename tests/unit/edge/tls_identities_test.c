/* Who is shown what, and what is made anew. */
#include "conf/conf_unit.h"
#include "tls_unit.h"

#include "base/cleanup.h"
#include "conf/credentials.h"
#include "edge/tls/identities.h"

static struct made for_a, for_a_rsa, for_b, authority;

static int begin(void **state)
{
    (void)state;
    make_certificate(&for_a, "DNS:a.org,DNS:*.a.org", MADE_EC);
    make_certificate(&for_a_rsa, "DNS:a.org", MADE_RSA_2048);
    make_certificate(&for_b, "DNS:b.org", MADE_EC);
    make_signed(&authority, "authority", NULL, MADE_EC, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    made_free(&for_a);
    made_free(&for_a_rsa);
    made_free(&for_b);
    made_free(&authority);
    return 0;
}

static void add(struct bundle *bundle, const char *name, const struct made *made)
{
    char text[2 * PEM_BYTES];
    int len = snprintf(text, sizeof text, "%s%s", made->key_pem, made->chain);
    assert_int_equal(bundle_add(bundle, slice_of_cstr(name), slice_of(text, (size_t)len)), 0);
}

static void fill(struct bundle *bundle)
{
    bundle_init(bundle);
    add(bundle, "/a.pem", &for_a);
    add(bundle, "/rsa.pem", &for_a_rsa);
    add(bundle, "/b.pem", &for_b);
    assert_int_equal(bundle_add(bundle, SLICE("/ca.pem"), slice_of_cstr(authority.chain)), 0);
    assert_int_equal(bundle_seal(bundle), 0);
}

static const char file[] =
    "listeners:\n"
    "  l: { address: \":443\", tls: { certificates: [/a.pem, /rsa.pem, /b.pem] } }\n"
    "  m: { address: \":444\", tls: { certificate: /b.pem } }\n"
    "  t: { address: \":445\", protocol: tcp, forward: g, tls: { certificate: /b.pem } }\n"
    "sites:\n"
    "  a: { domains: [a.org, \"*.a.org\"], respond: 200 }\n"
    "  b: { domains: b.org, respond: 200, tls: { client_auth: /ca.pem } }\n"
    "  w: { domains: w.localhost, respond: 200, listeners: m, tls: internal }\n"
    "target_groups:\n"
    "  g: { targets: \"127.0.0.1:1\", protocol: tcp }\n"
    "  h: { targets: \"127.0.0.1:1\", tls: { ca: /ca.pem, certificate: /b.pem } }\n";

static const struct shown *find(const struct identities *identities, unsigned listener,
                                const char *name)
{
    return identities_find(identities, listener, slice_of_cstr(name));
}

static void names_choose_and_contents_tell_apart(void **state)
{
    (void)state;
    SCOPED(bundle_finish) struct bundle bundle;
    fill(&bundle);
    struct snapshot *snapshot = parse_good(file);
    struct identities *first = NULL, *second = NULL;
    assert_int_equal(identities_create(snapshot, &bundle, NULL, &first), 0);
    const struct shown *a = find(first, 0, "a.org");
    assert_int_equal(a->credentials_count, 2); /* of each kind of key the one that is for it */
    assert_int_equal(find(first, 0, "x.a.org")->credentials_count, 1);
    assert_int_equal(find(first, 0, "b.org")->credentials_count, 1);
    assert_true(find(first, 0, "b.org")->asks_clients);
    assert_true(credentials_cover(credential_certificate(find(first, 0, "b.org")->credentials[0]),
                                  SLICE("b.org")));
    /* Whoever is unknown, or names nobody, meets the first site. */
    assert_ptr_equal(find(first, 0, "c.org"), a);
    assert_ptr_equal(find(first, 0, ""), a);
    assert_ptr_equal(find(first, 0, "org"), a);
    /* One that Weir gets is not there yet: nothing is shown in its place. */
    assert_non_null(find(first, 1, "w.localhost"));
    assert_null(find(first, 1, "w.localhost")->tls);
    assert_non_null(find(first, 2, "anything")->tls);
    assert_non_null(first->clients[1].client);
    assert_null(first->clients[0].client);
    assert_int_equal(first->listed_count, 4);

    /* The next set takes over what is the same, and makes what is not. */
    add(&bundle, "managed/none", &for_a);
    assert_int_equal(identities_create(snapshot, &bundle, first, &second), 0);
    assert_ptr_equal(find(second, 0, "a.org"), a);
    assert_ptr_equal(second->clients[1].client, first->clients[1].client);
    identities_unref(first);
    assert_ptr_equal(find(second, 0, "b.org")->tls, find(second, 1, "b.org")->tls);
    identities_unref(second);
    snapshot_unref(snapshot);
}

static void a_managed_certificate_serves_once_it_is_there(void **state)
{
    (void)state;
    SCOPED(bundle_finish) struct bundle bundle;
    char room[CREDENTIALS_NAME_BYTES];
    struct identities *identities = NULL;
    struct snapshot *snapshot = parse_good(file);
    struct slice name = credentials_managed_name(snapshot->managed[0], room);
    bundle_init(&bundle);
    char text[2 * PEM_BYTES];
    int len = snprintf(text, sizeof text, "%s%s", for_a.key_pem, for_a.chain);
    assert_int_equal(bundle_add(&bundle, name, slice_of(text, (size_t)len)), 0);
    assert_int_equal(bundle_seal(&bundle), 0);
    assert_int_equal(identities_create(snapshot, &bundle, NULL, &identities), 0);
    assert_non_null(find(identities, 1, "w.localhost")->tls);
    assert_null(find(identities, 0, "a.org")->tls);
    identities_unref(identities);
    snapshot_unref(snapshot);
}

static void connections_are_routed_by_the_longest_name(void **state)
{
    (void)state;
    struct identities *identities = NULL;
    struct snapshot *snapshot =
        parse_good("listeners:\n"
                   "  t: { address: \":445\", protocol: tcp,\n"
                   "       sni: { a.org: g, \"*.a.org\": h, \"*.b.a.org\": g } }\n"
                   "target_groups:\n"
                   "  g: { targets: \"127.0.0.1:1\", protocol: tcp }\n"
                   "  h: { targets: \"127.0.0.1:2\", protocol: tcp }\n");
    static const struct {
        const char *name;
        unsigned group;
    } cases[] = {{"a.org", 0}, {"x.a.org", 1}, {"b.a.org", 1}, {"x.b.a.org", 0}, {"x.y.a.org", 1},
                 {"b.org", 9}, {"", 9},        {"org", 9},     {".", 9},         {"a.org.", 9}};
    assert_int_equal(identities_create(snapshot, NULL, NULL, &identities), 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct conf_sni_route *route =
            identities_route(identities, 0, slice_of_cstr(cases[i].name));
        assert_int_equal(route == NULL ? 9 : route->group, cases[i].group);
    }
    identities_unref(identities);
    snapshot_unref(snapshot);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    SCOPED(bundle_finish) struct bundle bundle;
    fill(&bundle);
    struct snapshot *snapshot = parse_good(file);
    int rc = -ENOMEM;
    for (long nth = 1; rc < 0; nth++) {
        struct identities *identities = NULL;
        memory_fail_from(nth);
        rc = identities_create(snapshot, &bundle, NULL, &identities);
        memory_fail_from(0);
        assert_true(rc == 0 || rc == -ENOMEM);
        identities_unref(identities);
    }
    snapshot_unref(snapshot);
}

static void ten_thousand_names_are_found(void **state)
{
    (void)state;
    SCOPED(bundle_finish) struct bundle bundle;
    SCOPED(buffer_finish) struct buffer text;
    struct identities *identities = NULL;
    fill(&bundle);
    buffer_init(&text, 4194304);
    assert_int_equal(
        buffer_append(&text, SLICE("listeners: { l: { address: \":443\", tls: { certificate: "
                                   "/a.pem } } }\nsites:\n")),
        0);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(
            buffer_format(&text, "  s%d: { domains: s%d.a.org, respond: 200 }\n", i, i), 0);
    assert_int_equal(buffer_append_char(&text, '\0'), 0);
    struct snapshot *snapshot = parse_good(text.at);
    assert_int_equal(identities_create(snapshot, &bundle, NULL, &identities), 0);
    assert_true(slice_equal(find(identities, 0, "s9999.a.org")->name, SLICE("ss9999")));
    assert_true(slice_equal(find(identities, 0, "s0.a.org")->name, SLICE("ss0")));
    identities_unref(identities);
    snapshot_unref(snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_choose_and_contents_tell_apart),
        cmocka_unit_test(a_managed_certificate_serves_once_it_is_there),
        cmocka_unit_test(connections_are_routed_by_the_longest_name),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(ten_thousand_names_are_found),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
