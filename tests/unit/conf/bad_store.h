/* Files that are refused for what they say of buckets; as bad_files.h. */
#pragma once

#define NAME_WHY                                                                                   \
    "3 to 63 lower-case letters, digits, \"-\" and \".\", a letter or digit at each end and "      \
    "beside a dot, and no IP address\n"
#define MEDIA "buckets: { media: {} }\n"

static const struct bad_file buckets_files[] = {
    {"buckets: { Media: {}, ab: {}, 10.0.0.1: {} }\n",
     "1:12: \"Media\" is not a bucket's name: " NAME_WHY
     "1:23: \"ab\" is not a bucket's name: " NAME_WHY
     "1:31: \"10.0.0.1\" is not a bucket's name: " NAME_WHY},
    {"buckets: [media]\n", "1:10: \"buckets\" must be a map ({} for none), not a list\n"},
    {"buckets: { media: { quota: much, public: maybe } }\n",
     "1:28: \"much\" is not a size: bytes, or a number with its unit, as in 64KiB, 10MiB, 1GiB or "
     "1GB\n"
     "1:42: \"maybe\" is no value of \"public\", which is one of true, false\n"},
    {"buckets: { media: { object_lock: true, versioning: false } }\n",
     "1:52: \"object_lock\" keeps versions, and \"versioning\" is false: leave it out\n"},
    {"buckets: { media: { backend: disk } }\n",
     "1:30: \"disk\" is no value of \"kind\", which is one of local\n"},
    {"buckets: { media: { backend: { s3: {} } } }\n",
     "1:32: another endpoint of S3 needs \"endpoint\": the server, "
     "`https://s3.eu-central-1.amazonaws.com` for instance\n"
     "1:32: another endpoint of S3 needs \"access_key\": the key that Weir has there: "
     "`env:NAME`, or `file:PATH` for a file's first line\n"
     "1:32: another endpoint of S3 needs \"secret_key\": the key's secret, likewise\n"},
    {"buckets: { media: { quota: 1GiB, versioning: true, backend: { s3: {\n"
     "  endpoint: \"https://a/b\", access_key: AKIA, secret_key: env:WEIR_TEST_NONE } } } }\n",
     "1:21: \"quota\" is for buckets on Weir's own disk: at another endpoint it is set there\n"
     "1:34: \"versioning\" is for buckets on Weir's own disk: at another endpoint it is set "
     "there\n"
     "2:13: \"https://a/b\" is not a server's address: http:// or https://, a host and perhaps a "
     "port, as in https://s3.example.org\n"
     "2:40: \"access_key\" is not where a secret stands: env:NAME for a variable of Weir's own "
     "environment, or file:PATH for a file's first line\n"
     "2:58: the variable WEIR_TEST_NONE is not set\n"},
    {"buckets: { media: { backend: { kind: local, s3: { endpoint: \"http://127.0.0.1:9000\",\n"
     "  access_key: file:/none/a, secret_key: file:/none/b, style: virtual, ca: a.pem } } } }\n",
     "1:32: \"kind\" and \"s3\" say different things: keep one\n"
     "2:15: /none/a cannot be read: No such file or directory\n"
     "2:41: /none/b cannot be read: No such file or directory\n"
     "2:62: no bucket can stand before an address: use \"style: path\"\n"
     "2:71: \"ca\" is for an endpoint that begins with https://\n"},
    {"webhooks: { a: ftp://x, b: \"http://\", c: {} }\n",
     "1:16: \"ftp://x\" is no address to post to: http:// or https://, a host and a path, as in "
     "https://app.example.org/events\n"
     "1:28: \"http://\" is no address to post to: http:// or https://, a host and a path, as in "
     "https://app.example.org/events\n"
     "1:39: a webhook needs \"url\": where events are posted, as in "
     "`https://app.example.org/events`\n"},
    {"webhooks: { a: { url: \"http://x/\", ca: /none/a, secret: \"file:/none/b\" } }\n",
     "1:40: \"ca\" is for https://, and the \"url\" is http://\n"
     "1:40: /none/a cannot be read: No such file or directory\n"
     "1:57: /none/b cannot be read: No such file or directory\n"},
    {"store: { folder: / }\n",
     "1:18: \"/\" is not a folder's path: a path other than \"/\", below this file's folder unless "
     "it begins with \"/\"\n"},
    {MEDIA "sites: { s: { bucket: medai } }\n",
     "2:23: no bucket is called \"medai\"; did you mean \"media\"?\n"},
    {MEDIA "sites: { s: { bucket: { name: frontend } } }\n",
     "2:31: no bucket is called \"frontend\"; there are: media\n"},
    {"sites: { s: { bucket: media } }\n",
     "1:23: no bucket is called \"media\", and there are none in this file\n"},
    {MEDIA "sites: { s: { bucket: {} } }\n",
     "2:15: a bucket's site needs \"name\": which of the `buckets`\n"},
    {MEDIA "sites: { s: { bucket: { name: media, prefix: /a } } }\n",
     "2:46: \"prefix\" is the beginning of a key, and keys begin without \"/\"\n"},
    {MEDIA "sites: { s: { bucket: { name: media, fallback: /a }, fallback: /b } }\n",
     "2:54: \"fallback\" stands here and in \"bucket\": keep one\n"},
    {"sites: { s: { s3: { domain: [\"*.a.b\", 10.0.0.1] } } }\n",
     "1:30: the bucket stands before it of itself: write it without \"*\"\n"
     "1:39: no bucket can stand before an address: \"domain\" is a name\n"},
    {"sites: { s: { s3: {}, strip_prefix: /a, rewrite: /b } }\n",
     "1:23: \"strip_prefix\" changes the path, and clients of \"s3\" sign the one they send\n"
     "1:41: \"rewrite\" changes the path, and clients of \"s3\" sign the one they send\n"},
    {"sites: { s: { s3: on } }\n", "1:19: the S3 API must be a map, not a single value\n"},
};
