/* Lists of entity tags may come in several lines; of dates and ranges there is one or none. */
#include "edge/files/condition.h"

#include "wire/h1/serialise.h"
#include "wire/http/date.h"
#include "wire/http/range.h"

static uint64_t fields_seen(const struct fields *fields)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < fields->count; i++)
        seen |= UINT64_C(1) << fields->at[i].id;
    return seen;
}

bool condition_is_asked(const struct request_head *request)
{
    const uint64_t asking = FIELD_BIT(IF_MATCH) | FIELD_BIT(IF_NONE_MATCH) |
                            FIELD_BIT(IF_MODIFIED_SINCE) | FIELD_BIT(IF_UNMODIFIED_SINCE) |
                            FIELD_BIT(IF_RANGE) | FIELD_BIT(RANGE);
    return (fields_seen(&request->fields) & asking) != 0;
}

/* Does one of these lists name the tag? *ret_is_there tells whether there is any. */
static bool lists_name(const struct fields *fields, enum field_id id, struct slice etag,
                       bool strong, bool *ret_is_there)
{
    bool is_there = false, is_named = false;
    for (unsigned i = 0; i < fields->count; i++) {
        if (fields->at[i].id != id)
            continue;
        is_there = true;
        is_named |= http_etag_list_has(fields->at[i].value, etag, strong);
    }
    *ret_is_there = is_there;
    return is_named;
}

/* A date that is not one counts as not there. */
static bool date_of(const struct fields *fields, enum field_id id, int64_t now_s, int64_t *ret_s)
{
    const struct field *field = fields_find(fields, id);
    return field != NULL && http_date_parse(field->value, now_s, ret_s) == 0;
}

unsigned condition_status(const struct request_head *request, const struct validators *validators,
                          int64_t now_s)
{
    const struct fields *fields = &request->fields;
    int64_t date_s;
    bool is_there;
    bool is_named = lists_name(fields, FIELD_IF_MATCH, validators->etag, true, &is_there);
    if (is_there ? !is_named
                 : date_of(fields, FIELD_IF_UNMODIFIED_SINCE, now_s, &date_s) &&
                       validators->modified_s > date_s)
        return 412;
    is_named = lists_name(fields, FIELD_IF_NONE_MATCH, validators->etag, false, &is_there);
    if (is_there ? is_named
                 : date_of(fields, FIELD_IF_MODIFIED_SINCE, now_s, &date_s) &&
                       validators->modified_s <= date_s)
        return 304;
    return 200;
}

/* A tag by the strong comparison; a date must be the very one, not a later one. */
static bool if_range_holds(const struct fields *fields, const struct validators *validators,
                           int64_t now_s)
{
    const struct field *field = fields_find(fields, FIELD_IF_RANGE);
    if (field == NULL)
        return true;
    int64_t date_s;
    if (http_date_parse(field->value, now_s, &date_s) == 0)
        return date_s == validators->modified_s;
    return slice_equal(field->value, validators->etag);
}

struct slice condition_range(const struct request_head *request,
                             const struct validators *validators, int64_t now_s)
{
    const struct fields *fields = &request->fields;
    const struct field *range = NULL;
    for (unsigned i = 0; i < fields->count; i++) {
        if (fields->at[i].id != FIELD_RANGE)
            continue;
        if (range != NULL)
            return (struct slice){0};
        range = &fields->at[i];
    }
    if (range == NULL || request->method != METHOD_GET ||
        !if_range_holds(fields, validators, now_s))
        return (struct slice){0};
    return range->value;
}
