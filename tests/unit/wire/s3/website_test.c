/* Websites: documents, routing and where a redirect leads. */
#include "s3_unit.h"

#include "wire/s3/website.h"

static int website(struct slice xml, struct arena *arena, struct s3_fault *fault,
                   struct buffer *out)
{
    struct s3_website made;
    int rc = s3_website_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_website_write(out, &made);
}

#define SITE(inside) "<WebsiteConfiguration>" inside "</WebsiteConfiguration>"
#define INDEX        "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>"
#define ERRORS       "<ErrorDocument><Key>404.html</Key></ErrorDocument>"
#define ALL(inside)  SITE("<RedirectAllRequestsTo>" inside "</RedirectAllRequestsTo>")
#define RULE(condition, redirect)                                                                  \
    "<RoutingRule>" condition "<Redirect>" redirect "</Redirect></RoutingRule>"
#define ROUTED(rules) SITE(INDEX "<RoutingRules>" rules "</RoutingRules>")
#define PREFIX(key)   "<Condition><KeyPrefixEquals>" key "</KeyPrefixEquals></Condition>"
#define STATUS(status)                                                                             \
    "<Condition><HttpErrorCodeReturnedEquals>" status "</HttpErrorCodeReturnedEquals></Condition>"
#define HOST       "<HostName>h.example</HostName>"
#define CODE(code) "<HttpRedirectCode>" code "</HttpRedirectCode>"
#define KEY(key)   "<ReplaceKeyWith>" key "</ReplaceKeyWith>"
#define BEGIN(key) "<ReplaceKeyPrefixWith>" key "</ReplaceKeyPrefixWith>"

static void documents_are_read_and_written(void **state)
{
    (void)state;
    expect_round(website, SITE(INDEX));
    expect_round(website, SITE(INDEX ERRORS));
    expect_round(website, ALL(HOST));
    expect_round(website, ALL(HOST "<Protocol>https</Protocol>"));
    expect_round(website, ROUTED(RULE(PREFIX("a/"), BEGIN("b/") CODE("302"))
                                     RULE(STATUS("404"), HOST KEY("x") "<Protocol>http</Protocol>")
                                         RULE("", HOST)));
    expect_round(website, SITE(INDEX "<RoutingRules/>"));
}

static void bad_documents_are_refused(void **state)
{
    (void)state;
    expect_fault(website, SITE(""), S3_INVALID_ARGUMENT);
    expect_fault(website, SITE(ERRORS), S3_INVALID_ARGUMENT);
    expect_fault(website, SITE("<IndexDocument><Suffix>a/b</Suffix></IndexDocument>"),
                 S3_INVALID_ARGUMENT);
    expect_fault(website, SITE("<IndexDocument><Suffix/></IndexDocument>"), S3_INVALID_ARGUMENT);
    expect_fault(website, SITE(INDEX "<ErrorDocument><Key/></ErrorDocument>"), S3_INVALID_ARGUMENT);
    expect_fault(website, SITE("<IndexDocument/>"), S3_MALFORMED_XML);
    expect_fault(website, SITE(INDEX "<Other/>"), S3_MALFORMED_XML);
    expect_fault(website, SITE(INDEX "<RedirectAllRequestsTo>" HOST "</RedirectAllRequestsTo>"),
                 S3_INVALID_REQUEST);
    expect_fault(website, ALL("<HostName>a&#13;&#10;b</HostName>"), S3_INVALID_ARGUMENT);
    expect_fault(website, ALL("<HostName/>"), S3_INVALID_ARGUMENT);
    expect_fault(website, ALL(HOST "<Protocol>ftp</Protocol>"), S3_INVALID_REQUEST);
    expect_fault(website, ROUTED(RULE("", "")), S3_MALFORMED_XML);
    expect_fault(website, ROUTED(RULE("<Condition/>", HOST)), S3_INVALID_REQUEST);
    expect_fault(website, ROUTED(RULE(STATUS("200"), HOST)), S3_INVALID_REQUEST);
    expect_fault(website, ROUTED(RULE("", CODE("200"))), S3_INVALID_REQUEST);
    expect_fault(website, ROUTED(RULE("", CODE("304"))), S3_INVALID_REQUEST);
    expect_fault(website, ROUTED(RULE("", KEY("a") BEGIN("b"))), S3_INVALID_REQUEST);
}

static void parse(struct arena *arena, const char *xml, struct s3_website *ret_website)
{
    struct s3_fault fault;
    assert_int_equal(s3_website_parse(slice_of_cstr(xml), arena, &fault, ret_website), 0);
}

/* Where a request for the key leads, and with which status; NULL: nowhere. */
static void expect_redirect(const struct s3_website *made, const char *key, unsigned error,
                            const char *location, unsigned status)
{
    SCOPED(buffer_finish) struct buffer out;
    struct slice prefix;
    buffer_init(&out, 5000);
    const struct s3_redirect *redirect =
        s3_website_redirect(made, slice_of_cstr(key), error, &prefix);
    assert_int_equal(redirect != NULL, location != NULL);
    if (redirect == NULL)
        return;
    assert_int_equal(redirect->status, status);
    assert_int_equal(
        s3_website_location(&out, redirect, slice_of_cstr(key), prefix, SLICE("site:8080"), true),
        0);
    expect_slice(buffer_slice(&out), location);
}

static void rules_are_asked_in_order(void **state)
{
    (void)state;
    SCOPED(arena_finish) struct arena arena;
    struct s3_website made;
    arena_init(&arena, NULL, 0, 1 << 20);
    parse(&arena,
          ROUTED(RULE(PREFIX("docs/"), BEGIN("documents/") CODE("302")) RULE(
              PREFIX("old"), KEY("new page.html")) RULE("<Condition><KeyPrefixEquals>api/"
                                                        "</KeyPrefixEquals>"
                                                        "<HttpErrorCodeReturnedEquals>404"
                                                        "</HttpErrorCodeReturnedEquals>"
                                                        "</Condition>",
                                                        HOST "<Protocol>http</Protocol>")),
          &made);
    expect_redirect(&made, "docs/a b", 0, "https://site:8080/documents/a%20b", 302);
    expect_redirect(&made, "older", 0, "https://site:8080/new%20page.html", 301);
    expect_redirect(&made, "api/x", 0, NULL, 0);
    expect_redirect(&made, "api/x", 404, "http://h.example/api/x", 301);
    expect_redirect(&made, "api/x", 403, NULL, 0);
    expect_redirect(&made, "docs/a", 404, NULL, 0);
    parse(&arena, ALL(HOST), &made);
    expect_redirect(&made, "a\r\nb/\xc3\xa4", 0, "https://h.example/a%0D%0Ab/%C3%A4", 301);
}

static void folders_have_an_index(void **state)
{
    (void)state;
    SCOPED(arena_finish) struct arena arena;
    struct s3_website made;
    arena_init(&arena, NULL, 0, 1 << 20);
    parse(&arena, SITE(INDEX), &made);
    expect_slice(s3_website_key(&made, SLICE(""), &arena), "index.html");
    expect_slice(s3_website_key(&made, SLICE("a/"), &arena), "a/index.html");
    expect_slice(s3_website_key(&made, SLICE("a"), &arena), "a");
    struct arena none = {0};
    expect_slice(s3_website_key(&made, SLICE("a/"), &none), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_read_and_written),
        cmocka_unit_test(bad_documents_are_refused),
        cmocka_unit_test(rules_are_asked_in_order),
        cmocka_unit_test(folders_have_an_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
