/*
 * A cursor walks over the message, which records may cut at any byte; nothing is copied but the
 * name. Where bytes run out, more are wanted; where a length does not fit into the one around it,
 * it is no ClientHello. Called by edge/tcp.
 */
#include "wire/tls/client_hello.h"

#include <errno.h>

#define RECORD_HEAD_BYTES     5
#define RECORD_BYTES_MAX      16384
#define RECORD_HANDSHAKE      22
#define MESSAGE_HELLO         1
#define EXTENSION_SERVER_NAME 0
#define EXTENSION_ALPN        16
#define NAME_TYPE_HOST        0
#define RANDOM_BYTES          32
#define SESSION_ID_BYTES_MAX  32
#define PROTOCOL_BYTES_MAX    255
#define EXTENSIONS_MAX        64

struct cursor {
    struct slice rest;   /* received and not looked at */
    size_t record_left;  /* of the record at hand */
    size_t message_left; /* until its length is known, that of its head */
    int result;          /* 1 while all goes well */
    const char *why;
};

static bool refuse(struct cursor *cursor, const char *why)
{
    if (cursor->result == 1) {
        cursor->result = -EBADMSG;
        cursor->why = why;
    }
    return false;
}

static bool await_more(struct cursor *cursor)
{
    if (cursor->result == 1)
        cursor->result = 0;
    return false;
}

/* Each byte that is there is held against what it must be, so that no garbage is waited for. */
static bool next_record(struct cursor *cursor)
{
    const unsigned char *at = (const unsigned char *)cursor->rest.at;
    size_t len = cursor->rest.len;
    if (len > 0 && at[0] != RECORD_HANDSHAKE)
        return refuse(cursor, "it is no TLS");
    if (len > 1 && at[1] != 3)
        return refuse(cursor, "it is no version of TLS");
    if (len < RECORD_HEAD_BYTES)
        return await_more(cursor);
    cursor->record_left = (size_t)at[3] << 8 | at[4];
    if (cursor->record_left == 0 || cursor->record_left > RECORD_BYTES_MAX)
        return refuse(cursor, "a record is empty, or too long");
    cursor->rest = slice_from(cursor->rest, RECORD_HEAD_BYTES);
    return true;
}

static bool take_byte(struct cursor *cursor, uint8_t *ret_byte)
{
    if (cursor->result != 1)
        return false;
    if (cursor->message_left == 0)
        return refuse(cursor, "a length goes beyond the message");
    if (cursor->record_left == 0 && !next_record(cursor))
        return false;
    if (cursor->rest.len == 0)
        return await_more(cursor);
    *ret_byte = (uint8_t)cursor->rest.at[0];
    cursor->rest = slice_from(cursor->rest, 1);
    cursor->record_left--;
    cursor->message_left--;
    return true;
}

/* A number of that many bytes, the highest first. */
static bool take_number(struct cursor *cursor, unsigned bytes, size_t *ret_number)
{
    size_t number = 0;
    uint8_t byte = 0;
    for (unsigned i = 0; i < bytes; i++) {
        if (!take_byte(cursor, &byte))
            return false;
        number = number << 8 | byte;
    }
    *ret_number = number;
    return true;
}

static bool skip(struct cursor *cursor, size_t len)
{
    uint8_t byte = 0;
    for (size_t i = 0; i < len; i++) {
        if (!take_byte(cursor, &byte))
            return false;
    }
    return true;
}

/* A list behind its length of that many bytes, from `least` to `most` long. */
static bool skip_list(struct cursor *cursor, unsigned bytes, size_t least, size_t most)
{
    size_t len;
    if (!take_number(cursor, bytes, &len))
        return false;
    if (len < least || len > most)
        return refuse(cursor, "a list in it has a length that cannot be");
    return skip(cursor, len);
}

/* A dot at the end makes no difference (RFC 6066 §3 wants none). */
static bool take_name(struct cursor *cursor, size_t len, struct client_hello *hello)
{
    uint8_t byte = 0;
    if (len == 0 || len > CLIENT_HELLO_NAME_BYTES_MAX)
        return refuse(cursor, "the name in it is empty, or too long");
    for (size_t i = 0; i < len; i++) {
        if (!take_byte(cursor, &byte))
            return false;
        if (byte <= ' ' || byte > '~')
            return refuse(cursor, "the name in it has a byte that no name has");
        hello->name[i] = ascii_lower((char)byte);
    }
    if (len > 1 && hello->name[len - 1] == '.')
        len--;
    hello->server_name = slice_of(hello->name, len);
    return true;
}

