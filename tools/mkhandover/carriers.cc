// SPDX-License-Identifier: BSD-2-Clause
// What brings a handover, found out by looking: a file, or a directory of the running kernel.

#include "tools/mkhandover/carriers.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <sstream>

#include "common/abi/kho.h"
#include "common/abi/setup-data.h"
#include "common/base/byte-reader.h"
#include "common/format/command-line.h"
#include "common/format/fdt.h"
#include "common/format/pmpool.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/map-text.h"
#include "tools/mkhandover/text.h"
#include "tools/mkhandover/tree-names.h"

namespace holdfast::tool {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> kOptions = {"pkram",  "pmpool",      "prmem_meta",
                                                      "badram", "GRUB_BADRAM", "memmap"};

// Room for a tree of the series of 2023, the largest that any dialect has.
constexpr std::size_t kMaxTree = 16 * kMiB;

// Devicetree Specification 0.4, section 5.2
constexpr std::uint32_t kTreeMagic = 0xd00dfeed;

bool NamesMemory(std::string_view line) {
  return std::any_of(kOptions.begin(), kOptions.end(),
                     [line](std::string_view name) { return FindOption(line, name).has_value(); });
}

bool HasPmpool(const FdtView& tree) {
  const auto pool = DecodePmpoolNode(tree);
  return !pool.ok() || pool.value().has_value();
}

std::optional<std::uint64_t> ReadNumber(const fs::path& path) {
  return fs::exists(path) ? ParseMemSize(Trim(ReadTextFile(path.string()))) : std::nullopt;
}

std::vector<std::uint64_t> ReadNumbers(const fs::path& path) {
  std::vector<std::uint64_t> out;
  if (!fs::exists(path)) {
    return out;
  }
  std::istringstream lines(ReadTextFile(path.string()));
  for (std::string line; std::getline(lines, line);) {
    const auto number = ParseMemSize(Trim(line));
    if (!number) {
      throw Failure(ExitCode::kBadInput, Format("{}: not a number a line: {}", path.string(), Printable(line)));
    }
    out.push_back(*number);
  }
  return out;
}

std::vector<PhysRange> ReadAreas(const fs::path& directory) {
  const std::vector<std::uint64_t> starts = ReadNumbers(directory / "scratch_phys");
  const std::vector<std::uint64_t> sizes = ReadNumbers(directory / "scratch_len");
  if (starts.size() != sizes.size()) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: scratch_phys and scratch_len have different numbers of lines", directory.string()));
  }
  std::vector<PhysRange> areas;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto range = PhysRange::FromStartSize(PhysAddr(starts[i]), sizes[i]);
    if (!range.ok()) {
      FailToDecode((directory / "scratch_phys").string(), range.error());
    }
    if (!range.value().empty()) {
      areas.push_back(range.value());
    }
  }
  return areas;
}

// The children in the order of their numbers, as the chain has them.
std::vector<fs::path> NodesOf(const fs::path& directory) {
  std::vector<fs::path> out;
  for (const auto& child : fs::directory_iterator(directory)) {
    if (fs::exists(child.path() / "type")) {
      out.push_back(child.path());
    }
  }
  std::sort(out.begin(), out.end(), [](const fs::path& a, const fs::path& b) {
    const std::string x = a.filename().string();
    const std::string y = b.filename().string();
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  });
  return out;
}

std::vector<FoundCarrier> FromSetupData(const std::vector<fs::path>& nodes) {
  std::vector<FoundCarrier> out;
  for (const fs::path& node : nodes) {
    const auto type = ReadNumber(node / "type");
    const std::string data = (node / "data").string();
    if (type == kSetupKexecKho || type == kSetupHoldfastHiddenKho) {
      out.push_back(KhoNode{ReadFile(data, kMaxTree)});
    } else if (type == kSetupDtb) {
      if (FoundCarrier found = RecognizeFile(ReadFile(data, kMaxTree)); std::holds_alternative<PmpoolTree>(found)) {
        out.push_back(std::move(found));
      }
    }
  }
  return out;
}

}  // namespace

bool IsLive(const std::string& path) {
  std::error_code none;
  const std::string real = fs::weakly_canonical(path, none).string();
  return real.starts_with("/sys/") || real.starts_with("/proc/");
}

bool IsTree(std::span<const std::byte> bytes) {
  const auto magic = ByteReader(bytes).Read<Be32>();
  return magic.ok() && magic.value().value() == kTreeMagic;
}

// Linux 7.3 shows kho/out/fdt as long as it was when it was registered, before most clients were added.
void CheckWhole(std::span<const std::byte> tree, const std::string& name) {
  const auto header = ByteReader(tree).Read<std::array<Be32, 2>>();  // magic, size
  if (!header.ok() || header.value()[0].value() != kTreeMagic || header.value()[1].value() <= tree.size()) {
    return;
  }
  const std::uint32_t size = header.value()[1].value();
  throw Failure(
      {Errc::kTruncated, tree.size()},
      Format("{}: {}: the kernel shows {} of the tree's {} bytes, the last {} are missing: what was handed to "
             "this kernel is in kho/in, what it hands over is in /sys/kernel/boot_params/setup_data after "
             "the jump",
             name, ErrcName(Errc::kTruncated), tree.size(), size, size - tree.size()));
}

FoundCarrier RecognizeFile(std::vector<std::byte> bytes) {
  if (IsText(bytes)) {
    return NamesMemory(AsText(bytes)) ? FoundCarrier(OptionsText{std::string(AsText(bytes))})
                                      : FoundCarrier(OtherFile{std::move(bytes)});
  }
  if (bytes.size() == sizeof(KhoData) || bytes.size() == sizeof(KhoData2023)) {
    return KhoNode{std::move(bytes)};
  }
  const auto tree = FdtView::Open(bytes);
  if (tree.ok() && CompatibleText(tree.value()).starts_with("kho-v")) {
    return KhoTree{std::move(bytes), {}};
  }
  if (tree.ok() && HasPmpool(tree.value())) {
    return PmpoolTree{std::move(bytes)};
  }
  return OtherFile{std::move(bytes)};
}

std::vector<FoundCarrier> FindInDirectory(const std::string& path) {
  const fs::path directory(path);
  if (fs::exists(directory / "fdt")) {
    const std::string name = (directory / "fdt").string();
    std::vector<std::byte> tree = ReadFile(name, kMaxTree);
    CheckWhole(tree, name);
    return {KhoTree{std::move(tree), ReadAreas(directory)}};
  }
  const std::vector<fs::path> nodes = NodesOf(directory);
  if (nodes.empty()) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: no handover: neither a directory like /sys/kernel/boot_params/setup_data nor one like "
                         "/sys/kernel/debug/kho/in",
                         path));
  }
  std::vector<FoundCarrier> out = FromSetupData(nodes);
  if (out.empty()) {
    throw Failure(ExitCode::kFound,
                  Format("{}: no handover: no node of type 10 (KHO), and none of type 2 with a pmpool", path));
  }
  return out;
}

}  // namespace holdfast::tool
