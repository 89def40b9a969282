/*
 * A strong ETag becomes weak (RFC 9110 §8.8.3): the compressed bytes are not those it stands for,
 * but a cache or browser that has them may still ask whether they are current, and gets its 304.
 * Encoders are the worker's and bounded; when all are in use, the response stays as it is, which
 * Vary allows.
 */
#include "edge/filter/compress.h"

#include "base/cleanup.h"
#include "base/list.h"
#include "edge/filter/encoder_pool.h"
#include "edge/route/match.h"
#include "edge/state.h"
#include "http/exchange.h"
#include "http/head_edit.h"

#include <errno.h>

#define TYPE_BYTES_MAX 128

struct compress_filter {
    struct exchange_filter filter;
    const struct conf_compress *conf; /* borrowed from the snapshot */
    struct encoder *encoder;          /* of the worker's pool; NULL: none taken */
    char *block;                      /* owned; what is held back, NULL: nothing */
    size_t held;                      /* bytes in it */
    enum http_encoding chosen;
    bool is_stream; /* each part is to be seen at once */
};

/* What gains by it: text under its many names. */
static const struct conf_pattern types_default[] = {
    {CONF_PATTERN_WILDCARD, {"text/*", 6}},
    {CONF_PATTERN_EXACT, {"application/json", 16}},
    {CONF_PATTERN_EXACT, {"application/javascript", 22}},
    {CONF_PATTERN_EXACT, {"application/xml", 15}},
    {CONF_PATTERN_WILDCARD, {"application/*+json", 18}},
    {CONF_PATTERN_WILDCARD, {"application/*+xml", 17}},
    {CONF_PATTERN_EXACT, {"image/svg+xml", 13}},
    {CONF_PATTERN_EXACT, {"application/wasm", 16}},
    {CONF_PATTERN_EXACT, {"application/x-ndjson", 20}},
    {CONF_PATTERN_EXACT, {"application/graphql-response", 28}},
    {CONF_PATTERN_EXACT, {"application/x-javascript", 24}},
    {CONF_PATTERN_EXACT, {"font/ttf", 8}},
    {CONF_PATTERN_EXACT, {"font/otf", 8}},
    {CONF_PATTERN_EXACT, {"application/vnd.ms-fontobject", 29}},
    {CONF_PATTERN_EXACT, {"image/bmp", 9}},
    {CONF_PATTERN_EXACT, {"image/x-icon", 12}},
    {CONF_PATTERN_EXACT, {"image/vnd.microsoft.icon", 24}},
};

/* The media type in small letters, without its parameters; empty when there is none. */
static struct slice type_of(const struct writer *head, char room[static TYPE_BYTES_MAX])
{
    struct slice value = head_value(head, field_name(FIELD_CONTENT_TYPE));
    ptrdiff_t end = slice_find(value, ';');
    struct slice type = slice_trim(end < 0 ? value : slice_first(value, (size_t)end));
    if (type.len > TYPE_BYTES_MAX)
        return (struct slice){NULL, 0};
    for (size_t i = 0; i < type.len; i++)
        room[i] = ascii_lower(type.at[i]);
    return slice_of(room, type.len);
}

static bool is_listed(const struct conf_compress *conf, struct slice type)
{
    bool is_default = conf->types_count == 0;
    const struct conf_pattern *types = is_default ? types_default : conf->types;
    size_t count = is_default ? COUNT_OF(types_default) : conf->types_count;
    for (size_t i = 0; type.len > 0 && i < count; i++) {
        if (pattern_matches(&types[i], type))
            return true;
    }
    return false;
}

static bool has_token(const struct writer *head, enum field_id id, struct slice token)
{
    size_t cursor = 0;
    struct slice name, value;
    while (head_next(head, &cursor, &name, &value)) {
        if (slice_equal_nocase(name, field_name(id)) && http_list_has(value, token))
            return true;
    }
    return false;
}

