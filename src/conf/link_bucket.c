/* Called by the rows of schema_bucket.c, by checks.c for rules, and by link.c for the whole. */
#include "conf/link_bucket.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "conf/link_name.h"
#include "conf/link_remote.h"
#include "conf/policy_checks.h"
#include "conf/value.h"
#include "wire/http/uri.h"

#define AUTHORITIES_BYTES_MAX ((size_t)4 << 20)

/* What S3 takes in one request. */
#define S3_BODY_BYTES_MAX (UINT64_C(5) << 30)

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_label(struct slice label)
{
    if (label.len == 0 || !is_letter_or_digit(label.at[0]) ||
        !is_letter_or_digit(label.at[label.len - 1]))
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (!is_letter_or_digit(label.at[i]) && label.at[i] != '-')
            return false;
    }
    return true;
}

bool conf_is_bucket_name(struct slice text)
{
    if (text.len < 3 || text.len > CONF_BUCKET_NAME_LEN_MAX || value_is_ipv4(text))
        return false;
    for (struct slice rest = text;;) {
        ptrdiff_t dot = slice_find(rest, '.');
        if (!is_label(dot < 0 ? rest : slice_first(rest, (size_t)dot)))
            return false;
        if (dot < 0)
            return true;
        rest = slice_from(rest, (size_t)dot + 1);
    }
}

static const struct tree_node *child_or_self(const struct tree_node *node, const char *key)
{
    const struct tree_node *child = node->kind == TREE_MAP ? tree_get(node, key) : NULL;
    return child != NULL ? child : node;
}

void check_bucket(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_bucket *bucket = object;
    if (conf_bucket_is_remote(bucket)) {
        check_remote_bucket(reading, node);
        return;
    }
    if (!bucket->has_object_lock)
        return;
    if (!bucket->is_versioned && tree_get(node, "versioning") != NULL)
        reading_error(reading, child_or_self(node, "versioning")->place,
                      "\"object_lock\" keeps versions, and \"versioning\" is false: leave it out");
    bucket->is_versioned = 1;
}

static bool is_web_address(struct slice url)
{
    bool is_secure = slice_starts_with(url, SLICE("https://"));
    struct slice host;
    unsigned port;
    size_t end = 0;
    if (!is_secure && !slice_starts_with(url, SLICE("http://")))
        return false;
    struct slice rest = slice_from(url, is_secure ? 8 : 7);
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.at[i] <= ' ' || rest.at[i] > '~' || rest.at[i] == '#')
            return false;
    }
    while (end < rest.len && rest.at[end] != '/')
        end++;
    return end > 0 && uri_parse_authority(slice_first(rest, end), &host, &port) == 0;
}

static struct slice read_whole(struct reading *reading, struct conf_place place, struct slice path,
                               size_t bytes_max)
{
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, bytes_max);
    if (path.len == 0 || !check_read_file(reading, place, path, &text))
        return (struct slice){NULL, 0};
    return reading_keep(reading, buffer_slice(&text));
}

void check_webhook(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_webhook *webhook = object;
    if (webhook->url.len > 0 && !is_web_address(webhook->url))
        reading_error(reading, child_or_self(node, "url")->place,
                      "\"%.*s\" is no address to post to: http:// or https://, a host and a path, "
                      "as in https://app.example.org/events",
                      SLICE_ARG(webhook->url));
    if (webhook->ca.len > 0 && slice_starts_with(webhook->url, SLICE("http://")))
        reading_error(reading, child_or_self(node, "ca")->place,
                      "\"ca\" is for https://, and the \"url\" is http://");
    link_secret(reading, node->kind == TREE_MAP ? tree_get(node, "secret") : NULL,
                &webhook->secret);
    webhook->authorities =
        read_whole(reading, child_or_self(node, "ca")->place, webhook->ca, AUTHORITIES_BYTES_MAX);
}

void check_bucket_site(struct reading *reading, const struct tree_node *node, void *object)
{
    struct draft_bucket_site *draft = object;
    const struct tree_node *prefix = child_or_self(node, "prefix");
    draft->bucket.place = child_or_self(node, "name")->place;
    if (slice_starts_with(draft->site.prefix, SLICE("/")))
        reading_error(reading, prefix->place,
                      "\"prefix\" is the beginning of a key, and keys begin without \"/\"");
    else if (draft->site.prefix.len >= CONF_BUCKET_KEY_LEN_MAX)
        reading_error(reading, prefix->place,
                      "\"prefix\" is %zu bytes long, and no key has more than %d",
                      draft->site.prefix.len, CONF_BUCKET_KEY_LEN_MAX);
}

