// SPDX-License-Identifier: BSD-2-Clause
// Bundles: put together, and read again.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/format/bundle.h"
#include "common/format/kernel-header.h"
#include "common/plan/boot-plan.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/output.h"

namespace holdfast::tool {

// "kernel", "vmlinux", "initrd", "cmdline", "handover"
std::string_view BundlePartName(BundlePartKind kind);
// "stored", "zstd"
std::string_view BundleEncodingName(BundleEncoding encoding);

// No command line is longer: what every kernel takes (COMMAND_LINE_SIZE), without its NUL.
inline constexpr std::size_t kMaxCommandLine = 2047;

// Ends in a Failure of kind usage for a NUL, a newline, or more than kMaxCommandLine bytes.
void CheckCommandLine(std::string_view cmdline);

struct BundleRequest {
  std::string kernel;                  // files
  std::vector<std::string> initrds{};  // one behind the other
  std::string cmdline{};
  std::span<const std::byte> handover{};  // a tree of ours, or nothing
  ModeWish mode = ModeWish::kAuto;
  KernelEntry entry = KernelEntry::kAuto;
  bool compress = false;  // the initrd, if that makes it smaller
};

struct BuiltBundle {
  std::vector<std::byte> bytes;
  KernelFacts facts;                       // of the kernel, at the entry that the stage will take
  EntryFacts entry_facts;                  // as the stage will find them in the bundle, but for the machine
  KernelEntry entry = KernelEntry::kAuto;  // that entry; never kAuto
};

// Reads the files, checks all that the stage will check, and decodes the result once more.
BuiltBundle BuildBundle(const BundleRequest& request, Output& output);

// The files one behind the other, each filled up with zeros to a multiple of 4, as the kernel wants it of an initrd
// that another one follows.  Ends in a Failure for one that is empty.
std::vector<std::byte> ReadInitrds(std::span<const std::string> paths);

// A part as it goes into a bundle.
struct BundlePiece {
  BundlePartKind kind{};
  BundleEncoding encoding = BundleEncoding::kStored;
  std::span<const std::byte> stored{};
  std::uint64_t size = 0;  // decoded
};
// Header, table and parts, in the order given.
std::vector<std::byte> EncodeBundle(KernelEntry entry, ModeWish mode, std::span<const BundlePiece> pieces);

// Decodes a bundle and verifies every part's digest.  `name` is for messages.
void ReadBundle(std::span<const std::byte> bytes, const std::string& name, Bundle& out);

// [{"kind": "...", "encoding": "...", "offset": N, "stored_size": N, "size": N, "sha256": "..."}]
Json JsonParts(const Bundle& bundle);
// One line a part.
void PrintParts(const Bundle& bundle, Output& output);

}  // namespace holdfast::tool
