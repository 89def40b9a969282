/* Lines of a password file as htpasswd writes it: "name:hash", with bcrypt hashes and no others. */
#pragma once

#include "base/slice.h"

#define HTPASSWD_BYTES_MAX ((size_t)4 << 20)
#define HTPASSWD_USERS_MAX 10000
#define HTPASSWD_NAME_MAX  255
#define HTPASSWD_COST_MAX  15 /* a check costs 2^cost; 15 is seconds */
#define BCRYPT_HASH_LEN    60

struct htpasswd_line {
    struct slice name; /* borrowed from the text */
    struct slice hash;
    const char *why; /* what is wrong with the line; NULL: nothing */
};

/*
 * Takes the next line off *text that is neither empty nor a comment, and counts all lines in
 * *line. False at the end.
 */
bool htpasswd_next(struct slice *text, unsigned *line, struct htpasswd_line *ret_line);

/* "$2b$10$" and 53 characters; $2a$ and $2y$ too. */
bool htpasswd_is_bcrypt(struct slice hash);
