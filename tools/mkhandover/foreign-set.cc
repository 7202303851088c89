// SPDX-License-Identifier: BSD-2-Clause
// All handovers of other systems that one file or directory brings, and the memory that they lead into.

#include "tools/mkhandover/foreign-set.h"

#include <algorithm>

#include "common/format/command-line.h"
#include "common/format/fdt.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/owned-map.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// Without its tree a pool has its bitmap at its base, as one that the memory map marks.
Pmpool PoolAt(PhysRange range) {
  OwnedMap marked(1);
  Require(marked.map().AppendAscending(range, MemType::kReservedKern).ok());
  return *FindMarkedPmpool(range, marked.map());
}

template <typename T>
T OptionOr(const Result<T>& option, const std::string& name) {
  if (!option.ok()) {
    FailToDecode(name, option.error());
  }
  return option.value();
}

}  // namespace

ForeignSet::ForeignSet(const std::vector<FoundCarrier>& found, const DialectWish& wish, const MemoryChoice& memory,
                       const std::string& name)
    : wish_(wish), choice_(memory), name_(name) {
  for (const FoundCarrier& each : found) {
    std::visit([this](const auto& carrier) { Read(carrier); }, each);
  }
  if (list_.empty()) {
    throw Failure(ExitCode::kBadInput,
                  refused_.empty() ? Format("{}: no handover of any dialect", name_)
                                   : Format("{}: is {}, not {}, which --as says", name_, refused_, wish_.given));
  }
}

PhysMemory ForeignSet::Memory() {
  if (capture_ == nullptr) {
    if (!choice_.capture && !choice_.is_live) {
      throw Failure(ExitCode::kUsage,
                    Format("{}: speaks of memory that is not in the file: add --memory CAPTURE, an ELF "
                           "core of that machine or a directory of files named by their address",
                           name_));
    }
    capture_ = choice_.capture ? std::make_unique<Capture>(*choice_.capture) : std::make_unique<Capture>(LiveMemory());
    overlay_ = std::make_unique<Overlay>(capture_->memory());
  }
  return overlay_->memory();
}

void ForeignSet::Keep(ForeignHandover handover) {
  handover.structure_name = handover.dialect + " structure";
  if (Wants(handover.dialect)) {
    list_.push_back(std::move(handover));
  } else if (refused_.find(handover.dialect) == std::string::npos) {
    refused_ += (refused_.empty() ? "" : " and ") + handover.dialect;
  }
}

// True if it may be one that is wanted; which version it is shows when it is read.
bool ForeignSet::LooksForKho() {
  const bool looks = wish_.given.empty() || wish_.dialect.starts_with("kho-");
  refused_ = looks ? refused_ : "KHO";
  return looks;
}

void ForeignSet::Read(const KhoNode& node) {
  if (LooksForKho()) {
    Keep(ReadKhoNode(node.payload, wish_, Memory(), name_));
  }
}

void ForeignSet::Read(const KhoTree& tree) {
  if (LooksForKho()) {
    Memory();
    Keep(ReadKhoTree(tree.tree, tree.areas, wish_, *overlay_, name_));
  }
}

void ForeignSet::Read(const PmpoolTree& tree) {
  if (!Wants(kDialectPmpool)) {
    refused_ = kDialectPmpool;
    return;
  }
  const auto view = FdtView::Open(tree.tree);
  if (!view.ok()) {
    FailToDecode(name_, view.error());
  }
  if (const auto pool = OptionOr(DecodePmpoolNode(view.value()), name_)) {
    Keep(ReadPmpool(*pool, Memory(), name_));
  }
}

void ForeignSet::Read(const OptionsText& options) {
  const std::string_view line = options.text;
  const bool wants_pkram = Wants(kDialectPkramPageTable) || Wants(kDialectPkramRegions);
  if (const auto super_block = OptionOr(FindPkramOption(line), name_ + ": pkram="); super_block && wants_pkram) {
    Keep(ReadPkram(*super_block, wish_, Memory(), name_));
  }
  if (const auto pool = OptionOr(FindPmpoolOption(line), name_ + ": pmpool="); pool && Wants(kDialectPmpool)) {
    Keep(ReadPmpool(PoolAt(*pool), Memory(), name_));
  }
  if (const auto option = OptionOr(FindPrmemOption(line), name_ + ": prmem="); option && Wants(kDialectPrmem)) {
    Keep(ReadPrmem(*option, Memory(), name_));
  }
  ReadLists(line);
  if (list_.empty() && refused_.empty()) {
    refused_ = "a command line of other dialects";
  }
}

void ForeignSet::ReadLists(std::string_view line) {
  ReadList(kNameBadRam, "badram", line);
  ReadList(kNameBadRam, "GRUB_BADRAM", line);
  ReadList(kNameMemmap, "memmap", line);
}

// The option may stand several times.
void ForeignSet::ReadList(std::string_view dialect, std::string_view option, std::string_view line) {
  if (!Wants(dialect)) {
    return;
  }
  std::vector<ListedRange> storage(2 * kMaxBadRamRanges);
  BoundedVector<ListedRange> list{std::span(storage)};
  CommandLineReader reader(line);
  while (const auto found = reader.Next()) {
    if (SameOptionName(found->name, option)) {
      const Status status =
          dialect == kNameBadRam ? DecodeBadRam(found->value, list) : DecodeMemmapList(found->value, list);
      FailUnless(status, Format("{}: {}=", name_, option));
    }
  }
  for (const Fence fence : {Fence::kReserved, Fence::kPram}) {
    if (ForeignHandover handover = FromList(dialect, list.view(), fence); !handover.blocks.empty()) {
      Keep(std::move(handover));
    }
  }
}

}  // namespace holdfast::tool
