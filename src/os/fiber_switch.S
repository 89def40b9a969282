/*
 * fiber_switch_to(void **save_sp, void *load_sp): saves the callee-saved registers on the current
 * stack, stores its pointer in *save_sp, and goes on where load_sp was saved. fiber_first is where a
 * new stack begins: it calls the function in one saved register with the argument in another.
 */
#if defined(__x86_64__)

    .text
    .globl fiber_switch_to
    .hidden fiber_switch_to
    .type fiber_switch_to, @function
    .p2align 4
fiber_switch_to:
    .cfi_startproc
    endbr64
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    pushq %r12
    .cfi_adjust_cfa_offset 8
    pushq %r13
    .cfi_adjust_cfa_offset 8
    pushq %r14
    .cfi_adjust_cfa_offset 8
    pushq %r15
    .cfi_adjust_cfa_offset 8
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    .cfi_adjust_cfa_offset -8
    popq %r14
    .cfi_adjust_cfa_offset -8
    popq %r13
    .cfi_adjust_cfa_offset -8
    popq %r12
    .cfi_adjust_cfa_offset -8
    popq %rbx
    .cfi_adjust_cfa_offset -8
    popq %rbp
    .cfi_adjust_cfa_offset -8
    ret
    .cfi_endproc
    .size fiber_switch_to, . - fiber_switch_to

    .globl fiber_first
    .hidden fiber_first
    .type fiber_first, @function
    .p2align 4
fiber_first:
    .cfi_startproc
    .cfi_undefined rip
    endbr64
    movq %r13, %rdi
    call *%r12
    ud2
    .cfi_endproc
    .size fiber_first, . - fiber_first

    .section .note.gnu.property, "a"
    .p2align 3
    .long 4, 16, 5
    .asciz "GNU"
    .long 0xc0000002, 4, 1, 0

#elif defined(__aarch64__)

    .text
    .globl fiber_switch_to
    .hidden fiber_switch_to
    .type fiber_switch_to, %function
    .p2align 4
fiber_switch_to:
    .cfi_startproc
    hint #34
    sub sp, sp, #160
    .cfi_adjust_cfa_offset 160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    .cfi_adjust_cfa_offset -160
    ret
    .cfi_endproc
    .size fiber_switch_to, . - fiber_switch_to

    .globl fiber_first
    .hidden fiber_first
    .type fiber_first, %function
    .p2align 4
fiber_first:
    .cfi_startproc
    .cfi_undefined x30
    hint #36
    mov x0, x20
    blr x19
    brk #0
    .cfi_endproc
    .size fiber_first, . - fiber_first

#else
#error "fiber_switch.S knows x86-64 and aarch64 only"
#endif

    .section .note.GNU-stack, "", %progbits
