// SPDX-License-Identifier: BSD-2-Clause
// The first 4 KiB of holdfast.bzimage: at once a PE file's header and a bzImage's setup sectors.
//
// None of it is loaded.  A bundle that is put into the image changes the fields marked B.
// Sources: Documentation/arch/x86/boot.rst, "Details of Header Fields"; PE Format (Microsoft), "COFF File Header",
// "Optional Header", "Section Table".

#include "purgatory/image/work-area.h"

        .section .header, "a"
header_start:

        // --- PE ------------------------------------------------------------------------------------------------
        // "MZ" also keeps kexec-tools from taking the file for one compressed by lzma.
        .ascii  "MZ"
        .org    0x3c
        .long   0x40                            // where the PE header begins

        .ascii  "PE\0\0"
        .word   0x8664                          // x86-64
        .word   1                               // sections
        .long   0                               // time stamp
        .long   0, 0                            // no symbols
        .word   0xa0                            // the optional header's size
        .word   0x0206                          // executable; neither line numbers nor debug information
        .word   0x20b                           // PE32+
        .byte   0, 0                            // linker
        .long   image_end - header_start - 0x1000       // B SizeOfCode
        .long   0, 0
        .long   efi_entry - header_start        // AddressOfEntryPoint
        .long   0x1000                          // BaseOfCode
        .quad   0                               // ImageBase
        .long   0x1000                          // SectionAlignment
        .long   0x200                           // FileAlignment
        .word   0, 0                            // operating system
        // Image version 0: GRUB 2.12 takes its own loader, which does not need an EFI entry of the kernel's.
        .word   0, 0
        .word   0, 0                            // subsystem
        .long   0
        .long   image_end - header_start        // B SizeOfImage
        .long   0x1000                          // SizeOfHeaders
        .long   0                               // CheckSum
        .word   10                              // EFI application
        .word   0                               // DllCharacteristics
        .quad   0, 0, 0, 0                      // stack and heap
        .long   0
        .long   6                               // directories; the fifth is a signature's
        .quad   0, 0, 0, 0, 0, 0
        .ascii  ".text\0\0\0"
        .long   image_end - header_start - 0x1000       // B VirtualSize
        .long   0x1000                          // VirtualAddress
        .long   image_end - header_start - 0x1000       // B SizeOfRawData
        .long   0x1000                          // PointerToRawData
        .long   0, 0
        .word   0, 0
        .long   0xe0000020                      // code, executable, readable, writable

        // --- bzImage -------------------------------------------------------------------------------------------
        // The sentinel: a loader that copies it has copied more than it knows of.
        .org    0x1ef
        .byte   0xff, 0xff
        .byte   7                               // setup_sects: with the boot sector 4 KiB
        .word   0                               // root_flags
        // B syssize, in units of 16 bytes, which only the linker can tell: image.ld puts it here, at 0x1f4.
        .section .header.rest, "a"
        .set    rest_start, . - 0x1f8           // where header_start is, seen from here
        .word   0                               // ram_size
        .word   0xffff                          // vid_mode: as it is
        .word   0                               // root_dev
        .word   0xaa55                          // boot_flag
        .byte   0xeb, 0x26c - 0x202        // jump over the header; its second byte is the header's length
        .ascii  "HdrS"
        .word   0x020f                          // version
        .long   0                               // realmode_swtch
        .word   0
        .word   version - rest_start - 0x200    // kernel_version
        .byte   0                               // type_of_loader
        .byte   1                               // loadflags: LOADED_HIGH
        .word   0
        .long   0x100000                        // code32_start
        .long   0, 0                            // ramdisk
        .long   0
        .word   0
        .byte   0, 0
        .long   0                               // cmd_line_ptr
        .long   0x7fffffff                      // initrd_addr_max
        .long   0x1000                          // kernel_alignment: whole pages are enough
        .byte   1                               // relocatable_kernel
        .byte   12                              // min_alignment
        // XLF_KERNEL_64, CAN_BE_LOADED_ABOVE_4G, EFI_KEXEC, 5LEVEL, 5LEVEL_ENABLED
        .word   0x73
        .long   2047                            // cmdline_size
        .long   0                               // hardware_subarch
        .quad   0
        .long   0, 0                            // payload: the bundle's place is in the record, behind the entries
        .quad   0                               // setup_data
        .quad   0x1000000                       // pref_address
        .long   image_end - rest_start - 0x1000 + WORK_SIZE   // B init_size
        .long   0                               // handover_offset
        .long   0                               // kernel_info_offset

        // --- Real mode -----------------------------------------------------------------------------------------
        // linux16 and the like come here.  The stage has no use for 16 bits: stop instead of running on.
        .code16
1:      hlt
        jmp     1b

version:
        .asciz  "Holdfast"

        .section .note.GNU-stack, "", @progbits
