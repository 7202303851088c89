// SPDX-License-Identifier: BSD-2-Clause
// What a loader has put into memory for the next kernel, read and copied, nothing of it believed yet.

#include "purgatory/loaded-boot.h"

#include <cstring>

#include "common/base/byte-reader.h"
#include "common/format/boot-params.h"
#include "common/format/e820.h"

namespace holdfast::purgatory {
namespace {

// COMMAND_LINE_SIZE is 2048 on x86; a line that goes on beyond this has no end.
constexpr std::uint64_t kMaxCommandLine = 64 * kKiB;

std::uint64_t Join(Le32 low, Le32 high) { return std::uint64_t{high.value()} << 32 | low.value(); }

// The bytes up to and including the first NUL, looked for a page at a time: no more is known to be readable.
Result<PhysRange> FindCommandLine(const PhysMemory& memory, PhysAddr start) {
  TRY_ASSIGN(const PhysRange window, PhysRange::FromStartSize(start, kMaxCommandLine));
  for (PhysRange rest = window; !rest.empty();) {
    const PhysRange part = rest.UpTo(PhysAddr(AlignDown(rest.start().raw() + kPageSize, kPageSize)));
    TRY_ASSIGN(const auto bytes, memory.View(part));
    if (const void* nul = std::memchr(bytes.data(), 0, bytes.size()); nul != nullptr) {
      const auto length = static_cast<std::uint64_t>(static_cast<const std::byte*>(nul) - bytes.data()) + 1;
      return window.UpTo(PhysAddr(part.start().raw() + length));
    }
    rest = rest.From(part.end());
  }
  return Error{Errc::kTruncated, start.raw()};
}

Status ReadE820Extensions(const PhysMemory& memory, std::span<const SetupDataNode> nodes, MemoryMap& map) {
  for (const SetupDataNode& node : nodes) {
    if (node.type == kSetupE820Ext) {
      TRY_ASSIGN(const auto bytes, memory.View(node.payload));
      TRY(DecodeE820(bytes, map));
    }
  }
  return kDone;
}

}  // namespace

Status ReadLoadedBoot(PhysAddr address, x86::ReadableMemory& readable, LoadedBoot& out, std::string_view& failed) {
  failed = "boot_params";
  TRY_ASSIGN(out.params_at, PhysRange::FromStartSize(address, sizeof(BootParams)));
  TRY(readable.Add(out.params_at));
  const PhysMemory memory = readable.memory();
  TRY_ASSIGN(const auto bytes, memory.View(out.params_at));
  std::memcpy(&out.params, bytes.data(), sizeof(BootParams));
  SanitizeBootParams(out.params);

  failed = "e820 table";
  TRY(DecodeE820Zeropage(out.params, out.map));
  TRY(readable.AddRam(out.map));

  failed = "setup_data";
  TRY(ReadSetupDataChain(memory, PhysAddr(out.params.hdr.setup_data.value()), out.nodes));
  failed = "SETUP_E820_EXT";
  TRY(ReadE820Extensions(memory, out.nodes.view(), out.map));
  TRY(readable.AddRam(out.map));

  failed = "command line";
  if (const std::uint64_t at = Join(out.params.hdr.cmd_line_ptr, out.params.ext_cmd_line_ptr); at != 0) {
    TRY_ASSIGN(out.command_line_at, FindCommandLine(memory, PhysAddr(at)));
    TRY_ASSIGN(const auto line, memory.View(out.command_line_at));
    out.command_line = {reinterpret_cast<const char*>(line.data()), line.size() - 1};
  }

  failed = "initrd";
  TRY_ASSIGN(out.initrd,
             PhysRange::FromStartSize(PhysAddr(Join(out.params.hdr.ramdisk_image, out.params.ext_ramdisk_image)),
                                      Join(out.params.hdr.ramdisk_size, out.params.ext_ramdisk_size)));
  return kDone;
}

}  // namespace holdfast::purgatory
