/*
 * `weir s3 key add|list|rm`: the keys of the S3 API. The file is changed here; a weir that runs is
 * then asked to take it, and waited for.
 */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/ask_edge.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/s3_endpoint.h"
#include "cli/s3_key_file.h"
#include "cli/table.h"
#include "conf/phrase.h"
#include "conf/value.h"
#include "os/self.h"
#include "wire/http/date.h"
#include "wire/s3/acl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS      70000
#define ANSWER_BYTES_MAX (1 << 20)
#define ARENA_BYTES_MAX  ((size_t)16 << 20)
#define JSON_BYTES       ((size_t)2 << 20)
#define DATE_FROM        5 /* "06 Nov 1994" of "Sun, 06 Nov 1994 08:49:37 GMT" */
#define DATE_LEN         11

struct request {
    struct place place;
    struct option_list buckets;
    const char *owner;
    bool only_reads;
    bool as_json;
};

static int tell(const struct error *error)
{
    (void)fprintf(stderr, "weir s3: %s\n", error->text);
    return 1;
}

/* The exit code: 0 also when nothing runs here, for it will read the file when it starts. */
static int ask_to_take(const struct place *place)
{
    SCOPED(buffer_finish) struct buffer answer;
    buffer_init(&answer, ANSWER_BYTES_MAX);
    int rc = ask_edge(place, "POST", "/v1/credentials", (struct slice){0}, PATIENCE_MS, &answer);
    if (rc == 200 || rc == -ENOENT || rc == -ECONNREFUSED)
        return 0;
    (void)ask_edge_tell("s3", rc, &answer);
    (void)fputs("weir s3: the change is kept in the file, but what runs does not know it yet\n",
                stderr);
    return 1;
}

/* What is printed. */

static void print_new_json(const struct s3_key *key, const char *url, struct slice region)
{
    SCOPED_FREE char *memory = memory_alloc_raw(JSON_BYTES);
    struct writer writer;
    struct json_writer json;
    if (memory == NULL)
        return;
    writer_init(&writer, memory, JSON_BYTES);
    json_writer_init(&json, &writer);
    json_open_object(&json, NULL);
    s3_key_put(&json, key);
    json_put_text(&json, "owner_id", key->owner_id);
    if (url != NULL) {
        json_put_text(&json, "endpoint", slice_of_cstr(url));
        json_put_text(&json, "region", region);
    }
    json_close_object(&json);
    printf("%.*s\n", SLICE_ARG(writer_slice(&writer)));
    explicit_bzero(memory, JSON_BYTES);
}

/* On a terminal with what a client's environment wants, ready to be pasted. */
static void print_new(const struct s3_key *key, const char *url, struct slice region)
{
    printf("access_key %.*s\nsecret_key %.*s\n", SLICE_ARG(key->access_key),
           SLICE_ARG(key->secret_key));
    if (!self_has_terminal(1))
        return;
    printf("\nThe secret is not shown again. For aws-cli, boto3 and others:\n\n"
           "export AWS_ACCESS_KEY_ID=%.*s\nexport AWS_SECRET_ACCESS_KEY=%.*s\n",
           SLICE_ARG(key->access_key), SLICE_ARG(key->secret_key));
    if (url != NULL)
        printf("export AWS_ENDPOINT_URL_S3=%s\nexport AWS_REGION=%.*s\n", url, SLICE_ARG(region));
}

static int print_list_json(const struct s3_keys *keys)
{
    SCOPED_FREE char *memory = memory_alloc_raw(JSON_BYTES);
    struct writer writer;
    struct json_writer json;
    if (memory == NULL)
        return -ENOMEM;
    writer_init(&writer, memory, JSON_BYTES);
    json_writer_init(&json, &writer);
    json_open_object(&json, NULL);
    json_open_list(&json, "keys");
    for (unsigned i = 0; i < keys->count; i++) {
        struct s3_key shown = keys->at[i];
        shown.secret_key = (struct slice){0};
        json_open_object(&json, NULL);
        s3_key_put(&json, &shown);
        json_close_object(&json);
    }
    json_close_list(&json);
    json_close_object(&json);
    printf("%.*s\n", SLICE_ARG(writer_slice(&writer)));
    return 0;
}

