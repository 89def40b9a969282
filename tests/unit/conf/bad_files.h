/* Files that are refused, and all that is said about each, in the order in which it is said. */
#pragma once

struct bad_file {
    const char *text;
    const char *messages; /* "line:column: text" */
};

#define GROUPS  "target_groups: { api: [\"127.0.0.1:8000\"], other: [\"127.0.0.1:8001\"] }\n"
#define SITE    GROUPS "sites:\n  s:\n"
#define RULES   SITE "    rules:\n"
#define SERVICE "services:\n  api:\n"

static const struct bad_file yaml_files[] = {
    {"sites: { a: { respond: 200 } }\n"
     "sites: { b: { respond: 200 }, c: { respond: 99 } }\n",
     "2:1: \"sites\" is given twice, first in line 1: keep one\n"},
    {"x: {\n"
     "a: 1,\n"
     "a: 2\n",
     "1:4: this \"{\" is not closed, or a comma is missing between its entries\n"
     "3:1: \"a\" is given twice, first in line 2: keep one\n"},
    {"", "1:1: the file is empty\n"},
    {"# nothing\n", "1:1: the file is empty\n"},
    {"hello\n", "1:1: the file must be a map, not a single value\n"},
    {"[a, b]\n", "1:1: the file must be a map, not a list\n"},
    {"sites:\n"
     "\ta: b\n",
     "2:1: a tab: YAML is indented with blanks only\n"},
    {"app: foo: bar\n", "1:9: a \":\" cannot stand here: is the line above complete, and this one "
                        "indented as it is? Text with \": \" in it needs quotes\n"},
    {"app: \"foo\n"
     "workers: 1\n",
     "1:6: this quotation mark has no partner\n"},
    {"sites: {a: {b: c}\n"
     "app: x\n",
     "1:8: this \"{\" is not closed, or a comma is missing between its entries\n"},
    {"sites: [a, b\n"
     "app: x\n",
     "1:8: this \"[\" is not closed, or a comma is missing between its items\n"},
    {"sites:\n"
     "    a: 1\n"
     "  b: 2\n",
     "3:3: this line does not fit those above it: is it indented as they are?\n"},
    {"sites:\n"
     "  - a\n"
     "  b: 1\n",
     "3:3: this line belongs to no item of the list above it: indent it as they are, or begin it "
     "with \"- \"\n"},
    {"sites: - a\n", "1:8: a list cannot begin here: put \"- …\" on its own line below the key\n"},
    {"app\n"
     "workers: 1\n",
     "2:8: a \":\" cannot stand here: is the line above complete, and this one indented as it is? "
     "Text with \": \" in it needs quotes\n"},
    {"app: @x\n", "1:6: a value cannot begin with this character: put the text in quotes\n"},
    {"app: *x\n", "1:6: \"*x\" stands for nothing: no value before it is marked \"&x\" (text that "
                  "begins with * needs quotes)\n"},
    {"a: &a [*a]\n", "1:8: \"*a\" stands for nothing: no value before it is marked \"&a\" (text "
                     "that begins with * needs quotes)\n"},
    {"app: \"\\d\"\n", "1:7: unknown escape in a \"…\" text: write \\\\ for a backslash, or use "
                       "'…', where none is special\n"},
    {"app: a\377\n", "1:7: not UTF-8: save the file in that encoding\n"},
    {"app: a\001\n", "1:7: a control character (U+0001): remove it\n"},
    {"app: x\n"
     "---\n"
     "app: y\n",
     "2:1: a second document begins here; a file holds one\n"},
    {"app: !!str x\n", "1:6: tags are not taken (text that begins with ! needs quotes)\n"},
    {"app: \"a\\0b\"\n", "1:6: a NUL byte (\\0) cannot stand in this file\n"},
    {"app: x\n"
     "workers: 1\n"
     "app: y\n"
     "workers: 2\n",
     "3:1: \"app\" is given twice, first in line 1: keep one\n"
     "4:1: \"workers\" is given twice, first in line 2: keep one\n"},
    {"? [a]\n"
     ": b\n",
     "1:3: a key is plain text, not a list or a map\n"},
    {"app: \"\\e[31m\"\n", "1:6: \"?[31m\" is not a name: letters, digits, \"-\" and \"_\", a "
                           "letter or digit first, at most 63 in all\n"},
    {"{", "2:1: not YAML: did not find expected node content\n"},
    {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
     "1:33: nested too deeply; at most 32 levels are taken\n"},
};

static const struct bad_file keys_files[] = {
    {"sitess: {}\n", "1:1: unknown key \"sitess\" in the file; did you mean \"sites\"?\n"},
    {"zebra: 1\n", "1:1: unknown key \"zebra\" in the file, which may have app, sites, services, "
                   "target_groups, listeners, "
                   "forward_proxies, buckets, store, webhooks, workers, user, access_log, "
                   "body_max, tracing, email, acme\n"},
    {GROUPS "sites: { s: { forwrd: api } }\n",
     "2:15: unknown key \"forwrd\" in a site; did you mean \"forward\"?\n"},
    {RULES "      - match: { pth: /a }\n"
           "        forward: api\n",
     "5:18: unknown key \"pth\" in a match; did you mean \"path\"?\n"},
    {"listeners: { a: { adress: \":80\" } }\n",
     "1:19: unknown key \"adress\" in a listener; did you mean \"address\"?\n"},
    {GROUPS "sites: { s: { rules: [ { forward: api, colour: red } ] } }\n",
     "2:40: unknown key \"colour\" in a rule, which may have match, forward, sticky, mirror, "
     "files, bucket, s3, redirect, "
     "respond, fallback, timeouts, retries, body_max, strip_prefix, rewrite, request_headers, "
     "response_headers, cors, compress, "
     "rate_limit, concurrency, basic_auth, auth\n"},
    {SERVICE "    command: x\n"
             "    health: { intervall: 2s }\n",
     "4:15: unknown key \"intervall\" in health; did you mean \"interval\"?\n"},
};

