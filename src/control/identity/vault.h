/*
 * STATE/certificates: what is kept between two lives of the process that gets certificates. Each
 * file is its owner's alone and replaced as a whole: the old content or the new.
 *
 *   authority.pem         the local authority: its key and its certificate
 *   authority-open.pem    the one for other names, made when it is first wanted
 *   account-HHHHHHHH.pem  the key of the account at an ACME authority, by its directory's URL
 *   ID.pem                a certificate: key, leaf, chain
 *   ID.key ID.order       what an order that is under way needs to be taken up again
 *   ocsp-HHHH….der        the authority's word on a certificate, by the certificate's digest
 *   state.json            what `weir status` shows of all this
 */
#pragma once

#include "base/buffer.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define VAULT_FOLDER         "certificates"
#define VAULT_FILE_BYTES_MAX ((size_t)1 << 20)

struct vault {
    char folder[PATH_MAX];
    uint64_t inode, device; /* of the folder, as it was opened */
};

/* Makes the folder where it is missing. 0, -ENAMETOOLONG or another error. */
int vault_open(struct vault *vault, const char *state);

/* Is there another folder in its place by now, or none? */
bool vault_is_lost(const struct vault *vault);

/* `name` and `suffix` together are the file's name. The content is appended. 0, -ENOENT, -EMSGSIZE
 * or another error. */
int vault_read(const struct vault *vault, struct slice name, const char *suffix,
               struct buffer *ret_content);
int vault_write(const struct vault *vault, struct slice name, const char *suffix,
                struct slice content);
/* What tells one content of a file from another; all 0 where there is none. */
struct vault_stamp {
    uint64_t inode;
    int64_t changed_ns;
};
struct vault_stamp vault_stamp_of(const struct vault *vault, struct slice name, const char *suffix);

/* One that is not there is no error. */
int vault_remove(const struct vault *vault, struct slice name, const char *suffix);

/* On a fiber: waits until no other process makes an authority or an account, and keeps others
 * waiting until vault_unlock. The descriptor, or an error. */
int vault_lock(const struct vault *vault);
void vault_unlock(int lock);
