// SPDX-License-Identifier: BSD-2-Clause
// The first and the last instructions of the image, from each of its entries.
//
// 32-bit entry (load address + 0): protected mode, no paging, flat segments, boot_params in ESI: GRUB on BIOS
// machines.  64-bit entry (+ 0x200): an identity map over at least the image and boot_params, boot_params in RSI.
// Source: Documentation/arch/x86/boot.rst, "32-bit Boot Protocol" and "64-bit Boot Protocol".
//
// The work area (common/abi/stage-image.h), which need not be zero: six early page tables, the shell's Storage, and
// the stack.

#include "purgatory/image/work-area.h"

        .section .text.entry, "ax"
        .set    cr4_pae, 1 << 5
        .set    cr4_la57, 1 << 12
        .set    msr_efer, 0xc0000080
        .set    efer_lme, 1 << 8
        .set    cr0_pg_pe, 1 << 31 | 1

        // --- 32-bit --------------------------------------------------------------------------------------------
        .code32
image_entry32:
        cld
        cli
        // There is no stack.  boot_params has one word for this purpose (scratch, 0x1e4).
        lea     0x1e8(%esi), %esp
        call    1f
1:      pop     %ebp
        sub     $(1b - image_entry32), %ebp     // where we were loaded
        mov     (record_work_offset - image_entry32)(%ebp), %ebx
        lea     -0x1000(%ebp, %ebx), %ebx       // the work area, and in it the top page table

        // Four GiB one to one, in pages of 2 MiB.
        mov     %ebx, %edi
        mov     $(EARLY_TABLES * 0x1000 / 4), %ecx
        xor     %eax, %eax
        rep stosl
        lea     0x1003(%ebx), %eax
        mov     %eax, (%ebx)
        lea     0x1000(%ebx), %edi
        mov     $4, %ecx
2:      add     $0x1000, %eax
        mov     %eax, (%edi)
        add     $8, %edi
        loop    2b
        lea     0x2000(%ebx), %edi
        mov     $0x83, %eax
        mov     $2048, %ecx
3:      mov     %eax, (%edi)
        add     $8, %edi
        add     $0x200000, %eax
        loop    3b

        lea     (image_gdt - image_entry32)(%ebp), %eax
        mov     %eax, (image_gdt_pointer - image_entry32 + 2)(%ebp)
        lgdt    (image_gdt_pointer - image_entry32)(%ebp)
        mov     %cr4, %eax
        or      $cr4_pae, %eax
        and     $~cr4_la57, %eax                // our tables have four levels
        mov     %eax, %cr4
        mov     %ebx, %cr3
        mov     $msr_efer, %ecx
        rdmsr
        or      $efer_lme, %eax
        wrmsr
        lea     WORK_STACK_SPARE(%ebx), %esp    // for the far return alone
        lea     (from32 - image_entry32)(%ebp), %eax
        push    $0x10
        push    %eax
        mov     %cr0, %eax
        or      $cr0_pg_pe, %eax
        mov     %eax, %cr0
        lret

        // --- 64-bit --------------------------------------------------------------------------------------------
        .code64
        .org    0x200
        .globl  image_entry64
image_entry64:
        jmp     start64

        .org    0x240
        // struct StageImageRecord
        .ascii  "HFSTAGE1"
        .quad   0, 0                            // the bundle
record_work_offset:
        .long   image_end - image_entry32 + 0x1000, 0
        .quad   WORK_SIZE
record_boot_params:
        .quad   0

from32: mov     %esi, %esi                      // the upper half is not defined
        xor     %r14d, %r14d                    // nothing is known of a loader's stack
        jmp     1f
start64:
        mov     %rsp, %r14                      // the loader's stack: what lies there is the loader's
1:      cld
        cli
        test    %rsi, %rsi
        jnz     2f
        mov     record_boot_params(%rip), %rsi
2:      mov     %rsi, %r12
        lea     image_entry32(%rip), %rbp       // where we were loaded
        mov     record_work_offset(%rip), %rbx
        lea     -0x1000(%rbp, %rbx), %rbx       // the work area
        lea     WORK_SIZE(%rbx), %rsp

        lea     image_gdt(%rip), %rax
        mov     %rax, image_gdt_pointer + 2(%rip)
        lgdt    image_gdt_pointer(%rip)
        mov     $0x18, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        push    $0x10
        lea     2f(%rip), %rax
        push    %rax
        lretq

        // The work area is zero, but for the early page tables, which may be in use.
2:      lea     EARLY_TABLES * 0x1000(%rbx), %rdi
        mov     $((WORK_SIZE - EARLY_TABLES * 0x1000) / 8), %ecx
        xor     %eax, %eax
        rep stosq

        // Addresses in our own data: the linker left their offsets, as R_X86_64_RELATIVE (8) and nothing else, which
        // tests/lint/image-gates.sh sees to.
        lea     rela_start(%rip), %rsi
        lea     rela_end(%rip), %rdi
        lea     -0x1000(%rbp), %rdx             // the address of offset 0
3:      cmp     %rdi, %rsi
        jae     4f
        cmpl    $8, 8(%rsi)
        jne     5f
        mov     (%rsi), %rax
        mov     16(%rsi), %rcx
        add     %rdx, %rcx
        mov     %rcx, (%rdx, %rax)
        add     $24, %rsi
        jmp     3b
5:      ud2

4:      lea     -16(%rsp), %rsp
        mov     %rsp, %r13                      // struct StartState
        mov     %r13, %rdi
        mov     %rbp, %rsi
        mov     %r12, %rdx
        lea     EARLY_TABLES * 0x1000(%rbx), %rcx
        mov     %r14, %r8
        xor     %ebp, %ebp
        call    ImageMain
        mov     %r13, %rdi
        jmp     StartNextKernel

        .balign 16
image_gdt:
        .quad   0
        .quad   0
        .quad   0x00af9a000000ffff              // 0x10: 64-bit code
        .quad   0x00cf92000000ffff              // 0x18: flat data
image_gdt_end:
image_gdt_pointer:
        .word   image_gdt_end - image_gdt - 1
        .quad   0

        // --- EFI -----------------------------------------------------------------------------------------------
        // Firmware that starts this file as an application gets an answer: Status(ImageHandle, SystemTable).
        // Source: UEFI 2.10, 4.3 (EFI_SYSTEM_TABLE: ConOut at 64), 12.4 (OutputString at 8).
        .globl  efi_entry
efi_entry:
        sub     $40, %rsp
        mov     64(%rdx), %rcx
        test    %rcx, %rcx
        jz      1f
        lea     efi_text(%rip), %rdx
        call    *8(%rcx)
1:      movabs  $0x8000000000000003, %rax       // EFI_UNSUPPORTED
        add     $40, %rsp
        ret

        .section .note.GNU-stack, "", @progbits
