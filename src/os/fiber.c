/*
 * Fibers and their stacks. Stacks are cut from slabs of one mapping each, a guard below every
 * stack; they are reused last in, first out, while their cache lines are warm. The fiber's own
 * record lies at the top of its stack.
 */
#include "os/fiber.h"

#include "base/cleanup.h"
#include "os/loop_internal.h"
#include "os/sanitizer.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

#if defined(WEIR_ASAN) || defined(WEIR_TSAN)
#define STACK_BYTES ((size_t)256 * 1024)
#else
#define STACK_BYTES ((size_t)64 * 1024)
#endif
#define GUARD_BYTES ((size_t)64 * 1024)
#define SPAN_BYTES  (GUARD_BYTES + STACK_BYTES)
#define PAGE_BYTES  ((size_t)4096)
#define SLAB_STACKS 32

#define STAGGER_STEPS 8
#define STAGGER_BYTES ((size_t)256)

/* Without light guards each stack splits a mapping, of which vm.max_map_count allows 65,530. */
#define FIBERS_MAX_MPROTECT 24000
#define FIBERS_MAX          200000

/* Of a waiting fiber's stack what it comes to first: the frames of a proxied request. */
#define STACK_HOT_BYTES 2048

/* Idle stacks beyond this many give their pages back. */
#define IDLE_WARM_MAX 1024

#if !defined(MADV_GUARD_INSTALL)
#define MADV_GUARD_INSTALL 102
#endif

enum fiber_state { FIBER_IDLE, FIBER_READY, FIBER_RUNNING, FIBER_WAITING, FIBER_DONE };

struct fiber {
    struct list link; /* in the loop's `ready`, or in the pool's `idle` */
    struct loop *loop;
    fiber_main *main;
    void *arg;
    struct timer deadline; /* stays armed over wakes and ends, to be moved rather than set anew */
    int64_t wakes_ms;      /* the deadline of this wait, FIBER_FOREVER: none */
    int64_t shield_deadline_ms;
    enum fiber_state state;
    int result;       /* of the wait */
    unsigned shields; /* > 0: cancellation is held off */
    bool is_cancelled;
    bool is_warm; /* idle, with its pages */
    struct stack_context stack;
};

struct stack_slab {
    struct stack_slab *next;
    char *memory; /* SLAB_STACKS spans */
};

void fiber_switch_to(void **save_sp, void *load_sp);
void fiber_first(void);

struct fiber *fiber_of_link(struct list *link)
{
    return CONTAINER_OF(link, struct fiber, link);
}

struct fiber *fiber_current(void)
{
    return loop_self == NULL ? NULL : loop_self->current;
}

/* Leaves the running fiber for the loop's own stack. Not inlined: it measures by its own frame. */
static __attribute__((noinline)) void switch_home(struct fiber *fiber)
{
    struct loop *loop = fiber->loop;
    struct fiber_pool *pool = &loop->fibers;
    const char *here = __builtin_frame_address(0);
    size_t depth = (size_t)((const char *)fiber->stack.bottom + fiber->stack.bytes - here);
    if (depth > pool->stack_bytes_high)
        pool->stack_bytes_high = depth;
    sanitizer_leave(&fiber->stack, &loop->home, fiber->state == FIBER_DONE);
    fiber_switch_to(&fiber->stack.stack_pointer, loop->home.stack_pointer);
    sanitizer_arrive(&fiber->stack, &loop->home);
}

static void fiber_body(void *arg)
{
    struct fiber *fiber = arg;
    sanitizer_arrive(&fiber->stack, &fiber->loop->home);
    fiber->main(fiber->arg);
    fiber->state = FIBER_DONE;
    switch_home(fiber);
}

/* Lays the registers that fiber_switch_to pops, in its order, with fiber_first to return to. */
static void prepare_stack(struct fiber *fiber)
{
    uintptr_t *top = (uintptr_t *)fiber;
#if defined(__x86_64__)
    /* The ABI wants rsp + 8 divisible by 16 on entry: fiber_first's own call sees to that. */
    top -= 2;
    *--top = (uintptr_t)fiber_first;
    *--top = 0;                     /* rbp: end of the frame chain */
    *--top = 0;                     /* rbx */
    *--top = (uintptr_t)fiber_body; /* r12 */
    *--top = (uintptr_t)fiber;      /* r13 */
    *--top = 0;                     /* r14 */
    *--top = 0;                     /* r15 */
#else
    top -= 20;
    memset(top, 0, 20 * sizeof *top);
    top[0] = (uintptr_t)fiber_body;   /* x19 */
    top[1] = (uintptr_t)fiber;        /* x20 */
    top[11] = (uintptr_t)fiber_first; /* x30 */
#endif
    fiber->stack.stack_pointer = top;
}

