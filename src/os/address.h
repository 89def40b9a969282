/* Socket addresses: IPv4, IPv6, Unix. */
#pragma once

#include "base/slice.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct address {
    socklen_t len; /* 0: none */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un path;
    };
};

/* Enough for any address_format, with NUL. */
#define ADDRESS_TEXT_BYTES 120

/* `host` is an IPv4 or IPv6 address without brackets. Returns 0 or -EINVAL. */
int address_from_ip(struct slice host, uint16_t port, struct address *ret_address);

/* Returns 0 or -ENAMETOOLONG. */
int address_from_path(struct slice path, struct address *ret_address);

/* "127.0.0.1:80", "[::1]:80", "unix:/path". Returns the length. */
size_t address_format(const struct address *address, char ret_text[static ADDRESS_TEXT_BYTES]);

/* The host alone: "127.0.0.1", "::1" (no brackets; IPv4-mapped as IPv4), "unix". */
size_t address_format_host(const struct address *address, char ret_text[static ADDRESS_TEXT_BYTES]);

/* 0 for Unix sockets. */
uint16_t address_port(const struct address *address);

bool address_equal(const struct address *a, const struct address *b);

/* Below, at or above 0: an order over all addresses, IPv4 first, that means nothing else. */
int address_compare(const struct address *a, const struct address *b);
