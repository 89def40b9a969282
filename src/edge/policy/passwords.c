/*
 * An unknown name costs as much as a known one: its password is held against the costliest hash of
 * the file. Checks are counted over the process; who has to wait looks again into the cache first,
 * as a browser sends the same password on several connections at once.
 */
#include "edge/policy/passwords.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "http/worker.h"
#include "os/fiber.h"
#include "os/line.h"
#include "os/lock.h"
#include "os/loop.h"
#include "os/offload.h"
#include "os/password.h"
#include "os/random.h"
#include "wire/http/basic.h"

#include <errno.h>
#include <stdatomic.h>

#define CACHE_MS        60000
#define CACHE_WAYS      8
#define CACHE_SETS_MIN  16   /* powers of two */
#define CACHE_SETS_MAX  8192 /* room for 65,536 */
#define RUNNING_MAX     2    /* of the pool's threads: files and others need theirs */
#define WAITING_MAX     256
#define WAIT_MS         10000
#define CREDENTIALS_MAX 1024

struct remembered {
    uint64_t hash[2]; /* of name and password */
    int64_t until_ms;
};

struct passwords {
    struct map users;                  /* name → struct conf_user */
    const struct conf_user *costliest; /* stands in for names there are not; NULL: no users */
    struct hash_key keys[2];
    struct lock lock; /* of the cache */
    size_t sets_count;
    struct remembered (*sets)[CACHE_WAYS]; /* owned */
};

/* Over all password files of the process: checks that run, and who waits for a turn. */
static atomic_uint running;
static struct line turns = LINE_INITIALISER(turns);

static const struct conf_user *costlier(const struct conf_user *a, const struct conf_user *b)
{
    /* "$2y$10$": two digits. */
    return a == NULL || memcmp(b->hash.at + 4, a->hash.at + 4, 2) > 0 ? b : a;
}

/* Four times as many ways as there are users: a set that is too full is then hardly to be met. */
static size_t choose_sets(unsigned users_count)
{
    size_t sets = CACHE_SETS_MIN;
    while (sets < CACHE_SETS_MAX && sets * CACHE_WAYS < (size_t)users_count * 4)
        sets *= 2;
    return sets;
}

struct passwords *passwords_create(const struct conf_basic_auth *conf)
{
    struct passwords *passwords = NEW(struct passwords);
    if (passwords == NULL)
        return NULL;
    passwords->keys[0] = random_hash_key();
    passwords->keys[1] = random_hash_key();
    (void)lock_init(&passwords->lock);
    map_init(&passwords->users, random_hash_key());
    passwords->sets_count = choose_sets(conf->users_count);
    passwords->sets = memory_alloc_array(passwords->sets_count, sizeof *passwords->sets);
    bool is_whole = passwords->sets != NULL;
    for (unsigned i = 0; is_whole && i < conf->users_count; i++) {
        passwords->costliest = costlier(passwords->costliest, &conf->users[i]);
        is_whole = map_set(&passwords->users, conf->users[i].name, &conf->users[i]) == 0;
    }
    if (is_whole)
        return passwords;
    passwords_destroy(passwords);
    return NULL;
}

void passwords_destroy(struct passwords *passwords)
{
    if (passwords == NULL)
        return;
    map_finish(&passwords->users);
    lock_finish(&passwords->lock);
    memory_free(passwords->sets);
    explicit_bzero(passwords, sizeof *passwords);
    memory_free(passwords);
}

/* What is checked. */
struct claim {
    struct slice name;
    struct slice password;
    uint64_t hash[2];
};

static struct remembered *set_of(const struct passwords *passwords, const struct claim *claim)
{
    return passwords->sets[claim->hash[0] & (passwords->sets_count - 1)];
}

static bool is_same(const struct remembered *entry, const struct claim *claim)
{
    return entry->hash[0] == claim->hash[0] && entry->hash[1] == claim->hash[1];
}

static bool is_remembered(struct passwords *passwords, const struct claim *claim)
{
    const struct remembered *set = set_of(passwords, claim);
    int64_t now_ms = loop_now_ms();
    bool is_known = false;
    lock_take(&passwords->lock);
    for (int i = 0; i < CACHE_WAYS; i++)
        is_known |= set[i].until_ms > now_ms && is_same(&set[i], claim);
    lock_release(&passwords->lock);
    return is_known;
}

