/* Challenges come, are replaced, grow old and go; what a handshake has found outlives them. */
#include "edge/acme/challenges.h"

#include "unit.h"

#include "base/cleanup.h"
#include "wire/acme/proof.h"
#include "wire/tls/context.h"

#include <errno.h>
#include <stdio.h>

static struct tls_identity *make_identity(void)
{
    SCOPED(buffer_finish) struct buffer pem;
    struct tls_certificate *certificate = NULL;
    struct tls_identity *identity = NULL;
    struct error error = {0};
    buffer_init(&pem, 65536);
    assert_int_equal(acme_proof_write(SLICE("a.example"), SLICE("x"), 1800000000, &pem), 0);
    assert_int_equal(
        tls_certificate_parse(buffer_slice(&pem), buffer_slice(&pem), &certificate, &error), 0);
    const struct tls_identity_settings settings = {
        .certificates = &certificate, .certificates_count = 1, .alpn = TLS_ALPN_ACME};
    assert_int_equal(tls_identity_create(&settings, &identity, &error), 0);
    tls_certificate_unref(certificate);
    return identity;
}

static void an_identity_is_found_by_its_name_alone(void **state)
{
    (void)state;
    struct challenges challenges;
    challenges_init(&challenges);
    assert_false(challenges_are_there(&challenges));
    struct tls_identity *first = make_identity(), *second = make_identity();
    assert_int_equal(challenges_set_identity(&challenges, SLICE("a.example"), first, 0), 0);
    assert_int_equal(challenges_set_text(&challenges, SLICE("b.example"), SLICE("text"), 0), 0);
    assert_ptr_equal(challenges_find_identity(&challenges, SLICE("a.example")), first);
    assert_null(challenges_find_identity(&challenges, SLICE("b.example")));
    assert_int_equal(challenges_set_identity(&challenges, SLICE("a.example"), second, 10), 0);
    assert_ptr_equal(challenges_find_identity(&challenges, SLICE("a.example")), second);
    assert_int_equal(atomic_load(&challenges.count), 2);
    challenges_clear_identity(&challenges, SLICE("a.example"), 20);
    assert_null(challenges_find_identity(&challenges, SLICE("a.example")));
    /* A handshake on another thread may hold it still: it is there until a minute has gone. */
    assert_int_equal(tls_identity_client_auth(second), TLS_CLIENT_NONE);
    challenges_clear_text(&challenges, SLICE("b.example"), 30);
    assert_false(challenges_are_there(&challenges));
    challenges_clear_text(&challenges, SLICE("none"), 200000); /* they are freed by now */
    assert_null(challenges.retired);
    challenges_finish(&challenges);
}

static void they_go_after_an_hour(void **state)
{
    (void)state;
    struct challenges challenges;
    challenges_init(&challenges);
    assert_int_equal(challenges_set_text(&challenges, SLICE("old"), SLICE("text"), 0), 0);
    assert_int_equal(
        challenges_set_text(&challenges, SLICE("new"), SLICE("text"), CHALLENGE_LIFETIME_MS), 0);
    assert_int_equal(atomic_load(&challenges.count), 1);
    challenges_finish(&challenges);
}

static void there_is_a_limit(void **state)
{
    (void)state;
    struct challenges challenges;
    challenges_init(&challenges);
    for (unsigned i = 0; i < CHALLENGES_MAX; i++) {
        char token[16];
        int len = snprintf(token, sizeof token, "t%u", i);
        assert_int_equal(
            challenges_set_text(&challenges, slice_of(token, (size_t)len), SLICE("x"), 0), 0);
    }
    assert_int_equal(challenges_set_text(&challenges, SLICE("more"), SLICE("x"), 0), -ENOSPC);
    assert_int_equal(challenges_set_text(&challenges, SLICE("t7"), SLICE("y"), 0), 0);
    challenges_finish(&challenges);
}

static void tokens_are_base64url(void **state)
{
    (void)state;
    assert_true(challenges_is_token(SLICE("AZaz09-_")));
    static const struct slice wrong[] = {SLICE(""), SLICE("a.b"), SLICE("a/b"), SLICE("a b"),
                                         SLICE("a=")};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(challenges_is_token(wrong[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_identity_is_found_by_its_name_alone),
        cmocka_unit_test(they_go_after_an_hour),
        cmocka_unit_test(there_is_a_limit),
        cmocka_unit_test(tokens_are_base64url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
