/* What a file that speaks of TLS becomes: identities, certificates to get, redirects. */
#include "conf_unit.h"

#include "base/cleanup.h"
#include "conf/public_name.h"

#define EXPECT(slice, text) assert_true(slice_equal((slice), SLICE(text)))

static void names_are_public_or_not(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_public;
    } cases[] = {
        {"example.org", true},
        {"*.example.org", true},
        {"a.b.co.uk", true},
        {"localhost", false},
        {"a.localhost", false},
        {"*.localhost", false},
        {"host", false},
        {"a.local", false},
        {"a.test", false},
        {"a.internal", false},
        {"10.0.0.1", false},
        {"[::1]", false},
        {"router.home.arpa", false},
        {"notlocalhost.org", true},
        {"a_b.example.org", false},
        {"mylocal", false},
        {"a.mylocal.org", true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(public_name_is(slice_of_cstr(cases[i].name)), cases[i].is_public);
}

static void by_default_http_and_https_listen_for_sites_with_names(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good("sites:\n"
                                           "  a: { domains: notes.localhost, respond: 200 }\n"
                                           "  b: { domains: plain.org, respond: 200, tls: off }\n"
                                           "  c: { domains: c.org, respond: 200,\n"
                                           "       redirect_https: false }\n");
    assert_int_equal(snapshot->listeners_count, 2);
    EXPECT(snapshot->listeners[1].name, "https");
    EXPECT(snapshot->listeners[1].address.text, ":443");
    const struct conf_site *sites = snapshot->sites;
    assert_true(sites[0].redirects_https);
    EXPECT(sites[0].https_redirect.to, "https://{host}{path}{query}");
    assert_ptr_equal(sites[0].https, &snapshot->listeners[1]);
    assert_int_equal(sites[0].identities_count, 1);
    assert_true(sites[0].identities[0].has_h2);
    assert_int_equal(sites[1].listeners_count, 1);
    assert_int_equal(sites[1].identities_count, 0);
    assert_false(sites[1].redirects_https);
    assert_int_equal(sites[2].identities_count, 1);
    assert_false(sites[2].redirects_https);
    assert_int_equal(snapshot->managed_count, 2);
    assert_int_equal(snapshot->managed[0]->source, CONF_TLS_INTERNAL);
    assert_int_equal(snapshot->managed[1]->source, CONF_TLS_ACME);
    assert_ptr_equal(sites[0].identities[0].managed, snapshot->managed[0]);
    snapshot_unref(snapshot);
}

static void names_are_parted_by_who_can_certify_them(void **state)
{
    (void)state;
    struct snapshot *snapshot =
        parse_good("listeners: { a: { address: \":443\", tls: auto } }\n"
                   "sites:\n"
                   "  s: { domains: [www.example.org, example.org, \"*.app.localhost\", \"*\",\n"
                   "       \"*.example.org\", \"[::1]\"], respond: 200 }\n");
    const struct conf_site *site = &snapshot->sites[0];
    assert_int_equal(site->identities_count, 2);
    const struct conf_identity *local = &site->identities[0], *public = &site->identities[1];
    assert_int_equal(local->managed->source, CONF_TLS_INTERNAL);
    assert_int_equal(local->managed->names_count, 2);
    EXPECT(local->managed->names[1], "::1");
    EXPECT(local->managed->names[0], "*.app.localhost");
    assert_int_equal(local->domains_count, 3);
    EXPECT(local->domains[2], "*");
    assert_int_equal(public->managed->names_count, 2);
    EXPECT(public->managed->names[0], "example.org");
    EXPECT(public->managed->names[1], "www.example.org");
    assert_true(slice_starts_with(public->managed->id, SLICE("example.org-")));
    assert_int_equal(public->managed->id.len, strlen("example.org-01234567"));
    /* The wildcard is told of: nobody certifies it without DNS. */
    assert_int_equal(snapshot->warnings_count, 1);
    assert_int_equal(snapshot->warnings[0].place.line, 4);
    snapshot_unref(snapshot);
}

static void a_wildcard_that_nobody_believes_is_told(void **state)
{
    (void)state;
    struct snapshot *snapshot =
        parse_good("listeners: { a: { address: \":443\", tls: internal } }\n"
                   "sites:\n"
                   "  s: { domains: [\"*.dev.localhost\"], respond: 200 }\n"
                   "  t: { domains: [\"*.localhost\"], respond: 200 }\n");
    assert_int_equal(snapshot->warnings_count, 1);
    assert_int_equal(snapshot->warnings[0].place.line, 4);
    snapshot_unref(snapshot);
}

static void equal_sets_of_names_are_one_certificate(void **state)
{
    (void)state;
    struct snapshot *snapshot =
        parse_good("listeners:\n"
                   "  a: { address: \":443\", tls: acme }\n"
                   "  b: { address: \":444\", tls: acme }\n"
                   "acme: { challenge: dns, hook: ./hook }\n"
                   "sites:\n"
                   "  s: { domains: [\"*.a.org\", a.org], listeners: a, respond: 200 }\n"
                   "  t: { domains: [a.org, \"*.a.org\"], listeners: b, respond: 200 }\n"
                   "  u: { domains: b.org, respond: 200 }\n");
    assert_int_equal(snapshot->managed_count, 2);
    assert_ptr_equal(snapshot->sites[0].identities[0].managed,
                     snapshot->sites[1].identities[0].managed);
    assert_true(slice_starts_with(snapshot->managed[0]->id, SLICE("a.org-")));
    EXPECT(snapshot->managed[0]->names[1], "*.a.org");
    /* The same terms at both listeners are one identity. */
    assert_int_equal(snapshot->sites[2].identities_count, 1);
    assert_int_equal(snapshot->sites[2].identities[0].listeners_count, 2);
    snapshot_unref(snapshot);
}

static void a_site_without_names_gets_one_for_this_machine(void **state)
{
    (void)state;
    struct snapshot *snapshot =
        parse_good("listeners: { a: { address: \":8443\", tls: internal } }\n"
                   "sites: { s: { respond: 200 } }\n");
    assert_int_equal(snapshot->managed_count, 1);
    assert_int_equal(snapshot->managed[0]->names_count, 3);
    EXPECT(snapshot->managed[0]->names[0], "localhost");
    assert_int_equal(snapshot->sites[0].identities[0].domains_count, 1);
    snapshot_unref(snapshot);
}

static void a_site_says_more_than_its_listener(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good(
        "listeners:\n"
        "  a: { address: \":443\", tls: { certificate: /c/all.pem, versions: modern, "
        "http2: false } }\n"
        "  b: { address: \":444\", tls: internal }\n"
        "  plain: { address: \":80\" }\n"
        "sites:\n"
        "  s: { domains: a.org, respond: 200, redirect_https: true, hsts: true,\n"
        "       tls: { client_auth: /c/ca.pem } }\n"
        "  t: { domains: b.org, respond: 200,\n"
        "       hsts: { max_age: 730d, include_subdomains: true, preload: true },\n"
        "       tls: { certificates: [{ certificate: ec.pem, key: ec.key }, rsa.pem],\n"
        "              versions: intermediate, client_auth: { mode: optional, ca: ca.pem } } }\n");
    const struct conf_site *s = &snapshot->sites[0], *t = &snapshot->sites[1];
    assert_true(snapshot->has_client_auth);
    assert_int_equal(s->identities_count, 2);
    assert_ptr_equal(s->identities[0].listeners[0], &snapshot->listeners[0]);
    EXPECT(s->identities[0].certificates[0].certificate, "/c/all.pem");
    EXPECT(s->identities[0].certificates[0].key, "/c/all.pem");
    assert_true(s->identities[0].is_modern);
    assert_false(s->identities[0].has_h2);
    assert_int_equal(s->identities[0].client_auth.mode, CONF_CLIENT_REQUIRE);
    EXPECT(s->identities[1].managed->names[0], "a.org");
    assert_true(s->identities[1].has_h2);
    assert_true(s->redirects_https);
    EXPECT(s->hsts.value, "max-age=31536000");
    assert_int_equal(t->identities_count, 2);
    assert_int_equal(t->identities[0].certificates_count, 2);
    assert_true(slice_ends_with(t->identities[0].certificates[0].key, SLICE("/ec.key")));
    assert_true(slice_ends_with(t->identities[0].certificates[1].key, SLICE("/rsa.pem")));
    assert_false(t->identities[0].is_modern);
    assert_int_equal(t->identities[0].client_auth.mode, CONF_CLIENT_OPTIONAL);
    assert_false(t->redirects_https);
    EXPECT(t->hsts.value, "max-age=63072000; includeSubDomains; preload");
    snapshot_unref(snapshot);
}

static void many_names_are_several_certificates(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, 1048576);
    assert_int_equal(buffer_append(&text, SLICE("sites:\n  s:\n    respond: 200\n    domains: [")),
                     0);
    for (int i = 0; i < 250; i++)
        assert_int_equal(buffer_format(&text, "n%d.example.org, n%d.localhost, ", i, i), 0);
    assert_int_equal(buffer_append(&text, SLICE("\"*\"]\n")), 0);
    assert_int_equal(buffer_append_char(&text, '\0'), 0);
    struct snapshot *snapshot = parse_good(text.at);
    assert_int_equal(snapshot->managed_count, 6);
    assert_int_equal(snapshot->sites[0].identities_count, 6);
    assert_int_equal(snapshot->managed[0]->names_count, 100);
    assert_int_equal(snapshot->sites[0].identities[0].domains_count, 101);
    assert_int_equal(snapshot->managed[5]->names_count, 50);
    snapshot_unref(snapshot);
}

