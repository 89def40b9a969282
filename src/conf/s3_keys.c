/*
 * The file's JSON is read into an arena of its own for as long as it is looked at; what stays is
 * copied. Called by commands, by the supervisor that judges the file, and by the edge.
 */
#include "conf/s3_keys.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "conf/bucket.h"
#include "conf/value.h"
#include "os/random.h"
#include "wire/json/json.h"
#include "wire/s3/acl.h"

#include <errno.h>

#define ARENA_BYTES_MAX ((size_t)64 << 20)
#define KEYS_MAX        10000
#define CREATED_S_MAX   INT64_C(253402300799) /* the end of the year 9999 */
#define RANDOM_BYTES    64

/* Reading. */

struct parsing {
    struct s3_keys *keys;
    struct error *error;
    struct map names;
};

static bool is_one_of(struct slice member, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(member, slice_of_cstr(names[i])))
            return true;
    }
    return false;
}

/* Printable ASCII without blanks. */
static bool is_key_part(struct slice text)
{
    if (text.len < S3_KEY_PART_LEN_MIN || text.len > S3_KEY_PART_LEN_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= 0x20 || text.at[i] >= 0x7f)
            return false;
    }
    return true;
}

/* It stands in a list with '/' and ',' between (SigV4's Credential). */
static bool is_access_key(struct slice text)
{
    return is_key_part(text) && slice_find(text, '/') < 0 && slice_find(text, ',') < 0;
}

static int refuse(struct parsing *parsing, const struct s3_key *key, const char *what)
{
    return error_set(parsing->error, -EBADMSG, "the key \"%.*s\" %s", SLICE_ARG(key->name), what);
}

static int keep(struct parsing *parsing, struct slice text, struct slice *ret_text)
{
    *ret_text = arena_copy(&parsing->keys->arena, text);
    return ret_text->at == NULL ? -ENOMEM : 0;
}

static int read_buckets(struct parsing *parsing, const struct json *list, struct s3_key *key)
{
    key->is_for_all =
        list != NULL && list->kind == JSON_STRING && slice_equal(list->text, SLICE("all"));
    if (key->is_for_all)
        return 0;
    if (list == NULL || list->kind != JSON_ARRAY || list->count == 0 ||
        list->count > S3_KEY_BUCKETS_MAX)
        return refuse(parsing, key, "has no \"buckets\": \"all\", or a list of names");
    key->buckets = arena_alloc_array(&parsing->keys->arena, list->count, sizeof *key->buckets);
    if (key->buckets == NULL)
        return -ENOMEM;
    JSON_FOR_EACH(list, bucket)
    {
        if (bucket->kind != JSON_STRING || !conf_is_bucket_name(bucket->text))
            return refuse(parsing, key, "has something in \"buckets\" that is no bucket's name");
        int rc = keep(parsing, bucket->text, &key->buckets[key->buckets_count]);
        if (rc < 0)
            return rc;
        key->buckets_count++;
    }
    return 0;
}

static int read_pair(struct parsing *parsing, const struct json *object, struct s3_key *key)
{
    struct slice access_key = json_get_text(object, SLICE("access_key"));
    struct slice secret_key = json_get_text(object, SLICE("secret_key"));
    if (!is_access_key(access_key))
        return refuse(parsing, key,
                      "has no good \"access_key\": 16 to 128 letters, digits and the like");
    if (!is_key_part(secret_key))
        return refuse(parsing, key,
                      "has no good \"secret_key\": 16 to 128 letters, digits and the like");
    if (map_get(&parsing->keys->by_access_key, access_key) != NULL)
        return refuse(parsing, key, "has the \"access_key\" of another one");
    int rc = keep(parsing, access_key, &key->access_key);
    if (rc == 0)
        rc = keep(parsing, secret_key, &key->secret_key);
    return rc < 0 ? rc : map_set(&parsing->keys->by_access_key, key->access_key, key);
}

static int read_rest(struct parsing *parsing, const struct json *object, struct s3_key *key)
{
    static const char *const known[] = {"name",   "access_key", "secret_key", "buckets",
                                        "rights", "created",    "owner"};
    struct slice rights = json_get_text(object, SLICE("rights"));
    key->created_s = json_get_integer(object, SLICE("created"), -1);
    key->rights = slice_equal(rights, SLICE("write")) ? S3_RIGHTS_WRITE : S3_RIGHTS_READ;
    if (key->rights == S3_RIGHTS_READ && !slice_equal(rights, SLICE("read")))
        return refuse(parsing, key, "has no \"rights\": \"read\" or \"write\"");
    if (key->created_s < 0 || key->created_s > CREATED_S_MAX)
        return refuse(parsing, key, "has no \"created\", in seconds since 1970");
    /* A limit that is not understood must not be taken for none. */
    JSON_FOR_EACH(object, member)
    {
        if (!is_one_of(member->name, known, COUNT_OF(known)))
            return refuse(parsing, key, "has a member that is not known to this version of Weir");
    }
    return 0;
}

