/* The checks of filters and policies, and the files that they name: passwords, error pages. */
#include "conf/policy_checks.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "conf/htpasswd.h"
#include "os/file.h"
#include "wire/http/encoding.h"

#include <errno.h>

#define PAGE_BYTES_MAX ((size_t)256 << 10)

static const struct tree_node *value_of(const struct tree_node *node, const char *key)
{
    const struct tree_node *child = node->kind == TREE_MAP ? tree_get(node, key) : NULL;
    return child != NULL ? child : node;
}

/* Headers. */

/* Fields that forwarding writes itself, whatever the request says. */
static bool is_forwarding(struct slice name)
{
    switch (field_id_of(name)) {
    case FIELD_EXPECT:
    case FIELD_FORWARDED:
    case FIELD_VIA:
    case FIELD_X_FORWARDED_FOR:
    case FIELD_X_FORWARDED_HOST:
    case FIELD_X_FORWARDED_PORT:
    case FIELD_X_FORWARDED_PREFIX:
    case FIELD_X_FORWARDED_PROTO:
    case FIELD_X_REQUEST_ID:
        return true;
    default:
        return false;
    }
}

static void check_name(struct reading *reading, struct conf_place place, struct slice name,
                       bool is_request, bool is_set)
{
    if (field_id_of(name) == FIELD_HOST && !is_request)
        reading_error(reading, place, "\"Host\" is a request's field");
    else if (field_id_of(name) == FIELD_HOST && !is_set)
        reading_error(reading, place, "a request has one \"Host\": it can only be set");
    else if (is_request && is_forwarding(name))
        reading_error(reading, place, "\"%.*s\" is written by Weir for each request",
                      SLICE_ARG(name));
}

static void check_header_edits(struct reading *reading, const struct tree_node *node,
                               bool is_request)
{
    static const char *const keys[] = {"set", "add", "remove"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct tree_node *edits = node->kind == TREE_MAP ? tree_get(node, keys[i]) : NULL;
        if (edits == NULL)
            continue;
        if (edits->kind == TREE_SCALAR)
            check_name(reading, edits->place, edits->text, is_request, false);
        for (const struct tree_node *each = edits->first; each != NULL; each = each->next) {
            bool is_map = edits->kind == TREE_MAP;
            if (is_map || each->kind == TREE_SCALAR)
                check_name(reading, is_map ? each->key_place : each->place,
                           is_map ? each->key : each->text, is_request, i == 0);
        }
    }
}

void check_request_headers(struct reading *reading, const struct tree_node *node, void *object)
{
    (void)object;
    check_header_edits(reading, node, true);
}

void check_response_headers(struct reading *reading, const struct tree_node *node, void *object)
{
    (void)object;
    check_header_edits(reading, node, false);
}

/* What is wrong with an origin (RFC 6454 §6.2), or NULL. */
static const char *why_not_origin(struct slice origin)
{
    ptrdiff_t scheme = slice_search(origin, SLICE("://"));
    if (slice_equal(origin, SLICE("null")))
        return NULL;
    if (scheme <= 0)
        return "an origin is a scheme and a host, as in https://app.example.org";
    struct slice host = slice_from(origin, (size_t)scheme + 3);
    if (host.len == 0 || slice_find(host, '/') >= 0)
        return "an origin ends with its host or port, without a path or a \"/\"";
    for (size_t i = 0; i < origin.len; i++) {
        if (origin.at[i] >= 'A' && origin.at[i] <= 'Z')
            return "browsers send origins in small letters";
    }
    return NULL;
}

void check_cors(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_cors *cors = object;
    const struct tree_node *origins = value_of(node, "origins");
    const struct tree_node *origin = origins->kind == TREE_LIST ? origins->first : origins;
    cors->enabled = true;
    for (unsigned i = 0; i < cors->origins_count && origin != NULL; i++, origin = origin->next) {
        struct slice text = cors->origins[i].text;
        const char *why = text.at == NULL ? NULL : why_not_origin(text);
        if (slice_equal(text, SLICE("*")))
            cors->any_origin = true;
        else if (why != NULL)
            reading_error(reading, origin->place, "\"%.*s\" is no origin: %s", SLICE_ARG(text),
                          why);
    }
    if (cors->any_origin && cors->credentials != 0)
        reading_error(reading, value_of(node, "credentials")->place,
                      "\"credentials\" needs named origins: with \"*\" any page could act as its "
                      "visitor");
    else if (cors->any_origin && cors->origins_count > 1)
        reading_error(reading, origins->place, "\"*\" is any origin: it stands alone");
    if (cors->any_origin)
        cors->origins_count = 0;
}

