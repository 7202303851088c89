// SPDX-License-Identifier: BSD-2-Clause
// From firmware's machine state to the next kernel's: [[noreturn]] void EnterKernel(const StartState* state).
//
// Firmware's selectors are its own affair (UEFI 2.10, 2.3.4); the 64-bit boot protocol wants code at 0x10 and data at
// 0x18, flat.  Its page tables and its stack stay: they lie in boot services' memory, which the kernel does not touch
// before it has its own.  Source: Documentation/arch/x86/boot.rst, "64-bit Boot Protocol".

        .section .text.EnterKernel, "ax"
        .code64
        .globl  EnterKernel
        .hidden EnterKernel
        .type   EnterKernel, @function
EnterKernel:
        cli
        cld
        lea     kernel_gdt(%rip), %rax
        mov     %rax, kernel_gdt_pointer + 2(%rip)
        lgdt    kernel_gdt_pointer(%rip)
        mov     $0x18, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        push    $0x10
        lea     StartNextKernel(%rip), %rax
        push    %rax
        lretq
        .size   EnterKernel, . - EnterKernel

        .data
        .balign 16
kernel_gdt:
        .quad   0
        .quad   0
        .quad   0x00af9b000000ffff              // 0x10: 64-bit code
        .quad   0x00cf93000000ffff              // 0x18: flat data
kernel_gdt_end:
kernel_gdt_pointer:
        .word   kernel_gdt_end - kernel_gdt - 1
        .quad   0

        .section .note.GNU-stack, "", @progbits
