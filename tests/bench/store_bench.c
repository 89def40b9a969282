/*
 * What the object store itself does, without HTTP: durable puts of small objects by many threads
 * against a file per object with rename and folder fsync; and filling one.
 *
 *     store_bench puts FOLDER SECONDS     pairs of rounds, Weir's store and the file writer
 *     store_bench files FOLDER SECONDS   one round of the file writer alone
 *     store_bench fill FOLDER OBJECTS     leaves a store with a bucket of so many objects
 */
#include "base/memory.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/thread.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS      16
#define OBJECT_BYTES 4096
#define ROUNDS       5
#define MANY_BATCH   4096

struct run {
    struct store *store; /* NULL: files */
    uint32_t bucket;
    const char *folder;
    int folder_fd;
    int64_t until_us;
    char data[OBJECT_BYTES];
};

struct client {
    struct thread thread;
    const struct run *run;
    unsigned number;
    unsigned done;
};

static void fail(const char *what)
{
    (void)fprintf(stderr, "store_bench: %s\n", what);
    exit(1);
}

static void put_file(const struct client *client)
{
    char temporary[256], path[256];
    const struct run *run = client->run;
    (void)snprintf(temporary, sizeof temporary, "%s/t%u", run->folder, client->number);
    (void)snprintf(path, sizeof path, "%s/o%u-%u", run->folder, client->number, client->done);
    int fd = open(temporary, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (fd < 0 || write(fd, run->data, OBJECT_BYTES) != OBJECT_BYTES || fsync(fd) < 0 ||
        close(fd) < 0 || rename(temporary, path) < 0 || fsync(run->folder_fd) < 0)
        fail("a file cannot be written");
}

static int put_object(struct store *store, uint32_t bucket, const char *key, struct slice data)
{
    struct store_change change = {.kind = RECORD_PUT, .data = data};
    change.put.version = (struct version){.bucket = bucket,
                                          .key = slice_of_cstr(key),
                                          .is_null = true,
                                          .size = data.len,
                                          .modified_ms = clock_wall_us() / 1000,
                                          .etag = SLICE("0123456789abcdef0123456789abcdef"),
                                          .fields = SLICE("Content-Type: text/plain\r\n")};
    return store_commit(store, &change, 1);
}

static void client_main(void *arg)
{
    struct client *client = arg;
    const struct run *run = client->run;
    for (; clock_wall_us() < run->until_us; client->done++) {
        char key[64];
        (void)snprintf(key, sizeof key, "assets/%u/%u.js", client->number, client->done);
        if (run->store == NULL)
            put_file(client);
        else if (put_object(run->store, run->bucket, key, slice_of(run->data, OBJECT_BYTES)) < 0)
            fail("an object cannot be put");
    }
}

static struct store *open_store(const char *folder, uint32_t *ret_bucket)
{
    struct store_options options = {.folder = folder, .has_threads = true, .grace_ms = 60000};
    struct store_change change = {.kind = RECORD_BUCKET, .bucket = {.name = SLICE("bench")}};
    struct store_bucket *bucket;
    struct store_found found;
    struct store *store;
    struct error error;
    if (store_open(&options, &store, &found, &error) < 0)
        fail(error.text);
    if (store_bucket_find(store, SLICE("bench"), &bucket) == 0) {
        *ret_bucket = bucket->id;
        store_bucket_unref(bucket);
    } else if (store_commit(store, &change, 1) < 0) {
        fail("a bucket cannot be made");
    } else {
        *ret_bucket = change.bucket.id;
    }
    return store;
}

static double round_of_puts(const char *folder, bool is_store, unsigned seconds,
                            double *ret_syncs_each)
{
    struct run run = {.folder = folder};
    struct client clients[CLIENTS];
    unsigned done = 0;
    memset(run.data, 'x', sizeof run.data);
    if (folder_make(folder, 0700) < 0)
        fail("the folder cannot be made");
    run.folder_fd = open(folder, O_RDONLY | O_DIRECTORY);
    run.store = is_store ? open_store(folder, &run.bucket) : NULL;
    run.until_us = clock_wall_us() + (int64_t)seconds * 1000000;
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.run = &run, .number = i};
        if (thread_start(&clients[i].thread, "client", THREAD_CPU_ANY, client_main, &clients[i]) <
            0)
            fail("a thread cannot be started");
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        thread_join(&clients[i].thread);
        done += clients[i].done;
    }
    if (is_store) {
        struct store_stats stats;
        store_stats_read(run.store, &stats);
        *ret_syncs_each = (double)stats.syncs / (double)stats.changes;
        store_close(run.store);
    }
    (void)close(run.folder_fd);
    (void)folder_remove(folder);
    return (double)done / seconds;
}

static int bench_puts(const char *folder, unsigned seconds)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        double syncs_each = 0;
        double store = round_of_puts(folder, true, seconds, &syncs_each);
        double files = round_of_puts(folder, false, seconds, NULL);
        (void)printf("store %.0f/s, %.3f syncs an object; files %.0f/s; ratio %.2f\n", store,
                     syncs_each, files, store / files);
    }
    return 0;
}

static int bench_files(const char *folder, unsigned seconds)
{
    (void)printf("files %.0f/s\n", round_of_puts(folder, false, seconds, NULL));
    return 0;
}

static void fill(struct store *store, uint32_t bucket, unsigned objects)
{
    static struct store_change changes[MANY_BATCH];
    static char keys[MANY_BATCH][64];
    for (unsigned i = 0; i < objects; i += MANY_BATCH) {
        unsigned count = objects - i < MANY_BATCH ? objects - i : MANY_BATCH;
        for (unsigned j = 0; j < count; j++) {
            unsigned number = (i + j) * 2654435761u;
            (void)snprintf(keys[j], sizeof keys[j], "assets/%02x/%08x.js", number >> 24, number);
            changes[j] = (struct store_change){.kind = RECORD_PUT, .data = SLICE("content")};
            changes[j].put.version =
                (struct version){.bucket = bucket,
                                 .key = slice_of_cstr(keys[j]),
                                 .is_null = true,
                                 .size = 7,
                                 .modified_ms = clock_wall_us() / 1000,
                                 .etag = SLICE("0123456789abcdef0123456789abcdef"),
                                 .fields = SLICE("Content-Type: text/javascript\r\n")};
        }
        if (store_commit(store, changes, count) < 0)
            fail("objects cannot be put");
    }
}

static int bench_fill(const char *folder, unsigned objects)
{
    uint32_t bucket;
    struct store *store = open_store(folder, &bucket);
    int64_t begun = clock_wall_us();
    fill(store, bucket, objects);
    store_close(store);
    (void)printf("filled with %u objects in %.1f s\n", objects,
                 (double)(clock_wall_us() - begun) / 1e6);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "puts") == 0)
        return bench_puts(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "files") == 0)
        return bench_files(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "fill") == 0)
        return bench_fill(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
    (void)fprintf(stderr, "store_bench: puts or files FOLDER SECONDS, or fill FOLDER OBJECTS\n");
    return 2;
}