static const struct bad_file shapes_files[] = {
    {"sites:\n", "1:1: \"sites\" is empty; it must be a map ({} for none)\n"},
    {"sites: 1\n", "1:8: \"sites\" must be a map ({} for none), not a single value\n"},
    {"sites: []\n", "1:8: \"sites\" must be a map ({} for none), not a list\n"},
    {"app: []\n", "1:6: \"app\" must be a name, not a list\n"},
    {"app:\n", "1:1: \"app\" is empty; it must be a name\n"},
    {"app: {}\n", "1:6: \"app\" must be a name, not a map\n"},
    {"workers: [1]\n", "1:10: \"workers\" must be a number, not a list\n"},
    {SITE "    rules: { forward: api }\n", "4:12: \"rules\" must be a list, not a map\n"},
    {SITE "    rules: []\n", "4:12: \"rules\" is empty; it must have at least one entry\n"},
    {SITE "    domains: {}\n"
          "    forward: api\n",
     "4:14: \"domains\" must be one value or a list, not a map\n"},
    {SITE "    domains: []\n"
          "    forward: api\n",
     "4:14: \"domains\" is empty; it must have at least one entry\n"},
    {"listeners: [\":80\"]\n", "1:12: \"listeners\" must be a map ({} for none), not a list\n"},
    {"listeners: { a: }\n", "1:14: a listener is empty; it must be a map, or its short form\n"},
    {"listeners: { a: [] }\n", "1:17: a listener must be a map, or its short form, not a list\n"},
    {RULES "      - respond: []\n",
     "5:18: a response must be a map, or its short form, not a list\n"},
    {RULES "      - files: []\n", "5:16: files must be a map, or its short form, not a list\n"},
    {"target_groups: { a: 1 }\n", "1:21: \"1\" is not an address: the port is missing: write "
                                  "host:port, [v6]:port or unix:/path\n"},
    {"target_groups: { a: {} }\n",
     "1:18: a target group needs \"targets\": the servers, as addresses or as maps\n"},
    {"services: { a: run }\n", "1:16: a service must be a map, not a single value\n"},
    {SERVICE "    command: x\n"
             "    env: [A]\n",
     "4:10: \"env\" must be a map ({} for none), not a list\n"},
    {SERVICE "    command: x\n"
             "    env: { A: [1] }\n",
     "4:15: \"env\" must be text, not a list\n"},
    {SERVICE "    command: x\n"
             "    health: on\n",
     "4:13: health must be a map, not a single value\n"},
    {SERVICE "    command: x\n"
             "    build: make\n",
     "4:12: a build must be a map, not a single value\n"},
    {SERVICE "    command:\n", "3:5: \"command\" is empty; it must be text\n"},
    {RULES "      - timeouts: 5s\n"
           "        forward: api\n",
     "5:19: timeouts must be a map, not a single value\n"},
    {RULES "      - match: /api\n"
           "        forward: api\n",
     "5:16: a match must be a map, not a single value\n"},
    {RULES "      - - forward: api\n", "5:9: a rule must be a map, not a list\n"},
};

