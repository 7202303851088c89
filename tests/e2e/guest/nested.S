// SPDX-License-Identifier: BSD-2-Clause
// A guest of the guest: a ROM that fills its memory, then counts, and looks through all it filled each time.
//
// It says "guest N ok" on its serial port, N in hexadecimal; "guest N bad" where memory is not what it was.

#define FIRST 0x400000
#define LAST 0x1400000
#define COUNTER 0x1000
#define STACK 0x8000
#define SERIAL 0x3f8
#define ROM 0xf0000

        .text
        .code16
start:
        cli
        lgdtl   %cs:(gdt_register - start)
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $8, $(ROM + flat - start)

        .code32
flat:
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $STACK, %esp
        movl    $0, COUNTER
        movl    $FIRST, %edi
fill:
        imull   $0x9e3779b1, %edi, %eax
        movl    %eax, (%edi)
        addl    $4, %edi
        cmpl    $LAST, %edi
        jb      fill

count:
        incl    COUNTER
        movl    $(ROM + ok - start), %ebx
        movl    $FIRST, %edi
check:
        imull   $0x9e3779b1, %edi, %eax
        cmpl    (%edi), %eax
        je      same
        movl    $(ROM + bad - start), %ebx
same:
        addl    $4, %edi
        cmpl    $LAST, %edi
        jb      check

        movl    $(ROM + guest - start), %esi
        call    say
        movl    COUNTER, %ecx
        movl    $8, %ebp
digit:
        roll    $4, %ecx
        movl    %ecx, %eax
        andl    $15, %eax
        movb    (ROM + digits - start)(%eax), %al
        call    put
        decl    %ebp
        jnz     digit
        movl    %ebx, %esi
        call    say
        jmp     count

say:
        lodsb
        testb   %al, %al
        jz      said
        call    put
        jmp     say
said:
        ret

put:
        movb    %al, %ah
        movl    $(SERIAL + 5), %edx
ready:
        inb     %dx, %al
        testb   $0x20, %al
        jz      ready
        movb    %ah, %al
        movl    $SERIAL, %edx
        outb    %al, %dx
        ret

guest:  .asciz  "guest "
ok:     .asciz  " ok\n"
bad:    .asciz  " bad\n"
digits: .ascii  "0123456789abcdef"

        .balign 8
gdt:
        .quad   0
        .quad   0x00cf9a000000ffff
        .quad   0x00cf92000000ffff
gdt_register:
        .word   . - gdt - 1
        .long   ROM + gdt - start

        .org    0xfff0
        .code16
        ljmpw   $0xf000, $0
        .org    0x10000
