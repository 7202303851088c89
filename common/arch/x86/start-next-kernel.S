// SPDX-License-Identifier: BSD-2-Clause
// The jump to the next kernel: [[noreturn]] void StartNextKernel(const StartState* state).
//
// The 64-bit boot protocol and vmlinux' own entry want boot_params in RSI, flat segments, interrupts and the
// direction flag off; nothing else.  Sources: Documentation/arch/x86/boot.rst, "64-bit Boot Protocol";
// arch/x86/kernel/head_64.S, startup_64.

        .section .text.StartNextKernel, "ax"
        .code64
        .globl  StartNextKernel
        .hidden StartNextKernel
        .type   StartNextKernel, @function
StartNextKernel:
        mov     (%rdi), %rsi
        mov     8(%rdi), %rax
        xor     %ebx, %ebx
        xor     %ecx, %ecx
        xor     %edx, %edx
        xor     %edi, %edi
        xor     %ebp, %ebp
        xor     %r8d, %r8d
        xor     %r9d, %r9d
        xor     %r10d, %r10d
        xor     %r11d, %r11d
        xor     %r12d, %r12d
        xor     %r13d, %r13d
        xor     %r14d, %r14d
        xor     %r15d, %r15d
        cld
        jmp     *%rax
        .size   StartNextKernel, . - StartNextKernel

        .section .note.GNU-stack, "", @progbits
