/*
 * Hosts of requests, as an authority brings them and alone. Holds: what is an address for inet_aton
 * or inet_pton is the same address here; what is a name here is none for them.
 */
#include "fuzz.h"

#include "base/memory.h"
#include "wire/http/host.h"
#include "wire/http/uri.h"

#include <arpa/inet.h>
#include <string.h>

static void check(struct slice text)
{
    struct host host = {0};
    struct in_addr v4;
    char room[300];
    int rc = host_parse(text, &host);
    if (text.len >= sizeof room || memchr(text.at, '\0', text.len) != NULL)
        return;
    memcpy(room, text.at, text.len);
    room[text.len] = '\0';
    /* Whoever asks has judged the bytes of a name: no blanks, up to which inet_aton reads, and no
     * capitals. */
    if (strpbrk(room, " \t\n\v\f\rABCDEFX") != NULL)
        return;
    bool is_ipv4 = inet_aton(room, &v4) == 1;
    if (rc == 0 && host.kind == HOST_NAME)
        CHECK(host.name.len > 0 && host.name.len <= HOST_NAME_BYTES_MAX && !is_ipv4);
    if (is_ipv4) {
        CHECK(rc == 0 && host.kind == HOST_IPV4);
        CHECK(memcmp(host.address + 12, &v4, 4) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice bytes = slice_of(data, len), host;
    unsigned port;
    char *lower = memory_alloc(len + 1);
    CHECK(lower != NULL);
    check(bytes);
    if (uri_split_authority(bytes, lower, &host, &port) == 0)
        check(host);
    memory_free(lower);
    return 0;
}
