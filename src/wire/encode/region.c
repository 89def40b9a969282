/* Parts lie behind each other and each knows its length and that of the one before. */
#include "wire/encode/region.h"

#include <stdint.h>

#define ALIGNMENT ((size_t)16)

struct region_part {
    _Alignas(16) size_t bytes; /* with this header */
    size_t before;             /* of the part before; 0: the first. The lowest bit: in use */
};

#define IN_USE ((size_t)1)

static struct region_part *next_of(struct region_part *part)
{
    return (struct region_part *)((char *)part + part->bytes);
}

static bool is_free(const struct region *region, const struct region_part *part)
{
    return part != region->end && (part->before & IN_USE) == 0;
}

static void set_before(const struct region *region, struct region_part *part, size_t bytes)
{
    if (part != region->end)
        part->before = bytes | (part->before & IN_USE);
}

void region_init(struct region *region, void *memory, size_t bytes)
{
    bytes -= bytes % ALIGNMENT;
    region->first = memory;
    region->end = (struct region_part *)((char *)memory + bytes);
    *region->first = (struct region_part){.bytes = bytes, .before = 0};
}

/* Leaves what is more than `bytes` as a free part of its own. */
static void split(struct region *region, struct region_part *part, size_t bytes)
{
    if (part->bytes - bytes < 2 * sizeof *part)
        return;
    struct region_part *rest = (struct region_part *)((char *)part + bytes);
    *rest = (struct region_part){.bytes = part->bytes - bytes, .before = bytes};
    part->bytes = bytes;
    set_before(region, next_of(rest), rest->bytes);
}

void *region_take(struct region *region, size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    size_t needed = sizeof(struct region_part) + (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    for (struct region_part *part = region->first; part != region->end; part = next_of(part)) {
        if (!is_free(region, part) || part->bytes < needed)
            continue;
        split(region, part, needed);
        part->before |= IN_USE;
        return part + 1;
    }
    return NULL;
}

static void join_next(struct region *region, struct region_part *part)
{
    struct region_part *next = next_of(part);
    if (!is_free(region, next))
        return;
    part->bytes += next->bytes;
    set_before(region, next_of(part), part->bytes);
}

bool region_give(struct region *region, void *at)
{
    uintptr_t place = (uintptr_t)at;
    if (place <= (uintptr_t)region->first || place >= (uintptr_t)region->end)
        return false;
    struct region_part *part = (struct region_part *)at - 1;
    part->before &= ~IN_USE;
    join_next(region, part);
    if (part->before > 0) {
        struct region_part *before = (struct region_part *)((char *)part - part->before);
        if (is_free(region, before))
            join_next(region, before);
    }
    return true;
}
