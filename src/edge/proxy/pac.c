/* JavaScript, of constants and of the one text that comes from outside: the proxy's authority. */
#include "edge/proxy/pac.h"

#include "base/cleanup.h"
#include "http/exchange.h"
#include "http/worker.h"

static const char local_names[] =
    "  if (isPlainHostName(host) || dnsDomainIs(host, \".localhost\") ||\n"
    "      dnsDomainIs(host, \".local\"))\n"
    "    return \"DIRECT\";\n";

/* Only of hosts that are addresses: nothing is looked up for a page to load. */
static const char private_addresses[] =
    "  if (/^(127\\.|10\\.|192\\.168\\.|169\\.254\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.)[0-9.]+$/"
    ".test(host) ||\n"
    "      /^\\[?(::1|f[cd][0-9a-f]{2}:.*|fe[89ab][0-9a-f]:.*)\\]?$/i.test(host))\n"
    "    return \"DIRECT\";\n";

void pac_write(struct writer *writer, const struct conf_forward_proxy *conf, struct slice authority,
               bool is_secure)
{
    write_literal(writer, "function FindProxyForURL(url, host) {\n");
    if (conf->denies_private) {
        write_slice(writer, slice_of_cstr(local_names));
        write_slice(writer, slice_of_cstr(private_addresses));
    }
    write_literal(writer, "  return \"");
    write_slice(writer, is_secure ? SLICE("HTTPS ") : SLICE("PROXY "));
    write_slice(writer, authority);
    write_literal(writer, "\";\n}\n");
}

void pac_respond(struct exchange *exchange, const struct proxy *proxy)
{
    char *block = block_take(BLOCK_LARGE);
    struct writer writer;
    if (block == NULL) {
        exchange_respond_error(exchange, 503, "out of memory for this request");
        return;
    }
    writer_init(&writer, block, BLOCK_LARGE_BYTES);
    pac_write(&writer, proxy->conf, exchange->request.authority, exchange->is_secure);
    exchange_respond(exchange, 200, SLICE("application/x-ns-proxy-autoconfig"),
                     writer_slice(&writer), NULL);
    block_give(block, BLOCK_LARGE);
}
