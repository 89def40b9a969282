/*
 * Six levels of 64 slots: level n holds timers that are less than 64^(n+1) ms away. When the lower
 * level has gone round, the next slot of the level above is dealt out again.
 */
#include "base/wheel.h"

#define SLOT_MASK   (WHEEL_SLOTS - 1)
#define SPAN_MS_MAX ((INT64_C(1) << (WHEEL_BITS * WHEEL_LEVELS)) - 1)

void wheel_init(struct wheel *wheel, int64_t now_ms)
{
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        for (int slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
        wheel->occupied[level] = 0;
    }
    wheel->now_ms = now_ms;
    wheel->next_ms = INT64_MAX;
}

/* Places an unlinked timer by the distance; the slot is the deadline's digit at that level. */
static void place(struct wheel *wheel, struct wheel_timer *timer)
{
    int64_t when = timer->deadline_ms;
    if (when <= wheel->now_ms)
        when = wheel->now_ms + 1;
    int64_t distance = when - wheel->now_ms;
    if (distance > SPAN_MS_MAX) {
        distance = SPAN_MS_MAX;
        when = wheel->now_ms + distance;
    }
    timer->placed_ms = when;
    int level =
        distance < WHEEL_SLOTS ? 0 : (63 - __builtin_clzll((uint64_t)distance)) / WHEEL_BITS;
    unsigned slot = (unsigned)(when >> (WHEEL_BITS * level)) & SLOT_MASK;
    list_append(&wheel->slots[level][slot], &timer->link);
    wheel->occupied[level] |= UINT64_C(1) << slot;
    int64_t begins_ms = when >> (WHEEL_BITS * level) << (WHEEL_BITS * level);
    if (begins_ms < wheel->next_ms)
        wheel->next_ms = begins_ms;
}

void wheel_arm(struct wheel *wheel, struct wheel_timer *timer, int64_t deadline_ms)
{
    timer->deadline_ms = deadline_ms;
    if (wheel_timer_is_armed(timer) && deadline_ms >= timer->placed_ms)
        return;
    list_remove(&timer->link);
    place(wheel, timer);
}

/* Deals a slot's timers out again: to `due`, or to where their deadlines belong now. */
static void deal_out(struct wheel *wheel, int level, int64_t tick, struct list *due)
{
    unsigned slot = (unsigned)(tick >> (WHEEL_BITS * level)) & SLOT_MASK;
    struct list timers;
    list_init(&timers);
    list_take_all(&timers, &wheel->slots[level][slot]);
    wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    LIST_FOR_EACH (&timers, link) {
        struct wheel_timer *timer = CONTAINER_OF(link, struct wheel_timer, link);
        list_remove(link);
        if (timer->deadline_ms <= tick)
            list_append(due, link);
        else
            place(wheel, timer);
    }
}

/* Deals the slots of the upper levels that begin at this tick out to the lower ones. */
static void cascade(struct wheel *wheel, int64_t tick, struct list *due)
{
    for (int level = 1; level < WHEEL_LEVELS; level++) {
        if ((tick & ((INT64_C(1) << (WHEEL_BITS * level)) - 1)) != 0)
            return;
        deal_out(wheel, level, tick, due);
    }
}

/*
 * The next tick at which an occupied slot begins, INT64_MAX when none is. A slot whose timers were
 * all cancelled still counts until it is passed.
 */
static int64_t next_tick(const struct wheel *wheel)
{
    int64_t next = INT64_MAX;
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        uint64_t occupied = wheel->occupied[level];
        if (occupied == 0)
            continue;
        int64_t base = wheel->now_ms >> (WHEEL_BITS * level);
        unsigned first = (unsigned)(base + 1) & SLOT_MASK;
        uint64_t ahead = occupied >> first;
        if (first != 0)
            ahead |= occupied << (WHEEL_SLOTS - first);
        int64_t tick = (base + 1 + __builtin_ctzll(ahead)) << (WHEEL_BITS * level);
        if (tick < next)
            next = tick;
    }
    return next;
}

void wheel_advance(struct wheel *wheel, int64_t now_ms, struct list *due)
{
    while (wheel->next_ms <= now_ms) {
        int64_t tick = wheel->next_ms;
        wheel->now_ms = tick;
        cascade(wheel, tick, due);
        deal_out(wheel, 0, tick, due);
        wheel->next_ms = next_tick(wheel);
    }
    if (wheel->now_ms < now_ms)
        wheel->now_ms = now_ms;
}