/* Compression. */

static void take_all_encodings(struct reading *reading, struct conf_compress *compress)
{
    static const unsigned all[] = {ENCODING_ZSTD, ENCODING_BR, ENCODING_GZIP};
    compress->encodings =
        reading_alloc(reading, reading->arena, COUNT_OF(all), sizeof *compress->encodings);
    compress->encodings_count = 0;
    if (compress->encodings == NULL)
        return;
    memcpy(compress->encodings, all, sizeof all);
    compress->encodings_count = COUNT_OF(all);
}

void check_compress(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_compress *compress = object;
    const struct tree_node *encodings = value_of(node, "encodings");
    compress->enabled = true;
    unsigned first = compress->encodings_count > 0 ? compress->encodings[0] : ENCODINGS_COUNT;
    for (unsigned i = 0; i < compress->encodings_count; i++) {
        unsigned each = compress->encodings[i];
        bool is_switch = each == ENCODING_IDENTITY || each == ENCODINGS_COUNT;
        if (is_switch && compress->encodings_count > 1)
            reading_error(reading, encodings->place,
                          "\"true\" and \"false\" stand alone, or name encodings: zstd, br, gzip");
        for (unsigned j = 0; j < i; j++) {
            if (!is_switch && compress->encodings[j] == each)
                reading_error(reading, encodings->place, "an encoding is given twice");
        }
    }
    if (first == ENCODING_IDENTITY)
        compress->enabled = false;
    else if (first == ENCODINGS_COUNT)
        take_all_encodings(reading, compress);
}

/* Limits. */

void check_rate_limit(struct reading *reading, const struct tree_node *node, void *object)
{
    (void)reading;
    (void)node;
    struct conf_rate_limit *limit = object;
    limit->enabled = limit->rate.period_ms > 0;
    if (limit->burst > 0 || !limit->enabled)
        return;
    uint64_t a_second = (uint64_t)limit->rate.count * 1000 / (uint64_t)limit->rate.period_ms;
    limit->burst = a_second < 1 ? 1 : a_second > 1000000 ? 1000000 : (unsigned)a_second;
}

void check_concurrency(struct reading *reading, const struct tree_node *node, void *object)
{
    (void)reading;
    (void)node;
    struct conf_concurrency *concurrency = object;
    concurrency->enabled = concurrency->max > 0;
}

void check_limits(struct reading *reading, const struct tree_node *node,
                  const struct conf_rule *rule)
{
    const struct {
        const char *name;
        const struct conf_limit_key *key;
    } limits[] = {{"rate_limit", &rule->rate_limit.key}, {"concurrency", &rule->concurrency.key}};
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        if (limits[i].key->by == CONF_LIMIT_BY_USER && !rule->basic_auth.enabled)
            reading_error(reading, value_of(value_of(node, limits[i].name), "by")->place,
                          "\"by: user\" needs \"basic_auth\", which tells who it is");
    }
}

/* Files. */

/* Of a configuration that was accepted before, files may have gone bad since: what is wrong with
 * them lets nobody in, or shows no page, but is no reason not to start anew. */
static bool is_told(const struct reading *reading)
{
    return !reading->was_accepted;
}

bool check_read_file(struct reading *reading, struct conf_place place, struct slice path,
                     struct buffer *text)
{
    struct file_info info;
    int rc = file_stat(path.at, &info);
    if (rc == 0 && !info.is_regular)
        rc = info.is_folder ? -EISDIR : -EINVAL; /* a pipe would be waited for */
    if (rc == 0)
        rc = file_read_all(path.at, text);
    if (rc == 0)
        return true;
    reading->lacks_files = true;
    if (rc == -ENOMEM)
        reading->out_of_memory = true;
    else if (is_told(reading))
        reading_error(reading, place, "%.*s cannot be read: %s", SLICE_ARG(path),
                      rc == -EMSGSIZE ? "it is too large"
                      : rc == -EINVAL ? "it is no regular file"
                                      : strerror(-rc));
    return false;
}

static void add_user(struct reading *reading, struct conf_place place, unsigned number,
                     const struct htpasswd_line *line, struct conf_basic_auth *auth,
                     struct map *names)
{
    if (line->why != NULL) {
        if (is_told(reading))
            reading_error(reading, place, "%.*s, line %u: %s", SLICE_ARG(auth->file), number,
                          line->why);
        return;
    }
    if (map_get(names, line->name) != NULL) {
        if (is_told(reading))
            reading_error(reading, place, "%.*s, line %u: \"%.*s\" is there twice",
                          SLICE_ARG(auth->file), number, SLICE_ARG(line->name));
        return;
    }
    struct conf_user *user = &auth->users[auth->users_count++];
    user->name = reading_keep(reading, line->name);
    user->hash = reading_keep(reading, line->hash);
    if (!reading->out_of_memory && map_set(names, user->name, user) < 0)
        reading->out_of_memory = true;
}