static int read_owner(struct parsing *parsing, const struct json *object, struct s3_key *key)
{
    char id[S3_OWNER_ID_BYTES];
    const struct json *owner = json_get(object, SLICE("owner"));
    key->owner = SLICE(S3_OWNER_NAME);
    key->owner_id = SLICE(S3_OWNER_ID);
    if (owner == NULL)
        return 0;
    if (owner->kind != JSON_STRING || !value_is_name(owner->text, true) ||
        slice_equal(owner->text, key->owner))
        return refuse(parsing, key, "has an \"owner\" that is no name, or Weir's own");
    if (s3_owner_id_make(owner->text, id) < 0)
        return -ENOMEM;
    int rc = keep(parsing, owner->text, &key->owner);
    return rc < 0 ? rc : keep(parsing, slice_of(id, sizeof id), &key->owner_id);
}

static int read_key(struct parsing *parsing, const struct json *object, struct s3_key *key)
{
    struct slice name = json_get_text(object, SLICE("name"));
    if (!value_is_name(name, true))
        return error_set(parsing->error, -EBADMSG, "key number %u has no name",
                         parsing->keys->count + 1);
    int rc = keep(parsing, name, &key->name);
    if (rc == 0 && map_get(&parsing->names, name) != NULL)
        rc = refuse(parsing, key, "is there twice");
    if (rc == 0)
        rc = map_set(&parsing->names, key->name, key);
    if (rc == 0)
        rc = read_pair(parsing, object, key);
    if (rc == 0)
        rc = read_buckets(parsing, json_get(object, SLICE("buckets")), key);
    if (rc == 0)
        rc = read_owner(parsing, object, key);
    return rc < 0 ? rc : read_rest(parsing, object, key);
}