static struct slice buckets_text(const struct s3_key *key, struct arena *arena)
{
    struct slice text = key->is_for_all ? SLICE("all") : key->buckets[0];
    for (unsigned i = 1; i < key->buckets_count && text.at != NULL; i++)
        text = arena_format(arena, "%.*s, %.*s", SLICE_ARG(text), SLICE_ARG(key->buckets[i]));
    return text;
}

static int add_row(struct table *table, const struct s3_key *key, struct arena *arena)
{
    char date[HTTP_DATE_BYTES];
    http_date_write(date, key->created_s);
    struct slice created = arena_copy(arena, slice_of(date + DATE_FROM, DATE_LEN));
    struct slice buckets = buckets_text(key, arena);
    if (created.at == NULL || buckets.at == NULL)
        return -ENOMEM;
    return table_add(
        table, (struct slice[]){key->name, key->access_key,
                                key->rights == S3_RIGHTS_WRITE ? SLICE("write") : SLICE("read"),
                                buckets, created});
}

static int print_list(const struct s3_keys *keys)
{
    static const struct table_column columns[] = {{"NAME", false},    {"ACCESS KEY", false},
                                                  {"RIGHTS", false},  {"BUCKETS", false},
                                                  {"CREATED", false}, {NULL, false}};
    SCOPED(arena_finish) struct arena arena;
    SCOPED(buffer_finish) struct buffer out;
    struct table table;
    int rc = 0;
    arena_init(&arena, NULL, 0, ARENA_BYTES_MAX);
    buffer_init(&out, ARENA_BYTES_MAX);
    table_init(&table, &arena, columns);
    for (unsigned i = 0; rc == 0 && i < keys->count; i++)
        rc = add_row(&table, &keys->at[i], &arena);
    if (rc == 0)
        rc = table_write(&table, &out);
    if (rc == 0 && out.len > 0)
        (void)fwrite(out.at, 1, out.len, stdout);
    return rc;
}

/* Adding. */

static const struct conf_bucket *find_bucket(const struct snapshot *snapshot, struct slice name)
{
    for (unsigned i = 0; i < snapshot->buckets_count; i++) {
        if (slice_equal(snapshot->buckets[i].name, name))
            return &snapshot->buckets[i];
    }
    return NULL;
}

static int refuse_bucket(const struct snapshot *snapshot, const char *name)
{
    struct phrase phrase;
    struct phrase_list list;
    phrase_list_init(&list, &phrase);
    for (unsigned i = 0; i < snapshot->buckets_count; i++)
        phrase_list_add(&list, snapshot->buckets[i].name);
    if (list.count > 0)
        (void)fprintf(stderr, "weir s3: no bucket is called \"%s\"; there are: %s\n", name,
                      phrase.text);
    else
        (void)fprintf(
            stderr, "weir s3: no bucket is called \"%s\", and there are none in the file\n", name);
    return -ENOENT;
}

/* Those that were named, each once; none: all. */
static int take_buckets(const struct request *request, const struct snapshot *snapshot,
                        struct slice *room, struct s3_key *key)
{
    key->buckets = room;
    key->is_for_all = request->buckets.count == 0;
    if (!key->is_for_all && snapshot == NULL) {
        (void)fprintf(stderr,
                      "weir s3: which buckets there are is not known, for something is wrong with "
                      "%s; `weir check` tells what\n",
                      request->place.file);
        return -EINVAL;
    }
    for (unsigned i = 0; i < request->buckets.count; i++) {
        struct slice name = slice_of_cstr(request->buckets.at[i]);
        bool is_there = false;
        if (find_bucket(snapshot, name) == NULL)
            return refuse_bucket(snapshot, request->buckets.at[i]);
        for (unsigned k = 0; k < key->buckets_count; k++)
            is_there |= slice_equal(room[k], name);
        if (!is_there)
            room[key->buckets_count++] = name;
    }
    return 0;
}

