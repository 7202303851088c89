// SPDX-License-Identifier: BSD-2-Clause
// boot_params and all that they point to, for a kernel that is loaded without kexec-tools: one block of memory.
//
//   | boot_params | command line | SETUP_E820_EXT | SETUP_EFI | SETUP_RNG_SEED | EFI memory map |
//
// Sources: Documentation/arch/x86/boot.rst and zero-page.rst; arch/x86/include/uapi/asm/setup_data.h;
// arch/x86/platform/efi/quirks.c, efi_reuse_config(); kexec-tools' kexec/arch/i386/x86-linux-setup.c.

#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "common/abi/boot-params.h"
#include "common/mem/phys-range.h"
#include "tools/mkhandover/machine.h"

namespace holdfast::tool {

using RngSeed = std::array<std::byte, 32>;

class ParamsBlock {
 public:
  // `header` is the stage's.  Ends in a Failure for a map of more entries than a kernel takes.
  ParamsBlock(const Machine& machine, const SetupHeader& header, std::string cmdline, const RngSeed& seed);

  // Bytes, whole pages.
  std::uint64_t size() const { return size_; }
  // The block for that address, with `initrd` beside it.  Pre: the address is a whole page's.
  std::vector<std::byte> At(std::uint64_t address, PhysRange initrd) const;

 private:
  struct Node {
    std::uint32_t type;
    std::vector<std::byte> payload;
    std::uint64_t offset;  // of its header in the block
  };
  void AddNode(std::uint32_t type, std::span<const std::byte> payload);

  BootParams params_{};
  std::string cmdline_;
  std::vector<Node> nodes_;
  std::vector<std::byte> efi_map_;
  std::uint64_t cmdline_offset_ = 0;
  std::uint64_t efi_map_offset_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace holdfast::tool
