/* Files that are refused for what they say of TLS; as bad_files.h, whose macros it uses. */
#pragma once

#define TLS_SITE "sites: { s: { respond: 200, "
#define PORT_443 "listeners: { a: { address: \":443\", tls: "

static const struct bad_file tls_files[] = {
    {PORT_443 "letsencrypt } }\n",
     "1:41: \"letsencrypt\" is no value of \"issuer\", which is one of auto, internal, acme\n"},
    {PORT_443 "{ key: k.pem } } }\n", "1:43: \"key\" belongs to a \"certificate\"\n"},
    {PORT_443 "{ certificate: \"-\" } } }\n",
     "1:56: \"certificate\" is a file's path, not \"-\"\n"},
    {PORT_443 "{ issuer: auto, certificate: a.pem } } }\n",
     "1:57: \"certificate\" and \"issuer\" both say where certificates come from: keep one\n"},
    {PORT_443 "{ client_auth: { mode: optional } } } }\n",
     "1:43: client_auth needs \"ca\": PEM: the authorities whose certificates clients may show\n"},
    {"listeners: { a: { address: \":443\", protocol: tcp, tls: acme, forward: r } }\n"
     "target_groups: { r: { targets: \"127.0.0.1:1\", protocol: tcp } }\n",
     "1:51: a listener without sites has no names to certify: give it a certificate, or "
     "\"internal\" for this machine's own\n"},
    {"listeners: { a: { address: \":443\", protocol: tcp, tls: internal, sni: { a.org: r } } }\n"
     "target_groups: { r: { targets: \"127.0.0.1:1\", protocol: tcp } }\n",
     "1:66: \"sni\" passes connections on undecrypted, and \"tls\" decrypts them: keep one\n"},
    {"listeners: { a: { address: \":443\", sni: { a.org: r } } }\n"
     "target_groups: { r: { targets: \"127.0.0.1:1\", protocol: tcp } }\n",
     "1:36: \"sni\" is for listeners with protocol tcp; requests find their site by its "
     "\"domains\"\n"},
    {"listeners: { a: { address: \":443\", protocol: tcp, sni: { a.org: r, b.org: h } } }\n"
     "target_groups: { h: \"127.0.0.1:1\" }\n",
     "1:65: no service or target group is called \"r\"; did you mean \"h\"?\n"
     "1:75: \"h\" speaks http, and a listener with protocol tcp passes on anything: give it "
     "protocol: tcp, or let a site forward to it\n"},
    {"listeners: { a: \":80\" }\n" TLS_SITE "tls: auto } }\n",
     "2:29: none of the site's listeners has \"tls\": give one \"tls: auto\"\n"},
    {"listeners: { a: \":80\" }\n" TLS_SITE "redirect_https: true } }\n",
     "2:29: there is no HTTPS to go to: none of the site's listeners has \"tls\"\n"},
    {PORT_443 "auto } }\n" TLS_SITE "tls: off } }\n",
     "2:29: nowhere to answer: all listeners have \"tls\", and the site says \"off\"\n"},
    {PORT_443 "auto } }\n" TLS_SITE "listeners: a, tls: off } }\n",
     "2:40: the listener \"a\" has \"tls\", and the site says \"tls: off\"\n"},
    {PORT_443 "acme } }\n" TLS_SITE "domains: [a.org, \"*.a.org\"] } }\n",
     "2:46: \"*.a.org\" needs \"acme: { challenge: dns, hook: … }\": a wildcard is certified in no "
     "other way\n"},
    {PORT_443 "acme } }\n" TLS_SITE "} }\n",
     "1:36: \"acme\" needs names to certify, and the site \"s\" has \"*\" alone\n"},
    {TLS_SITE "hsts: { preload: true } } }\n",
     "1:46: \"preload\" needs \"include_subdomains: true\" and a \"max_age\" of at least 365d: the "
     "lists take no others\n"},
    {TLS_SITE "match: { client_certificate: \"CN=a\" } } }\n",
     "1:15: \"client_certificate\" never holds: neither the site nor a listener of it asks for "
     "certificates by \"tls: { client_auth: … }\"\n"},
    {"target_groups: { g: { targets: \"a:1\", tls: { verify: false, ca: ca.pem } } }\n",
     "1:54: \"ca\" says whose certificates are believed, and \"verify\" that all are\n"},
    {"target_groups: { g: { targets: \"a:1\", tls: { server_name: \"*.a\" } } }\n",
     "1:59: \"server_name\" is one name, without a star\n"},
    {"target_groups: { g: { targets: \"a:1\", protocol: tcp, tls: true } }\n",
     "1:54: \"tls\" is spoken to targets of requests; what speaks tcp is passed on as it is\n"},
    {"target_groups: { g: { targets: \"a:1\", tls: true, proxy_protocol: v1 } }\n",
     "1:50: \"proxy_protocol\" is a header before all else, which targets with \"tls\" are not "
     "sent: keep one\n"},
    {"email: ops\n", "1:8: \"email\" is an address, as in ops@example.org\n"},
    {"acme: { challenge: dns }\n",
     "1:20: \"challenge: dns\" needs a \"hook\": a program that sets the record\n"},
    {"acme: { hook: ./h }\n", "1:9: \"hook\" is for \"challenge: dns\" only\n"},
    {"acme: { directory: \"http://a\" }\n",
     "1:20: \"directory\" is an address that begins with https://\n"},
};