static const struct bad_file values_files[] = {
    {"app: \"no name\"\n", "1:6: \"no name\" is not a name: letters, digits, \"-\" and \"_\", a "
                           "letter or digit first, at most 63 in all\n"},
    {"app: -x\n", "1:6: \"-x\" is not a name: letters, digits, \"-\" and \"_\", a letter or digit "
                  "first, at most 63 in all\n"},
    {"workers: many\n", "1:10: \"many\" is not a number: digits, without a sign\n"},
    {"workers: 0\n", "1:10: \"workers\" must be from 1 to 256, not 0\n"},
    {"workers: 257\n", "1:10: \"workers\" must be from 1 to 256, not 257\n"},
    {"workers: 1.5\n", "1:10: \"1.5\" is not a number: digits, without a sign\n"},
    {"workers: -1\n", "1:10: \"-1\" is not a number: digits, without a sign\n"},
    {"workers: 0x10\n", "1:10: \"0x10\" is not a number: digits, without a sign\n"},
    {"workers: 99999999999999999999\n",
     "1:10: \"99999999999999999999\" is not a number: digits, without a sign\n"},
    {RULES "      - { forward: api, retries: { max: 1, on: [connect, 504, 404], timeout: 0s } }\n",
     "5:63: \"404\" is no value of \"on\", which is one of connect, reset, timeout, 429, 500, 502, "
     "503, 504; did you mean \"504\"?\n"
     "5:78: \"timeout\" must be from 1ms to 1d, not 0s\n"},
    {RULES "      - { forward: api, mirror: { to: other, sample: 0% } }\n"
           "      - { respond: 200, mirror: other }\n",
     "5:54: \"sample\" must be from 1/100% to 100%, not 0%\n"
     "6:25: \"mirror\" belongs to \"forward\", and this rule has none\n"},
    {RULES "      - { forward: api, mirror: nobody }\n",
     "5:33: no service or target group is called \"nobody\"; there are: api, other\n"},
    {RULES "      - forward: { api: 90, ohter: 10 }\n",
     "5:29: no service or target group is called \"ohter\"; did you mean \"other\"?\n"},
    {RULES "      - forward: { api: 0, other: 0 }\n",
     "5:18: all weights are 0: at least one group must take requests\n"},
    {RULES "      - forward: { api: 1001 }\n",
     "5:25: \"forward\" must be from 0 to 1000, not 1001\n"},
    {RULES "      - forward: {}\n",
     "5:18: \"forward\" is empty; it must have at least one entry\n"},
    {RULES "      - forward: [api]\n", "5:18: \"forward\" must be one name or a map, not a list\n"},
    {RULES "      - { forward: api, sticky: {} }\n",
     "5:25: \"sticky\" on a rule is for a \"forward\" to several groups; one client's target is a "
     "matter of the group: put it there\n"},
    {RULES "      - { forward: { api: 1, other: 1 }, sticky: { cookie: \"a b\", ttl: 0s } }\n",
     "5:60: \"a b\" is not the name of a cookie: letters, digits, \"-\" and \"_\"\n"
     "5:72: \"ttl\" must be from 1s to 400d, not 0s\n"},
    {RULES "      - forward: api\n"
           "        timeouts: { connect: 5 }\n",
     "6:30: \"5\" is not a duration: a number with its unit, as in 200ms, 30s, 5m, 1h or 1d\n"},
    {RULES "      - forward: api\n"
           "        timeouts: { connect: 5 s, response: 1.5s, idle: 0s }\n",
     "6:30: \"5 s\" is not a duration: a number with its unit, as in 200ms, 30s, 5m, 1h or 1d\n"
     "6:45: \"1.5s\" is not a duration: a number with its unit, as in 200ms, 30s, 5m, 1h or 1d\n"
     "6:57: \"idle\" must be from 1ms to 1d, not 0s\n"},
    {RULES "      - forward: api\n"
           "        timeouts: { idle: 2d }\n",
     "6:27: \"idle\" must be from 1ms to 1d, not 2d\n"},
    {RULES "      - forward: api\n"
           "        retries: 11\n",
     "6:18: \"max\" must be from 0 to 10, not 11\n"},
    {RULES "      - forward: api\n"
           "        body_max: 1 MB\n",
     "6:19: \"1 MB\" is not a size: bytes, or a number with its unit, as in 64KiB, 10MiB, 1GiB or "
     "1GB\n"},
    {RULES "      - forward: api\n"
           "        body_max: big\n",
     "6:19: \"big\" is not a size: bytes, or a number with its unit, as in 64KiB, 10MiB, 1GiB or "
     "1GB\n"},
    {RULES "      - forward: api\n"
           "        body_max: on\n",
     "6:19: \"on\" is not a size: bytes, or a number with its unit, as in 64KiB, 10MiB, 1GiB or "
     "1GB\n"},
    {"access_log: jsno\n", "1:13: \"jsno\" is no value of \"format\", which is one of json, "
                           "combined, off; did you mean \"json\"?\n"},
    {"tracing: https://c.example:4318\n",
     "1:10: \"https://c.example:4318\" is not an address of HTTP: only http:// can be spoken yet; "
     "let a collector on this machine send it on\n"},
    {"tracing: { otlp: \"127.0.0.1:4318\", sample: 101% }\n",
     "1:18: \"127.0.0.1:4318\" is not an address of HTTP: http://, a host, a port and a path, as "
     "in "
     "http://127.0.0.1:4318\n"
     "1:44: \"sample\" must be from 0% to 100%, not 101%\n"},
    {"access_log: { fields: [time, statsu, time], headers: [\"a b\"], sample: 5 }\n",
     "1:30: \"statsu\" is no value of \"fields\", which is one of time, id, client, method, host, "
     "path, protocol, status, bytes, request_bytes, duration_ms, site, proxy, rule, user, group, "
     "target, "
     "tries, "
     "upstream_ms, reason, grpc_status, trace_id, referer, user_agent, tls_version, tls_cipher, "
     "tls_server_name, client_subject, listener; did you mean \"status\"?\n"
     "1:38: the field \"time\" is given twice\n"
     "1:55: \"a b\" is not the name of a header field: letters, digits and \"-\", as in "
     "X-Forwarded-For\n"
     "1:71: \"5\" is not a percentage: a number with a percent sign, as in 50% or 12.5%\n"},
    {"access_log: { format: xml }\n",
     "1:23: \"xml\" is no value of \"format\", which is one of json, combined, off\n"},
    {"access_log: { path: logs/ }\n", "1:21: \"logs/\" is not a file's path: a path, below this "
                                      "file's folder unless it begins with \"/\"\n"},
    {RULES "      - respond: 99\n", "5:18: \"status\" must be from 200 to 599, not 99\n"},
    {RULES "      - respond: 600\n", "5:18: \"status\" must be from 200 to 599, not 600\n"},
    {RULES "      - respond: { status: ok }\n",
     "5:28: \"ok\" is not a number: digits, without a sign\n"},
    {RULES "      - respond: { status: 204, body: x }\n",
     "5:39: a response with status 204 has no body\n"},
    {RULES "      - respond: { content_type: \"a\\nb\" }\n",
     "5:34: \"a\" is not one line of text: text without line ends or control characters\n"},
    {RULES "      - files: { root: /, precompressed: [br, deflate], listing: yes }\n"
           "      - files: { root: /, precompressed: [] }\n",
     "5:47: \"deflate\" is no value of \"precompressed\", which is one of br, zstd, gzip\n"
     "5:66: \"yes\" is no value of \"listing\", which is one of true, false\n"
     "6:42: \"precompressed\" is empty; it must have at least one entry\n"},
    {RULES "      - { forward: api, strip_prefix: api }\n"
           "      - { forward: api, strip_prefix: / }\n"
           "      - { forward: api, strip_prefix: \"/a/*\" }\n"
           "      - { forward: api, strip_prefix: /a//b }\n"
           "      - { respond: 200, strip_prefix: /a }\n"
           "      - { respond: 200, rewrite: /a }\n",
     "5:39: \"api\" is not the beginning of a path: it begins with \"/\" and holds no *\n"
     "6:39: \"/\" is not the beginning of a path: \"/\" is what every path begins with\n"
     "7:39: \"/a/*\" is not the beginning of a path: it begins with \"/\" and holds no *\n"
     "8:39: \"/a//b\" is not the beginning of a path: paths are matched without \"//\", \"/.\" and "
     "\"/..\"\n"
     "9:25: \"strip_prefix\" changes the path, and \"respond\" does not look at it\n"
     "10:25: \"rewrite\" changes the path, and \"respond\" does not look at it\n"},
    {RULES "      - { forward: api, rewrite: \"a{path}\" }\n"
           "      - { forward: api, rewrite: \"/{paht}\" }\n"
           "      - { forward: api, rewrite: \"/a b\" }\n"
           "      - { forward: api, rewrite: \"/a#b\" }\n"
           "      - { forward: api, rewrite: \"/..{path}\" }\n"
           "      - { forward: api, rewrite: \"/%zz\" }\n"
           "      - { forward: api, rewrite: \"/a?b=<\" }\n"
           "      - { forward: api, rewrite: [a] }\n",
     "5:34: \"rewrite\" is no path: it begins with \"/\" or \"{path}\"\n"
     "6:34: \"rewrite\" is no path: only {host}, {path} and {query} can stand in it\n"
     "7:34: \"rewrite\" is no path: blanks and what is not ASCII are written as %XX\n"
     "8:34: \"rewrite\" is no path: no such path can be: is a \"%\" or \"#\" in it, or \"..\"?\n"
     "9:34: \"rewrite\" is no path: no such path can be: is a \"%\" or \"#\" in it, or \"..\"?\n"
     "10:34: \"rewrite\" is no path: no such path can be: is a \"%\" or \"#\" in it, or \"..\"?\n"
     "11:34: \"rewrite\" is no path: a character of the query must be written as %XX\n"
     "12:34: \"rewrite\" must be one line of text, not a list\n"},
    {RULES "      - redirect: example.org\n",
     "5:19: \"to\" is no address: it begins with \"/\" or \"https://\"\n"},
    {RULES "      - redirect: { to: /x, status: 305 }\n",
     "5:37: a redirect's status is 301, 302, 303, 307 or 308, not 305\n"},
    {RULES "      - redirect: { status: 301 }\n",
     "5:9: a redirect needs \"to\": the new address; `{host}`, `{path}` and `{query}` (with its "
     "`?`) are the request's\n"},
    {RULES "      - redirect: \"https://{hots}/\"\n",
     "5:19: \"to\" is no address: only {host}, {path} and {query} can stand in it\n"},
    {RULES "      - redirect: \"/a b\"\n",
     "5:19: \"to\" is no address: blanks and what is not ASCII are written as %XX\n"},
    {RULES "      - redirect: { to: /x, status: 404 }\n",
     "5:37: \"status\" must be from 301 to 308, not 404\n"},
    {RULES "      - files: /nonexistent/folder\n",
     "5:16: \"/nonexistent/folder\" is not a folder: nothing is at /nonexistent/folder\n"},
    {RULES "      - files: { root: /etc/passwd }\n",
     "5:24: \"/etc/passwd\" is not a folder: /etc/passwd is a file\n"},
    {RULES "      - files: { root: /, index: a/b }\n",
     "5:34: \"a/b\" is not a file's name: a name without \"/\"\n"},
    {RULES "      - files: { root: /, fallback: index.html }\n",
     "5:37: \"index.html\" is not a path: it begins with \"/\"\n"},
    {RULES "      - files: \"\"\n",
     "5:16: \"\" is not a folder: a path, below this file's folder unless it begins with \"/\"\n"},
    {RULES "      - match: { path: api }\n"
           "        forward: api\n",
     "5:24: \"api\" is not a path pattern: it begins with \"/\"; \"/api/*\" is all below /api/ and "
     "/api itself, any other * is any run of characters\n"},
    {RULES "      - match: { path: /a?b }\n"
           "        forward: api\n",
     "5:24: \"/a?b\" is not a path pattern: a path ends before \"?\" or \"#\"\n"},
    {RULES "      - match: { path: /a/../b }\n"
           "        forward: api\n",
     "5:24: \"/a/../b\" is not a path pattern: paths are matched without \"//\", \"/.\" and "
     "\"/..\"\n"},
    {RULES "      - match: { path: \"/a%zz\" }\n"
           "        forward: api\n"
           "        foo: 1\n",
     "5:24: \"/a%zz\" is not a path pattern: \"%\" stands before two hexadecimal digits, and "
     "\"\\\" never in a path\n"
     "7:9: unknown key \"foo\" in a rule, which may have match, forward, sticky, mirror, files, "
     "bucket, s3, redirect, respond, "
     "fallback, timeouts, retries, body_max, strip_prefix, rewrite, request_headers, "
     "response_headers, cors, compress, "
     "rate_limit, concurrency, basic_auth, auth\n"},
    {RULES "      - match: { path: [] }\n"
           "        forward: api\n",
     "5:24: \"path\" is empty; it must have at least one entry\n"},
    {RULES "      - match: { method: get }\n"
           "        forward: api\n",
     "5:26: \"get\" is not a method: capital letters, as in GET, POST, PUT or DELETE\n"},
    {RULES "      - match: { header: { \"X Y\": a } }\n"
           "        forward: api\n",
     "5:28: \"X Y\" is not the name of a header field: letters, digits and \"-\", as in "
     "X-Forwarded-For\n"},
    {RULES "      - match: { header: {} }\n"
           "        forward: api\n",
     "5:26: \"header\" is empty; it must have at least one entry\n"},
    {"target_groups: { a: [\"127.0.0.1\"] }\n",
     "1:22: \"127.0.0.1\" is not an address: the port is missing: write host:port, [v6]:port or "
     "unix:/path\n"},
    {"target_groups: { a: [\":80\"] }\n",
     "1:22: \":80\" is not an address: a target needs a host: 127.0.0.1:8000\n"},
    {"target_groups: { a: [\"300.0.0.1:80\"] }\n",
     "1:22: \"300.0.0.1:80\" is not an address: neither an IP address nor a host's name\n"},
    {"target_groups: { a: [\"::1:80\"] }\n",
     "1:22: \"::1:80\" is not an address: an IPv6 address stands in brackets: [::1]:80\n"},
    {"target_groups: { a: [\"[::g]:80\"] }\n",
     "1:22: \"[::g]:80\" is not an address: no IPv6 address stands in the brackets\n"},
    {"target_groups: { a: [\"a:0\", \"a:65536\", \"a:http\", \"a b:80\", \"http://a:80\"] }\n",
     "1:22: \"a:0\" is not an address: a port is a number from 1 to 65535\n"
     "1:29: \"a:65536\" is not an address: a port is a number from 1 to 65535\n"
     "1:40: \"a:http\" is not an address: a port is a number from 1 to 65535\n"
     "1:50: \"a b:80\" is not an address: neither an IP address nor a host's name\n"
     "1:60: \"http://a:80\" is not an address: only host and port, without http://\n"},
    {"target_groups: { a: [\"unix:\"] }\n",
     "1:22: \"unix:\" is not an address: the path of a Unix socket has 1 to 107 characters\n"},
    {"target_groups: { a: { targets: [ { address: \"a:1\", weight: 257 }, { weight: 1 } ] } }\n",
     "1:60: \"weight\" must be from 0 to 256, not 257\n"
     "1:67: a target needs \"address\": where it listens\n"},
    {"target_groups: { a: { targets: [\"a:1\"], balance: leastrequests } }\n",
     "1:50: \"leastrequests\" is no value of \"algorithm\", which is one of least_requests, "
     "round_robin, random, peak_ewma, ring_hash; did you mean \"least_requests\"?\n"},
    {"target_groups: { a: { targets: [\"a:1\"], balance: fastest } }\n",
     "1:50: \"fastest\" is no value of \"algorithm\", which is one of least_requests, round_robin, "
     "random, peak_ewma, ring_hash\n"},
    {"target_groups: { a: { targets: [\"a:1\"], ejection: { consecutive_errors: 0, time: 1h, "
     "max_ejected: 0%, success_rate: { stdev_factor: 1.9 } }, fail_open: 101%, slow_start: 0s } "
     "}\n",
     "1:51: \"time_max\" is less than \"time\"\n"
     "1:73: \"consecutive_errors\" must be from 1 to 1000000, not 0\n"
     "1:99: \"max_ejected\" must be from 1/100% to 100%, not 0%\n"
     "1:133: \"1.9\" is not a number: digits, without a sign\n"
     "1:153: \"fail_open\" must be from 0% to 100%, not 101%\n"
     "1:171: \"slow_start\" must be from 100ms to 1h, not 0s\n"},
    {"target_groups: { a: { targets: [\"a:1\"], limit: 0, queue: { max: 0, timeout: 0s } } }\n",
     "1:48: \"limit\" must be from 1 to 1000000, not 0\n"
     "1:65: \"max\" must be from 1 to 1000000, not 0\n"
     "1:77: \"timeout\" must be from 1ms to 1h, not 0s\n"},
    {"target_groups: { a: { targets: [\"a:1\"], queue: {} } }\n"
     "services: { b: { command: x, queue: 5 } }\n",
     "1:41: \"queue\" is for requests over a \"limit\", and there is none here\n"
     "2:30: \"queue\" is for requests over a \"limit\", and there is none here\n"},
    {"target_groups: { a: { targets: [\"a:1\"], balance: { by: path, load_max: 125% } } }\n",
     "1:52: \"by\" is for \"algorithm: ring_hash\" only\n"
     "1:62: \"load_max\" is for \"algorithm: ring_hash\" only\n"},
    {"target_groups: { a: { targets: [\"a:1\"], balance: { algorithm: ring_hash, by: header, "
     "load_max: 100% } } }\n",
     "1:78: \"header\" is not a part of a request: address, path, \"header NAME\", \"cookie NAME\" "
     "or \"query NAME\"\n"
     "1:96: \"load_max\" must be from 101% to 1000%, not 100%\n"},
    {"target_groups: { a: { targets: [\"a:1\"], balance: { algorithm: ring_hash, by: path x, "
     "load_max: 1.255% } } }\n",
     "1:78: \"path x\" is not a part of a request: address, path, \"header NAME\", \"cookie NAME\" "
     "or \"query NAME\"\n"
     "1:96: \"1.255%\" is not a percentage: a number with a percent sign, as in 50% or 12.5%\n"},
    {"target_groups: { a: { targets: [\"a:1\"], health: { path: healthz } } }\n",
     "1:57: \"healthz\" is not a path: it begins with \"/\"\n"},
    {"target_groups: { \"a b\": [\"a:1\"] }\n",
     "1:18: \"a b\" is not a name: letters, digits, \"-\" and \"_\", a letter or digit first, at "
     "most 63 in all\n"},
};

