/* Filters and policies that are refused, as bad_files.h. */
#pragma once

#include "bad_files.h"

static const struct bad_file policies_files[] = {
    {RULES
     "      - forward: api\n"
     "        request_headers: { set: { X-A: \"{host}{pth}\", Connection: a, Via: b }, add: { "
     "Host: c } }\n",
     "6:40: \"{host}{pth}\" is not a header field's value: there is no {pth}; variables are "
     "{host}, "
     "{path}, {query}, {client}, {request_id}, {client_subject}, {client_cert}, "
     "{client_cert_pem}, {tls_version}, {tls_cipher} and {tls_server_name}\n"
     "6:55: \"Connection\" is not the name of a header field that can be changed: it frames the "
     "message or belongs to one connection, and is Weir's own\n"
     "6:70: \"Via\" is written by Weir for each request\n"
     "6:87: a request has one \"Host\": it can only be set\n"},
    {SITE "    forward: api\n"
          "    response_headers: { set: { Host: a }, remove: Content-Length }\n",
     "5:32: \"Host\" is a request's field\n"
     "5:51: \"Content-Length\" is not the name of a header field that can be changed: it frames "
     "the "
     "message or belongs to one connection, and is Weir's own\n"},
    {SITE "    forward: api\n"
          "    cors: { origins: [\"*\", \"https://a/\", app], credentials: true }\n",
     "5:28: \"https://a/\" is no origin: an origin ends with its host or port, without a path or a "
     "\"/\"\n"
     "5:42: \"app\" is no origin: an origin is a scheme and a host, as in https://app.example.org\n"
     "5:61: \"credentials\" needs named origins: with \"*\" any page could act as its visitor\n"},
    {SITE "    forward: api\n"
          "    compress: [gzip, true, gzip, lz4]\n",
     "5:15: \"true\" and \"false\" stand alone, or name encodings: zstd, br, gzip\n"
     "5:15: an encoding is given twice\n"
     "5:34: \"lz4\" is no value of \"encodings\", which is one of zstd, br, gzip, true, false\n"},
    {RULES "      - forward: api\n"
           "        rate_limit: { rate: 5/d, by: header X Y }\n"
           "        concurrency: 0\n",
     "6:29: \"5/d\" is not a rate: a number up to 1000000 and a unit, as in 100/s, 30/m or 1000/h\n"
     "6:38: \"header X Y\" is not what requests are counted by: address, user, all, or header and "
     "its name, as in header X-Api-Key\n"
     "7:22: \"max\" must be from 1 to 1000000, not 0\n"},
    {RULES "      - forward: api\n"
           "        basic_auth: { users: /nonexistent/users, realm: 'a\"b' }\n"
           "        auth: { forward: apy, copy: [Host, TE] }\n",
     "6:30: /nonexistent/users cannot be read: No such file or directory\n"
     "6:57: a realm has no quotes or backslashes\n"
     "7:26: no service or target group is called \"apy\"; did you mean \"api\"?\n"
     "7:37: a request has one \"Host\": it can only be set\n"
     "7:44: \"TE\" is not the name of a header field that can be changed: it frames the message or "
     "belongs to one connection, and is Weir's own\n"},
    {SITE "    forward: api\n"
          "    errors: { 404: /nonexistent/page, 302: a, intercept: maybe }\n",
     "5:20: /nonexistent/page cannot be read: No such file or directory\n"
     "5:39: \"302\" is not an error's status: from 400 to 599, 4xx or 5xx; or intercept\n"
     "5:58: \"intercept\" is true or false\n"},
    {SITE "    forward: api\n"
          "    errors: { 404: /dev/zero, 5xx: / }\n",
     "5:20: /dev/zero cannot be read: it is no regular file\n"
     "5:36: / cannot be read: Is a directory\n"},
};
