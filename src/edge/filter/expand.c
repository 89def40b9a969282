/* Called for each use of a text that conf has checked. */
#include "edge/filter/expand.h"

#include "conf/template.h"
#include "edge/tls/client_text.h"
#include "http/exchange.h"

#define ID_DIGITS 16

static void write_variable(struct writer *writer, const struct exchange *exchange,
                           enum template_variable variable, struct slice text)
{
    switch (variable) {
    case TEMPLATE_TEXT:
        write_slice(writer, text);
        break;
    case TEMPLATE_HOST:
        write_slice(writer, exchange->host);
        break;
    case TEMPLATE_PATH:
        write_slice(writer, exchange->path);
        break;
    case TEMPLATE_QUERY:
        if (exchange->query.at != NULL)
            write_char(writer, '?');
        write_slice(writer, exchange->query);
        break;
    case TEMPLATE_CLIENT:
        write_slice(writer, exchange->client);
        break;
    case TEMPLATE_REQUEST_ID:
        write_hex(writer, exchange->id, ID_DIGITS);
        break;
    case TEMPLATE_CLIENT_SUBJECT:
    case TEMPLATE_CLIENT_CERT:
    case TEMPLATE_CLIENT_CERT_PEM:
    case TEMPLATE_TLS_VERSION:
    case TEMPLATE_TLS_CIPHER:
    case TEMPLATE_TLS_SERVER_NAME:
        client_text_write(writer, exchange, variable);
        break;
    case TEMPLATE_STATUS:
        write_u64(writer, exchange->status);
        break;
    case TEMPLATE_UNKNOWN:
        break;
    }
}

void expand_write(struct writer *writer, const struct exchange *exchange, struct slice text)
{
    enum template_variable variable;
    struct slice piece;
    while (template_next(&text, &variable, &piece))
        write_variable(writer, exchange, variable, piece);
}

static size_t variable_length(const struct exchange *exchange, enum template_variable variable,
                              struct slice text)
{
    switch (variable) {
    case TEMPLATE_TEXT:
        return text.len;
    case TEMPLATE_HOST:
        return exchange->host.len;
    case TEMPLATE_PATH:
        return exchange->path.len;
    case TEMPLATE_QUERY:
        return exchange->query.len + (exchange->query.at != NULL ? 1 : 0);
    case TEMPLATE_CLIENT:
        return exchange->client.len;
    case TEMPLATE_REQUEST_ID:
        return ID_DIGITS;
    case TEMPLATE_CLIENT_SUBJECT:
    case TEMPLATE_CLIENT_CERT:
    case TEMPLATE_CLIENT_CERT_PEM:
    case TEMPLATE_TLS_VERSION:
    case TEMPLATE_TLS_CIPHER:
    case TEMPLATE_TLS_SERVER_NAME:
        return client_text_length(exchange, variable);
    case TEMPLATE_STATUS:
        return 3;
    case TEMPLATE_UNKNOWN:
        break;
    }
    return 0;
}

size_t expand_length(const struct exchange *exchange, struct slice text)
{
    enum template_variable variable;
    struct slice piece;
    size_t length = 0;
    while (template_next(&text, &variable, &piece))
        length += variable_length(exchange, variable, piece);
    return length;
}
