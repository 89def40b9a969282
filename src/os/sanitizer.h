/*
 * Tells the sanitizers about stacks that are switched by hand. All of it is empty without them.
 * Always inline: TSan keeps a call stack for each fiber, and a function that switches and then
 * returns would take its entry off the wrong one.
 */
#pragma once

#include "os/loop_internal.h"

#if defined(__SANITIZE_ADDRESS__)
#define WEIR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEIR_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define WEIR_TSAN 1
#endif
#endif

#if defined(WEIR_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(WEIR_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

/* Before a switch from `from` to `to`; `from_ends` when it is never come back to. */
static inline __attribute__((always_inline)) void
sanitizer_leave(struct stack_context *from, struct stack_context *to, bool from_ends)
{
    (void)from;
    (void)to;
    (void)from_ends;
#if defined(WEIR_ASAN)
    __sanitizer_start_switch_fiber(from_ends ? NULL : &from->fake_stack, to->bottom, to->bytes);
#endif
#if defined(WEIR_TSAN)
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
}

/* First thing after arriving on `self`; `from` learns the bounds of the stack that was left. */
static inline __attribute__((always_inline)) void sanitizer_arrive(struct stack_context *self,
                                                                   struct stack_context *from)
{
    (void)self;
    (void)from;
#if defined(WEIR_ASAN)
    __sanitizer_finish_switch_fiber(self->fake_stack, &from->bottom, &from->bytes);
#endif
}

static inline __attribute__((always_inline)) void sanitizer_stack_begin(struct stack_context *stack)
{
    stack->fake_stack = NULL;
#if defined(WEIR_TSAN)
    stack->tsan = __tsan_create_fiber(0);
#endif
}

/* The stack's fiber has ended; called on another stack. */
static inline __attribute__((always_inline)) void sanitizer_stack_end(struct stack_context *stack)
{
    (void)stack;
#if defined(WEIR_ASAN)
    __asan_unpoison_memory_region(stack->bottom, stack->bytes);
#endif
#if defined(WEIR_TSAN)
    __tsan_destroy_fiber(stack->tsan);
#endif
}

static inline __attribute__((always_inline)) void sanitizer_home(struct stack_context *home)
{
    (void)home;
#if defined(WEIR_TSAN)
    home->tsan = __tsan_get_current_fiber();
#endif
}