static const struct bad_file addresses_files[] = {
    {"listeners: { a: \"8080\" }\n", "1:17: \"8080\" is not an address to listen at: write a colon "
                                     "before a port that stands alone: \":8080\"\n"},
    {"listeners: { a: 8080 }\n", "1:17: \"8080\" is not an address to listen at: write a colon "
                                 "before a port that stands alone: \":8080\"\n"},
    {"listeners: { a: \"localhost:80\" }\n",
     "1:17: \"localhost:80\" is not an address to listen at: a listener needs an IP address, such "
     "as 127.0.0.1:8080, or a port, :8080\n"},
    {"listeners: { a: \":0\" }\n",
     "1:17: \":0\" is not an address to listen at: a port is a number from 1 to 65535\n"},
    {"listeners: { a: \"[::1\" }\n", "1:17: \"[::1\" is not an address to listen at: the port is "
                                     "missing: write host:port, [v6]:port or unix:/path\n"},
    {"listeners: { a: \":80\", b: \":80\" }\n", "1:24: \"b\" has the address of \"a\" in line 1: a "
                                                "site may have several domains at one listener\n"},
    {"target_groups:\n  a: { targets: [\"h:80\", \"h:81\", { address: \"h:80\", weight: 2 }] }\n",
     "2:34: the target \"h:80\" is given twice, first in line 2: a \"weight\" gives it more "
     "requests\n"},
    {"listeners: { a: "
     "unix:"
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxxxxxxxxxxxxxxx }\n",
     "1:17: \"unix:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" is not an address to "
     "listen at: the path of a Unix socket has 1 to 107 characters\n"},
};

