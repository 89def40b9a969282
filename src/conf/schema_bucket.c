/* The part of the table that is about the object store: its buckets and what serves them. */
#include "conf/schema_bucket.h"

#include "conf/draft.h"
#include "conf/link_bucket.h"
#include "conf/link_remote.h"
#include "conf/schema_rows.h"

static const struct schema_word quota_words[] = {
    {"off", 0, false, "no limit but the disk"},
    {NULL},
};

static const struct schema_word backend_kinds[] = {
    {"local", CONF_BACKEND_LOCAL, false, "Weir's own disk"},
    {NULL},
};

static const struct schema_word styles[] = {
    {"path", CONF_S3_PATH, false, "the bucket stands in the path"},
    {"virtual", CONF_S3_VIRTUAL, false, "it stands before the endpoint's host"},
    {NULL},
};

static const struct schema_row remote_rows[] = {
    {.name = "endpoint",
     .kind = SCHEMA_SERVER,
     .is_required = true,
     AT(struct conf_remote, endpoint),
     .doc = "the server, `https://s3.eu-central-1.amazonaws.com` for instance"},
    {.name = "region",
     .kind = SCHEMA_NAME,
     AT(struct conf_remote, region),
     .standard = "us-east-1",
     .doc = "the region that requests to it are signed for"},
    {.name = "bucket",
     .kind = SCHEMA_BUCKET_NAME,
     AT(struct conf_remote, bucket),
     .doc = "the bucket's name there; without it the same"},
    {.name = "access_key",
     .kind = SCHEMA_SECRET,
     .is_required = true,
     AT(struct conf_remote, access_key.from),
     .doc = "the key that Weir has there: `env:NAME`, or `file:PATH` for a file's first line"},
    {.name = "secret_key",
     .kind = SCHEMA_SECRET,
     .is_required = true,
     AT(struct conf_remote, secret_key.from),
     .doc = "the key's secret, likewise"},
    {.name = "style",
     .kind = SCHEMA_WORD,
     .words = styles,
     AT(struct conf_remote, style),
     .standard = "path",
     .doc = "how it is told which bucket is meant"},
    {.name = "ca",
     .kind = SCHEMA_FILE,
     AT(struct conf_remote, ca),
     .doc = "PEM: whose certificates are believed; without it those of the system"},
    {.name = "trailing_checksums",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_remote, takes_trailers),
     .standard = "true",
     .doc = "it takes checksums behind bodies, which the newer SDKs send (AWS, MinIO, Ceph from 19 "
            "on); `false`: they are verified here and not sent on"},
};

static const struct schema_struct remote_type = {
    .noun = "another endpoint of S3",
    .doc = "A bucket at another server that speaks S3, such as AWS or MinIO. Weir checks its own "
           "keys and rights, and signs with the ones that stand here.",
    ROWS(remote_rows),
    .has_place = true,
    .check = check_remote,
};

static const struct schema_row backend_rows[] = {
    {.name = "kind",
     .kind = SCHEMA_WORD,
     .words = backend_kinds,
     AT(struct conf_backend, kind),
     .standard = "local",
     .doc = "where they lie, when it is not at another endpoint"},
    {.name = "s3",
     .kind = SCHEMA_STRUCT,
     .type = &remote_type,
     AT(struct conf_backend, s3),
     .is_choice = true,
     .doc = "another endpoint of S3, where the bucket is there already"},
};

static const struct schema_struct backend_type = {
    .noun = "a back end",
    .doc = "Where a bucket's objects lie: `local`, or at another endpoint of S3.",
    ROWS(backend_rows),
    .shorthand = "kind",
    .check = check_backend,
};

static const struct schema_row bucket_rows[] = {
    {.name = "backend",
     .kind = SCHEMA_STRUCT,
     .type = &backend_type,
     AT(struct conf_bucket, backend),
     .doc = "where its objects lie"},
    {.name = "quota",
     .kind = SCHEMA_SIZE,
     .words = quota_words,
     .min = 0,
     AT(struct conf_bucket, quota_bytes),
     .standard = "off",
     .doc = "how much all its objects, old versions too, may take; a write beyond it is refused"},
    {.name = "public",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_bucket, is_public),
     .standard = "false",
     .doc = "anybody may read its objects by the S3 API, without a key; nobody may list them so"},
    {.name = "versioning",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_bucket, is_versioned),
     .standard = "false",
     .doc = "an object that is replaced or deleted stays as a version"},
    {.name = "object_lock",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_bucket, has_object_lock),
     .standard = "false",
     .doc = "versions may be kept from deletion for a time; it has versions then"},
    LATER("build", "a front end that Weir builds into it"),
};

static const struct schema_struct bucket_type = {
    .noun = "a bucket",
    .doc = "Objects that Weir keeps, for the rules' `bucket` and `s3`. `media: {}` is one with "
           "the defaults.",
    ROWS(bucket_rows),
    .has_place = true,
    .check = check_bucket,
};