static void read_users(struct reading *reading, struct conf_place place, struct slice text,
                       struct conf_basic_auth *auth)
{
    struct htpasswd_line line;
    unsigned number = 0, count = 0;
    struct slice rest = text;
    while (htpasswd_next(&rest, &number, &line))
        count++;
    if (count == 0 || count > HTPASSWD_USERS_MAX) {
        if (is_told(reading))
            reading_error(reading, place,
                          count == 0 ? "%.*s names no users" : "%.*s names more than 10000 users",
                          SLICE_ARG(auth->file));
        return;
    }
    auth->users = reading_alloc(reading, reading->arena, count, sizeof *auth->users);
    struct map names;
    map_init(&names, (struct hash_key){1, 2});
    number = 0;
    rest = text;
    while (auth->users != NULL && !reading->out_of_memory && htpasswd_next(&rest, &number, &line))
        add_user(reading, place, number, &line, auth, &names);
    map_finish(&names);
}

void check_basic_auth(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_basic_auth *auth = object;
    const struct tree_node *users = value_of(node, "users");
    auth->enabled = true;
    if (slice_find(auth->realm, '"') >= 0 || slice_find(auth->realm, '\\') >= 0)
        reading_error(reading, value_of(node, "realm")->place,
                      "a realm has no quotes or backslashes");
    if (auth->file.len == 0)
        return;
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, HTPASSWD_BYTES_MAX);
    if (check_read_file(reading, users->place, auth->file, &text))
        read_users(reading, users->place, buffer_slice(&text), auth);
}

void check_auth(struct reading *reading, const struct tree_node *node, void *object)
{
    struct draft_auth *auth = object;
    const struct tree_node *copy = node->kind == TREE_MAP ? tree_get(node, "copy") : NULL;
    auth->auth.enabled = true;
    for (unsigned i = 0; i < auth->auth.copy_count; i++) {
        if (auth->auth.copy[i].at != NULL)
            check_name(reading, copy->place, auth->auth.copy[i], true, false);
    }
}

/* "404", or "4xx" and "5xx" for all of them. */
static bool parse_status(struct slice key, struct conf_error_page *page)
{
    uint64_t status;
    if (key.len != 3 || (key.at[0] != '4' && key.at[0] != '5'))
        return false;
    page->first = (unsigned)(key.at[0] - '0') * 100;
    page->last = page->first + 99;
    if (slice_equal(slice_from(key, 1), SLICE("xx")))
        return true;
    if (slice_parse_u64(key, &status) < 0)
        return false;
    page->first = page->last = (unsigned)status;
    return true;
}

static void read_page(struct reading *reading, const struct tree_node *node,
                      struct conf_error_page page, struct conf_error_pages *pages)
{
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, PAGE_BYTES_MAX);
    if (node->kind != TREE_SCALAR || node->text.len == 0) {
        reading_error(reading, tree_place(node), "\"%.*s\" must be a file", SLICE_ARG(node->key));
        return;
    }
    page.file = reading_resolve(reading, node->text);
    if (reading->out_of_memory || !check_read_file(reading, node->place, page.file, &text))
        return;
    page.body = reading_keep(reading, buffer_slice(&text));
    /* Single statuses come before the classes, which are looked at last. */
    unsigned at = page.first == page.last ? 0 : pages->pages_count;
    memmove(&pages->pages[at + 1], &pages->pages[at],
            (pages->pages_count - at) * sizeof *pages->pages);
    pages->pages[at] = page;
    pages->pages_count++;
}

void check_errors(struct reading *reading, const struct tree_node *errors,
                  struct conf_error_pages *pages)
{
    if (errors->kind != TREE_MAP)
        return;
    pages->pages = reading_alloc(reading, reading->arena, errors->count + 1, sizeof *pages->pages);
    for (const struct tree_node *each = errors->first; each != NULL && pages->pages != NULL;
         each = each->next) {
        struct conf_error_page page = {0};
        bool is_true = slice_equal(each->text, SLICE("true"));
        if (!slice_equal(each->key, SLICE("intercept"))) {
            if (parse_status(each->key, &page))
                read_page(reading, each, page, pages);
        } else if (is_true || slice_equal(each->text, SLICE("false"))) {
            pages->intercept = is_true;
        } else {
            reading_error(reading, tree_place(each), "\"intercept\" is true or false");
        }
    }
}
