/* How long a body is and whether the connection goes on after it, as the fields tell. */
#include "wire/h1/parse.h"

#include <errno.h>

/* One coding, "chunked", and nothing else: all that Weir can frame. */
static int check_transfer_encoding(const struct h1_facts *facts, struct h1_refusal *ret_refusal)
{
    if (facts->transfer_encodings > 1)
        return h1_refuse(ret_refusal, 400, "repeated Transfer-Encoding");
    struct slice list = facts->transfer_encoding->value, coding;
    if (slice_equal_nocase(list, SLICE("chunked")))
        return 0;
    bool is_unknown = false;
    while (http_list_next(&list, &coding)) {
        if (!http_is_token(coding))
            return h1_refuse(ret_refusal, 400, "bad Transfer-Encoding");
        is_unknown |= !slice_equal_nocase(coding, SLICE("chunked"));
    }
    return is_unknown ? h1_refuse(ret_refusal, 501, "unknown transfer coding")
                      : h1_refuse(ret_refusal, 400, "bad Transfer-Encoding");
}

int h1_parse_framing(const struct h1_facts *facts, uint8_t version_minor,
                     struct framing *ret_framing, struct h1_refusal *ret_refusal)
{
    *ret_framing = (struct framing){.kind = BODY_NONE};
    if (facts->transfer_encodings > 0) {
        if (facts->content_lengths > 0)
            return h1_refuse(ret_refusal, 400, "Content-Length beside Transfer-Encoding");
        if (version_minor == 0)
            return h1_refuse(ret_refusal, 400, "Transfer-Encoding with HTTP/1.0");
        ret_framing->kind = BODY_CHUNKED;
        return check_transfer_encoding(facts, ret_refusal);
    }
    if (facts->content_lengths == 0)
        return 0;
    if (facts->content_lengths > 1)
        return h1_refuse(ret_refusal, 400, "repeated Content-Length");
    uint64_t length;
    if (slice_parse_u64(facts->content_length->value, &length) < 0 || length > INT64_MAX)
        return h1_refuse(ret_refusal, 400, "bad Content-Length");
    ret_framing->has_content_length = true;
    ret_framing->content_length = length;
    ret_framing->kind = length > 0 ? BODY_LENGTH : BODY_NONE;
    return 0;
}

bool h1_is_persistent(const struct h1_facts *facts, uint8_t version_minor)
{
    return !facts->says_close && (version_minor > 0 || facts->says_keep_alive);
}

int h1_parse_version(struct slice text, uint8_t *ret_minor, struct h1_refusal *ret_refusal)
{
    if (text.len != 8 || memcmp(text.at, "HTTP/", 5) != 0 || !ascii_is_digit(text.at[5]) ||
        text.at[6] != '.' || !ascii_is_digit(text.at[7]))
        return h1_refuse(ret_refusal, 400, "bad version");
    if (text.at[5] != '1' || text.at[7] > '1')
        return h1_refuse(ret_refusal, 505, "version not supported");
    *ret_minor = (uint8_t)(text.at[7] - '0');
    return 0;
}
