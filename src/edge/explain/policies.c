/* The table of policies. A new key of a rule gets a row and a function here. */
#include "edge/explain/policies.h"

#include "base/cleanup.h"
#include "edge/explain/notes.h"

#define VALUE_BYTES 512

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
    write_u64(value, rule->retries);
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

static const struct policy policies[] = {
    {"strip_prefix", write_strip_prefix}, {"rewrite", write_rewrite},
    {"timeouts", write_timeouts},         {"retries", write_retries},
    {"body_max", write_body_max},
};

void policies_write(struct json_writer *json, const char *name, const struct conf_rule *rule)
{
    json_open_list(json, name);
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        char text[VALUE_BYTES];
        struct writer value;
        writer_init(&value, text, sizeof text);
        if (!policies[i].write(&value, rule))
            continue;
        json_open_object(json, NULL);
        json_put_text(json, "name", slice_of_cstr(policies[i].name));
        json_put_text(json, "value", writer_slice(&value));
        json_close_object(json);
    }
    json_close_list(json);
}

void action_write(struct json_writer *json, const char *name, const struct conf_rule *rule)
{
    json_open_object(json, name);
    json_put_text(json, "kind", slice_of_cstr(notes_action_name(rule->action)));
    switch (rule->action) {
    case CONF_ACTION_FORWARD:
        json_put_text(json, "to", rule->forward.group);
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
    }
    json_close_object(json);
}