static int guard_stack(struct fiber_pool *pool, char *guard)
{
    if (pool->fibers_max == FIBERS_MAX && madvise(guard, GUARD_BYTES, MADV_GUARD_INSTALL) == 0)
        return 0;
    pool->fibers_max = FIBERS_MAX_MPROTECT;
    return mprotect(guard, GUARD_BYTES, PROT_NONE) < 0 ? -errno : 0;
}

/* Tops are staggered, or the busiest lines of all stacks would share a few sets of the cache. */
static struct fiber *fiber_at(char *span, size_t index)
{
    size_t record = (sizeof(struct fiber) + 63) & ~(size_t)63;
    return (struct fiber *)(span + SPAN_BYTES - record - index % STAGGER_STEPS * STAGGER_BYTES);
}

static void make_ready(struct fiber *fiber, int result)
{
    fiber->state = FIBER_READY;
    fiber->result = result;
    list_append(&fiber->loop->ready, &fiber->link);
}

static void deadline_passed(struct timer *timer)
{
    struct fiber *fiber = CONTAINER_OF(timer, struct fiber, deadline);
    if (fiber->state == FIBER_WAITING && fiber->wakes_ms <= loop_now_ms())
        make_ready(fiber, -ETIMEDOUT);
}

static void free_slab(struct stack_slab *slab)
{
    (void)munmap(slab->memory, SLAB_STACKS * SPAN_BYTES);
    memory_free(slab);
}

/* Cuts a new slab into idle fibers. */
static int add_slab(struct loop *loop)
{
    struct fiber_pool *pool = &loop->fibers;
    struct stack_slab *slab = NEW(struct stack_slab);
    if (slab == NULL)
        return -ENOMEM;
    void *memory = mmap(NULL, SLAB_STACKS * SPAN_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        memory_free(slab);
        return -ENOMEM;
    }
    slab->memory = memory;
    (void)madvise(memory, SLAB_STACKS * SPAN_BYTES, MADV_NOHUGEPAGE);
    for (int i = 0; i < SLAB_STACKS; i++) {
        int rc = guard_stack(pool, slab->memory + (size_t)i * SPAN_BYTES);
        if (rc < 0) {
            free_slab(slab);
            return rc;
        }
    }
    for (int i = 0; i < SLAB_STACKS; i++) {
        char *span = slab->memory + (size_t)i * SPAN_BYTES;
        struct fiber *fiber = fiber_at(span, (size_t)i);
        fiber->loop = loop;
        timer_init(&fiber->deadline, deadline_passed);
        fiber->stack.bottom = span + GUARD_BYTES;
        fiber->stack.bytes = (size_t)((char *)fiber - (span + GUARD_BYTES));
        list_append(&pool->idle, &fiber->link);
    }
    slab->next = pool->slabs;
    pool->slabs = slab;
    pool->stacks += SLAB_STACKS;
    return 0;
}

static int take_stack(struct loop *loop, struct fiber **ret_fiber)
{
    struct fiber_pool *pool = &loop->fibers;
    if (list_is_empty(&pool->idle)) {
        if (pool->running >= pool->fibers_max)
            return -EAGAIN;
        int rc = add_slab(loop);
        if (rc < 0)
            return rc;
    }
    struct fiber *fiber = fiber_of_link(pool->idle.next);
    list_remove(&fiber->link);
    if (fiber->is_warm)
        pool->idle_warm--;
    *ret_fiber = fiber;
    return 0;
}

/* Warm stacks are kept in front; beyond IDLE_WARM_MAX all pages but the record's go back. */
static void give_stack_back(struct fiber *fiber)
{
    struct fiber_pool *pool = &fiber->loop->fibers;
    sanitizer_stack_end(&fiber->stack);
    fiber->state = FIBER_IDLE;
    fiber->is_warm = pool->idle_warm < IDLE_WARM_MAX;
    if (fiber->is_warm) {
        pool->idle_warm++;
        list_prepend(&pool->idle, &fiber->link);
        return;
    }
    size_t whole_pages = fiber->stack.bytes & ~(PAGE_BYTES - 1);
    (void)madvise((void *)(uintptr_t)fiber->stack.bottom, whole_pages, MADV_DONTNEED);
    list_append(&pool->idle, &fiber->link);
}

void fiber_pool_init(struct loop *loop)
{
    loop->fibers = (struct fiber_pool){.fibers_max = FIBERS_MAX};
    list_init(&loop->fibers.idle);
    sanitizer_home(&loop->home);
}

void fiber_pool_finish(struct loop *loop)
{
    struct stack_slab *slab = loop->fibers.slabs;
    while (slab != NULL) {
        struct stack_slab *next = slab->next;
        free_slab(slab);
        slab = next;
    }
    loop->fibers.slabs = NULL;
}

