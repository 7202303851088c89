// SPDX-License-Identifier: BSD-2-Clause
// Starts the kernel through its EFI stub.

#include "efi-stub/efi-kernel.h"

#include <cstring>
#include <new>

#include "common/abi/pe.h"
#include "common/base/byte-reader.h"
#include "common/format/boot-params.h"
#include "common/format/utf16.h"
#include "efi-stub/explain.h"
#include "efi-stub/initrd-offer.h"
#include "efi-stub/processor.h"

namespace holdfast::efi {
namespace {

constexpr EFI_GUID kLoadedImageGuid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
constexpr std::string_view kKernel = "kernel";
constexpr std::string_view kLine = "command line";
constexpr std::string_view kInitrd = "initrd";

constexpr std::uint64_t kBelow4GiB = 4 * kGiB;
// handover_offset is the 32-bit entry's (boot.rst).
constexpr std::uint64_t kHandover64Offset = 512;

Result<std::uint64_t> FindHandoverEntry(const KernelImage& kernel, std::uint64_t image_size) {
  const SetupHeader& header = kernel.header;
  if ((header.xloadflags.value() & kXlfEfiHandover64) == 0) {
    return Error{Errc::kUnsupported, header.xloadflags.value()};
  }
  const std::uint64_t offset = kernel.protected_offset + kHandover64Offset + header.handover_offset.value();
  if (header.handover_offset.value() == 0 || offset >= image_size) {
    return Error{Errc::kMalformed, header.handover_offset.value()};
  }
  return offset;
}

// A copy that the kernel still reads when boot services are gone, where the 32-bit pointer reaches.
Result<PhysRange> CopyLine(Ledger& ledger, std::string_view line) {
  TRY_ASSIGN(const PhysRange at, ledger.Allocate(line.size() + 1, EfiLoaderData, kBelow4GiB));
  auto* const out = reinterpret_cast<char*>(at.start().raw());
  std::memcpy(out, line.data(), line.size());
  out[line.size()] = '\0';
  return at;
}

// All of it 0 but the setup header, which is what marks a loader that knows the protocol.
Result<BootParams*> MakeBootParams(Ledger& ledger, const EfiKernelStart& start, std::uint64_t base, PhysAddr line) {
  TRY_ASSIGN(const PhysRange at, ledger.Allocate(sizeof(BootParams), EfiLoaderData, kBelow4GiB));
  auto* const params = new (reinterpret_cast<void*>(at.start().raw())) BootParams{};
  AdoptSetupHeader(start.kernel.header, *params);
  SetCommandLine(line, *params);
  params->hdr.setup_data.Set(start.setup_data);
  // Where stubs before 5.7 take the kernel from.
  params->hdr.code32_start.Set(static_cast<std::uint32_t>(base + start.kernel.protected_offset));
  return params;
}

}  // namespace

bool TakesInitrd(std::span<const std::byte> kernel) {
  ByteReader reader(kernel);
  const Status sought = reader.Seek(kPeOffsetField);
  const auto header = sought.ok() ? reader.Read<Le32>() : Result<Le32>(sought.error());
  if (!header.ok() || !reader.Seek(std::uint64_t{header.value().value()} + sizeof(PeFileHeader)).ok()) {
    return false;
  }
  const Status skipped = reader.Seek(reader.position() + offsetof(PeOptionalHeader, major_image_version));
  const auto version = skipped.ok() ? reader.Read<Le16>() : Result<Le16>(skipped.error());
  return version.ok() && version.value().value() != 0;
}

Result<EFI_HANDLE> LoadEfiKernel(const Firmware& firmware, std::span<const std::byte> kernel, Problem& problem) {
  const auto image = firmware.LoadImage(kernel);
  TRY(Check(problem, image, kKernel));
  return image;
}

Status StartEfiImage(const Firmware& firmware, EFI_HANDLE image, const EfiKernelStart& start, Problem& problem) {
  FixedVector<char16_t, kMaxOptions + 1> options;
  Status converted = AppendUtf16(start.command_line, options);
  if (converted.ok()) {
    converted = options.Append(u'\0');
  }
  if (!converted.ok() && converted.error().code == Errc::kTableFull) {
    return Explain(problem, {Errc::kTooLarge, kMaxOptions}, kLine);
  }
  TRY(Check(problem, converted, kLine));
  InitrdOffer initrd(firmware, start.initrd);
  TRY(Check(problem, initrd.Install(), kInitrd));
  return Check(problem, firmware.StartImage(image, options.view()), kKernel);
}

Status EnterEfiHandover(const Firmware& firmware, Ledger& ledger, EFI_HANDLE image, const EfiKernelStart& start,
                        Problem& problem) {
  const auto found = firmware.ProtocolOf(image, kLoadedImageGuid);
  TRY(Check(problem, found, kKernel));
  const auto& loaded = *static_cast<const EFI_LOADED_IMAGE*>(found.value());
  const auto offset = FindHandoverEntry(start.kernel, loaded.ImageSize);
  TRY(Check(problem, offset, kKernel));
  const auto line = CopyLine(ledger, start.command_line);
  TRY(Check(problem, line, kLine));
  const std::uint64_t base = reinterpret_cast<std::uintptr_t>(loaded.ImageBase);
  const auto params = MakeBootParams(ledger, start, base, line.value().start());
  TRY(Check(problem, params, "boot_params"));
  InitrdOffer initrd(firmware, start.initrd);
  TRY(Check(problem, initrd.Install(), kInitrd));

  CallHandoverEntry({base + offset.value(), image, firmware.table(), params.value()});
  return Explain(problem, {Errc::kFirmware, EFI_ABORTED}, kKernel);
}

}  // namespace holdfast::efi
