// SPDX-License-Identifier: BSD-2-Clause
// The kernel that the stage starts, on its way from packed bytes to a running one.

#pragma once

#include <optional>
#include <string_view>

#include "common/codec/zstd.h"
#include "common/format/bundle.h"
#include "common/format/kernel-header.h"
#include "common/format/vmlinux.h"
#include "common/mem/phys-range.h"

namespace holdfast {

// Packed bytes that have to be unpacked before they are of use.
struct Packed {
  std::span<const std::byte> bytes;
  std::uint64_t size = 0;  // unpacked
};

struct InnerKernel {
  std::span<const std::byte> file;  // the bzImage, or its setup sectors
  KernelImage image;
  bool has_bzimage = false;             // the file is whole
  std::optional<Packed> packed;         // the ELF file, packed; none where this stage cannot unpack it
  std::span<const std::byte> unpacked;  // the ELF file, where the bundle has it so
  Error why_no_vmlinux{Errc::kUnsupported, 0};
  Vmlinux vmlinux;  // set by the shell once it is unpacked

  bool has_vmlinux() const { return packed.has_value() || !unpacked.empty(); }
};

// Reads a whole bzImage's header and finds its payload.
Status ReadInnerKernel(std::span<const std::byte> file, InnerKernel& out);
// The same of a bundle's, whose payload may lie beside it.  On error `failed` names what it is about.
Status ReadInnerKernel(const Bundle& bundle, InnerKernel& out, std::string_view& failed);

// kMalformed (where: bytes that came out): it unpacks to less than was stated; DecodeZstd's errors.
Status Unpack(const Packed& packed, std::span<std::byte> out, ZstdWorkspace& workspace);

// Puts the kernel's setup header into `params` (AdoptSetupHeader), with what tells a vmlinux that it was moved.
void AdoptKernelHeader(const InnerKernel& kernel, KernelEntry entry, bool kaslr, BootParams& params);

// Writes the kernel into its slot and returns where it is entered, in bytes from the slot's start.
// Pre: entry is kVmlinux, and what LoadVmlinux() asks for holds; or kBzImage, whose bytes fit into the slot.
std::uint64_t LoadKernel(const InnerKernel& kernel, KernelEntry entry, std::uint64_t virtual_delta,
                         std::span<std::byte> slot);

}  // namespace holdfast