static int take_owner(const struct request *request, char id[static S3_OWNER_ID_BYTES],
                      struct s3_key *key)
{
    key->owner = request->owner == NULL ? SLICE(S3_OWNER_NAME) : slice_of_cstr(request->owner);
    key->owner_id = SLICE(S3_OWNER_ID);
    if (slice_equal(key->owner, SLICE(S3_OWNER_NAME)))
        return 0;
    key->owner_id = slice_of(id, S3_OWNER_ID_BYTES);
    return s3_owner_id_make(key->owner, id);
}

static int write_new(const struct place *place, const struct s3_key *key)
{
    struct s3_key_file file;
    struct error error = {0};
    int rc = s3_key_file_open(place, &file, &error);
    if (rc < 0)
        return tell(&error), rc;
    if (s3_keys_named(file.keys, key->name) != NULL)
        rc = error_set(&error, -EEXIST,
                       "there is a key \"%.*s\" already; `weir s3 key rm %.*s` removes it",
                       SLICE_ARG(key->name), SLICE_ARG(key->name));
    else
        rc = s3_key_file_change(&file, key, (struct slice){0}, &error);
    s3_key_file_close(&file);
    if (rc < 0)
        (void)tell(&error);
    return rc;
}

/* NULL when something is wrong with it: a key can be made all the same. */
static struct snapshot *read_file(const struct place *place)
{
    SCOPED(conf_errors_finish) struct conf_errors errors;
    struct snapshot *snapshot = NULL;
    conf_errors_init(&errors);
    (void)snapshot_read_accepted(place->file, &snapshot, &errors);
    return snapshot;
}

static int add_with(const struct request *request, const char *name,
                    const struct snapshot *snapshot)
{
    char access_key[S3_ACCESS_KEY_LEN + 1], secret_key[S3_SECRET_KEY_LEN + 1];
    char url[S3_ENDPOINT_BYTES], owner_id[S3_OWNER_ID_BYTES];
    struct slice buckets[OPTION_LIST_MAX], region = {0};
    struct s3_key key = {.name = slice_of_cstr(name),
                         .rights = request->only_reads ? S3_RIGHTS_READ : S3_RIGHTS_WRITE,
                         .created_s = self_wall_s()};
    if (take_buckets(request, snapshot, buckets, &key) < 0 ||
        take_owner(request, owner_id, &key) < 0)
        return 1;
    s3_key_make(access_key, secret_key);
    key.access_key = slice_of_cstr(access_key);
    key.secret_key = slice_of_cstr(secret_key);
    if (write_new(&request->place, &key) < 0)
        return 1;
    int exit_code = ask_to_take(&request->place);
    bool has_url = snapshot != NULL && s3_endpoint(snapshot, url, &region);
    (request->as_json ? print_new_json : print_new)(&key, has_url ? url : NULL, region);
    explicit_bzero(secret_key, sizeof secret_key);
    if (snapshot != NULL && !snapshot->has_s3)
        (void)fprintf(stderr,
                      "weir s3: no rule in %s has `s3: {}` yet, where the key could be used\n",
                      request->place.file);
    return exit_code;
}

static int add(const struct request *request, const char *name)
{
    struct snapshot *snapshot = read_file(&request->place);
    int exit_code = add_with(request, name, snapshot);
    snapshot_unref(snapshot);
    return exit_code;
}

/* Looking, and removing. */

static int list(const struct request *request)
{
    struct s3_key_file file;
    struct error error = {0};
    if (s3_key_file_read(&request->place, &file, &error) < 0)
        return tell(&error);
    int rc = request->as_json ? print_list_json(file.keys) : print_list(file.keys);
    if (file.keys->count == 0 && !request->as_json)
        (void)fputs("there are no keys; `weir s3 key add NAME` makes one\n", stderr);
    s3_key_file_close(&file);
    return rc < 0 ? tell(&(struct error){.text = "out of memory"}) : 0;
}

static int refuse_unknown(const struct s3_keys *keys, const char *name, struct error *error)
{
    struct phrase phrase;
    struct phrase_list list;
    phrase_list_init(&list, &phrase);
    for (unsigned i = 0; i < keys->count; i++)
        phrase_list_add(&list, keys->at[i].name);
    return list.count > 0 ? error_set(error, -ENOENT, "no key is called \"%s\"; there are: %s",
                                      name, phrase.text)
                          : error_set(error, -ENOENT,
                                      "no key is called \"%s\", and there are none here", name);
}