static void connections_are_routed_by_name_or_decrypted(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good(
        "listeners:\n"
        "  pass: { address: \":443\", protocol: tcp, sni: { A.org: r, \"*.b.org\": q } }\n"
        "  open: { address: \":444\", protocol: tcp, forward: q, tls: { certificate: c.pem } }\n"
        "target_groups:\n"
        "  r: { targets: \"127.0.0.1:1\", protocol: tcp }\n"
        "  q: { targets: \"127.0.0.1:2\", protocol: tcp }\n"
        "  g: { targets: \"127.0.0.1:3\", tls: { server_name: in.org, ca: /ca.pem } }\n"
        "  h: { targets: \"127.0.0.1:4\", tls: true }\n"
        "  i: { targets: \"127.0.0.1:5\", tls: false }\n");
    const struct conf_listener *pass = &snapshot->listeners[0];
    assert_int_equal(pass->sni_count, 2);
    EXPECT(pass->sni[0].name, "a.org");
    assert_int_equal(pass->sni[1].group, 1);
    assert_int_equal(pass->group, CONF_NO_GROUP);
    assert_null(pass->identity);
    assert_int_equal(snapshot->listeners[1].group, 1);
    assert_int_equal(snapshot->listeners[1].identity->certificates_count, 1);
    assert_false(snapshot->listeners[1].identity->has_h2);
    EXPECT(snapshot->groups[2].tls.server_name, "in.org");
    assert_true(snapshot->groups[2].tls.verify && snapshot->groups[2].tls.enabled);
    assert_true(snapshot->groups[3].tls.verify && snapshot->groups[3].tls.enabled);
    assert_false(snapshot->groups[4].tls.enabled);
    snapshot_unref(snapshot);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const char file[] =
        "listeners:\n"
        "  a: { address: \":443\", tls: auto }\n"
        "  b: { address: \":444\", tls: { certificates: [a.pem, { certificate: b.pem, key: k }] } "
        "}\n"
        "  c: { address: \":445\", protocol: tcp, tls: internal, forward: g }\n"
        "  d: { address: \":446\", protocol: tcp, sni: { x.org: g, \"*.y.org\": g } }\n"
        "  e: \":80\"\n"
        "sites:\n"
        "  s: { domains: [a.org, \"*.a.org\", \"*\", a.localhost], respond: 200, hsts: true,\n"
        "       redirect_https: true, tls: { client_auth: ca.pem } }\n"
        "  t: { domains: b.org, respond: 200, tls: off }\n"
        "target_groups: { g: { targets: \"127.0.0.1:1\", protocol: tcp } }\n"
        "email: a@b.org\n"
        "acme: { key: rsa }\n";
    struct snapshot *snapshot = NULL;
    int rc = -ENOMEM;
    for (long nth = 1; rc != 0; nth++) {
        struct conf_errors errors;
        conf_errors_init(&errors);
        memory_fail_from(nth);
        rc = snapshot_parse(SLICE("weir.yaml"), slice_of_cstr(file), &snapshot, &errors);
        memory_fail_from(0);
        assert_true(rc == 0 || rc == -ENOMEM);
        assert_int_equal(errors.count, 0);
        assert_true((snapshot != NULL) == (rc == 0));
        conf_errors_finish(&errors);
    }
    assert_int_equal(snapshot->warnings_count, 1);
    snapshot_unref(snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_public_or_not),
        cmocka_unit_test(by_default_http_and_https_listen_for_sites_with_names),
        cmocka_unit_test(names_are_parted_by_who_can_certify_them),
        cmocka_unit_test(a_wildcard_that_nobody_believes_is_told),
        cmocka_unit_test(equal_sets_of_names_are_one_certificate),
        cmocka_unit_test(a_site_without_names_gets_one_for_this_machine),
        cmocka_unit_test(a_site_says_more_than_its_listener),
        cmocka_unit_test(many_names_are_several_certificates),
        cmocka_unit_test(connections_are_routed_by_name_or_decrypted),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