void fiber_resume(struct fiber *fiber)
{
    struct loop *loop = fiber->loop;
    assert(loop->current == NULL && fiber->state == FIBER_READY);
    fiber->state = FIBER_RUNNING;
    loop->current = fiber;
    sanitizer_leave(&loop->home, &fiber->stack, false);
    fiber_switch_to(&loop->home.stack_pointer, fiber->stack.stack_pointer);
    sanitizer_arrive(&loop->home, &fiber->stack);
    loop->current = NULL;
    if (fiber->state == FIBER_DONE) {
        loop->fibers.running--;
        give_stack_back(fiber);
    }
}

void fiber_prefetch(const struct fiber *fiber)
{
    prefetch(fiber, sizeof *fiber);
    prefetch(fiber->stack.stack_pointer, STACK_HOT_BYTES);
}

int fiber_start(fiber_main *main, void *arg, struct fiber **ret_fiber)
{
    struct loop *loop = loop_self;
    struct fiber *fiber = NULL;
    int rc = take_stack(loop, &fiber);
    if (rc < 0)
        return rc;
    fiber->main = main;
    fiber->arg = arg;
    fiber->state = FIBER_READY;
    fiber->shields = 0;
    fiber->is_cancelled = false;
    list_init(&fiber->link);
    sanitizer_stack_begin(&fiber->stack);
    prepare_stack(fiber);
    loop->fibers.running++;
    if (ret_fiber != NULL)
        *ret_fiber = fiber;
    if (loop->current == NULL)
        fiber_resume(fiber);
    else
        list_append(&loop->ready, &fiber->link);
    return 0;
}

int fiber_wait(int64_t deadline_ms)
{
    struct fiber *fiber = loop_self->current;
    assert(fiber != NULL);
    if (fiber->is_cancelled && fiber->shields == 0)
        return -ECANCELED;
    if (fiber->shields > 0 && fiber->shield_deadline_ms < deadline_ms)
        deadline_ms = fiber->shield_deadline_ms;
    fiber->wakes_ms = deadline_ms;
    if (deadline_ms != FIBER_FOREVER)
        timer_arm(&fiber->deadline, deadline_ms);
    fiber->state = FIBER_WAITING;
    switch_home(fiber);
    return fiber->result;
}

void fiber_wait_held(void)
{
    struct fiber *fiber = loop_self->current;
    assert(fiber != NULL);
    fiber->shields++;
    fiber->wakes_ms = FIBER_FOREVER;
    fiber->state = FIBER_WAITING;
    switch_home(fiber);
    fiber->shields--;
}

void fiber_wake(struct fiber *fiber)
{
    if (fiber->state == FIBER_WAITING)
        make_ready(fiber, 0);
}

void fiber_cancel(struct fiber *fiber)
{
    fiber->is_cancelled = true;
    if (fiber->state == FIBER_WAITING && fiber->shields == 0)
        make_ready(fiber, -ECANCELED);
}

void fiber_cancel_all(struct loop *loop)
{
    for (struct stack_slab *slab = loop->fibers.slabs; slab != NULL; slab = slab->next) {
        for (int i = 0; i < SLAB_STACKS; i++) {
            struct fiber *fiber = fiber_at(slab->memory + (size_t)i * SPAN_BYTES, (size_t)i);
            if (fiber->state == FIBER_READY || fiber->state == FIBER_WAITING)
                fiber_cancel(fiber);
        }
    }
}

bool fiber_is_cancelled(const struct fiber *fiber)
{
    return fiber->is_cancelled;
}

int fiber_sleep(int64_t duration_ms)
{
    int rc = fiber_wait(loop_deadline(duration_ms));
    return rc == -ETIMEDOUT ? 0 : rc;
}

void fiber_yield(void)
{
    struct fiber *fiber = loop_self->current;
    make_ready(fiber, 0);
    switch_home(fiber);
}

int fiber_shield(int (*fn)(void *arg), void *arg, int64_t deadline_ms)
{
    struct fiber *fiber = loop_self->current;
    int64_t outer_deadline_ms = fiber->shield_deadline_ms;
    if (fiber->shields == 0 || deadline_ms < outer_deadline_ms)
        fiber->shield_deadline_ms = deadline_ms;
    fiber->shields++;
    int rc = fn(arg);
    fiber->shields--;
    fiber->shield_deadline_ms = outer_deadline_ms;
    return rc;
}

void fiber_stats_read(struct fiber_stats *ret_stats)
{
    const struct fiber_pool *pool = &loop_self->fibers;
    *ret_stats = (struct fiber_stats){
        .running = pool->running,
        .stacks = pool->stacks,
        .fibers_max = pool->fibers_max,
        .stack_bytes_high = pool->stack_bytes_high,
    };
}
