/* The table of policies. A new key of a rule gets a row and a function here. */
#include "edge/explain/policies.h"

#include "base/cleanup.h"
#include "edge/explain/notes.h"

struct policy {
    const char *name; /* its key in the file */
    /* Its value as a person reads it; false: this rule does not ask for it. */
    bool (*write)(struct writer *value, const struct conf_rule *rule);
};

static void write_seconds(struct writer *value, const char *what, int64_t ms)
{
    write_slice(value, slice_of_cstr(what));
    if (ms % 1000 == 0) {
        write_u64(value, (uint64_t)ms / 1000);
        write_char(value, 's');
    } else {
        write_u64(value, (uint64_t)ms);
        write_literal(value, "ms");
    }
}

static bool write_timeouts(struct writer *value, const struct conf_rule *rule)
{
    write_seconds(value, "connect ", rule->timeouts.connect_ms);
    write_seconds(value, ", response ", rule->timeouts.response_ms);
    write_seconds(value, ", idle ", rule->timeouts.idle_ms);
    return rule->action == CONF_ACTION_FORWARD;
}

static bool write_retries(struct writer *value, const struct conf_rule *rule)
{
    write_u64(value, rule->retries.max);
    return rule->action == CONF_ACTION_FORWARD;
}

static bool write_body_max(struct writer *value, const struct conf_rule *rule)
{
    write_u64(value, rule->body_max);
    write_literal(value, " bytes");
    return rule->body_max != UINT64_MAX;
}

static bool write_strip_prefix(struct writer *value, const struct conf_rule *rule)
{
    write_slice(value, rule->strip_prefix);
    return rule->strip_prefix.len > 0;
}

static bool write_rewrite(struct writer *value, const struct conf_rule *rule)
{
    write_slice(value, rule->rewrite);
    return rule->rewrite.len > 0;
}

/* Whose requests a limit counts together, as the file writes it. */
static void write_limit_key(struct writer *value, const struct conf_limit_key *key)
{
    static const char *const names[] = {"all", "address", "user", "header "};
    write_literal(value, " by ");
    write_slice(value, slice_of_cstr(names[key->by]));
    write_slice(value, key->header);
}

static bool write_rate_limit(struct writer *value, const struct conf_rule *rule)
{
    const struct conf_rate_limit *limit = &rule->rate_limit;
    if (!limit->enabled)
        return false;
    write_u64(value, limit->rate.count);
    write_slice(value, limit->rate.period_ms == 1000    ? SLICE("/s")
                       : limit->rate.period_ms == 60000 ? SLICE("/m")
                                                        : SLICE("/h"));
    write_literal(value, ", burst ");
    write_u64(value, limit->burst);
    write_limit_key(value, &limit->key);
    return true;
}

static bool write_concurrency(struct writer *value, const struct conf_rule *rule)
{
    if (!rule->concurrency.enabled)
        return false;
    write_u64(value, rule->concurrency.max);
    write_limit_key(value, &rule->concurrency.key);
    return true;
}

static bool write_basic_auth(struct writer *value, const struct conf_rule *rule)
{
    write_u64(value, rule->basic_auth.users_count);
    write_literal(value, " users of ");
    write_slice(value, rule->basic_auth.file);
    return rule->basic_auth.enabled;
}

static bool write_auth(struct writer *value, const struct conf_rule *rule)
{
    write_slice(value, rule->auth.group);
    write_literal(value, " decides at ");
    write_slice(value, rule->auth.path);
    return rule->auth.enabled;
}

static bool write_cors(struct writer *value, const struct conf_rule *rule)
{
    if (rule->cors.any_origin)
        write_literal(value, "*");
    for (unsigned i = 0; i < rule->cors.origins_count; i++) {
        write_slice(value, i > 0 ? SLICE(", ") : SLICE(""));
        write_slice(value, rule->cors.origins[i].text);
    }
    return rule->cors.enabled;
}

static bool write_compress(struct writer *value, const struct conf_rule *rule)
{
    for (unsigned i = 0; i < rule->compress.encodings_count; i++) {
        write_slice(value, i > 0 ? SLICE(", ") : SLICE(""));
        write_slice(value, http_encoding_name((enum http_encoding)rule->compress.encodings[i]));
    }
    return rule->compress.enabled;
}

