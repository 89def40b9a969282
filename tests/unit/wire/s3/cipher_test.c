/* AES-256 in counter mode, by the examples of NIST SP 800-38A, and from any offset. */
#include "s3_unit.h"

#include "wire/s3/cipher.h"

static const unsigned char key[S3_CIPHER_KEY_BYTES] = {
    0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81,
    0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4};
static const char nonce[S3_CIPHER_NONCE_BYTES] = "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb";

/* F.5.5 CTR-AES256.Encrypt: its first counter is far into a run. */
static void the_standard_has_an_example(void **state)
{
    (void)state;
    struct s3_cipher cipher = {NULL};
    static const char plain[16] =
        "\x6b\xc1\xbe\xe2\x2e\x40\x9f\x96\xe9\x3d\x7e\x11\x73\x93\x17\x2a";
    static const char sealed[16] =
        "\x60\x1e\xc3\x13\x77\x57\x89\xa5\xb7\xa7\xf5\x04\xbb\xf3\xd2\x28";
    char out[16];
    assert_int_equal(s3_cipher_begin(&cipher, key, nonce, UINT64_C(0xfcfdfeff) * 16), 0);
    assert_int_equal(s3_cipher_apply(&cipher, slice_of(plain, sizeof plain), out), 0);
    s3_cipher_finish(&cipher);
    assert_memory_equal(out, sealed, sizeof sealed);
}

static void any_offset_is_a_beginning(void **state)
{
    (void)state;
    struct s3_cipher cipher = {NULL};
    char plain[200], sealed[200], out[200];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (char)(i * 7);
    assert_int_equal(s3_cipher_begin(&cipher, key, nonce, 0), 0);
    assert_int_equal(s3_cipher_apply(&cipher, slice_of(plain, sizeof plain), sealed), 0);
    for (size_t at = 0; at < sizeof plain; at++) {
        assert_int_equal(s3_cipher_begin(&cipher, key, nonce, at), 0);
        memcpy(out, sealed + at, sizeof plain - at);
        assert_int_equal(s3_cipher_apply(&cipher, slice_of(out, sizeof plain - at), out), 0);
        assert_memory_equal(out, plain + at, sizeof plain - at);
    }
    s3_cipher_finish(&cipher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_has_an_example),
        cmocka_unit_test(any_offset_is_a_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