static const struct bad_file domains_files[] = {
    {SITE
     "    domains: [http://a, a/b, \"a:80\", \"*a.b\", a.*, \"a b\", ä.org, \"\", a..b, 1.2.3]\n"
     "    forward: api\n",
     "4:15: \"http://a\" is not a domain: only the name, without http://\n"
     "4:25: \"a/b\" is not a domain: only the name; paths are matched by rules\n"
     "4:30: \"a:80\" is not a domain: only the name; ports stand in `listeners`\n"
     "4:38: \"*a.b\" is not a domain: a star stands alone, or as the whole first label: "
     "*.example.org\n"
     "4:46: \"a.*\" is not a domain: a star stands alone, or as the whole first label: "
     "*.example.org\n"
     "4:51: \"a b\" is not a domain: example.org, *.example.org for all names below it, or * for "
     "all\n"
     "4:58: \"ä.org\" is not a domain: write it as the network does, in ASCII: xn--…\n"
     "4:65: \"\" is not a domain: example.org, *.example.org for all names below it, or * for all\n"
     "4:69: \"a..b\" is not a domain: example.org, *.example.org for all names below it, or * for "
     "all\n"
     "4:75: \"1.2.3\" is not a domain: example.org, *.example.org for all names below it, or * for "
     "all\n"},
    {GROUPS "sites: { a: { forward: api }, b: { forward: api, domains: \"*\" } }\n",
     "2:10: a site needs \"domains\" when there are several: the names it answers to, or \"*\"\n"},
    {GROUPS "sites:\n"
            "  a: { forward: api, domains: x.org }\n"
            "  b: { forward: api, domains: [y.org, X.org.] }\n",
     "4:39: the domain \"x.org\" is that of the site \"a\" already, line 3\n"},
    {SITE "    domains: [a, a]\n"
          "    forward: api\n",
     "4:18: the domain \"a\" is given twice\n"},
};

