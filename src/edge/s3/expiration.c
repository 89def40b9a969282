/* Looked up only in buckets that have rules. */
#include "edge/s3/expiration.h"

#include "base/cleanup.h"
#include "edge/s3/settings.h"
#include "wire/http/date.h"
#include "wire/s3/lifecycle_decide.h"
#include "wire/s3/time.h"

#define ARENA_BYTES_MAX ((size_t)16 << 20)

static void write_rule(struct writer *head, const struct s3_lifecycle_decision *decision)
{
    char date[HTTP_DATE_BYTES];
    http_date_write(date, decision->due_s);
    write_literal(head, "x-amz-expiration: expiry-date=\"");
    write_bytes(head, date, sizeof date);
    write_literal(head, "\", rule-id=\"");
    s3_escape(head, decision->rule->id, true);
    write_literal(head, "\"\r\n");
}

static void decide(struct writer *head, struct slice rules, const struct version *version,
                   int64_t now_s)
{
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault;
    struct s3_lifecycle lifecycle;
    struct s3_lifecycle_facts facts = {
        .key = version->key,
        .bytes = version->size,
        .made_s = version->modified_ms / 1000,
        .is_current = true,
    };
    arena_init(&arena, NULL, 0, ARENA_BYTES_MAX);
    if (s3_lifecycle_parse(rules, &arena, &fault, &lifecycle) < 0 ||
        (version->tags.len > 0 &&
         s3_tags_parse_query(version->tags, &arena, &fault, &facts.tags) < 0))
        return;
    const struct s3_lifecycle_clock clock = {now_s, S3_DAY_S};
    struct s3_lifecycle_decision decision = s3_lifecycle_decide(&lifecycle, &facts, clock);
    if (decision.rule != NULL &&
        (decision.action == S3_LIFECYCLE_KEEP || decision.action == S3_LIFECYCLE_EXPIRE))
        write_rule(head, &decision);
}

void s3_write_expiration(struct s3_call *call, struct writer *head, const struct version *version)
{
    struct slice rules = settings_get(call->bucket->settings, SETTING_LIFECYCLE);
    if (rules.at != NULL)
        decide(head, rules, version, call->now_ms / 1000);
}