/* RFC 6066 §3: one name of a kind, and there is but one kind. */
static bool take_server_name(struct cursor *cursor, size_t len, struct client_hello *hello)
{
    size_t list_len, name_len;
    uint8_t type;
    if (hello->server_name.len > 0)
        return refuse(cursor, "it has two names");
    if (!take_number(cursor, 2, &list_len) || !take_byte(cursor, &type) ||
        !take_number(cursor, 2, &name_len))
        return false;
    if (len < 5 || list_len != len - 2 || type != NAME_TYPE_HOST || name_len != len - 5)
        return refuse(cursor, "its list of names is malformed");
    return take_name(cursor, name_len, hello);
}

static bool take_protocol(struct cursor *cursor, size_t len, struct slice *ret_name, char *room)
{
    uint8_t byte = 0;
    for (size_t i = 0; i < len; i++) {
        if (!take_byte(cursor, &byte))
            return false;
        room[i] = (char)byte;
    }
    *ret_name = slice_of(room, len);
    return true;
}

/* RFC 7301 §3.1 */
static bool take_alpn(struct cursor *cursor, size_t len, struct client_hello *hello)
{
    char room[PROTOCOL_BYTES_MAX];
    size_t left, name_len;
    unsigned count = 0;
    struct slice name;
    bool has_acme = false;
    if (!take_number(cursor, 2, &left))
        return false;
    if (len < 4 || left != len - 2)
        return refuse(cursor, "its list of protocols is malformed");
    for (; left > 0; left -= name_len + 1, count++) {
        if (!take_number(cursor, 1, &name_len))
            return false;
        if (name_len == 0 || name_len + 1 > left)
            return refuse(cursor, "its list of protocols is malformed");
        if (!take_protocol(cursor, name_len, &name, room))
            return false;
        hello->offers_h2 |= slice_equal(name, SLICE("h2"));
        hello->offers_http1 |= slice_equal(name, SLICE("http/1.1"));
        has_acme |= slice_equal(name, SLICE("acme-tls/1"));
    }
    hello->wants_acme = has_acme && count == 1;
    return true;
}

static bool take_extension(struct cursor *cursor, size_t type, size_t len,
                           struct client_hello *hello)
{
    if (type == EXTENSION_SERVER_NAME)
        return take_server_name(cursor, len, hello);
    if (type == EXTENSION_ALPN)
        return take_alpn(cursor, len, hello);
    return skip(cursor, len);
}

static bool take_extensions(struct cursor *cursor, struct client_hello *hello)
{
    size_t left, type, len;
    bool has_alpn = false;
    if (cursor->message_left == 0) /* TLS 1.2 may do without */
        return true;
    if (!take_number(cursor, 2, &left))
        return false;
    if (left != cursor->message_left)
        return refuse(cursor, "its extensions do not end where it ends");
    for (unsigned count = 0; left > 0; left -= 4 + len, count++) {
        if (!take_number(cursor, 2, &type) || !take_number(cursor, 2, &len))
            return false;
        if (count == EXTENSIONS_MAX || left < 4 || len > left - 4)
            return refuse(cursor, "its extensions are malformed, or too many");
        if (type == EXTENSION_ALPN && has_alpn)
            return refuse(cursor, "it has two lists of protocols");
        has_alpn |= type == EXTENSION_ALPN;
        size_t before = cursor->message_left;
        if (!take_extension(cursor, type, len, hello))
            return false;
        if (before - cursor->message_left != len)
            return refuse(cursor, "an extension in it has another length than it says");
    }
    return true;
}

static bool take_message(struct cursor *cursor, struct client_hello *hello)
{
    size_t type, len, version;
    if (!take_number(cursor, 1, &type))
        return false;
    if (type != MESSAGE_HELLO)
        return refuse(cursor, "it does not begin with a ClientHello");
    if (!take_number(cursor, 3, &len))
        return false;
    if (len > CLIENT_HELLO_BYTES_MAX)
        return refuse(cursor, "it is too long");
    cursor->message_left = len;
    if (!take_number(cursor, 2, &version))
        return false;
    if (version >> 8 != 3)
        return refuse(cursor, "it is no version of TLS");
    return skip(cursor, RANDOM_BYTES) && skip_list(cursor, 1, 0, SESSION_ID_BYTES_MAX) &&
           skip_list(cursor, 2, 2, CLIENT_HELLO_BYTES_MAX) && skip_list(cursor, 1, 1, 255) &&
           take_extensions(cursor, hello);
}

int client_hello_parse(struct slice bytes, struct client_hello *ret_hello, const char **ret_why)
{
    struct cursor cursor = {.rest = bytes, .message_left = 4, .result = 1};
    ret_hello->server_name = (struct slice){0};
    ret_hello->offers_h2 = ret_hello->offers_http1 = ret_hello->wants_acme = false;
    (void)take_message(&cursor, ret_hello);
    if (cursor.result < 0)
        *ret_why = cursor.why;
    return cursor.result;
}
