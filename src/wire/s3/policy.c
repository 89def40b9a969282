/* JSON made into statements, and statements asked about a request. */
#include "wire/s3/policy.h"

#include "base/cleanup.h"
#include "wire/s3/match.h"
#include "wire/s3/names.h"
#include "wire/s3/policy_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int s3_policy_malformed(struct s3_fault *fault, const char *format, ...)
{
    char text[sizeof fault->text];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return s3_fault_say(fault, S3_MALFORMED_POLICY, "%s", text);
}

/* A text, or a list of them. */
static int read_texts(const struct json *value, struct arena *arena, struct s3_fault *fault,
                      struct s3_texts *ret_texts)
{
    bool is_list = value->kind == JSON_ARRAY;
    unsigned count = is_list ? value->count : 1;
    struct slice *items = arena_alloc_array(arena, count, sizeof *items);
    if (items == NULL)
        return s3_fault_memory(fault);
    const struct json *at = is_list ? value->first : value;
    for (unsigned i = 0; i < count; i++, at = at->next) {
        if (at->kind != JSON_STRING || at->text.len == 0)
            return s3_policy_malformed(fault, "\"%.*s\" must be a text or a list of texts",
                                       S3_SHORT(value->name));
        if (slice_search(at->text, SLICE("${")) >= 0)
            return s3_policy_malformed(fault, "Policy variables are not supported: %.*s",
                                       S3_SHORT(at->text));
        items[i] = at->text;
    }
    if (count == 0)
        return s3_policy_malformed(fault, "\"%.*s\" is empty", S3_SHORT(value->name));
    *ret_texts = (struct s3_texts){items, count};
    return 0;
}

/* What stands behind the service and account of an ARN; a NULL start when it is none of that
 * service. Fills the account. */
static struct slice arn_resource(struct slice arn, struct slice service, struct slice *ret_account)
{
    struct slice rest = arn, scheme, partition, named, region, none = {NULL, 0};
    if (!slice_cut(&rest, ':', &scheme) || !slice_equal(scheme, SLICE("arn")) ||
        !slice_cut(&rest, ':', &partition) || partition.len == 0 ||
        !slice_cut(&rest, ':', &named) || !slice_equal(named, service) ||
        !slice_cut(&rest, ':', &region) || region.len > 0 || !slice_cut(&rest, ':', ret_account) ||
        rest.at == NULL)
        return none;
    return rest;
}

static bool is_principal(struct slice principal)
{
    struct slice account;
    if (!slice_starts_with(principal, SLICE("arn:")))
        return slice_equal(principal, SLICE("*")) || slice_find(principal, '*') < 0;
    struct slice resource = arn_resource(principal, SLICE("iam"), &account);
    return slice_equal(resource, SLICE("root")) ||
           (slice_starts_with(resource, SLICE("user/")) && resource.len > 5 &&
            slice_find(resource, '*') < 0 && slice_find(account, '*') < 0);
}

static int check_principals(const struct s3_texts *principals, struct s3_fault *fault)
{
    for (unsigned i = 0; i < principals->count; i++) {
        if (!is_principal(principals->items[i]))
            return s3_policy_malformed(fault, "Invalid principal in policy: %.*s",
                                       S3_SHORT(principals->items[i]));
    }
    return 0;
}

