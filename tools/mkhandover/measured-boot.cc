// SPDX-License-Identifier: BSD-2-Clause
// What the EFI application will measure of a boot.

#include "tools/mkhandover/measured-boot.h"

#include <algorithm>

#include "common/abi/handover-fdt.h"
#include "common/abi/measurement.h"
#include "common/base/text-writer.h"
#include "common/console/wording.h"
#include "common/format/input-text.h"
#include "common/format/read-handovers.h"
#include "common/plan/kernel-entry.h"
#include "common/plan/stage-limits.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/owned-map.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

using HandoverFiles = std::span<const std::unique_ptr<HandoverFile>>;

// As the stage passes it on.
std::string LineOf(std::string_view text) {
  std::string line(text);
  const auto size = CleanLine(line);
  if (!size.ok()) {
    throw Failure(size.error(),
                  Format("--cmdline: {}: a NUL at offset {}", ErrcName(size.error().code), size.error().where));
  }
  line.resize(size.value());
  return line;
}

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

std::span<const std::byte> KhoTreeOf(const HandoverFile& kho) {
  const ForeignSet& foreign = kho.foreign();
  const auto tree = foreign.memory().View(foreign.list().front().kho_tree);
  if (!tree.ok()) {
    FailToDecode(kho.name(), tree.error());
  }
  return tree.value();
}

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

// Adds what KHO keeps to what the trees do.
void AddKho(const HandoverFile& kho, std::size_t source, const PreservedMap& trees, PreservedMap& out) {
  for (const KeptRange& each : trees.view()) {
    FailUnless(out.Add(each), "handovers");
  }
  for (KeptRange each : kho.handover().kept.view()) {
    each.source = static_cast<std::uint8_t>(source);
    FailUnless(out.Add(each), "handovers");
  }
  FailUnless(out.Seal(), "handovers");
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
  std::vector<KeptRange> all_storage(kMaxKept);
  PreservedMap all(all_storage);
  if (boot.kho != nullptr) {
    AddKho(*boot.kho, boot.handovers.size(), kept, all);
  }
  const PreservedMap& decided = boot.kho != nullptr ? all : kept;
  LineBuffer text;
  SayDecision(text, ModeName(boot.mode), KernelEntryName(boot.entry), decided.size(), decided.bytes(), lost.size());
  return std::string(text.view());
}

}  // namespace

std::vector<MeasuredEvent> EventsOf(const MeasuredBoot& boot) {
  std::vector<MeasuredEvent> out;
  for (const auto& file : boot.handovers) {
    const auto tree = file->tree()->bytes();
    out.push_back({.text = kEventHandover, .subject = file->name(), .bytes = {tree.begin(), tree.end()}});
  }
  if (boot.kho != nullptr) {
    const auto tree = KhoTreeOf(*boot.kho);
    out.push_back({.text = kEventHandover, .subject = boot.kho->name(), .bytes = {tree.begin(), tree.end()}});
  }
  const std::string line = LineOf(boot.command_line);
  out.push_back({.text = kEventCommandLine, .subject = line, .bytes = BytesOf(line)});
  if (!IsEfiEntry(boot.entry)) {
    out.push_back({.text = kEventKernel, .subject = {}, .bytes = {boot.kernel.begin(), boot.kernel.end()}});
    out.push_back({.text = kEventInitrd, .subject = {}, .bytes = {boot.initrd.begin(), boot.initrd.end()}});
  }
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
