/* A reader's job goes on as long as there is something to read, so that it need not be woken for
 * each run; after a while it makes room for the pool's other work. */
#include "os/runs.h"

#include "base/memory.h"
#include "os/aside.h"
#include "os/lock.h"

#include <errno.h>

#define RUNS        4
#define RUNS_A_TURN 8

struct reader {
    struct runs *runs;
    void (*read)(void *arg, struct slice run);
    void *arg;
    uint64_t taken;  /* locked: so many runs */
    bool is_running; /* locked */
    struct aside aside;
};

struct runs {
    size_t run_bytes;
    struct lock lock;
    struct slice filled[RUNS]; /* locked */
    uint64_t filled_count; /* locked, but for the fiber; the one with this number is filled next */
    bool awaits_room;      /* locked */
    struct arrival room;
    char *memory[RUNS]; /* owned; NULL as long as it was not needed */
    size_t len;         /* of what is being filled */
    struct reader readers[RUNS_READERS_MAX];
    unsigned readers_count;
};

int runs_create(size_t run_bytes, struct runs **ret_runs)
{
    struct runs *runs = NEW(struct runs);
    if (runs == NULL)
        return -ENOMEM;
    runs->run_bytes = run_bytes;
    int rc = lock_init(&runs->lock);
    if (rc < 0) {
        memory_free(runs);
        return rc;
    }
    *ret_runs = runs;
    return 0;
}

void runs_destroy(struct runs *runs)
{
    if (runs == NULL)
        return;
    for (unsigned i = 0; i < runs->readers_count; i++)
        runs_await(runs, i);
    for (unsigned i = 0; i < RUNS; i++)
        memory_free(runs->memory[i]);
    lock_finish(&runs->lock);
    memory_free(runs);
}

unsigned runs_add_reader(struct runs *runs, void (*read)(void *arg, struct slice run), void *arg)
{
    runs->readers[runs->readers_count] = (struct reader){.runs = runs, .read = read, .arg = arg};
    return runs->readers_count++;
}

/* Locked. */
static bool has_room(const struct runs *runs)
{
    for (unsigned i = 0; i < runs->readers_count; i++) {
        if (runs->filled_count - runs->readers[i].taken == RUNS)
            return false;
    }
    return true;
}

/* Locked. */
static void tell_room(struct runs *runs, bool is_due)
{
    if (!runs->awaits_room || !is_due)
        return;
    runs->awaits_room = false;
    arrival_tell(&runs->room);
}

/* On a thread that may block. */
static void read_on(void *arg)
{
    struct reader *reader = arg;
    struct runs *runs = reader->runs;
    lock_take(&runs->lock);
    for (unsigned i = 0; i < RUNS_A_TURN && reader->taken < runs->filled_count; i++) {
        struct slice run = runs->filled[reader->taken % RUNS];
        lock_release(&runs->lock);
        reader->read(reader->arg, run);
        lock_take(&runs->lock);
        reader->taken++;
        tell_room(runs, has_room(runs));
    }
    reader->is_running = false;
    tell_room(runs, reader->taken < runs->filled_count);
    lock_release(&runs->lock);
}

/* Locked: it has something to read and does not. */
static bool rests(const struct reader *reader)
{
    return !reader->is_running && reader->taken < reader->runs->filled_count;
}

static void start(struct reader *reader)
{
    lock_take(&reader->runs->lock);
    bool is_needed = rests(reader);
    if (is_needed)
        reader->is_running = true;
    lock_release(&reader->runs->lock);
    if (!is_needed)
        return;
    aside_wait(&reader->aside);
    aside_run(&reader->aside, read_on, reader);
}

static void start_all(struct runs *runs)
{
    for (unsigned i = 0; i < runs->readers_count; i++)
        start(&runs->readers[i]);
}

static void pass_on(struct runs *runs)
{
    unsigned place = runs->filled_count % RUNS;
    lock_take(&runs->lock);
    runs->filled[place] = slice_of(runs->memory[place], runs->len);
    runs->filled_count++;
    lock_release(&runs->lock);
    runs->len = 0;
    start_all(runs);
}

/* Until a run is free, or a reader has ended its turn: then it has to be started again. */
static bool await_change(struct runs *runs)
{
    bool is_running = true;
    (void)arrival_init(&runs->room); /* a fiber's cannot fail */
    lock_take(&runs->lock);
    for (unsigned i = 0; i < runs->readers_count; i++)
        is_running = is_running && !rests(&runs->readers[i]);
    bool is_full = !has_room(runs);
    runs->awaits_room = is_full && is_running;
    lock_release(&runs->lock);
    if (is_full && is_running)
        arrival_wait(&runs->room);
    return is_full;
}

static void await_room(struct runs *runs)
{
    do
        start_all(runs);
    while (fiber_current() != NULL && await_change(runs));
}

char *runs_room(struct runs *runs, size_t *ret_len)
{
    char **memory = &runs->memory[runs->filled_count % RUNS];
    if (*memory == NULL)
        *memory = memory_alloc_raw(runs->run_bytes);
    if (*memory == NULL)
        return NULL;
    if (runs->len == 0)
        await_room(runs);
    *ret_len = runs->run_bytes - runs->len;
    return *memory + runs->len;
}

int runs_add(struct runs *runs, struct slice bytes)
{
    while (bytes.len > 0) {
        size_t len;
        char *room = runs_room(runs, &len);
        if (room == NULL)
            return -ENOMEM;
        struct slice now = slice_first(bytes, len);
        if (now.at != room)
            memcpy(room, now.at, now.len);
        runs->len += now.len;
        bytes = slice_from(bytes, now.len);
        if (runs->len == runs->run_bytes)
            pass_on(runs);
    }
    return 0;
}

void runs_end(struct runs *runs)
{
    if (runs->len > 0)
        pass_on(runs);
}

void runs_await(struct runs *runs, unsigned reader)
{
    struct reader *self = &runs->readers[reader];
    do {
        start(self);
        aside_wait(&self->aside);
    } while (self->taken < runs->filled_count);
}