/* In place of the one that ends first, or of an older one of the same. */
static void remember(struct passwords *passwords, const struct claim *claim)
{
    struct remembered *set = set_of(passwords, claim), *at = &set[0];
    lock_take(&passwords->lock);
    for (int i = 0; i < CACHE_WAYS; i++) {
        if (is_same(&set[i], claim)) {
            at = &set[i];
            break;
        }
        if (set[i].until_ms < at->until_ms)
            at = &set[i];
    }
    *at = (struct remembered){{claim->hash[0], claim->hash[1]}, loop_now_ms() + CACHE_MS};
    lock_release(&passwords->lock);
}

struct check {
    struct slice password;
    struct slice hash;
    int result;
};

/* On a worker thread. */
static void run_check(void *arg)
{
    struct check *check = arg;
    check->result = password_matches(check->password, check->hash);
}

static bool take_turn(void)
{
    unsigned now = atomic_load(&running);
    while (now < RUNNING_MAX) {
        if (atomic_compare_exchange_weak(&running, &now, now + 1))
            return true;
    }
    return false;
}

static void give_turn(void)
{
    atomic_fetch_sub(&running, 1);
    if (!line_is_empty(&turns))
        line_wake(&turns);
}

/* 1: the turn was taken. 0: another has checked the same meanwhile. -EAGAIN: too many wait. */
static int await_turn(struct passwords *passwords, const struct claim *claim)
{
    struct line_place place;
    if (line_is_empty(&turns) && take_turn())
        return 1;
    int64_t deadline_ms = loop_deadline(WAIT_MS);
    int rc = line_enter(&turns, WAITING_MAX, &place);
    if (rc < 0)
        return rc;
    bool is_known = false, has_turn = rc == 1 && take_turn();
    for (rc = 0; rc == 0 && !has_turn && !is_known;) {
        rc = line_wait(&turns, &place, deadline_ms);
        is_known = rc == 0 && is_remembered(passwords, claim);
        has_turn = rc == 0 && !is_known && take_turn();
    }
    line_leave(&turns, &place, has_turn);
    return rc == -ETIMEDOUT ? -EAGAIN : rc < 0 ? rc : has_turn;
}

static int check_by_hash(struct passwords *passwords, const struct claim *claim)
{
    const struct conf_user *user = map_get(&passwords->users, claim->name);
    struct check check = {claim->password, user == NULL ? passwords->costliest->hash : user->hash,
                          0};
    int rc = offload(run_check, &check);
    bool is_right = rc == 0 && user != NULL && check.result > 0;
    if (is_right)
        remember(passwords, claim); /* before those who wait look */
    give_turn();
    if (rc < 0 || check.result < 0)
        return rc < 0 ? rc : check.result;
    return is_right;
}

int passwords_check(struct passwords *passwords, struct slice name, struct slice password)
{
    char text[CREDENTIALS_MAX];
    size_t len = name.len + 1 + password.len;
    if (passwords->costliest == NULL || len > sizeof text)
        return 0;
    struct claim claim = {.name = name, .password = password};
    memcpy(text, name.at, name.len);
    text[name.len] = ':'; /* which no name has: basic credentials end theirs there */
    memcpy(text + name.len + 1, password.at, password.len);
    for (int i = 0; i < 2; i++)
        claim.hash[i] = hash_bytes(passwords->keys[i], slice_of(text, len));
    explicit_bzero(text, len);
    if (slice_find(name, ':') >= 0)
        return 0;
    if (is_remembered(passwords, &claim))
        return 1;
    int rc = await_turn(passwords, &claim);
    if (rc <= 0)
        return rc < 0 ? rc : 1;
    return check_by_hash(passwords, &claim);
}

int passwords_check_basic(struct passwords *passwords, struct slice value, struct arena *arena,
                          struct slice *ret_name)
{
    struct slice password;
    if (value.at == NULL)
        return -ENOENT;
    if (value.len > CREDENTIALS_MAX)
        return -EBADMSG;
    char *room = arena_alloc(arena, value.len + 1);
    if (room == NULL)
        return -ENOMEM;
    int rc = basic_parse(value, room, ret_name, &password);
    return rc < 0 ? rc : passwords_check(passwords, *ret_name, password);
}
