/* A copy of the array: names and values are slices, and stay where they are. */
#include "edge/filter/request_edit.h"

#include "http/exchange.h"
#include "wire/h1/serialise.h"

#include <assert.h>
#include <errno.h>

int request_edit_begin(struct exchange *exchange, unsigned more)
{
    struct fields *fields = &exchange->request.fields;
    unsigned max = fields->count + more;
    struct field *at = arena_alloc_array(&exchange->arena, (size_t)max + 1, sizeof *at);
    if (at == NULL)
        return -ENOMEM;
    if (fields->count > 0)
        memcpy(at, fields->at, fields->count * sizeof *at);
    *fields = (struct fields){at, fields->count, max};
    return h1_drop_named(fields) ? 0 : -ENOMEM; /* the parser takes no more names than there fit */
}

void request_edit_remove(struct exchange *exchange, struct slice name)
{
    struct fields *fields = &exchange->request.fields;
    unsigned kept = 0;
    for (unsigned i = 0; i < fields->count; i++) {
        if (!field_names_alike(fields->at[i].name, name))
            fields->at[kept++] = fields->at[i];
    }
    fields->count = kept;
}

/* What the client may not say of itself, the configuration may: it is not known by its number. */
static enum field_id id_of_own(struct slice name)
{
    enum field_id id = field_id_of(name);
    bool is_certificate = id == FIELD_CLIENT_CERT || id == FIELD_CLIENT_CERT_CHAIN ||
                          id == FIELD_X_CLIENT_CERT || id == FIELD_X_FORWARDED_CLIENT_CERT;
    return is_certificate ? FIELD_OTHER : id;
}

void request_edit_add(struct exchange *exchange, struct slice name, struct slice value)
{
    struct fields *fields = &exchange->request.fields;
    assert(fields->count < fields->max);
    fields->at[fields->count++] = (struct field){name, value, id_of_own(name)};
}