void check_s3(struct reading *reading, const struct tree_node *node, void *object)
{
    (void)node;
    const struct draft_s3 *draft = object;
    for (unsigned i = 0; i < draft->domains_count; i++) {
        const struct named *domain = &draft->domains[i];
        if (slice_starts_with(domain->name, SLICE("*")))
            reading_error(reading, domain->place,
                          "the bucket stands before it of itself: write it without \"*\"");
        else if (value_is_ipv4(domain->name) || slice_starts_with(domain->name, SLICE("[")))
            reading_error(reading, domain->place,
                          "no bucket can stand before an address: \"domain\" is a name");
    }
}

/* Clients sign the path that they send, and a key is taken from that. */
void check_bucket_rule(struct reading *reading, const struct tree_node *node)
{
    static const char *const keys[] = {"strip_prefix", "rewrite"};
    if (tree_get(node, "s3") == NULL)
        return;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct tree_node *child = tree_get(node, keys[i]);
        if (child != NULL)
            reading_error(reading, child->key_place,
                          "\"%s\" changes the path, and clients of \"s3\" sign the one they send",
                          keys[i]);
    }
}

void link_buckets(struct reading *reading, struct draft *draft, struct snapshot *snapshot,
                  struct map *ret_buckets)
{
    snapshot->store = draft->store;
    snapshot->store.region = SLICE("us-east-1");
    snapshot->webhooks = draft->webhooks;
    snapshot->webhooks_count = draft->webhooks_count;
    snapshot->buckets = draft->buckets;
    snapshot->buckets_count = draft->buckets_count;
    for (unsigned i = 0; i < draft->buckets_count; i++) {
        struct conf_bucket *bucket = &draft->buckets[i];
        if (conf_bucket_is_remote(bucket)) {
            link_remote(reading, bucket);
            snapshot->remotes_count++;
        }
        if (bucket->name.len > 0 && map_set(ret_buckets, bucket->name, bucket) < 0)
            reading->out_of_memory = true;
    }
}

void link_bucket_site(struct reading *reading, const struct snapshot *snapshot,
                      const struct map *buckets, const struct draft_rule *from,
                      struct conf_rule *rule)
{
    const struct named *named = &from->bucket.bucket;
    rule->bucket = from->bucket.site;
    if (named->name.len == 0)
        return;
    const struct conf_bucket *bucket = map_get(buckets, named->name);
    if (bucket == NULL) {
        link_refuse_name(reading, named, "bucket", buckets);
        return;
    }
    rule->bucket.bucket = (unsigned)(bucket - snapshot->buckets);
    rule->bucket.name = bucket->name;
}

/* Is the name below it among those that the site answers to? Else no such request comes here. */
static bool answers_below(const struct draft_site *site, struct slice domain)
{
    for (unsigned i = 0; i < site->domains_count; i++) {
        struct slice own = site->domains[i].name;
        if (slice_equal(own, SLICE("*")))
            return true;
        if (slice_starts_with(own, SLICE("*.")) && (slice_equal(slice_from(own, 2), domain) ||
                                                    slice_ends_with(domain, slice_from(own, 1))))
            return true;
    }
    return false;
}

/* `body_max` beside an action on the site itself is the rule's as much as the site's. */
static uint64_t s3_body_max(const struct draft_site *site, const struct draft_rule *from)
{
    if (from->has_body_max)
        return from->rule.body_max;
    return from == &site->own && site->has_body_max ? site->body_max : S3_BODY_BYTES_MAX;
}

void link_s3(struct reading *reading, const struct draft_site *site, const struct draft_rule *from,
             struct conf_rule *rule)
{
    const struct draft_s3 *draft = &from->s3;
    struct conf_s3 *s3 = &rule->s3;
    *s3 = (struct conf_s3){.region = draft->region};
    rule->body_max = s3_body_max(site, from);
    s3->domains = reading_alloc(reading, reading->arena, draft->domains_count, sizeof *s3->domains);
    for (unsigned i = 0; i < draft->domains_count && s3->domains != NULL; i++) {
        const struct named *domain = &draft->domains[i];
        s3->domains[s3->domains_count++] = domain->name;
        if (domain->name.len > 0 && !answers_below(site, domain->name))
            reading_warning(reading, domain->place,
                            "requests to buckets below %.*s come to this site only with "
                            "\"*.%.*s\" among its \"domains\"",
                            SLICE_ARG(domain->name), SLICE_ARG(domain->name));
    }
}