bool compress_is_possible(const struct conf_compress *conf, const struct writer *head,
                          unsigned status, uint64_t length)
{
    char room[TYPE_BYTES_MAX];
    if (status < 200 || status == 204 || status == 205 || status == 206 || status == 304 ||
        length < conf->min_size || length == 0)
        return false;
    return is_listed(conf, type_of(head, room)) &&
           head_value(head, field_name(FIELD_CONTENT_ENCODING)).at == NULL &&
           head_value(head, field_name(FIELD_CONTENT_RANGE)).at == NULL &&
           !has_token(head, FIELD_CACHE_CONTROL, SLICE("no-transform"));
}

static void weaken_etag(struct exchange *exchange)
{
    struct slice etag = head_value(&exchange->head, field_name(FIELD_ETAG));
    if (etag.at == NULL || slice_starts_with(etag, SLICE("W/")))
        return;
    struct slice weak = arena_format(&exchange->arena, "W/%.*s", SLICE_ARG(etag));
    head_remove(&exchange->head, field_name(FIELD_ETAG));
    if (weak.at != NULL)
        h1_write_field(&exchange->head, field_name(FIELD_ETAG), weak);
}

/* A 304 names the entity tag that the 200 has had (RFC 9110 §15.4.5): the one the client sent. */
static void edit_not_modified(struct exchange *exchange)
{
    struct slice etag = head_value(&exchange->head, field_name(FIELD_ETAG));
    struct slice asked = fields_value(&exchange->request.fields, FIELD_IF_NONE_MATCH);
    struct slice member;
    head_add_token(&exchange->head, field_name(FIELD_VARY), SLICE("Accept-Encoding"));
    while (etag.len > 0 && http_list_next(&asked, &member)) {
        if (slice_starts_with(member, SLICE("W/")) && slice_equal(slice_from(member, 2), etag)) {
            weaken_etag(exchange);
            return;
        }
    }
}

static void give_encoder(struct compress_filter *compress)
{
    if (compress->encoder != NULL)
        encoder_pool_give(&edge_worker_current()->encoders, compress->encoder);
    compress->encoder = NULL;
}

static bool take_encoder(struct compress_filter *compress, uint64_t length)
{
    struct encoder_pool *pool = &edge_worker_current()->encoders;
    compress->encoder = encoder_pool_take(pool, compress->chosen);
    if (compress->encoder != NULL &&
        encoder_begin(compress->encoder, compress->conf->level, length) == 0) {
        counter_add(&worker_current()->counters.responses_compressed, 1);
        return true;
    }
    give_encoder(compress);
    counter_add(&worker_current()->counters.encoders_refused, 1);
    return false;
}

/* Fields about bytes that the client does not get: ranges would be of other ones. */
static const struct slice byte_fields[] = {
    {"Accept-Ranges", 13}, {"Content-MD5", 11}, {"Content-Digest", 14}, {"Digest", 6}};

static bool is_event_stream(const struct writer *head)
{
    char room[TYPE_BYTES_MAX];
    return slice_equal(type_of(head, room), SLICE("text/event-stream"));
}

static bool filter_head(struct exchange_filter *filter, struct exchange *exchange)
{
    struct compress_filter *compress = CONTAINER_OF(filter, struct compress_filter, filter);
    struct writer *head = &exchange->head;
    if (exchange->status == 304)
        edit_not_modified(exchange);
    if (!compress_is_possible(compress->conf, head, exchange->status, exchange->length))
        return false;
    head_add_token(head, field_name(FIELD_VARY), SLICE("Accept-Encoding"));
    if (compress->chosen == ENCODING_IDENTITY)
        return false;
    /* HEAD is told what GET would be, but for the length, which nobody knows. */
    if (exchange->request.method != METHOD_HEAD && !take_encoder(compress, exchange->length))
        return false;
    compress->is_stream = is_event_stream(head);
    for (size_t i = 0; i < COUNT_OF(byte_fields); i++)
        head_remove(head, byte_fields[i]);
    h1_write_field(head, field_name(FIELD_CONTENT_ENCODING), http_encoding_name(compress->chosen));
    weaken_etag(exchange);
    exchange_set_length(exchange, EXCHANGE_LENGTH_UNKNOWN);
    return true;
}

