/* One function for each status that has usual causes. */
#include "edge/explain/advice.h"

#include "base/cleanup.h"
#include "edge/explain/policies.h"
#include "edge/explain/story.h"
#include "edge/plane.h"
#include "edge/route/ambiguity.h"

#include <stdarg.h>
#include <stdio.h>

#define ADVICE_BYTES 1024

struct advising {
    struct json_writer *json;
    const struct plane *plane;
    const struct decision *decision;
    const struct conf_rule *rule; /* as it is now; NULL: none */
};

__attribute__((format(printf, 2, 3))) static void say(const struct advising *advising,
                                                      const char *format, ...)
{
    char text[ADVICE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_put_text(advising->json, NULL, slice_of_cstr(text));
}

static struct slice text_of(const struct advising *advising, enum decision_text which)
{
    return decision_text(advising->decision, which);
}

/* NULL: there is none of that name any more. */
static const struct target_group *group_named(const struct advising *advising, struct slice name)
{
    for (unsigned i = 0; i < advising->plane->groups_count; i++) {
        const struct target_group *found = advising->plane->groups[i].group;
        if (slice_equal(found->name, name))
            return found;
    }
    return NULL;
}

static bool is_service(const struct advising *advising, struct slice name)
{
    const struct target_group *group = group_named(advising, name);
    return group != NULL && group->is_service;
}

static void say_where_to_look(const struct advising *advising)
{
    struct slice group = text_of(advising, DECISION_GROUP);
    if (is_service(advising, group))
        say(advising, "see what it printed then: weir logs %.*s", SLICE_ARG(group));
    else
        say(advising, "see the target's own log for that time");
}

static void on_not_found(const struct advising *advising)
{
    const struct decision *decision = advising->decision;
    struct slice host = text_of(advising, DECISION_HOST), site = text_of(advising, DECISION_SITE);
    if (site.len == 0 && host.len == 0)
        say(advising, "the request named no host, and no site has the domain \"*\"");
    else if (site.len == 0)
        say(advising,
            "give a site of listener %.*s this host under `domains`, or make one with `\"*\"` for "
            "all others; or the client means another name: see the nearest",
            SLICE_ARG(text_of(advising, DECISION_LISTENER)));
    else if (decision->rule == 0)
        say(advising,
            "no rule of %.*s is for this request: `weir explain %.*s http://%.*s%.*s` tells why "
            "for each; a last rule without `match` takes the rest",
            SLICE_ARG(site), SLICE_ARG(text_of(advising, DECISION_METHOD)), SLICE_ARG(host),
            SLICE_ARG(text_of(advising, DECISION_PATH)));
    else if (advising->rule != NULL && advising->rule->action == CONF_ACTION_FILES)
        say(advising, "there is no such file below %.*s", SLICE_ARG(advising->rule->files.root));
    else if (advising->rule != NULL && advising->rule->action == CONF_ACTION_BUCKET)
        say(advising, "there is no such object in the bucket %.*s",
            SLICE_ARG(advising->rule->bucket.name));
    else if (decision->tries > 0)
        say(advising, "the target itself answered 404: the path reaches it as it stands here");
}

static void on_refused_try(const struct advising *advising, unsigned number)
{
    const struct decision *decision = advising->decision;
    struct slice target = decision_try_target(decision, number);
    switch ((enum try_outcome)decision_tries(decision)[number].outcome) {
    case TRY_CONNECT_FAILED:
        say(advising,
            "nothing listens at %.*s: start it, or put its right address into the target group",
            SLICE_ARG(target));
        break;
    case TRY_CONNECT_TIMEOUT:
        say(advising, "%.*s does not accept: it is overloaded, or a firewall drops what goes there",
            SLICE_ARG(target));
        break;
    case TRY_BROKEN:
    case TRY_CUT_SHORT:
        say(advising,
            "%.*s gave no whole HTTP answer: it crashed, closed, or speaks another "
            "protocol",
            SLICE_ARG(target));
        say_where_to_look(advising);
        break;
    case TRY_TIMEOUT:
        say(advising,
            "%.*s was too slow: find out why, or raise `timeouts.response` of the rule in line %u",
            SLICE_ARG(target), decision->rule_line);
        say_where_to_look(advising);
        break;
    default:
        break;
    }
}

static bool is_first_at_its_target(const struct decision *decision, unsigned number)
{
    for (unsigned i = 0; i < number; i++) {
        if (slice_equal(decision_try_target(decision, i), decision_try_target(decision, number)))
            return false;
    }
    return true;
}

/* Each target where nobody listens is a cause of its own; of other outcomes the last one counts. */
static void on_refused_connections(const struct advising *advising)
{
    const struct decision *decision = advising->decision;
    struct slice name = text_of(advising, DECISION_GROUP);
    const struct target_group *group = group_named(advising, name);
    bool is_any = false;
    for (unsigned i = 0; i < decision->tries_told; i++) {
        if (decision_tries(decision)[i].outcome != TRY_CONNECT_FAILED)
            continue;
        is_any = true;
        if (is_first_at_its_target(decision, i))
            on_refused_try(advising, i);
    }
    if (is_any && group != NULL && !atomic_load(&group->is_checked))
        say(advising,
            "%.*s has no `health`, so every request finds out for itself: with it, targets that "
            "are down are left out",
            SLICE_ARG(name));
}

/* A 5xx: by the tries, when there were any. */
static void on_failure(const struct advising *advising)
{
    const struct decision *decision = advising->decision;
    struct slice group = text_of(advising, DECISION_GROUP);
    if (decision->tries_told > 0) {
        unsigned last = decision->tries_told - 1u;
        on_refused_connections(advising);
        if (decision_tries(decision)[last].outcome != TRY_CONNECT_FAILED)
            on_refused_try(advising, last);
        if (decision_tries(decision)[last].outcome == TRY_ANSWERED)
            say_where_to_look(advising);
    } else if (group.len > 0) {
        say(advising,
            "no target of %.*s could be asked: below is what each lacks; `weir status --live` "
            "shows when one is back",
            SLICE_ARG(group));
        if (is_service(advising, group))
            say(advising, "see what it prints: weir logs %.*s", SLICE_ARG(group));
    }
    if (decision->is_retry_denied)
        say(advising, "a further try would have been safe, but the budget of retries, a fifth of "
                      "the requests, was used up: too many fail at once");
}

static void on_limit(const struct advising *advising, const char *key)
{
    char text[POLICY_VALUE_BYTES];
    struct slice value =
        advising->rule == NULL ? SLICE("") : policy_value(key, advising->rule, text);
    if (value.len > 0)
        say(advising,
            "the rule in line %u has `%s`: %.*s; raise it, or let the client wait as Retry-After "
            "says",
            advising->decision->rule_line, key, SLICE_ARG(value));
}

static void on_too_many(const struct advising *advising)
{
    if (advising->decision->tries > 0) {
        say(advising, "the target itself answered 429: it has a limit of its own");
        return;
    }
    on_limit(advising, "rate_limit");
    on_limit(advising, "concurrency");
}

void advice_write(struct json_writer *json, const struct plane *plane,
                  const struct decision *decision)
{
    struct slice site = decision_text(decision, DECISION_SITE);
    struct advising advising = {json, plane, decision, story_rule(plane, site, decision->rule)};
    json_open_list(json, "advice");
    if (decision->status == 404)
        on_not_found(&advising);
    else if (decision->status == 413)
        say(&advising,
            "raise `body_max` of the rule in line %u, or what it has it from (its site, the top of "
            "the file), or let the client send less",
            decision->rule_line);
    else if (decision->status == 400 &&
             slice_equal(text_of(&advising, DECISION_REASON), SLICE(AMBIGUITY_REASON)))
        say(&advising, "where all targets of the site take such paths as they are written, say "
                       "`ambiguous_paths: pass` on the site");
    else if (decision->status == 429)
        on_too_many(&advising);
    else if (decision->status == 499)
        say(&advising, "the client closed its connection before the answer: see how long it had "
                       "waited");
    else if (decision->status >= 500 || decision->state == RESPONSE_BROKEN)
        on_failure(&advising);
    json_close_list(json);
}
