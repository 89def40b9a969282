/* Strict reading: an unknown member is more likely a slip than an extension. */
#include "edge/admin/target_list.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "conf/value.h"
#include "wire/json/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define ARENA_BYTES_MAX ((size_t)1 << 25)
#define WHOLE           (-1)

struct reading {
    struct target_list *list;
    struct target_list_fault *fault;
    int element; /* of `targets`, or WHOLE */
};

__attribute__((format(printf, 3, 4))) static int refuse(struct reading *reading, const char *member,
                                                        const char *format, ...)
{
    struct target_list_fault *fault = reading->fault;
    if (reading->element == WHOLE)
        (void)snprintf(fault->at, sizeof fault->at, "%s", member);
    else
        (void)snprintf(fault->at, sizeof fault->at, "targets[%d]%s%s", reading->element,
                       *member == '\0' ? "" : ".", member);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return -EINVAL;
}

static int out_of_memory(struct reading *reading)
{
    (void)refuse(reading, "", "out of memory for this request");
    return -ENOMEM;
}

/* Every member must be one of the names, and stand there once. */
static int check_members(struct reading *reading, const struct json *object,
                         const char *const *names, const char *all_names)
{
    if (object->kind != JSON_OBJECT)
        return refuse(reading, "", "this must be an object with %s", all_names);
    JSON_FOR_EACH(object, member)
    {
        bool is_known = false;
        for (const char *const *name = names; *name != NULL; name++)
            is_known = is_known || slice_equal(member->name, slice_of_cstr(*name));
        if (!is_known)
            return refuse(reading, "", "\"%.*s\" is not known here; there are %s",
                          SLICE_ARG(slice_first(member->name, 60)), all_names);
        if (json_get(object, member->name) != member)
            return refuse(reading, "", "\"%.*s\" stands there twice", SLICE_ARG(member->name));
    }
    return 0;
}

/* A whole number without sign, point or exponent. */
static int read_number(const struct json *member, uint64_t *ret_value)
{
    return member->kind == JSON_NUMBER ? slice_parse_u64(member->text, ret_value) : -EINVAL;
}

static int read_id(struct reading *reading, const struct json *object, struct target_wish *wish)
{
    struct slice id = json_get_text(object, SLICE("id"));
    if (id.len == 0 || id.len > TARGET_ID_BYTES_MAX)
        return refuse(reading, "id", "an id is a text of 1 to %d bytes", TARGET_ID_BYTES_MAX);
    for (size_t i = 0; i < id.len; i++) {
        if ((unsigned char)id.at[i] <= ' ' || (unsigned char)id.at[i] >= 0x7f)
            return refuse(reading, "id", "an id is printable ASCII without blanks");
    }
    wish->id = id;
    return 0;
}

static int read_address(struct reading *reading, const struct json *object,
                        struct target_wish *wish)
{
    struct slice text = json_get_text(object, SLICE("address"));
    struct conf_address address;
    const char *why = "";
    if (text.len == 0)
        return refuse(reading, "address",
                      "an address is missing: \"127.0.0.1:80\" or "
                      "\"unix:/path\"");
    int rc = value_address(text, &address, &why);
    if (rc < 0)
        return refuse(reading, "address", "%s", why);
    if (address.kind == CONF_ADDRESS_UNIX && !slice_starts_with(address.host, SLICE("/")))
        return refuse(reading, "address", "a socket's path begins with '/'");
    if (address.kind == CONF_ADDRESS_UNIX)
        rc = address_from_path(address.host, &wish->address);
    else
        rc = address_from_ip(address.host, address.port, &wish->address);
    if (rc == -ENAMETOOLONG)
        return refuse(reading, "address", "a socket's path has at most 107 bytes");
    if (rc < 0)
        return refuse(reading, "address",
                      "a target is an IP address with a port, or unix:/path; "
                      "names are resolved by whoever sends the list");
    return 0;
}

static int read_weight(struct reading *reading, const struct json *object, struct target_wish *wish)
{
    const struct json *member = json_get(object, SLICE("weight"));
    uint64_t weight = TARGET_WEIGHT_DEFAULT;
    if (member != NULL && (read_number(member, &weight) < 0 || weight > TARGET_WEIGHT_MAX))
        return refuse(reading, "weight", "a weight is a whole number from 0 to %d",
                      TARGET_WEIGHT_MAX);
    wish->weight = (unsigned)weight;
    return 0;
}

static int read_target(struct reading *reading, const struct json *object, struct map *ids)
{
    static const char *const members[] = {"id", "address", "weight", NULL};
    struct target_list *list = reading->list;
    struct target_wish *wish = &list->wishes[list->count];
    reading->element = (int)list->count;
    int rc = check_members(reading, object, members, "id, address and weight");
    if (rc == 0)
        rc = read_id(reading, object, wish);
    if (rc == 0)
        rc = read_address(reading, object, wish);
    if (rc == 0)
        rc = read_weight(reading, object, wish);
    if (rc < 0)
        return rc;
    if (map_get(ids, wish->id) != NULL)
        return refuse(reading, "id", "the id \"%.*s\" is given twice", SLICE_ARG(wish->id));
    if (map_set(ids, wish->id, wish) < 0)
        return out_of_memory(reading);
    list->count++;
    return 0;
}

static int read_targets(struct reading *reading, const struct json *targets)
{
    if (targets == NULL || targets->kind != JSON_ARRAY)
        return refuse(reading, "targets", "\"targets\" must be a list; [] for none");
    if (targets->count > TARGET_LIST_MAX)
        return refuse(reading, "targets", "a group has at most %d targets", TARGET_LIST_MAX);
    struct target_list *list = reading->list;
    list->wishes = arena_alloc_array(&list->arena, targets->count + 1, sizeof *list->wishes);
    if (list->wishes == NULL)
        return out_of_memory(reading);
    /* The admin socket is for trusted callers: a fixed key will do. */
    SCOPED(map_finish) struct map ids;
    map_init(&ids, (struct hash_key){1, 2});
    JSON_FOR_EACH(targets, element)
    {
        int rc = read_target(reading, element, &ids);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_epoch(struct reading *reading, const struct json *document)
{
    const struct json *member = json_get(document, SLICE("epoch"));
    if (member == NULL || read_number(member, &reading->list->epoch) < 0)
        return refuse(reading, "epoch",
                      "\"epoch\" must be a whole number that never goes down from one list to the "
                      "next");
    return 0;
}

int target_list_parse(struct target_list *ret_list, struct slice text,
                      struct target_list_fault *ret_fault)
{
    static const char *const members[] = {"epoch", "targets", NULL};
    *ret_list = (struct target_list){0};
    arena_init(&ret_list->arena, NULL, 0, ARENA_BYTES_MAX);
    struct reading reading = {ret_list, ret_fault, WHOLE};
    const struct json *document;
    int rc = json_parse(text, &ret_list->arena, &document);
    if (rc == -ENOMEM)
        return out_of_memory(&reading);
    if (rc < 0)
        return refuse(&reading, "", "the body is not JSON");
    rc = check_members(&reading, document, members, "epoch and targets");
    if (rc == 0)
        rc = read_epoch(&reading, document);
    return rc < 0 ? rc : read_targets(&reading, json_get(document, SLICE("targets")));
}

void target_list_finish(struct target_list *list)
{
    arena_finish(&list->arena);
}
