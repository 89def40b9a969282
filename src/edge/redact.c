/* One walk over the parameters of a query; what is no secret goes on in long runs. */
#include "edge/redact.h"

#include "wire/http/uri.h"

#define NAME_BYTES_MAX 256 /* a longer name is none that anybody listed */

const struct slice redact_query_standard[] = {
    SLICE("access_token"),
    SLICE("api_key"),
    SLICE("apikey"),
    SLICE("auth"),
    SLICE("authorization"),
    SLICE("client_secret"),
    SLICE("id_token"),
    SLICE("jwt"),
    SLICE("passwd"),
    SLICE("password"),
    SLICE("pwd"),
    SLICE("refresh_token"),
    SLICE("secret"),
    SLICE("sessionid"),
    SLICE("sig"),
    SLICE("signature"),
    SLICE("token"),
    SLICE("x-amz-credential"),
    SLICE("x-amz-security-token"),
    SLICE("x-amz-signature"),
    {NULL, 0},
};

const struct slice redact_headers_standard[] = {
    SLICE("Authorization"),        SLICE("Cookie"),       SLICE("Proxy-Authorization"),
    SLICE("Set-Cookie"),           SLICE("X-Api-Key"),    SLICE("X-Auth-Token"),
    SLICE("X-Amz-Security-Token"), SLICE("X-Csrf-Token"), {NULL, 0},
};

/* Among `count` names, or those of the standard list. */
static bool is_listed(const struct slice *names, unsigned count, const struct slice *standard,
                      struct slice name)
{
    const struct slice *at = standard != NULL ? standard : names;
    for (unsigned i = 0; standard != NULL ? at[i].at != NULL : i < count; i++) {
        if (slice_equal_nocase(at[i], name))
            return true;
    }
    return false;
}

/* "%74oken" is the name that a target sees, too. */
static bool is_secret_parameter(const struct conf_redact *redact, struct slice name)
{
    char plain[NAME_BYTES_MAX];
    if (name.len > sizeof plain)
        return false;
    if (slice_find(name, '%') >= 0) {
        ptrdiff_t len = uri_decode(name, plain);
        name = len < 0 ? name : slice_of(plain, (size_t)len);
    }
    return is_listed(redact->query, redact->query_count,
                     redact->has_query ? NULL : redact_query_standard, name);
}

void redact_url(struct writer *writer, const struct conf_redact *redact, struct slice url,
                void (*put)(struct writer *writer, struct slice part))
{
    ptrdiff_t question = slice_find(url, '?');
    size_t written = 0; /* up to here */
    size_t at = question < 0 ? url.len : (size_t)question + 1;
    while (at < url.len) {
        ptrdiff_t and = slice_find(slice_from(url, at), '&');
        size_t end = and < 0 ? url.len : at + (size_t) and;
        struct slice parameter = slice_of(url.at + at, end - at);
        ptrdiff_t equals = slice_find(parameter, '=');
        if (equals >= 0 && is_secret_parameter(redact, slice_first(parameter, (size_t)equals))) {
            size_t value = at + (size_t)equals + 1;
            put(writer, slice_of(url.at + written, value - written));
            put(writer, REDACTED);
            written = end;
        }
        at = end + 1;
    }
    if (written < url.len)
        put(writer, slice_from(url, written));
}

bool redact_is_secret_header(const struct conf_redact *redact, struct slice name)
{
    return is_listed(redact->headers, redact->headers_count,
                     redact->has_headers ? NULL : redact_headers_standard, name);
}