static int read_document(struct parsing *parsing, const struct json *document)
{
    const struct json *list = json_get(document, SLICE("keys"));
    struct s3_keys *keys = parsing->keys;
    if (list == NULL || list->kind != JSON_ARRAY || document->count != 1)
        return error_set(parsing->error, -EBADMSG, "it is no object with \"keys\" alone");
    if (list->count > KEYS_MAX)
        return error_set(parsing->error, -EBADMSG, "it has %u keys, and at most %d are taken",
                         list->count, KEYS_MAX);
    keys->at = arena_alloc_array(&keys->arena, list->count + 1, sizeof *keys->at);
    if (keys->at == NULL)
        return -ENOMEM;
    JSON_FOR_EACH(list, object)
    {
        /* Counted first, so that a secret is wiped whatever comes of the key. */
        struct s3_key *key = &keys->at[keys->count];
        int rc = read_key(parsing, object, key);
        keys->count++;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_text(struct parsing *parsing, struct slice text)
{
    SCOPED(arena_finish) struct arena arena;
    const struct json *document = NULL;
    arena_init(&arena, NULL, 0, ARENA_BYTES_MAX);
    if (slice_trim(text).len == 0)
        return 0;
    int rc = json_parse(text, &arena, &document);
    if (rc == -EBADMSG)
        return error_set(parsing->error, rc, "it is no JSON");
    return rc < 0 ? rc : read_document(parsing, document);
}

int s3_keys_parse(struct slice text, struct s3_keys **ret_keys, struct error *ret_error)
{
    struct s3_keys *keys = NEW(struct s3_keys);
    struct parsing parsing = {.keys = keys, .error = ret_error};
    if (keys == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    atomic_init(&keys->references, 1);
    arena_init(&keys->arena, NULL, 0, ARENA_BYTES_MAX);
    map_init(&keys->by_access_key, (struct hash_key){1, 2});
    map_init(&parsing.names, (struct hash_key){1, 2});
    int rc = read_text(&parsing, text);
    map_finish(&parsing.names);
    if (rc == -ENOMEM)
        (void)error_set(ret_error, rc, "out of memory");
    if (rc < 0)
        s3_keys_unref(keys);
    else
        *ret_keys = keys;
    return rc;
}

int s3_keys_take(const struct bundle *bundle, struct s3_keys **ret_keys, struct error *ret_error)
{
    struct slice text;
    if (bundle != NULL && bundle_find(bundle, SLICE(S3_KEYS_NAME), &text))
        return s3_keys_parse(text, ret_keys, ret_error);
    *ret_keys = NULL;
    return 0;
}

/* Writing. */

void s3_key_put(struct json_writer *json, const struct s3_key *key)
{
    json_put_text(json, "name", key->name);
    json_put_text(json, "access_key", key->access_key);
    if (key->secret_key.len > 0)
        json_put_text(json, "secret_key", key->secret_key);
    if (key->is_for_all) {
        json_put_text(json, "buckets", SLICE("all"));
    } else {
        json_open_list(json, "buckets");
        for (unsigned i = 0; i < key->buckets_count; i++)
            json_put_text(json, NULL, key->buckets[i]);
        json_close_list(json);
    }
    json_put_text(json, "rights", key->rights == S3_RIGHTS_WRITE ? SLICE("write") : SLICE("read"));
    json_put_u64(json, "created", (uint64_t)key->created_s);
    if (key->owner.len > 0 && !slice_equal(key->owner, SLICE(S3_OWNER_NAME)))
        json_put_text(json, "owner", key->owner);
}

static void write_key(struct json_writer *json, const struct s3_key *key)
{
    json_open_object(json, NULL);
    s3_key_put(json, key);
    json_close_object(json);
}

int s3_keys_write(const struct s3_key *keys, unsigned count, struct buffer *out)
{
    SCOPED_FREE char *memory = memory_alloc_raw(S3_KEYS_BYTES_MAX);
    struct writer writer;
    struct json_writer json;
    if (memory == NULL)
        return -ENOMEM;
    writer_init(&writer, memory, S3_KEYS_BYTES_MAX);
    json_writer_init(&json, &writer);
    json_open_object(&json, NULL);
    json_open_list(&json, "keys");
    for (unsigned i = 0; i < count; i++)
        write_key(&json, &keys[i]);
    json_close_list(&json);
    json_close_object(&json);
    write_char(&writer, '\n');
    int rc = writer.overflown || count > KEYS_MAX ? -EMSGSIZE
                                                  : buffer_append(out, writer_slice(&writer));
    explicit_bzero(memory, S3_KEYS_BYTES_MAX);
    return rc;
}

/* Life. */

struct s3_keys *s3_keys_ref(struct s3_keys *keys)
{
    if (keys != NULL)
        atomic_fetch_add_explicit(&keys->references, 1, memory_order_relaxed);
    return keys;
}

void s3_keys_unref(struct s3_keys *keys)
{
    if (keys == NULL || atomic_fetch_sub(&keys->references, 1) != 1)
        return;
    for (unsigned i = 0; i < keys->count; i++) {
        if (keys->at[i].secret_key.at != NULL)
            explicit_bzero((char *)(uintptr_t)keys->at[i].secret_key.at,
                           keys->at[i].secret_key.len);
    }
    map_finish(&keys->by_access_key);
    arena_finish(&keys->arena);
    memory_free(keys);
}

/* Use. */

const struct s3_key *s3_keys_find(const struct s3_keys *keys, struct slice access_key)
{
    return keys == NULL ? NULL : map_get(&keys->by_access_key, access_key);
}

const struct s3_key *s3_keys_named(const struct s3_keys *keys, struct slice name)
{
    for (unsigned i = 0; keys != NULL && i < keys->count; i++) {
        if (slice_equal(keys->at[i].name, name))
            return &keys->at[i];
    }
    return NULL;
}

bool s3_key_may(const struct s3_key *key, struct slice bucket, bool writes)
{
    if (writes && key->rights != S3_RIGHTS_WRITE)
        return false;
    for (unsigned i = 0; bucket.len > 0 && i < key->buckets_count; i++) {
        if (slice_equal(key->buckets[i], bucket))
            return true;
    }
    return key->is_for_all;
}

/* Each letter of the alphabet is as likely as any other: what lies behind the last whole multiple
 * of its length is drawn again. */
static void draw(const char *alphabet, size_t alphabet_len, char *ret_text, size_t len)
{
    unsigned char random[RANDOM_BYTES];
    size_t limit = 256 - 256 % alphabet_len;
    for (size_t done = 0; done < len;) {
        random_system_bytes(random, sizeof random);
        for (size_t i = 0; i < sizeof random && done < len; i++) {
            if (random[i] < limit)
                ret_text[done++] = alphabet[random[i] % alphabet_len];
        }
    }
    explicit_bzero(random, sizeof random);
    ret_text[len] = '\0';
}

void s3_key_make(char ret_access_key[static S3_ACCESS_KEY_LEN + 1],
                 char ret_secret_key[static S3_SECRET_KEY_LEN + 1])
{
    static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    static const char base62[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const size_t prefix_len = sizeof S3_ACCESS_KEY_PREFIX - 1;
    memcpy(ret_access_key, S3_ACCESS_KEY_PREFIX, prefix_len);
    draw(base32, sizeof base32 - 1, ret_access_key + prefix_len, S3_ACCESS_KEY_LEN - prefix_len);
    draw(base62, sizeof base62 - 1, ret_secret_key, S3_SECRET_KEY_LEN);
}
