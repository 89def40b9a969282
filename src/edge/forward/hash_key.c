/* Keys of requests for consistent hashing. */
#include "edge/forward/hash_key.h"

#include "http/exchange.h"
#include "wire/http/cookie.h"

static const struct hash_key key = {0x77656972, 0x72696e67};

uint64_t forward_hash_address(struct slice client)
{
    return hash_bytes(key, client);
}

static bool find_cookie(const struct exchange *exchange, struct slice name, struct slice *ret_value)
{
    const struct fields *fields = &exchange->request.fields;
    for (unsigned i = 0; i < fields->count; i++) {
        if (fields->at[i].id == FIELD_COOKIE && cookie_find(fields->at[i].value, name, ret_value))
            return true;
    }
    return false;
}

/* The parameter's value as it was sent. */
static bool find_parameter(struct slice query, struct slice name, struct slice *ret_value)
{
    struct slice parameter;
    while (slice_cut(&query, '&', &parameter)) {
        if (slice_starts_with(parameter, name) && parameter.len > name.len &&
            parameter.at[name.len] == '=') {
            *ret_value = slice_from(parameter, name.len + 1);
            return true;
        }
    }
    return false;
}

static bool find_header(const struct exchange *exchange, struct slice name, struct slice *ret_value)
{
    const struct field *field = fields_find_name(&exchange->request.fields, name);
    if (field != NULL)
        *ret_value = field->value;
    return field != NULL;
}

uint64_t forward_hash_key(const struct exchange *exchange, const struct conf_hash_by *by,
                          struct prng *prng)
{
    struct slice value = {0};
    bool is_there = true;
    switch (by->source) {
    case CONF_HASH_ADDRESS:
        value = exchange->client;
        break;
    case CONF_HASH_PATH: {
        struct hash_key of_query = {key.a, key.b ^ hash_bytes(key, exchange->query)};
        return hash_bytes(of_query, exchange->path);
    }
    case CONF_HASH_HEADER:
        is_there = find_header(exchange, by->name, &value);
        break;
    case CONF_HASH_COOKIE:
        is_there = find_cookie(exchange, by->name, &value);
        break;
    case CONF_HASH_QUERY:
        is_there = find_parameter(exchange->query, by->name, &value);
        break;
    }
    return is_there ? hash_bytes(key, value) : prng_next(prng);
}