static const struct bad_file rules_files[] = {
    {RULES
     "      - match: { host: \"*\", query: {}, source_ip: 10.0.0.1/8 }\n"
     "        forward: api\n"
     "      - match: { host: [a.b, \"a.*\"], query: [a], source_ip: [10.0.0.0/33, 010.0.0.1] }\n"
     "        forward: api\n",
     "5:24: \"*\" is not a host: a match without \"host\" is for all hosts\n"
     "5:36: \"query\" is empty; it must have at least one entry\n"
     "5:51: \"10.0.0.1/8\" is not an address or network: bits behind the length are set: "
     "10.0.0.0/8 "
     "is all that begins with 10\n"
     "7:30: \"a.*\" is not a host: a star stands alone, or as the whole first label: "
     "*.example.org\n"
     "7:45: \"query\" must be a map ({} for none), not a list\n"
     "7:62: \"10.0.0.0/33\" is not an address or network: a length is at most 32 behind an IPv4 "
     "address and 128 behind an IPv6 one\n"
     "7:75: \"010.0.0.1\" is not an address or network: \"10.0.0.1\", \"10.0.0.0/8\", "
     "\"fd00::/8\", \"private\" or \"loopback\"\n"},
    {SITE "    domains: a\n",
     "3:3: a site without rules: give it \"rules\", or one action such as forward\n"},
    {RULES "      - match: { path: /x }\n",
     "5:9: a rule without an action: give it forward, files, bucket, s3, redirect or respond\n"},
    {RULES "      - forward: api\n"
           "        respond: 200\n",
     "6:9: a rule has one action, and this one has \"forward\" already: make two rules\n"},
    {RULES "      - forward: api\n"
           "        s3: {}\n",
     "6:9: a rule has one action, and this one has \"forward\" already: make two rules\n"},
    {RULES "      - forward: api\n"
           "        fallback: /x\n",
     "6:9: \"fallback\" belongs to \"files\" or \"bucket\", and this rule has neither\n"},
    {RULES "      - files: { root: /, fallback: /a }\n"
           "        fallback: /b\n",
     "6:9: \"fallback\" stands here and in \"files\": keep one\n"},
    {SITE "    forward: api\n"
          "    rules: [ { respond: 200 } ]\n",
     "4:5: a rule's key on the site itself, which has \"rules\": move it into a rule\n"},
    {SITE "    retries: 1\n"
          "    rules: [ { respond: 200 } ]\n",
     "4:5: a rule's key on the site itself, which has \"rules\": move it into a rule\n"},
    {SITE "    retries: 1\n",
     "4:5: a rule without an action: give it forward, files, bucket, s3, redirect or respond\n"},
};

