/*
 * SOCKS 5 (RFC 1928) with user and password (RFC 1929): what a client says, read from the front of
 * received bytes, and what is said back. Each parser returns how many bytes it has read, 0 when
 * more are needed, or -EBADMSG; what it tells is borrowed from the bytes.
 */
#pragma once

#include "base/writer.h"

#define SOCKS5_VERSION 5

/* No message of a client is longer. */
#define SOCKS5_BYTES_MAX 513

enum socks5_method {
    SOCKS5_METHOD_NONE = 0x00,
    SOCKS5_METHOD_PASSWORD = 0x02,
    SOCKS5_METHOD_UNACCEPTABLE = 0xff,
};

enum socks5_command {
    SOCKS5_COMMAND_CONNECT = 1,
    SOCKS5_COMMAND_BIND = 2,
    SOCKS5_COMMAND_UDP_ASSOCIATE = 3,
};

/* RFC 1928 §6. */
enum socks5_reply {
    SOCKS5_SUCCEEDED,
    SOCKS5_FAILED,
    SOCKS5_NOT_ALLOWED,
    SOCKS5_NETWORK_UNREACHABLE,
    SOCKS5_HOST_UNREACHABLE,
    SOCKS5_REFUSED,
    SOCKS5_TTL_EXPIRED,
    SOCKS5_COMMAND_UNSUPPORTED,
    SOCKS5_ADDRESS_UNSUPPORTED,
};

/* The methods that a client offers. */
struct socks5_greeting {
    bool offers_none;
    bool offers_password;
};

struct socks5_password {
    struct slice name; /* 1 to 255 bytes, as the next */
    struct slice password;
};

enum socks5_address { SOCKS5_IPV4 = 1, SOCKS5_NAME = 3, SOCKS5_IPV6 = 4 };

struct socks5_request {
    uint8_t command; /* enum socks5_command, or another number */
    uint8_t kind;    /* enum socks5_address, or another number: then nothing follows that is read */
    struct slice host; /* 4 or 16 bytes in network order, or a name of 1 to 255 bytes */
    uint16_t port;
};

int socks5_parse_greeting(struct slice bytes, struct socks5_greeting *ret_greeting);
int socks5_parse_password(struct slice bytes, struct socks5_password *ret_password);

/* A kind of address that does not exist ends what can be read: the bytes up to it. */
int socks5_parse_request(struct slice bytes, struct socks5_request *ret_request);

void socks5_write_method(struct writer *writer, enum socks5_method method);
void socks5_write_password_result(struct writer *writer, bool is_right);

/* The address that was bound is told as 0.0.0.0:0: which of ours it is, is nobody's business. */
void socks5_write_reply(struct writer *writer, enum socks5_reply reply);
