// SPDX-License-Identifier: BSD-2-Clause
// Entries of the exception table: 32 of 16 bytes each.
//
// Each brings the stack into the form of ExceptionFrame.  The processor pushes an error code for vectors
// 8, 10 to 14, 17, 21, 29 and 30 (Intel SDM vol. 3A, table 6-1; AMD APM vol. 2, 8.2).

        .text
        .balign 16
        .globl  holdfast_exception_entries
        .hidden holdfast_exception_entries
        .type   holdfast_exception_entries, @object
holdfast_exception_entries:
        .set    vector, 0
        .rept   32
        .balign 16
        .if     vector == 2                     // NMI: not for us, and harmless to let pass
        iretq
        .else
        .if     !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
        push    $0
        .endif
        push    $vector
        jmp     exception_common
        .endif
        .set    vector, vector + 1
        .endr
        .balign 16
        .size   holdfast_exception_entries, . - holdfast_exception_entries

        .type   exception_common, @function
exception_common:
        mov     %rsp, %rdi
        and     $-16, %rsp
        cld
        call    HoldfastException
        .size   exception_common, . - exception_common

        .section .note.GNU-stack, "", @progbits
