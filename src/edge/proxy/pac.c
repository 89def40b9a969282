/*
 * JavaScript of constants, of names that the configuration has checked, and of the proxy's
 * authority. Nothing is looked up: a page would wait for it.
 */
#include "edge/proxy/pac.h"

#include "base/cleanup.h"
#include "edge/proxy/proxies.h"
#include "http/exchange.h"

#include <stdio.h>

#define PAC_BYTES_MAX ((size_t)16 << 20)

static const char begin[] = "function FindProxyForURL(url, host) {\n"
                            "  host = host.toLowerCase().replace(/^\\[|\\]$|\\.$/g, \"\");\n";

static const char is_local[] =
    "  if (host.indexOf(\".\") < 0 && host.indexOf(\":\") < 0 || "
    "/\\.(localhost|local)$/.test(host) ||\n"
    "      /^(127|10|192\\.168|169\\.254|172\\.(1[6-9]|2[0-9]|3[01]))\\.[0-9.]+$/.test(host) ||\n"
    "      /^(::1$|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/.test(host))\n"
    "    return \"DIRECT\";\n";

static const char look[] =
    "  if (names[host] === 1)\n"
    "    return proxy;\n"
    "  for (var dot = host.indexOf(\".\"); dot >= 0; dot = host.indexOf(\".\", dot + 1))\n"
    "    if (below[host.substring(dot + 1)] === 1)\n"
    "      return proxy;\n"
    "  if (/^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+$/.test(host))\n"
    "    for (var i = 0; i < networks.length; i++)\n"
    "      if (isInNet(host, networks[i][0], networks[i][1]))\n"
    "        return proxy;\n"
    "  return \"DIRECT\";\n";

static int append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, slice_of_cstr(text));
}

/* Calls fn for each destination of the rules that allow, until it returns other than 0. */
static int each_allowed(const struct conf_forward_proxy *conf,
                        int (*fn)(struct buffer *, const struct conf_destination *),
                        struct buffer *buffer)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < conf->rules_count; i++) {
        const struct conf_proxy_match *match = &conf->rules[i].match;
        for (unsigned k = 0; rc == 0 && conf->rules[i].allows && k < match->to_count; k++)
            rc = fn(buffer, &match->to[k]);
    }
    return rc;
}

/* Does some rule allow whatever is asked for? */
static bool allows_any(const struct conf_forward_proxy *conf)
{
    for (unsigned i = 0; i < conf->rules_count; i++) {
        const struct conf_proxy_match *match = &conf->rules[i].match;
        bool is_any = match->to_count == 0;
        for (unsigned k = 0; k < match->to_count; k++)
            is_any |= match->to[k].kind == CONF_DESTINATION_ANY;
        if (is_any && conf->rules[i].allows)
            return true;
    }
    return false;
}

static int append_key(struct buffer *buffer, struct slice name)
{
    int rc = append_text(buffer, "\"");
    if (rc == 0)
        rc = buffer_append(buffer, name);
    return rc < 0 ? rc : append_text(buffer, "\":1,");
}

static int append_name(struct buffer *buffer, const struct conf_destination *destination)
{
    return destination->kind == CONF_DESTINATION_NAME ? append_key(buffer, destination->name) : 0;
}

static int append_below(struct buffer *buffer, const struct conf_destination *destination)
{
    return destination->kind == CONF_DESTINATION_BELOW ? append_key(buffer, destination->name) : 0;
}

/* Only IPv4: isInNet knows no other. */
static int append_network(struct buffer *buffer, const struct conf_destination *destination)
{
    const struct network *network = &destination->network;
    const unsigned char *address = network->address + 12;
    char text[80];
    if (destination->kind != CONF_DESTINATION_NETWORK || network->kind != NETWORK_RANGE ||
        network->bits < 96)
        return 0;
    unsigned bits = network->bits - 96U;
    uint32_t mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
    (void)snprintf(text, sizeof text, "[\"%u.%u.%u.%u\",\"%u.%u.%u.%u\"],", address[0], address[1],
                   address[2], address[3], mask >> 24, mask >> 16 & 255, mask >> 8 & 255,
                   mask & 255);
    return append_text(buffer, text);
}

static int append_rules(struct buffer *buffer, const struct conf_forward_proxy *conf)
{
    int rc = append_text(buffer, "  var names = {");
    if (rc == 0)
        rc = each_allowed(conf, append_name, buffer);
    if (rc == 0)
        rc = append_text(buffer, "};\n  var below = {");
    if (rc == 0)
        rc = each_allowed(conf, append_below, buffer);
    if (rc == 0)
        rc = append_text(buffer, "};\n  var networks = [");
    if (rc == 0)
        rc = each_allowed(conf, append_network, buffer);
    if (rc == 0)
        rc = append_text(buffer, "];\n");
    return rc < 0 ? rc : append_text(buffer, look);
}

int pac_write(struct buffer *buffer, const struct conf_forward_proxy *conf, struct slice authority,
              bool is_secure)
{
    int rc = append_text(buffer, begin);
    if (rc == 0 && conf->denies_private)
        rc = append_text(buffer, is_local);
    if (rc == 0)
        rc = append_text(buffer, is_secure ? "  var proxy = \"HTTPS " : "  var proxy = \"PROXY ");
    if (rc == 0)
        rc = buffer_append(buffer, authority);
    if (rc == 0)
        rc = append_text(buffer, "\";\n");
    if (rc == 0 && conf->pac.goes_direct && !allows_any(conf))
        rc = append_rules(buffer, conf);
    else if (rc == 0)
        rc = append_text(buffer, "  return proxy;\n");
    return rc < 0 ? rc : append_text(buffer, "}\n");
}

void pac_respond(struct exchange *exchange, const struct proxy *proxy)
{
    SCOPED(buffer_finish) struct buffer buffer;
    buffer_init(&buffer, PAC_BYTES_MAX);
    if (pac_write(&buffer, proxy->conf, exchange->request.authority, exchange->is_secure) < 0)
        exchange_respond_error(exchange, 503, "out of memory for this request");
    else
        exchange_respond(exchange, 200, SLICE("application/x-ns-proxy-autoconfig"),
                         buffer_slice(&buffer), NULL);
}
