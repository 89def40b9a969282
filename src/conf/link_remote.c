/* Called by the rows of schema_bucket.c, by link_bucket.c, and by link.c for the groups. */
#include "conf/link_remote.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "conf/policy_checks.h"
#include "conf/value.h"
#include "os/self.h"

#define SECRET_BYTES_MAX 4096

/* Keys of either kind are words of visible ASCII, which a field of a request can hold. */
static bool is_key(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= ' ' || text.at[i] > '~' || text.at[i] == ',')
            return false;
    }
    return text.len > 0;
}

static void keep_secret(struct reading *reading, struct conf_place place, const char *where,
                        struct slice text, struct conf_secret *secret)
{
    if (is_key(text))
        secret->value = reading_keep(reading, text);
    else if (!reading->was_accepted)
        reading_error(reading, place, "%s holds no key", where);
}

static void read_variable(struct reading *reading, struct conf_place place, struct slice name,
                          struct conf_secret *secret)
{
    struct slice text = reading_keep(reading, name);
    const char *value = text.at == NULL ? NULL : self_variable(text.at);
    if (value != NULL) {
        keep_secret(reading, place, text.at, slice_of_cstr(value), secret);
        return;
    }
    reading->lacks_files = true; /* a new process may have it */
    if (!reading->was_accepted)
        reading_error(reading, place, "the variable %.*s is not set", SLICE_ARG(name));
}

/* The key is the file's first line. */
static void read_file(struct reading *reading, struct conf_place place, struct slice path,
                      struct conf_secret *secret)
{
    SCOPED(buffer_finish) struct buffer text;
    struct slice rest, line = {0};
    buffer_init(&text, SECRET_BYTES_MAX);
    secret->file = reading_resolve(reading, path);
    if (secret->file.at == NULL || !check_read_file(reading, place, secret->file, &text))
        return;
    rest = buffer_slice(&text);
    (void)slice_cut(&rest, '\n', &line);
    keep_secret(reading, place, secret->file.at, slice_trim(line), secret);
    if (text.len > 0)
        explicit_bzero(text.at, text.len);
}

void link_secret(struct reading *reading, const struct tree_node *node, struct conf_secret *secret)
{
    static const struct slice variable = SLICE("env:"), file = SLICE("file:");
    if (node == NULL || secret->from.len == 0)
        return;
    if (slice_starts_with(secret->from, variable))
        read_variable(reading, node->place, slice_from(secret->from, variable.len), secret);
    else
        read_file(reading, node->place, slice_from(secret->from, file.len), secret);
}

static bool is_address(struct slice host)
{
    return value_is_ipv4(host) || value_is_ipv6(host);
}

void check_remote(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_remote *remote = object;
    const struct tree_node *style = tree_get(node, "style"), *ca = tree_get(node, "ca");
    link_secret(reading, tree_get(node, "access_key"), &remote->access_key);
    link_secret(reading, tree_get(node, "secret_key"), &remote->secret_key);
    if (remote->style == CONF_S3_VIRTUAL && is_address(remote->endpoint.host)) {
        reading_error(reading, style->place,
                      "no bucket can stand before an address: use \"style: path\"");
        remote->style = CONF_S3_PATH;
    }
    if (ca != NULL && remote->endpoint.host.len > 0 && !remote->endpoint.is_secure)
        reading_error(reading, ca->key_place,
                      "\"ca\" is for an endpoint that begins with https://");
}

void check_backend(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_backend *backend = object;
    const struct tree_node *kind = node->kind == TREE_MAP ? tree_get(node, "kind") : NULL;
    if (node->kind != TREE_MAP || tree_get(node, "s3") == NULL)
        return;
    if (kind != NULL)
        reading_error(reading, kind->key_place,
                      "\"kind\" and \"s3\" say different things: keep one");
    backend->kind = CONF_BACKEND_S3;
}

void check_remote_bucket(struct reading *reading, const struct tree_node *node)
{
    static const char *const keys[] = {"quota", "versioning", "object_lock"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct tree_node *child = tree_get(node, keys[i]);
        if (child != NULL)
            reading_error(reading, child->key_place,
                          "\"%s\" is for buckets on Weir's own disk: at another endpoint it is set "
                          "there",
                          keys[i]);
    }
}

void link_remote(struct reading *reading, struct conf_bucket *bucket)
{
    struct conf_remote *remote = &bucket->backend.s3;
    if (remote->bucket.len == 0)
        remote->bucket = bucket->name;
    remote->host = remote->endpoint.authority;
    if (remote->style == CONF_S3_VIRTUAL) {
        remote->host = arena_format(reading->arena, "%.*s.%.*s", SLICE_ARG(remote->bucket),
                                    SLICE_ARG(remote->endpoint.authority));
        reading->out_of_memory |= remote->host.at == NULL;
    }
}

static void set_address(struct reading *reading, const struct conf_remote *remote,
                        struct conf_address *address)
{
    struct slice host = remote->endpoint.host;
    unsigned port = remote->endpoint.port;
    bool is_virtual = remote->style == CONF_S3_VIRTUAL, is_v6 = value_is_ipv6(host);
    struct slice text =
        arena_format(reading->arena, "%.*s%s%s%.*s%s:%u", is_virtual ? (int)remote->bucket.len : 0,
                     remote->bucket.at, is_virtual ? "." : "", is_v6 ? "[" : "", SLICE_ARG(host),
                     is_v6 ? "]" : "", port);
    const char *why;
    if (text.at == NULL)
        reading->out_of_memory = true;
    else if (value_address(text, address, &why) < 0)
        reading_error(reading, remote->place, "\"%.*s\" is no address: %s", SLICE_ARG(text), why);
    else /* a slice that ends in NUL, as all of a snapshot do */
        address->host = reading_keep(reading, address->host);
}

void link_remote_group(struct reading *reading, const struct conf_bucket *bucket,
                       struct conf_group *ret_group)
{
    const struct conf_remote *remote = &bucket->backend.s3;
    struct conf_target *target = reading_alloc(reading, reading->arena, 1, sizeof *target);
    struct slice name = arena_format(reading->arena, "bucket %.*s", SLICE_ARG(bucket->name));
    if (target == NULL || name.at == NULL || remote->endpoint.host.len == 0) {
        reading->out_of_memory |= target == NULL || name.at == NULL;
        return;
    }
    *target = (struct conf_target){.place = remote->place, .weight = 1};
    set_address(reading, remote, &target->address);
    *ret_group = (struct conf_group){
        .place = remote->place,
        .name = name,
        .tls = {.place = remote->place,
                .enabled = remote->endpoint.is_secure,
                .verify = 1,
                .ca = remote->ca},
        .targets = target,
        .targets_count = 1,
    };
}