static const struct bad_file references_files[] = {
    {"sites: { s: { listeners: [http, http], respond: 200 } }\n",
     "1:33: the listener \"http\" is given twice\n"},
    {"listeners: 80\n"
     "sites: { s: { respond: 200 } }\n",
     "1:12: \"listeners\" must be a map ({} for none), not a single value\n"},
    {RULES "      - forward: apy\n",
     "5:18: no service or target group is called \"apy\"; did you mean \"api\"?\n"},
    {RULES "      - forward: completely-different\n",
     "5:18: no service or target group is called \"completely-different\"; there are: api, "
     "other\n"},
    {"sites: { s: { forward: api } }\n",
     "1:24: no service or target group is called \"api\", and there are none in this file\n"},
    {SITE "    listeners: web\n"
          "    forward: api\n",
     "4:16: no listener is called \"web\"; there are: http\n"},
    {SITE "    listeners: [http, htp]\n"
          "    forward: api\n",
     "4:23: no listener is called \"htp\"; did you mean \"http\"?\n"},
    {"listeners: {}\n"
     "sites: { s: { respond: 200 } }\n",
     "2:10: nowhere to answer: \"listeners\" is empty, or leave it out for :80\n"},
    {"services: { a: { command: x } }\n"
     "target_groups: { a: [\"b:1\"] }\n",
     "1:13: \"a\" is also a target group, line 2: services and target groups share their names\n"},
    {"services: { redis: { command: x, protocol: tcp } }\n"
     "sites: { s: { forward: redis } }\n",
     "2:24: \"redis\" speaks tcp, and rules forward HTTP\n"},
};

#define TCP "target_groups: { db: { targets: [\"a:1\"], protocol: tcp }, web: [\"b:1\"] }\n"

static const struct bad_file listeners_files[] = {
    {"listeners: { a: { address: \":1\", protocol: tcp } }\n",
     "1:34: a listener with protocol tcp needs \"forward\": the target group or service that gets "
     "its connections\n"},
    {TCP "listeners:\n"
         "  a: { address: \":1\", protocol: tcp, forward: web, trusted_proxies: loopback }\n",
     "3:47: \"web\" speaks http, and a listener with protocol tcp passes on anything: give it "
     "protocol: tcp, or let a site forward to it\n"
     "3:52: \"trusted_proxies\" believes fields of requests, and tcp has none: \"proxy_protocol\" "
     "tells the client's address\n"},
    {TCP "listeners:\n"
         "  a: { address: \":1\", forward: db, timeouts: { connect: 1s } }\n",
     "3:23: \"forward\" is for listeners with protocol tcp; requests are forwarded by the rules of "
     "sites\n"
     "3:48: \"connect\" is for listeners with protocol tcp; that of requests stands in rules\n"},
    {TCP "listeners:\n"
         "  a: { address: \":1\", protocol: tcp, forward: bd }\n",
     "3:47: no service or target group is called \"bd\"; did you mean \"db\"?\n"},
    {TCP "listeners:\n"
         "  a: { address: \":1\", protocol: tcp, forward: db }\n"
         "sites: { s: { respond: 200 } }\n",
     "4:10: nowhere to answer: all listeners have protocol tcp, which passes connections on\n"},
    {TCP "listeners:\n"
         "  a: { address: \":1\", protocol: tcp, forward: db }\n"
         "  b: \":2\"\n"
         "sites: { s: { listeners: [a, b], respond: 200 } }\n",
     "5:27: the listener \"a\" has protocol tcp: it passes connections on, and no site answers "
     "there\n"},
    {"target_groups:\n"
     "  db: { targets: [\"a:1\"], protocol: tcp, health: { path: / }, forwarded: true }\n",
     "2:52: \"path\" is asked by HTTP, and what speaks tcp is checked by a connection\n"
     "2:63: \"forwarded\" is a field of requests, and tcp has none\n"},
    {"target_groups:\n"
     "  db: { targets: [\"a:1\"], protocol: tcp, sticky: {}, ejection: {}, limit: 1, queue: {} }\n",
     "2:42: \"sticky\" is a cookie, and tcp has none\n"
     "2:54: \"ejection\" judges answers to requests, and tcp has none\n"
     "2:78: \"queue\" is for requests: connections over a limit are refused\n"},
    {"listeners: { a: { address: \":1\", proxy_protocol: { required: false, from: private } } }\n",
     "1:62: \"from\" says who may send the header, and \"required\" that nobody does\n"},
    {"listeners: { a: { address: \":1\", proxy_protocol: yes } }\n",
     "1:50: \"yes\" is no value of \"required\", which is one of true, false\n"},
    {"listeners: { a: { address: \":1\", trusted_proxies: [10.0.0.1/8, 10.0.0.0/33, lan] } }\n",
     "1:52: \"10.0.0.1/8\" is not an address or network: bits behind the length are set: "
     "10.0.0.0/8 "
     "is all that begins with 10\n"
     "1:64: \"10.0.0.0/33\" is not an address or network: a length is at most 32 behind an IPv4 "
     "address and 128 behind an IPv6 one\n"
     "1:77: \"lan\" is not an address or network: \"10.0.0.1\", \"10.0.0.0/8\", \"fd00::/8\", "
     "\"private\" or \"loopback\"\n"},
};