const struct schema_row schema_bucket_row = {
    .name = "buckets", .kind = SCHEMA_STRUCT, .type = &bucket_type};

static const struct schema_row webhook_rows[] = {
    {.name = "url",
     .kind = SCHEMA_LINE,
     .is_required = true,
     AT(struct conf_webhook, url),
     .doc = "where events are posted, as in `https://app.example.org/events`"},
    {.name = "secret",
     .kind = SCHEMA_SECRET,
     AT(struct conf_webhook, secret.from),
     .doc = "the key of the signature, `X-Weir-Signature: sha256=…`, as `env:NAME`, or `file:PATH` "
            "for a file's first line; without it there is no signature"},
    {.name = "ca",
     .kind = SCHEMA_FILE,
     AT(struct conf_webhook, ca),
     .doc = "the authorities that may certify it, in PEM; without it the system's"},
    {.name = "timeout",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = 10 * MS_PER_MIN,
     AT(struct conf_webhook, timeout_ms),
     .standard = "10s",
     .doc = "for one try, from connecting to the whole answer"},
};

static const struct schema_struct webhook_type = {
    .noun = "a webhook",
    .doc = "Who is told of what happens in buckets. Which events of which bucket is said by the S3 "
           "API, PutBucketNotificationConfiguration, where it is the topic "
           "`arn:weir:webhook:::NAME`.",
    ROWS(webhook_rows),
    .has_place = true,
    .shorthand = "url",
    .check = check_webhook,
};

const struct schema_row schema_webhook_row = {
    .name = "webhooks", .kind = SCHEMA_STRUCT, .type = &webhook_type};

static const struct schema_row store_rows[] = {
    {.name = "folder",
     .kind = SCHEMA_NEW_FOLDER,
     AT(struct conf_store, folder),
     .doc = "where objects lie; without it `edge/store` in the state folder. It is made when it is "
            "not there"},
    {.name = "reserve",
     .kind = SCHEMA_SIZE,
     .min = 0,
     AT(struct conf_store, reserve_bytes),
     .standard = "1GiB",
     .doc = "with less free disk than this, writes are answered 507"},
};

const struct schema_struct schema_store_type = {
    .noun = "the store",
    .doc = "The disk under all buckets.",
    ROWS(store_rows),
    .shorthand = "folder",
};

static const struct schema_row bucket_site_rows[] = {
    {.name = "name",
     .kind = SCHEMA_BUCKET_NAME,
     .is_required = true,
     AT(struct draft_bucket_site, bucket.name),
     .doc = "which of the `buckets`"},
    {.name = "index",
     .kind = SCHEMA_FILE_NAME,
     AT(struct draft_bucket_site, site.index),
     .standard = "index.html",
     .doc = "the object that stands for a path that ends in `/`"},
    {.name = "fallback",
     .kind = SCHEMA_URL_PATH,
     AT(struct draft_bucket_site, site.fallback),
     .doc = "what a browser's navigation gets when there is no such object"},
    {.name = "prefix",
     .kind = SCHEMA_LINE,
     AT(struct draft_bucket_site, site.prefix),
     .doc = "put before each key: with `releases/42/` the path `/app.js` is the object "
            "`releases/42/app.js`"},
    {.name = "error_page",
     .kind = SCHEMA_URL_PATH,
     AT(struct draft_bucket_site, site.error_page),
     .doc = "the object that is sent with 404"},
};

const struct schema_struct schema_bucket_site_type = {
    .noun = "a bucket's site",
    .doc = "Serves the objects of a bucket to anybody, as `files` does a folder.",
    ROWS(bucket_site_rows),
    .shorthand = "name",
    .check = check_bucket_site,
};

static const struct schema_row s3_domain_row = {.name = "domain", .kind = SCHEMA_DOMAIN};

static const struct schema_row s3_rows[] = {
    {.name = "domain",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct draft_s3, domains),
     .element = &s3_domain_row,
     .element_size = sizeof(struct named),
     .is_draft = true,
     .min = 1,
     .max = 100,
     .doc = "with `s3.example.org`, a request to `media.s3.example.org` is for the bucket `media` "
            "(virtual-host style), when the site's `domains` have `*.s3.example.org` too; without "
            "it buckets stand in the path alone"},
    {.name = "region",
     .kind = SCHEMA_NAME,
     AT(struct draft_s3, region),
     .standard = "us-east-1",
     .doc = "the region that clients sign for"},
};

const struct schema_struct schema_s3_type = {
    .noun = "the S3 API",
    .doc = "The S3 API, for all buckets. Who may do what is a matter of keys: see `weir s3 key`. "
           "Bodies may have 5 GiB unless the rule has a `body_max`.",
    ROWS(s3_rows),
    .check = check_s3,
};
