/* Each text is made from the connection, which keeps none. Called by filter/expand.c. */
#include "edge/tls/client_text.h"

#include "http/exchange.h"
#include "wire/tls/connection.h"

/* On a fiber's stack: larger certificates are not told. */
#define PEM_BYTES_MAX 8192

/* What stands in a URL as it is (RFC 3986 §2.3). */
static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || ascii_is_digit(c) || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void write_escaped(struct writer *writer, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.at[i])) {
            write_char(writer, text.at[i]);
            continue;
        }
        write_char(writer, '%');
        write_char(writer, "0123456789ABCDEF"[(uint8_t)text.at[i] >> 4]);
        write_char(writer, "0123456789ABCDEF"[(uint8_t)text.at[i] & 15]);
    }
}

/* The certificate's bytes in base64 between colons (RFC 8941 §3.3.5): what PEM has in its lines. */
static void write_base64(struct writer *writer, struct slice pem)
{
    struct slice line;
    if (pem.len == 0)
        return;
    write_char(writer, ':');
    while (slice_cut(&pem, '\n', &line)) {
        if (!slice_starts_with(line, SLICE("-----")))
            write_slice(writer, line);
    }
    write_char(writer, ':');
}

static void write_certificate(struct writer *writer, const struct tls_connection *connection,
                              bool is_escaped)
{
    char room[PEM_BYTES_MAX];
    struct slice pem = tls_connection_client_pem(connection, room, sizeof room);
    if (is_escaped)
        write_escaped(writer, pem);
    else
        write_base64(writer, pem);
}

void client_text_write(struct writer *writer, const struct exchange *exchange,
                       enum template_variable variable)
{
    const struct tls_connection *connection = exchange_tls(exchange);
    if (connection == NULL)
        return;
    switch (variable) {
    case TEMPLATE_CLIENT_SUBJECT:
        write_slice(writer, exchange->notes.client_subject);
        break;
    case TEMPLATE_CLIENT_CERT:
    case TEMPLATE_CLIENT_CERT_PEM:
        write_certificate(writer, connection, variable == TEMPLATE_CLIENT_CERT_PEM);
        break;
    case TEMPLATE_TLS_VERSION:
        write_slice(writer, slice_of_cstr(tls_connection_version(connection)));
        break;
    case TEMPLATE_TLS_CIPHER:
        write_slice(writer, slice_of_cstr(tls_connection_cipher(connection)));
        break;
    case TEMPLATE_TLS_SERVER_NAME:
        write_slice(writer, tls_connection_server_name(connection));
        break;
    default:
        break;
    }
}

static size_t escaped_length(struct slice text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.len; i++)
        length += is_unreserved(text.at[i]) ? 1 : 3;
    return length;
}

size_t client_text_length(const struct exchange *exchange, enum template_variable variable)
{
    const struct tls_connection *connection = exchange_tls(exchange);
    char room[PEM_BYTES_MAX];
    struct writer writer;
    if (connection == NULL)
        return 0;
    if (variable == TEMPLATE_CLIENT_CERT_PEM)
        return escaped_length(tls_connection_client_pem(connection, room, sizeof room));
    writer_init(&writer, room, sizeof room);
    client_text_write(&writer, exchange, variable);
    return writer_slice(&writer).len;
}