/* A host's name. Most are of services that do not exist here, and are never the one that asks. */
static int check_services(const struct s3_texts *services, struct s3_fault *fault)
{
    for (unsigned i = 0; i < services->count; i++) {
        struct slice name = services->items[i];
        bool is_name = slice_find(name, '.') > 0;
        for (size_t at = 0; at < name.len && is_name; at++) {
            char c = ascii_lower(name.at[at]);
            is_name = (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '.' || c == '-';
        }
        if (!is_name)
            return s3_policy_malformed(fault, "Invalid principal in policy: %.*s is no service",
                                       S3_SHORT(name));
    }
    return 0;
}

/* "*", or an object of one member: AWS, CanonicalUser or Service. Federations do not exist here. */
static int read_principals(const struct json *value, struct arena *arena, struct s3_fault *fault,
                           struct s3_statement *statement)
{
    const struct json *member = value->kind == JSON_OBJECT ? value->first : value;
    bool is_known = value->kind == JSON_STRING && slice_equal(value->text, SLICE("*"));
    if (value->kind == JSON_OBJECT && value->count == 1) {
        statement->is_of_services = slice_equal(member->name, SLICE("Service"));
        is_known = statement->is_of_services || slice_equal(member->name, SLICE("AWS")) ||
                   slice_equal(member->name, SLICE("CanonicalUser"));
    }
    if (!is_known)
        return s3_policy_malformed(fault, "Invalid principal in policy: it is \"*\", "
                                          "{\"AWS\": …} or {\"Service\": …}");
    int rc = read_texts(member, arena, fault, &statement->principals);
    if (rc < 0)
        return rc;
    return statement->is_of_services ? check_services(&statement->principals, fault)
                                     : check_principals(&statement->principals, fault);
}

static int check_actions(const struct s3_texts *actions, struct s3_fault *fault)
{
    for (unsigned i = 0; i < actions->count; i++) {
        struct slice action = actions->items[i];
        bool is_known =
            slice_equal(action, SLICE("*")) ||
            (action.len > 3 && slice_equal_nocase(slice_first(action, 3), SLICE("s3:")));
        for (size_t at = 3; at < action.len && is_known; at++) {
            char c = ascii_lower(action.at[at]);
            is_known = (c >= 'a' && c <= 'z') || c == '*' || c == '?';
        }
        if (!is_known)
            return s3_policy_malformed(fault, "Policy has invalid action: %.*s", S3_SHORT(action));
    }
    return 0;
}

/* Leaves what stands behind "arn:aws:s3:::" in each, and sees that it is about the bucket. */
static int check_resources(struct s3_texts *resources, struct slice bucket, struct arena *arena,
                           struct s3_fault *fault)
{
    struct slice *items = arena_alloc_array(arena, resources->count, sizeof *items);
    if (items == NULL)
        return s3_fault_memory(fault);
    for (unsigned i = 0; i < resources->count; i++) {
        struct slice account, resource = resources->items[i], rest, named = {NULL, 0};
        if (!slice_equal(resource, SLICE("*"))) {
            resource = arn_resource(resource, SLICE("s3"), &account);
            if (resource.len == 0 || account.len > 0)
                return s3_policy_malformed(fault, "Policy has invalid resource: %.*s",
                                           S3_SHORT(resources->items[i]));
        }
        rest = resource;
        (void)slice_cut(&rest, '/', &named);
        if (!s3_match(named, bucket))
            return s3_policy_malformed(fault,
                                       "Policy has invalid resource: %.*s is not in this bucket",
                                       S3_SHORT(resources->items[i]));
        items[i] = resource;
    }
    resources->items = items;
    return 0;
}

/* Members of a statement, each once. "X" and "NotX" share a place. */
enum { SID, EFFECT, PRINCIPAL, ACTION, RESOURCE, CONDITION, MEMBERS };

static int find_members(const struct json *statement, struct s3_fault *fault,
                        const struct json *members[static MEMBERS], bool is_not[static MEMBERS])
{
    static const struct {
        struct slice name;
        unsigned place;
        bool is_not;
    } known[] = {
        {SLICE("Sid"), SID, false},
        {SLICE("Effect"), EFFECT, false},
        {SLICE("Principal"), PRINCIPAL, false},
        {SLICE("NotPrincipal"), PRINCIPAL, true},
        {SLICE("Action"), ACTION, false},
        {SLICE("NotAction"), ACTION, true},
        {SLICE("Resource"), RESOURCE, false},
        {SLICE("NotResource"), RESOURCE, true},
        {SLICE("Condition"), CONDITION, false},
    };
    JSON_FOR_EACH(statement, member)
    {
        size_t i = 0;
        while (i < COUNT_OF(known) && !slice_equal(known[i].name, member->name))
            i++;
        if (i == COUNT_OF(known))
            return s3_policy_malformed(fault, "Unknown field %.*s", S3_SHORT(member->name));
        if (members[known[i].place] != NULL)
            return s3_policy_malformed(fault, "%.*s is said twice", S3_SHORT(member->name));
        members[known[i].place] = member;
        is_not[known[i].place] = known[i].is_not;
    }
    for (unsigned place = EFFECT; place <= RESOURCE; place++) {
        static const char *const names[] = {[EFFECT] = "Effect",
                                            [PRINCIPAL] = "Principal",
                                            [ACTION] = "Action",
                                            [RESOURCE] = "Resource"};
        if (members[place] == NULL)
            return s3_policy_malformed(fault, "Missing required field %s", names[place]);
    }
    return 0;
}

static int read_statement(const struct json *value, struct slice bucket, struct arena *arena,
                          struct s3_fault *fault, struct s3_statement *statement)
{
    const struct json *members[MEMBERS] = {NULL};
    bool is_not[MEMBERS] = {false};
    if (value->kind != JSON_OBJECT)
        return s3_policy_malformed(fault, "A statement must be an object");
    int rc = find_members(value, fault, members, is_not);
    if (rc < 0)
        return rc;
    struct slice effect = members[EFFECT]->text;
    if (members[EFFECT]->kind != JSON_STRING ||
        (!slice_equal(effect, SLICE("Allow")) && !slice_equal(effect, SLICE("Deny"))))
        return s3_policy_malformed(fault, "Invalid effect: %.*s", S3_SHORT(effect));
    if (members[SID] != NULL && members[SID]->kind != JSON_STRING)
        return s3_policy_malformed(fault, "Sid must be a text");
    statement->is_allow = slice_equal(effect, SLICE("Allow"));
    statement->is_not_principal = is_not[PRINCIPAL];
    statement->is_not_action = is_not[ACTION];
    statement->is_not_resource = is_not[RESOURCE];
    if (statement->is_allow && statement->is_not_principal)
        return s3_policy_malformed(fault, "NotPrincipal with Allow lets everybody else in: not "
                                          "allowed");
    rc = read_principals(members[PRINCIPAL], arena, fault, statement);
    if (rc == 0)
        rc = read_texts(members[ACTION], arena, fault, &statement->actions);
    if (rc == 0)
        rc = check_actions(&statement->actions, fault);
    if (rc == 0)
        rc = read_texts(members[RESOURCE], arena, fault, &statement->resources);
    if (rc == 0)
        rc = check_resources(&statement->resources, bucket, arena, fault);
    if (rc == 0 && members[CONDITION] != NULL)
        rc = s3_conditions_read(members[CONDITION], arena, fault, &statement->conditions);
    return rc;
}

static int check_outside(const struct json *root, struct s3_fault *fault)
{
    static const struct slice known[] = {SLICE("Version"), SLICE("Id"), SLICE("Statement")};
    unsigned seen[COUNT_OF(known)] = {0};
    JSON_FOR_EACH(root, member)
    {
        size_t i = 0;
        while (i < COUNT_OF(known) && !slice_equal(known[i], member->name))
            i++;
        if (i == COUNT_OF(known))
            return s3_policy_malformed(fault, "Unknown field %.*s", S3_SHORT(member->name));
        if (seen[i]++ > 0)
            return s3_policy_malformed(fault, "%.*s is said twice", SLICE_ARG(known[i]));
        if (i < 2 && member->kind != JSON_STRING)
            return s3_policy_malformed(fault, "%.*s must be a text", SLICE_ARG(known[i]));
        if (i == 0 && !slice_equal(member->text, SLICE("2012-10-17")) &&
            !slice_equal(member->text, SLICE("2008-10-17")))
            return s3_policy_malformed(fault, "The policy must contain a valid version string");
    }
    return 0;
}

int s3_policy_parse(struct slice json, struct slice bucket, struct arena *arena,
                    struct s3_fault *fault, const struct s3_policy **ret_policy)
{
    const struct json *root;
    if (json.len > S3_POLICY_BYTES_MAX)
        return s3_fault_set(fault, S3_POLICY_TOO_LARGE);
    int rc = json_parse(json, arena, &root);
    if (rc == -ENOMEM)
        return s3_fault_memory(fault);
    if (rc < 0 || root->kind != JSON_OBJECT)
        return s3_policy_malformed(fault, "Policies must be valid JSON and the first byte must be "
                                          "'{'");
    rc = check_outside(root, fault);
    if (rc < 0)
        return rc;
    const struct json *list = json_get(root, SLICE("Statement"));
    bool is_list = list != NULL && list->kind == JSON_ARRAY;
    if (list == NULL || (is_list && list->count == 0))
        return s3_policy_malformed(fault, "Missing required field Statement");
    unsigned count = is_list ? list->count : 1;
    struct s3_policy *policy = arena_alloc_zero(arena, sizeof *policy);
    struct s3_statement *statements = arena_alloc_array(arena, count, sizeof *statements);
    if (policy == NULL || statements == NULL)
        return s3_fault_memory(fault);
    const struct json *at = is_list ? list->first : list;
    for (unsigned i = 0; i < count; i++, at = at->next) {
        rc = read_statement(at, bucket, arena, fault, &statements[i]);
        if (rc < 0)
            return rc;
    }
    *policy = (struct s3_policy){statements, count};
    *ret_policy = policy;
    return 0;
}

/* Whether the text names who asks. */
static bool is_named(struct slice principal, const struct s3_policy_request *request)
{
    struct slice account = {NULL, 0}, name = {NULL, 0}, rest;
    if (slice_equal(principal, SLICE("*")))
        return true;
    if (request->principal.at == NULL)
        return false;
    if (!slice_starts_with(principal, SLICE("arn:")))
        return slice_equal(principal, request->principal) ||
               (request->account.len > 0 && slice_equal(principal, request->account));
    rest = arn_resource(principal, SLICE("iam"), &account);
    if (account.len > 0 && !slice_equal(account, request->account))
        return false;
    if (slice_equal(rest, SLICE("root")))
        return account.len > 0;
    /* A user may lie in a path: user/team/NAME. */
    while (slice_cut(&rest, '/', &name))
        continue;
    return slice_equal(name, request->principal) ||
           (request->account.len > 0 && slice_equal(name, request->account));
}

/* Everybody may be anybody, but no service is let in unless it is named. */
static bool is_service_named(const struct s3_statement *statement, struct slice principal,
                             struct slice service)
{
    return statement->is_of_services ? slice_equal(principal, service)
                                     : !statement->is_allow && slice_equal(principal, SLICE("*"));
}

static bool is_principal_meant(const struct s3_statement *statement,
                               const struct s3_policy_request *request)
{
    bool is_among = false;
    for (unsigned i = 0; i < statement->principals.count && !is_among; i++) {
        struct slice principal = statement->principals.items[i];
        if (request->service.at != NULL)
            is_among = is_service_named(statement, principal, request->service);
        else
            is_among = !statement->is_of_services && is_named(principal, request);
    }
    return is_among != statement->is_not_principal;
}

static bool is_action_meant(const struct s3_statement *statement, struct slice action)
{
    bool is_among = false;
    for (unsigned i = 0; i < statement->actions.count && !is_among; i++)
        is_among = s3_match_nocase(statement->actions.items[i], action);
    return is_among != statement->is_not_action;
}

static bool is_resource_meant(const struct s3_statement *statement, struct slice resource)
{
    bool is_among = false;
    for (unsigned i = 0; i < statement->resources.count && !is_among; i++)
        is_among = s3_match(statement->resources.items[i], resource);
    return is_among != statement->is_not_resource;
}

enum s3_policy_decision s3_policy_decide(const struct s3_policy *policy,
                                         const struct s3_policy_request *request)
{
    char resource[S3_BUCKET_BYTES_MAX + 1 + S3_KEY_BYTES_MAX];
    size_t len = request->bucket.len;
    /* What is no name can be no resource; nobody may have it. */
    if (request->bucket.len > S3_BUCKET_BYTES_MAX || request->key.len > S3_KEY_BYTES_MAX)
        return S3_POLICY_DENY;
    memcpy(resource, request->bucket.at, request->bucket.len);
    if (request->key.at != NULL) {
        resource[len++] = '/';
        memcpy(resource + len, request->key.at, request->key.len);
        len += request->key.len;
    }
    enum s3_policy_decision decision = S3_POLICY_NONE;
    for (unsigned i = 0; i < policy->statements_count; i++) {
        const struct s3_statement *statement = &policy->statements[i];
        if (!is_action_meant(statement, request->action) ||
            !is_resource_meant(statement, slice_of(resource, len)) ||
            !is_principal_meant(statement, request) ||
            !s3_conditions_hold(statement->conditions, request))
            continue;
        if (!statement->is_allow)
            return S3_POLICY_DENY;
        decision = S3_POLICY_ALLOW;
    }
    return decision;
}

bool s3_policy_is_public(const struct s3_policy *policy)
{
    for (unsigned i = 0; i < policy->statements_count; i++) {
        const struct s3_statement *statement = &policy->statements[i];
        for (unsigned j = 0; statement->is_allow && j < statement->principals.count; j++) {
            if (slice_equal(statement->principals.items[j], SLICE("*")) &&
                !s3_conditions_are_fixed(statement->conditions))
                return true;
        }
    }
    return false;
}
