/*
 * An unknown name costs as much as a known one: its password is held against the costliest hash of
 * the file. Checks are counted over the process; who has to wait looks again into the cache first,
 * as a browser sends the same password on several connections at once.
 */
#include "edge/policy/basic_auth.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "edge/filter/request_edit.h"
#include "http/exchange.h"
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

#define CACHE_ENTRIES   256 /* a power of two */
#define CACHE_MS        60000
#define RUNNING_MAX     2 /* of the pool's threads: files and others need theirs */
#define WAITING_MAX     256
#define WAIT_MS         10000
#define CREDENTIALS_MAX 1024

struct remembered {
    uint64_t hash[2]; /* of name and password */
    int64_t until_ms;
};

struct basic_auth {
    const struct conf_basic_auth *conf; /* borrowed */
    struct map users;                   /* name → struct conf_user */
    const struct conf_user *costliest;  /* stands in for names there are not; NULL: no users */
    struct hash_key keys[2];
    struct lock lock; /* of `cache` */
    struct remembered cache[CACHE_ENTRIES];
};

/* Over all rules of the process: checks that run, and who waits for a turn. */
static atomic_uint running;
static struct line turns = LINE_INITIALISER(turns);

static const struct conf_user *costlier(const struct conf_user *a, const struct conf_user *b)
{
    /* "$2y$10$": two digits. */
    return a == NULL || memcmp(b->hash.at + 4, a->hash.at + 4, 2) > 0 ? b : a;
}

struct basic_auth *basic_auth_create(const struct conf_basic_auth *conf)
{
    struct basic_auth *auth = NEW(struct basic_auth);
    if (auth == NULL)
        return NULL;
    auth->conf = conf;
    auth->keys[0] = random_hash_key();
    auth->keys[1] = random_hash_key();
    (void)lock_init(&auth->lock);
    map_init(&auth->users, random_hash_key());
    for (unsigned i = 0; i < conf->users_count; i++) {
        auth->costliest = costlier(auth->costliest, &conf->users[i]);
        if (map_set(&auth->users, conf->users[i].name, &conf->users[i]) < 0) {
            basic_auth_destroy(auth);
            return NULL;
        }
    }
    return auth;
}

void basic_auth_destroy(struct basic_auth *auth)
{
    if (auth == NULL)
        return;
    map_finish(&auth->users);
    lock_finish(&auth->lock);
    explicit_bzero(auth, sizeof *auth);
    memory_free(auth);
}

/* What the client sent. */
struct credentials {
    struct slice text; /* both with the colon between */
    struct slice name;
    struct slice password;
    uint64_t hash[2];
};

/* 0, -ENOENT when there are none, or another error for what are none. */
static int read_credentials(const struct basic_auth *auth, struct exchange *exchange,
                            struct credentials *ret_credentials)
{
    struct slice value = fields_value(&exchange->request.fields, FIELD_AUTHORIZATION);
    struct credentials credentials;
    if (value.at == NULL)
        return -ENOENT;
    if (value.len > CREDENTIALS_MAX)
        return -EBADMSG;
    char *room = arena_alloc(&exchange->arena, value.len + 1);
    if (room == NULL)
        return -ENOMEM;
    int rc = basic_parse(value, room, &credentials.name, &credentials.password);
    if (rc < 0)
        return rc;
    credentials.text =
        slice_of(credentials.name.at, credentials.name.len + 1 + credentials.password.len);
    for (int i = 0; i < 2; i++)
        credentials.hash[i] = hash_bytes(auth->keys[i], credentials.text);
    *ret_credentials = credentials;
    return 0;
}

static bool is_remembered(struct basic_auth *auth, const uint64_t hash[2])
{
    struct remembered *entry = &auth->cache[hash[0] % CACHE_ENTRIES];
    lock_take(&auth->lock);
    bool is_same =
        entry->until_ms > loop_now_ms() && entry->hash[0] == hash[0] && entry->hash[1] == hash[1];
    lock_release(&auth->lock);
    return is_same;
}

static void remember(struct basic_auth *auth, const uint64_t hash[2])
{
    struct remembered *entry = &auth->cache[hash[0] % CACHE_ENTRIES];
    lock_take(&auth->lock);
    *entry = (struct remembered){{hash[0], hash[1]}, loop_now_ms() + CACHE_MS};
    lock_release(&auth->lock);
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
static int await_turn(struct basic_auth *auth, const struct credentials *credentials)
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
        is_known = rc == 0 && is_remembered(auth, credentials->hash);
        has_turn = rc == 0 && !is_known && take_turn();
    }
    line_leave(&turns, &place, has_turn);
    return rc == -ETIMEDOUT ? -EAGAIN : rc < 0 ? rc : has_turn;
}

/* 1: they are right; 0: they are not. */
static int check_credentials(struct basic_auth *auth, const struct credentials *credentials)
{
    if (is_remembered(auth, credentials->hash))
        return 1;
    if (auth->costliest == NULL)
        return 0;
    int rc = await_turn(auth, credentials);
    if (rc <= 0)
        return rc < 0 ? rc : 1;
    const struct conf_user *user = map_get(&auth->users, credentials->name);
    struct check check = {credentials->password, user == NULL ? auth->costliest->hash : user->hash,
                          0};
    rc = offload(run_check, &check);
    bool is_right = rc == 0 && user != NULL && check.result > 0;
    if (is_right)
        remember(auth, credentials->hash); /* before those who wait look */
    give_turn();
    if (rc < 0 || check.result < 0)
        return rc < 0 ? rc : check.result;
    return is_right;
}

static void ask(const struct basic_auth *auth, struct exchange *exchange, const char *reason)
{
    struct slice field = arena_format(
        &exchange->arena, "WWW-Authenticate: Basic realm=\"%.*s\", charset=\"UTF-8\"\r\n",
        SLICE_ARG(auth->conf->realm));
    if (field.at == NULL)
        exchange_respond_error(exchange, 503, "out of memory for this request");
    else
        exchange_refuse(exchange, 401, reason, field);
}

static void refuse(const struct basic_auth *auth, struct exchange *exchange, int rc)
{
    struct worker_counters *counters = &worker_current()->counters;
    bool is_wrong = rc == 0 || rc == -ENOENT || rc == -EBADMSG;
    if (rc != -ECANCELED)
        counter_add(is_wrong ? &counters->passwords_refused : &counters->passwords_busy, 1);
    if (rc == -ECANCELED)
        exchange_break(exchange);
    else if (rc == -ENOENT)
        ask(auth, exchange, "no password was given");
    else if (rc == -EBADMSG)
        ask(auth, exchange, "the credentials are malformed");
    else if (rc == 0)
        ask(auth, exchange, "the name or the password is wrong");
    else
        exchange_refuse(exchange, 503, "too many passwords wait to be checked",
                        SLICE("Retry-After: 1\r\n"));
}

bool basic_auth_admit(struct basic_auth *auth, struct exchange *exchange)
{
    struct credentials credentials;
    int rc = read_credentials(auth, exchange, &credentials);
    if (rc == 0)
        rc = check_credentials(auth, &credentials);
    if (rc <= 0) {
        refuse(auth, exchange, rc);
        return false;
    }
    exchange->notes.user = credentials.name;
    if (auth->conf->pass != 0)
        return true;
    if (request_edit_begin(exchange, 0) < 0) {
        exchange_respond_error(exchange, 503, "out of memory for this request");
        return false;
    }
    request_edit_remove(exchange, field_name(FIELD_AUTHORIZATION));
    return true;
}
