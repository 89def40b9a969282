/* Cutting a text at its variables. Called when a file is checked, and for each use of the text. */
#include "conf/template.h"

static const struct slice names[] = {
    [TEMPLATE_HOST] = {"host", 4},
    [TEMPLATE_PATH] = {"path", 4},
    [TEMPLATE_QUERY] = {"query", 5},
    [TEMPLATE_CLIENT] = {"client", 6},
    [TEMPLATE_REQUEST_ID] = {"request_id", 10},
    [TEMPLATE_CLIENT_SUBJECT] = {"client_subject", 14},
    [TEMPLATE_CLIENT_CERT] = {"client_cert", 11},
    [TEMPLATE_CLIENT_CERT_PEM] = {"client_cert_pem", 15},
    [TEMPLATE_TLS_VERSION] = {"tls_version", 11},
    [TEMPLATE_TLS_CIPHER] = {"tls_cipher", 10},
    [TEMPLATE_TLS_SERVER_NAME] = {"tls_server_name", 15},
    [TEMPLATE_STATUS] = {"status", 6},
};

static enum template_variable variable_of(struct slice name)
{
    for (enum template_variable i = TEMPLATE_HOST; i <= TEMPLATE_STATUS; i++) {
        if (slice_equal(name, names[i]))
            return i;
    }
    return TEMPLATE_UNKNOWN;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

/* The length of the variable that begins at the brace `text` begins with; 0 when none does. */
static size_t variable_len(struct slice text)
{
    size_t len = 1;
    while (len < text.len && is_name_char(text.at[len]))
        len++;
    return len > 1 && len < text.len && text.at[len] == '}' ? len + 1 : 0;
}

bool template_next(struct slice *rest, enum template_variable *ret_variable, struct slice *ret_text)
{
    struct slice text = *rest;
    if (text.len == 0)
        return false;
    size_t literal = 0, variable = 0;
    while (literal < text.len && variable == 0) {
        ptrdiff_t brace = slice_find(slice_from(text, literal), '{');
        literal = brace < 0 ? text.len : literal + (size_t)brace;
        variable = literal < text.len ? variable_len(slice_from(text, literal)) : 0;
        if (variable == 0 && literal < text.len)
            literal++;
    }
    if (literal > 0) {
        *ret_variable = TEMPLATE_TEXT;
        *ret_text = slice_first(text, literal);
        *rest = slice_from(text, literal);
        return true;
    }
    *ret_text = slice_of(text.at + 1, variable - 2);
    *ret_variable = variable_of(*ret_text);
    *rest = slice_from(text, variable);
    return true;
}

struct slice template_unknown(struct slice text)
{
    enum template_variable variable;
    struct slice name;
    while (template_next(&text, &variable, &name)) {
        if (variable == TEMPLATE_STATUS || variable == TEMPLATE_UNKNOWN)
            return name;
    }
    return (struct slice){NULL, 0};
}
