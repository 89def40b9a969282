/* libxcrypt's crypt_rn, whose state holds the password and is wiped. Called on worker threads. */
#include "os/password.h"

#include "base/cleanup.h"

#include <crypt.h>
#include <errno.h>

#define PASSWORD_BYTES_MAX 512

/* In a time that does not tell where they differ. */
static bool is_same(const char *a, const char *b, size_t len)
{
    unsigned char difference = 0;
    for (size_t i = 0; i < len; i++)
        difference |= (unsigned char)(a[i] ^ b[i]);
    return difference == 0;
}

static bool matches(struct slice password, struct slice hash, struct crypt_data *data)
{
    char text[PASSWORD_BYTES_MAX + 1] = {0};
    memcpy(text, password.at, password.len);
    const char *made = crypt_rn(text, hash.at, data, (int)sizeof *data);
    explicit_bzero(text, sizeof text);
    return made != NULL && strlen(made) == hash.len && is_same(made, hash.at, hash.len);
}

int password_matches(struct slice password, struct slice hash)
{
    if (password.len > PASSWORD_BYTES_MAX ||
        (password.len > 0 && memchr(password.at, '\0', password.len) != NULL))
        return 0;
    struct crypt_data *data = NEW(struct crypt_data);
    if (data == NULL)
        return -ENOMEM;
    bool is_right = password.at != NULL && matches(password, hash, data);
    explicit_bzero(data, sizeof *data);
    memory_free(data);
    return is_right ? 1 : 0;
}