static const struct bad_file services_files[] = {
    {SERVICE "    tasks: 2\n",
     "2:3: a service needs \"command\": what to run, by `sh -c`; it listens at 127.0.0.1:$PORT\n"},
    {SERVICE "    command: x\n"
             "    tasks: { min: 3, max: 2 }\n",
     "4:27: \"max\" is 2, less than \"min\", which is 3\n"},
    {SERVICE "    command: x\n"
             "    tasks: lots\n",
     "4:12: \"lots\" is not a number: digits, without a sign\n"},
    {SERVICE "    command: x\n"
             "    env: { PORT: 80 }\n",
     "4:12: PORT is chosen by Weir, a free one for each task: the command reads it as $PORT\n"},
    {SERVICE "    command: x\n"
             "    env: { \"A-B\": 80 }\n",
     "4:12: \"A-B\" is not the name of a variable: letters, digits and \"_\", no digit first, at "
     "most 255 in all\n"},
    {SERVICE "    command: x\n"
             "    env: { URL: \"redis://${redis.address}/0\" }\n",
     "4:17: not yet: ${name.field}, addresses of other services, comes in a later version of "
     "Weir\n"},
    {SERVICE "    command: x\n"
             "    directory: /nonexistent/app\n",
     "4:16: \"/nonexistent/app\" is not a folder: nothing is at /nonexistent/app\n"},
    {SERVICE "    command: x\n"
             "    protocol: tcp\n"
             "    health: { path: / }\n",
     "5:15: \"path\" is asked by HTTP, and what speaks tcp is checked by a connection\n"},
    {"services: { a: { from: b }, b: { from: a } }\n",
     "1:13: a service needs \"command\": what to run, by `sh -c`; it listens at 127.0.0.1:$PORT\n"
     "1:24: \"from\" leads back to this service, or over more than 16\n"
     "1:29: a service needs \"command\": what to run, by `sh -c`; it listens at 127.0.0.1:$PORT\n"
     "1:40: \"from\" leads back to this service, or over more than 16\n"},
    {"services: { api: { command: x }, w: { from: apo, command: y } }\n",
     "1:45: no service is called \"apo\"; did you mean \"api\"?\n"},
    {"services: { api: { command: x, tasks: no }, w: { from: api } }\n",
     "1:39: \"no\" is not a number: digits, without a sign\n"},
    {SERVICE "    command: x\n"
             "    build: {}\n",
     "4:5: a build needs \"run\": the command, for `sh -c`\n"},
};

static const struct bad_file later_files[] = {
    {"buckets: { media: { build: {} } }\n"
     "databases: {}\n"
     "alerts: []\n"
     "backup: {}\n"
     "logs: {}\n",
     "1:21: not yet: \"build\" (a front end that Weir builds into it) comes in a later version of "
     "Weir\n"
     "2:1: not yet: \"databases\" (databases and their credentials) comes in a later version of "
     "Weir\n"
     "3:1: not yet: \"alerts\" (messages when something is wrong) comes in a later version of "
     "Weir\n"
     "4:1: not yet: \"backup\" (backups) comes in a later version of Weir\n"
     "5:1: not yet: \"logs\" (how long logs are kept) comes in a later version of Weir\n"},
    {RULES "      - respond: 200\n"
           "        cache: { ttl: 1h }\n",
     "6:9: not yet: \"cache\" (a cache of responses) comes in a later version of Weir\n"},
    {RULES "      - registry: {}\n",
     "5:9: not yet: \"registry\" (an image registry) comes in a later version of Weir\n"},
    {SERVICE "    command: x\n"
             "    cpu: 0.5\n"
             "    memory: 256MiB\n"
             "    secrets: []\n"
             "    uses: []\n"
             "    scale: []\n"
             "    volumes: {}\n"
             "    sidecar: true\n"
             "    allow: []\n",
     "4:5: not yet: \"cpu\" (a limit of processor time) comes in a later version of Weir\n"
     "5:5: not yet: \"memory\" (a limit of memory) comes in a later version of Weir\n"
     "6:5: not yet: \"secrets\" (secrets in the environment) comes in a later version of Weir\n"
     "7:5: not yet: \"uses\" (addresses of databases, services and buckets in the environment) "
     "comes in a later version of Weir\n"
     "8:5: not yet: \"scale\" (tasks by load) comes in a later version of Weir\n"
     "9:5: not yet: \"volumes\" (folders that stay) comes in a later version of Weir\n"
     "10:5: not yet: \"sidecar\" (a proxy beside each task) comes in a later version of Weir\n"
     "11:5: not yet: \"allow\" (who may call) comes in a later version of Weir\n"},
    {SERVICE "    command: x\n"
             "    deploy: { before: migrate, minimum_healthy: 100%, maximum: 200% }\n"
             "    build: { run: make, dockerfile: Dockerfile }\n",
     "4:15: not yet: \"before\" (a command before a deployment, such as a migration) comes in a "
     "later version of Weir\n"
     "4:32: not yet: \"minimum_healthy\" (how many tasks stay up during a deployment) comes in a "
     "later version of Weir\n"
     "4:55: not yet: \"maximum\" (how many tasks may run during a deployment) comes in a later "
     "version of Weir\n"
     "5:25: not yet: \"dockerfile\" (an image built from a Dockerfile) comes in a later version of "
     "Weir\n"},
};
