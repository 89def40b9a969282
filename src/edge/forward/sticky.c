/* Tokens, and the cookies that carry them. */
#include "edge/forward/sticky.h"

#include "base/hash.h"
#include "http/exchange.h"
#include "http/session.h"
#include "wire/http/cookie.h"

#define TOKEN_DIGITS 16

static const struct hash_key fixed_key = {0x77656972, 0x737469636b79};

uint64_t sticky_token(const struct conf_sticky *conf, struct slice id)
{
    struct hash_key key = fixed_key;
    if (conf->key.len > 0)
        key = (struct hash_key){hash_bytes(fixed_key, conf->key),
                                hash_bytes((struct hash_key){fixed_key.b, fixed_key.a}, conf->key)};
    return hash_bytes(key, id);
}

static bool parse_token(struct slice text, uint64_t *ret_token)
{
    uint64_t token = 0;
    if (text.len != TOKEN_DIGITS)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool is_letter = c >= 'a' && c <= 'f';
        if (!ascii_is_digit(c) && !is_letter)
            return false;
        token = token << 4 | (uint64_t)(is_letter ? c - 'a' + 10 : c - '0');
    }
    *ret_token = token;
    return true;
}

bool sticky_read(const struct exchange *exchange, const struct conf_sticky *conf,
                 uint64_t *ret_token)
{
    const struct fields *fields = &exchange->request.fields;
    struct slice value;
    for (unsigned i = 0; i < fields->count; i++) {
        if (fields->at[i].id == FIELD_COOKIE &&
            cookie_find(fields->at[i].value, conf->cookie, &value))
            return parse_token(value, ret_token);
    }
    return false;
}

void sticky_write(struct writer *head, const struct exchange *exchange,
                  const struct conf_sticky *conf, uint64_t token)
{
    write_literal(head, "Set-Cookie: ");
    write_slice(head, conf->cookie);
    write_char(head, '=');
    write_hex(head, token, TOKEN_DIGITS);
    write_literal(head, "; Path=/; HttpOnly; SameSite=Lax");
    if (conf->ttl_ms > 0) {
        write_literal(head, "; Max-Age=");
        write_u64(head, (uint64_t)(conf->ttl_ms + 999) / 1000);
    }
    if (exchange->is_secure)
        write_literal(head, "; Secure");
    write_literal(head, "\r\n");
}
