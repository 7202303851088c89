// SPDX-License-Identifier: BSD-2-Clause
// The first and the last instructions of the purgatory.
//
// State on entry: 64-bit mode, interrupts off, no valid GDT or IDT, a stack in the old kernel's memory whose top
// word is the address to jump back to (0 for a normal kexec).  Sources: arch/x86/kernel/relocate_kernel_64.S;
// kexec-tools, purgatory/arch/x86_64/entry64.S for what the next kernel finds.

        .section .text.start, "ax"
        .code64
        .globl  purgatory_start
        .type   purgatory_start, @function
purgatory_start:
        cld
        cli
        mov     (%rsp), %rbx                    // jump_back_entry
        lea     gdt(%rip), %rax
        mov     %rax, gdt_pointer + 2(%rip)
        lgdt    gdt_pointer(%rip)
        mov     $0x18, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        lea     work_stack_top(%rip), %rsp
        push    $0x10
        lea     1f(%rip), %rax
        push    %rax
        lretq
        // Not every loader clears what a segment has beyond the bytes of its file.  The stack, which lies there,
        // is empty.
1:      lea     bss_start(%rip), %rdi
        lea     purgatory_end(%rip), %rcx
        sub     %rdi, %rcx
        shr     $3, %rcx
        xor     %eax, %eax
        rep stosq
        mov     %rbx, %rdi                      // first argument of PurgatoryMain
        xor     %ebp, %ebp
        lea     start_state(%rip), %rsi         // second argument: where the next kernel starts
        call    PurgatoryMain

        lea     stack_end(%rip), %rsp
        lea     start_state(%rip), %rdi
        jmp     StartNextKernel
        .size   purgatory_start, . - purgatory_start

        .data
        .balign 16
gdt:    .quad   0
        .quad   0
        .quad   0x00af9a000000ffff              // 0x10: 64-bit code
        .quad   0x00cf92000000ffff              // 0x18: flat data
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .quad   0

        .bss
        .balign 4096
        // The stack that the loader names for the next kernel's first instructions.
        .skip   4096
        .globl  stack_end
        .type   stack_end, @object
stack_end:
        .skip   16
        .size   stack_end, . - stack_end
        .balign 16
start_state:                                    // struct StartState
        .skip   16
        .balign 4096
        .skip   65536
work_stack_top:

        .section .note.GNU-stack, "", @progbits
