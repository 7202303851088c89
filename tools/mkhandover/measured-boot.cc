// SPDX-License-Identifier: BSD-2-Clause
// What the EFI application will measure of a boot.

#include "tools/mkhandover/measured-boot.h"

#include <algorithm>

#include "common/abi/handover-fdt.h"
#include "common/abi/measurement.h"
#include "common/base/text-writer.h"
#include "common/console/wording.h"
#include "common/format/read-handovers.h"
#include "common/plan/kernel-entry.h"
#include "common/plan/stage-limits.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/owned-map.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

using HandoverFiles = std::span<const std::unique_ptr<HandoverFile>>;

std::vector<std::byte> BytesOf(std::string_view text) {
  std::vector<std::byte> out(text.size());
  std::transform(text.begin(), text.end(), out.begin(), [](char c) { return static_cast<std::byte>(c); });
  return out;
}

// The trees of the files as memory, at the upper end of what can be addressed; below it their range-lists, where they
// are.
class TreeMemory {
 public:
  explicit TreeMemory(HandoverFiles files) : files_(files) {}

  PhysMemory memory() const { return PhysMemory(&Read, this); }
  static PhysRange PlaceOf(std::size_t index, std::size_t size) {
    return PhysRange::FromStartSize(PhysAddr(kPhysLimit - (index + 1) * kStride), size).value();
  }

 private:
  static constexpr std::uint64_t kStride = kMaxHandoverSize;

  static const std::byte* Read(const void* self, PhysRange range) {
    const HandoverFiles files = static_cast<const TreeMemory*>(self)->files_;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto tree = files[i]->tree()->bytes();
      const PhysRange place = PlaceOf(i, tree.size());
      if (place.Contains(range)) {
        return tree.data() + (range.start().raw() - place.start().raw());
      }
    }
    for (const auto& file : files) {
      if (const auto list = file->lists().memory.View(range); list.ok()) {
        return list.value().data();
      }
    }
    return nullptr;
  }

  HandoverFiles files_;
};

std::vector<LostName> FindLost(HandoverFiles files, std::span<const std::string> names) {
  std::vector<LostName> out;
  for (const std::string& name : names) {
    const std::size_t before = out.size();
    for (std::size_t i = 0; i < files.size(); ++i) {
      const FdtView& tree = *files[i]->tree();
      const auto preserved = tree.Child(tree.root(), handover_fdt::kNodePreserved);
      const auto node = preserved ? tree.Child(*preserved, name.c_str()) : std::nullopt;
      if (node) {
        out.push_back({.source = static_cast<std::uint8_t>(i), .node = static_cast<std::uint32_t>(node->offset())});
      }
    }
    if (out.size() == before) {
      throw Failure(ExitCode::kUsage, Format("--lost {}: no handover keeps anything of that name", Printable(name)));
    }
  }
  return out;
}

// Reads the trees as the stage does, in tables of its sizes.
std::string DecisionOf(const MeasuredBoot& boot) {
  FoundHandovers found;
  for (std::size_t i = 0; i < boot.handovers.size(); ++i) {
    const auto tree = boot.handovers[i]->tree()->bytes();
    const FoundHandover handover{
        .carrier = Carrier::kTree, .at = TreeMemory::PlaceOf(i, tree.size()), .digest = DigestOf(tree)};
    FailUnless(found.Append(handover), "handovers");
  }
  std::vector<KeptRange> kept_storage(kMaxKept);
  std::vector<PhysRange> scratch_storage(kMaxScratchRanges);
  std::vector<PhysRange> ram_storage(kMaxRamRanges);
  PreservedMap kept(kept_storage);
  RangeSet scratch(scratch_storage);
  RangeSet ram(ram_storage);
  RangeSet no_scratch{std::span<PhysRange>()};
  Handover handover(kept, scratch, ram);
  const OwnedMap map(1);  // trees of our own ask nothing of it
  const TreeMemory memory(boot.handovers);
  const std::vector<LostName> lost = FindLost(boot.handovers, boot.lost);
  Problem problem;
  const Status read = ReadHandovers({.memory = memory.memory(),
                                     .blocks = &Sha256Blocks,
                                     .map = map.map(),
                                     .native_scratch = no_scratch,
                                     .lost = lost,
                                     .aligned = {}},
                                    found, handover, problem);
  if (!read.ok()) {
    throw Failure(read.error(), DescribeRule(problem));
  }
  LineBuffer text;
  SayDecision(text, ModeName(boot.mode), KernelEntryName(boot.entry), kept.size(), kept.bytes(), lost.size());
  return std::string(text.view());
}

}  // namespace

std::vector<MeasuredEvent> EventsOf(const MeasuredBoot& boot) {
  std::vector<MeasuredEvent> out;
  for (const auto& file : boot.handovers) {
    const auto tree = file->tree()->bytes();
    out.push_back({.text = kEventHandover, .subject = file->name(), .bytes = {tree.begin(), tree.end()}});
  }
  out.push_back(
      {.text = kEventCommandLine, .subject = std::string(boot.command_line), .bytes = BytesOf(boot.command_line)});
  const std::string decision = DecisionOf(boot);
  out.push_back({.text = kEventDecision, .subject = decision, .bytes = BytesOf(decision)});
  return out;
}

std::vector<std::byte> Extend(Bank bank, std::span<const std::byte> value, std::span<const std::byte> digest) {
  std::vector<std::byte> both(value.begin(), value.end());
  both.insert(both.end(), digest.begin(), digest.end());
  return DigestOf(bank, both);
}

}  // namespace holdfast::tool
