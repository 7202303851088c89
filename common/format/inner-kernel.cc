// SPDX-License-Identifier: BSD-2-Clause
// The kernel that the stage starts.

#include "common/format/inner-kernel.h"

#include <cstring>

#include "common/base/byte-reader.h"
#include "common/format/boot-params.h"

namespace holdfast {

namespace {

// The size of a bzImage that was cut off after its setup sectors; 0 where that does not read.
std::uint64_t SetupSize(std::span<const std::byte> file) {
  KernelImage image;
  return DecodeKernelSetup(file, image).ok() ? image.protected_offset : 0;
}

// In the payload of a whole bzImage; or why there is none.
void FindVmlinux(InnerKernel& out) {
  const auto payload = FindKernelPayload(out.file, out.image);
  if (!payload.ok()) {
    out.why_no_vmlinux = payload.error();
  } else if (payload.value().codec == PayloadCodec::kZstd) {
    out.packed = Packed{payload.value().packed, payload.value().unpacked_size};
  } else {
    const auto magic = ByteReader(payload.value().packed).Read<Le32>();
    out.why_no_vmlinux = {Errc::kUnsupported, magic.ok() ? magic.value().value() : 0};
  }
}

}  // namespace

Status ReadInnerKernel(std::span<const std::byte> file, InnerKernel& out) {
  out.file = file;
  TRY(DecodeKernelImage(out.file, out.image));
  out.has_bzimage = true;
  FindVmlinux(out);
  return kDone;
}

Status ReadInnerKernel(const Bundle& bundle, InnerKernel& out, std::string_view& failed) {
  failed = PartName(BundlePartKind::kKernel);
  const auto kernel = bundle.Find(BundlePartKind::kKernel);
  Require(kernel.has_value());  // DecodeBundle takes no bundle without one.
  out.file = kernel->stored;
  const auto vmlinux = bundle.Find(BundlePartKind::kVmlinux);
  if (vmlinux && vmlinux->encoding == BundleEncoding::kZstd) {
    out.packed = Packed{vmlinux->stored, vmlinux->size};
  } else if (vmlinux) {
    out.unpacked = vmlinux->stored;
  }
  if (vmlinux && out.file.size() == SetupSize(out.file)) {
    return DecodeKernelSetup(out.file, out.image);
  }
  TRY(DecodeKernelImage(out.file, out.image));
  out.has_bzimage = true;
  if (!vmlinux) {
    FindVmlinux(out);
  }
  return kDone;
}

Status Unpack(const Packed& packed, std::span<std::byte> out, ZstdWorkspace& workspace) {
  TRY_ASSIGN(const std::size_t size, DecodeZstd(packed.bytes, out, workspace));
  if (size != packed.size) {
    return Error{Errc::kMalformed, size};
  }
  return kDone;
}

void AdoptKernelHeader(const InnerKernel& kernel, KernelEntry entry, bool kaslr, BootParams& params) {
  AdoptSetupHeader(kernel.image.header, params);
  if (entry == KernelEntry::kVmlinux && !kernel.vmlinux.relocations.empty() && kaslr) {
    params.hdr.loadflags |= kKaslrFlag;
  }
}

std::uint64_t LoadKernel(const InnerKernel& kernel, KernelEntry entry, std::uint64_t virtual_delta,
                         std::span<std::byte> slot) {
  if (entry == KernelEntry::kVmlinux) {
    LoadVmlinux(kernel.vmlinux, virtual_delta, slot);
    return kernel.vmlinux.entry;
  }
  const auto bytes = kernel.file.subspan(kernel.image.protected_offset, kernel.image.protected_size);
  Require(bytes.size() <= slot.size());
  std::memcpy(slot.data(), bytes.data(), bytes.size());
  return kEntry64Offset;
}

}  // namespace holdfast