static enum encoder_end end_of(const struct compress_filter *compress, enum exchange_part part)
{
    if (part == PART_LAST)
        return ENCODER_FINISH;
    return part == PART_FLUSH || compress->is_stream ? ENCODER_FLUSH : ENCODER_MORE;
}

static void give_block(struct compress_filter *compress)
{
    block_give(compress->block, BLOCK_LARGE);
    compress->block = NULL;
    compress->held = 0;
}

/* What is in the block goes on. */
static int pass_block(struct compress_filter *compress, struct exchange *exchange,
                      enum exchange_part part)
{
    int rc =
        exchange_pass(&compress->filter, exchange, slice_of(compress->block, compress->held), part);
    compress->held = 0;
    return rc;
}

/* All of one part: it is held back until the block is full or something has to go. */
static int encode(struct compress_filter *compress, struct exchange *exchange, struct slice data,
                  enum exchange_part part)
{
    enum encoder_end end = end_of(compress, part);
    for (;;) {
        struct writer out;
        writer_init(&out, compress->block, BLOCK_LARGE_BYTES);
        out.at += compress->held;
        int more = encoder_run(compress->encoder, &data, end, &out);
        if (more < 0)
            return more;
        compress->held = writer_slice(&out).len;
        if (more == 0 && part == PART_LAST)
            give_encoder(compress); /* the client may take its time */
        if (more == 0)
            return end == ENCODER_MORE ? 0 : pass_block(compress, exchange, part);
        int rc = pass_block(compress, exchange, PART_MORE);
        if (rc < 0)
            return rc;
    }
}

static int filter_body(struct exchange_filter *filter, struct exchange *exchange, struct slice data,
                       enum exchange_part part)
{
    struct compress_filter *compress = CONTAINER_OF(filter, struct compress_filter, filter);
    if (compress->block == NULL)
        compress->block = block_take(BLOCK_LARGE);
    int rc = compress->block == NULL ? -ENOMEM : encode(compress, exchange, data, part);
    if (compress->held == 0)
        give_block(compress);
    return rc;
}

static void filter_finish(struct exchange_filter *filter, struct exchange *exchange)
{
    struct compress_filter *compress = CONTAINER_OF(filter, struct compress_filter, filter);
    (void)exchange;
    give_encoder(compress);
    give_block(compress);
}

static const struct exchange_filter_ops ops = {
    .head = filter_head, .body = filter_body, .finish = filter_finish};

static enum http_encoding choose(const struct exchange *exchange, const struct conf_compress *conf)
{
    enum http_encoding offered[ENCODINGS_COUNT];
    unsigned count = 0;
    struct accept_encoding accept;
    const struct fields *fields = &exchange->request.fields;
    if (http_list_has(fields_value(fields, FIELD_CACHE_CONTROL), SLICE("no-transform")))
        return ENCODING_IDENTITY;
    for (unsigned i = 0; i < conf->encodings_count && count < ENCODINGS_COUNT; i++)
        offered[count++] = (enum http_encoding)conf->encodings[i];
    accept_encoding_parse(fields, &accept);
    return accept_encoding_choose(&accept, offered, count);
}

int compress_add_filter(struct exchange *exchange, const struct conf_compress *conf)
{
    struct compress_filter *compress = arena_alloc(&exchange->arena, sizeof *compress);
    if (compress == NULL)
        return -ENOMEM;
    *compress = (struct compress_filter){
        .filter = {&ops, NULL, false}, .conf = conf, .chosen = choose(exchange, conf)};
    exchange_add_filter(exchange, &compress->filter);
    return 0;
}