static int rm(const struct request *request, const char *name)
{
    struct s3_key_file file;
    struct error error = {0};
    if (s3_key_file_open(&request->place, &file, &error) < 0)
        return tell(&error);
    int rc = s3_keys_named(file.keys, slice_of_cstr(name)) == NULL
                 ? refuse_unknown(file.keys, name, &error)
                 : s3_key_file_change(&file, NULL, slice_of_cstr(name), &error);
    s3_key_file_close(&file);
    return rc < 0 ? tell(&error) : ask_to_take(&request->place);
}

/* The words. */

static int refuse_usage(const char *text)
{
    (void)fprintf(stderr, "weir s3: %s\n", text);
    return OPTIONS_EXIT_USAGE;
}

enum verb { VERB_ADD, VERB_LIST, VERB_RM, VERBS };

static enum verb find_verb(unsigned count, const char **words)
{
    static const char *const verbs[VERBS] = {"add", "list", "rm"};
    enum verb verb = VERB_ADD;
    if (count < 2 || strcmp(words[0], "key") != 0)
        return VERBS;
    while (verb < VERBS && strcmp(words[1], verbs[verb]) != 0)
        verb++;
    return verb;
}

static int check_words(const struct request *request, enum verb verb, unsigned count,
                       const char **words)
{
    if (verb == VERBS)
        return refuse_usage("say `key add NAME`, `key list` or `key rm NAME`");
    if (verb == VERB_LIST && count > 2)
        return refuse_usage("`key list` takes no name");
    if (verb != VERB_LIST && count < 3)
        return refuse_usage("which key? Its name is missing");
    if (verb != VERB_ADD &&
        (request->buckets.count > 0 || request->only_reads || request->owner != NULL))
        return refuse_usage("--bucket, --owner and --read are for `key add`");
    if (request->owner != NULL && !value_is_name(slice_of_cstr(request->owner), true))
        return refuse_usage(
            "an owner is named as a key is: letters, digits, \"-\", \"_\" and \".\"");
    if (verb == VERB_RM && request->as_json)
        return refuse_usage("`key rm` prints nothing, and takes no --json");
    if (verb == VERB_ADD && !value_is_name(slice_of_cstr(words[2]), true))
        return refuse_usage("a key's name has letters, digits, \"-\", \"_\" and \".\", a letter or "
                            "digit first, at most 63 in all");
    return 0;
}

int cli_s3(int argc, const char **argv)
{
    const char *file = NULL, *state = NULL, **words;
    struct request request = {.only_reads = false};
    const struct option_row options[] = {
        {'b', "bucket", OPTION_LIST, "BUCKET",
         "with `add`: only for this bucket; again for more, without it for all",
         .list = &request.buckets},
        {'o', "owner", OPTION_TEXT, "NAME",
         "with `add`: what it makes belongs to him; it reaches his buckets alone, and what others "
         "share",
         .text = &request.owner},
        {'r', "read", OPTION_FLAG, NULL, "with `add`: it may read, and change nothing",
         .flag = &request.only_reads},
        {'j', "json", OPTION_FLAG, NULL, "print JSON", .flag = &request.as_json},
        PLACE_FILE_ROW('f', file),
        PLACE_STATE_ROW(state),
        {.name = NULL},
    };
    const struct command_usage usage = {
        "s3", "key add NAME | key list | key rm NAME",
        "Makes, shows and removes keys for the S3 API. The secret is printed once, by `add`. Of a\n"
        "weir that runs here the change holds when the command returns.",
        3, options};
    unsigned count;
    int exit_code;
    if (!options_parse(&usage, argc, argv, &count, &words, &exit_code))
        return exit_code;
    enum verb verb = find_verb(count, words);
    exit_code = check_words(&request, verb, count, words);
    if (exit_code != 0)
        return exit_code;
    if (!place_find("s3", file, state, verb == VERB_ADD, &request.place))
        return 1;
    return verb == VERB_ADD    ? add(&request, words[2])
           : verb == VERB_LIST ? list(&request)
                               : rm(&request, words[2]);
}
