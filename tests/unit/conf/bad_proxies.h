/* Files that are refused for what they say of forward proxies; as bad_files.h. */
#pragma once

#define PROXY      "forward_proxies: { p: { address: \":3128\", "
#define PROXY_RULE PROXY "rules: [ "

static const struct bad_file proxies_files[] = {
    {"forward_proxies: { p: { rules: [] } }\n",
     "1:20: a forward proxy needs \"address\": where to listen, for HTTP and SOCKS 5 alike\n"},
    {PROXY_RULE "{ match: { to: a } } ] } }\n",
     "1:52: a rule says \"allow: true\" or \"deny: true\"\n"},
    {PROXY_RULE "{ allow: true, deny: true } ] } }\n",
     "1:52: a rule says \"allow\" or \"deny\", not both\n"},
    {PROXY_RULE "{ allow: false } ] } }\n",
     "1:61: \"allow\" is only ever true: write \"deny: true\"\n"},
    {PROXY_RULE "{ match: { to: \"http://a/\" }, allow: true } ] } }\n",
     "1:67: \"http://a/\" is not a destination: only the host and its port, without http://; paths "
     "have a key of their own\n"},
    {PROXY_RULE "{ match: { to: \"a.*.b\" }, allow: true } ] } }\n",
     "1:67: \"a.*.b\" is not a destination: a star stands alone, or as the whole first label: "
     "*.example.org\n"},
    {PROXY_RULE "{ match: { to: \"a:0\" }, allow: true } ] } }\n",
     "1:67: \"a:0\" is not a destination: a port is a number from 1 to 65535, a range two of them, "
     "as in :8000-8999\n"},
    {PROXY_RULE "{ match: { to: \"a:90-80\" }, allow: true } ] } }\n",
     "1:67: \"a:90-80\" is not a destination: the range of ports ends before it begins\n"},
    {PROXY_RULE "{ match: { to: \"0177.0.0.1\" }, allow: true } ] } }\n",
     "1:67: \"0177.0.0.1\" is not a destination: an address is written in four decimal numbers, as "
     "in 127.0.0.1\n"},
    {PROXY_RULE "{ match: { to: \"10.0.0.1/8\" }, allow: true } ] } }\n",
     "1:67: \"10.0.0.1/8\" is not a destination: bits behind the length are set: 10.0.0.0/8 is all "
     "that begins with 10\n"},
    {PROXY_RULE "{ match: { to: \"10.0.0.0/33\" }, allow: true } ] } }\n",
     "1:67: \"10.0.0.0/33\" is not a destination: a length is at most 32 behind an IPv4 address "
     "and 128 behind an IPv6 one\n"},
    {PROXY_RULE "{ match: { to: \"10.0.0/8\" }, allow: true } ] } }\n",
     "1:67: \"10.0.0/8\" is not a destination: a network is an address and a length, as in "
     "10.0.0.0/8; paths have a key of their own\n"},
    {PROXY_RULE "{ match: { user: ann }, allow: true } ] } }\n",
     "1:52: the rule is for users, and nobody is asked who he is: give the proxy \"users\", or "
     "\"tls\" with \"client_auth\"\n"},
    {PROXY_RULE "{ match: { method: CONNECT, path: /x }, allow: true } ] } }\n",
     "1:86: a tunnel has no path that could be seen: this rule would match nothing\n"},
    {PROXY "tls: acme, rules: [] } }\n",
     "1:43: a listener without sites has no names to certify: give it a certificate, or "
     "\"internal\" for this machine's own\n"},
    {PROXY "limits: { bandwidth: 1 } } }\n", "1:64: \"bandwidth\" must be at least 1KiB, not 1\n"},
    {PROXY "users: /nonexistent/users } }\n",
     "1:50: /nonexistent/users cannot be read: No such file or directory\n"},
    {PROXY "parent: \"unix:/x\" } }\n",
     "1:51: a parent proxy is reached by a name or an address and a port\n"},
    {PROXY "parent: { address: \"a:1\", user: x } } }\n",
     "1:51: \"user\" and \"password_file\" are given together, or neither\n"},
    {"listeners: { p: \":80\" }\nforward_proxies: { p: { address: \":3128\" } }\n",
     "2:20: \"p\" is also a listener, line 1: forward proxies and listeners share their names\n"},
    {"listeners: { l: \":3128\" }\nforward_proxies: { p: { address: \":3128\" } }\n",
     "2:20: \"p\" has the address of \"l\" in line 1: a forward proxy has one of its own\n"},
    {"listeners: {}\nsites: { s: { respond: 200 } }\n"
     "forward_proxies: { p: { address: \":3128\" } }\n",
     "2:10: nowhere to answer: \"listeners\" is empty, or leave it out for :80\n"},
};
