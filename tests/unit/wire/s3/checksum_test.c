/* Checksums against the values that their definitions give for "123456789", and their texts. */
#include "s3_unit.h"

#include "base/cleanup.h"
#include "wire/s3/checksum.h"
#include "wire/s3/digest.h"

static void expect_sum(unsigned kind, const char *text, const char *hex)
{
    unsigned char sum[S3_SUM_BYTES_MAX];
    char room[2 * S3_SUM_BYTES_MAX];
    assert_int_equal(s3_sum_of(kind, slice_of_cstr(text), sum), 0);
    expect_slice(s3_hex_write(sum, s3_sum_bytes(kind), room), hex);
}

static void sums_are_those_of_their_definitions(void **state)
{
    (void)state;
    expect_sum(S3_CHECKSUM_CRC32, "123456789", "cbf43926");
    expect_sum(S3_CHECKSUM_CRC32C, "123456789", "e3069283");
    expect_sum(S3_CHECKSUM_CRC64NVME, "123456789", "ae8b14860a799888");
    expect_sum(S3_CHECKSUM_MD5, "", "d41d8cd98f00b204e9800998ecf8427e");
    expect_sum(S3_CHECKSUM_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
    expect_sum(S3_CHECKSUM_SHA256, "abc",
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Whatever the length and wherever it is cut. */
static void sums_of_parts_join(void **state)
{
    (void)state;
    char bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 11);
    for (unsigned kind = 0; kind < S3_CHECKSUM_KINDS; kind++) {
        if (!s3_sum_joins(kind))
            continue;
        for (size_t cut = 0; cut <= sizeof bytes; cut += 13) {
            unsigned char whole[S3_SUM_BYTES_MAX], first[S3_SUM_BYTES_MAX], next[S3_SUM_BYTES_MAX];
            assert_int_equal(s3_sum_of(kind, slice_of(bytes, sizeof bytes), whole), 0);
            assert_int_equal(s3_sum_of(kind, slice_of(bytes, cut), first), 0);
            assert_int_equal(s3_sum_of(kind, slice_of(bytes + cut, sizeof bytes - cut), next), 0);
            s3_sum_join(kind, first, next, sizeof bytes - cut);
            assert_memory_equal(first, whole, s3_sum_bytes(kind));
        }
    }
}

static void base64_goes_there_and_back(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        char room[S3_SUM_BASE64_MAX];
        expect_slice(s3_base64_write(pairs[i][0], strlen(pairs[i][0]), room), pairs[i][1]);
        ptrdiff_t len = s3_base64_read(slice_of_cstr(pairs[i][1]), room);
        assert_int_equal(len, strlen(pairs[i][0]));
        assert_memory_equal(room, pairs[i][0], (size_t)len);
    }
    static const char *const bad[] = {"Zg=", "Zg", "Zh==", "Zm9=", "Z===", "====", "Z g=", "=Zg="};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char room[8];
        assert_int_equal(s3_base64_read(slice_of_cstr(bad[i]), room), -EBADMSG);
    }
}

static void expect_mac(struct slice key, const char *text, const char *hex)
{
    unsigned char mac[S3_HMAC_BYTES];
    char room[2 * S3_HMAC_BYTES];
    assert_int_equal(s3_hmac(key, slice_of_cstr(text), mac), 0);
    expect_slice(s3_hex_write(mac, sizeof mac, room), hex);
}

/* RFC 4231 §4.3 and §4.7: a short key, and one that is longer than a block. */
static void macs_are_those_of_rfc_4231(void **state)
{
    char key[131];
    (void)state;
    memset(key, 0xaa, sizeof key);
    expect_mac(SLICE("Jefe"), "what do ya want for nothing?",
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    expect_mac(slice_of(key, sizeof key), "Test Using Larger Than Block-Size Key - Hash Key First",
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_their_definitions),
        cmocka_unit_test(sums_of_parts_join),
        cmocka_unit_test(macs_are_those_of_rfc_4231),
        cmocka_unit_test(base64_goes_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