/* "set X-A; add X-B; remove X-C" */
static bool write_edits(struct writer *value, const struct conf_header_edits *edits)
{
    bool is_any = false;
    for (unsigned i = 0; i < edits->remove_count; i++, is_any = true) {
        write_slice(value, is_any ? SLICE("; remove ") : SLICE("remove "));
        write_slice(value, edits->remove[i]);
    }
    for (unsigned i = 0; i < edits->set_count; i++, is_any = true) {
        write_slice(value, is_any ? SLICE("; set ") : SLICE("set "));
        write_slice(value, edits->set[i].name);
    }
    for (unsigned i = 0; i < edits->add_count; i++, is_any = true) {
        write_slice(value, is_any ? SLICE("; add ") : SLICE("add "));
        write_slice(value, edits->add[i].name);
    }
    return is_any;
}

static bool write_request_headers(struct writer *value, const struct conf_rule *rule)
{
    return write_edits(value, &rule->request_headers);
}

static bool write_response_headers(struct writer *value, const struct conf_rule *rule)
{
    return write_edits(value, &rule->response_headers);
}

static const struct policy policies[] = {
    {"rate_limit", write_rate_limit},
    {"concurrency", write_concurrency},
    {"cors", write_cors},
    {"basic_auth", write_basic_auth},
    {"auth", write_auth},
    {"request_headers", write_request_headers},
    {"response_headers", write_response_headers},
    {"compress", write_compress},
    {"strip_prefix", write_strip_prefix},
    {"rewrite", write_rewrite},
    {"timeouts", write_timeouts},
    {"retries", write_retries},
    {"body_max", write_body_max},
};

static struct slice value_of(const struct policy *policy, const struct conf_rule *rule,
                             char text[static POLICY_VALUE_BYTES])
{
    struct writer value;
    writer_init(&value, text, POLICY_VALUE_BYTES);
    return policy->write(&value, rule) ? writer_slice(&value) : SLICE("");
}

struct slice policy_value(const char *key, const struct conf_rule *rule,
                          char text[static POLICY_VALUE_BYTES])
{
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        if (strcmp(policies[i].name, key) == 0)
            return value_of(&policies[i], rule, text);
    }
    return SLICE("");
}

void policies_write(struct json_writer *json, const char *name, const struct conf_rule *rule)
{
    json_open_list(json, name);
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        char text[POLICY_VALUE_BYTES];
        struct slice value = value_of(&policies[i], rule, text);
        if (value.len == 0)
            continue;
        json_open_object(json, NULL);
        json_put_text(json, "name", slice_of_cstr(policies[i].name));
        json_put_text(json, "value", value);
        json_close_object(json);
    }
    json_close_list(json);
}

/* "api", or "api 90, api-next 10"; cut when there are very many. */
static void write_shares(struct json_writer *json, const struct conf_forward *forward)
{
    char text[512];
    struct writer to;
    writer_init(&to, text, sizeof text);
    for (unsigned i = 0; i < forward->shares_count; i++) {
        write_slice(&to, i > 0 ? SLICE(", ") : SLICE(""));
        write_slice(&to, forward->shares[i].group);
        if (forward->shares_count == 1)
            continue;
        write_char(&to, ' ');
        write_u64(&to, forward->shares[i].weight);
    }
    json_put_text(json, "to", writer_slice(&to));
}

void action_write(struct json_writer *json, const char *name, const struct conf_rule *rule)
{
    json_open_object(json, name);
    json_put_text(json, "kind", slice_of_cstr(notes_action_name(rule->action)));
    switch (rule->action) {
    case CONF_ACTION_FORWARD:
        write_shares(json, &rule->forward);
        break;
    case CONF_ACTION_FILES:
        json_put_text(json, "root", rule->files.root);
        if (rule->files.fallback.len > 0)
            json_put_text(json, "fallback", rule->files.fallback);
        break;
    case CONF_ACTION_REDIRECT:
        json_put_text(json, "to", rule->redirect.to);
        json_put_u64(json, "status", rule->redirect.status);
        break;
    case CONF_ACTION_RESPOND:
        json_put_u64(json, "status", rule->respond.status);
        break;
    case CONF_ACTION_BUCKET:
        json_put_text(json, "bucket", rule->bucket.name);
        if (rule->bucket.prefix.len > 0)
            json_put_text(json, "prefix", rule->bucket.prefix);
        if (rule->bucket.fallback.len > 0)
            json_put_text(json, "fallback", rule->bucket.fallback);
        break;
    case CONF_ACTION_S3:
        json_put_text(json, "region", rule->s3.region);
        break;
    }
    json_close_object(json);
}
