// SPDX-License-Identifier: BSD-2-Clause
// Where the handovers are.

#include "common/format/find-handovers.h"

#include <algorithm>

#include "common/abi/setup-data.h"
#include "common/format/pkram.h"

namespace holdfast {
namespace {

constexpr std::string_view kBitmapsOption = "holdfast.kho-bitmaps";

// Of options, and of what they name, which a refusal calls by the option.
class Finder {
 public:
  Finder(const HandoverCarriers& carriers, const MemoryMap& map, FoundHandovers& out, Problem& problem)
      : carriers_(carriers), map_(map), out_(out), problem_(problem) {}

  Status FindAll() {
    if (carriers_.bundle) {
      TRY(AddTree(*carriers_.bundle));
    }
    for (const std::string_view line : carriers_.lines) {
      TRY(FindTrees(line));
    }
    TRY(FindNodes());
    for (const std::string_view line : carriers_.lines) {
      TRY(FindPkram(line));
      TRY(FindPmpool(line));
      TRY(FindPrmem(line));
    }
    return kDone;
  }

 private:
  Error Explain(Error error, std::string_view what, PhysRange range = PhysRange()) {
    problem_ = {.code = error.code, .where = error.where, .what = what, .range = range};
    return error;
  }

  // The same one may stand on both lines.
  Status Add(const FoundHandover& found) {
    const auto is_same = [&found](const FoundHandover& known) {
      return known.carrier == found.carrier && known.at == found.at && known.digest == found.digest &&
             known.prmem.size == found.prmem.size;
    };
    if (std::any_of(out_.begin(), out_.end(), is_same)) {
      return kDone;
    }
    const Status added = out_.Append(found);
    return added.ok() ? added : Status(Explain(added.error(), "handovers"));
  }

  // A tree may lie in RAM, or in memory that an earlier stage fenced; not in a hole, nor in firmware's tables.
  static bool MayHoldTree(MemType type) {
    return IsRam(type) || type == MemType::kReserved || type == MemType::kPmem || type == MemType::kPram;
  }

  Status AddTree(const HandoverOption& option) {
    if (const auto gap = map_.FirstNot(option.range, MayHoldTree)) {
      return Explain({Errc::kUnreadable, gap->range.start().raw()}, "handover", option.range);
    }
    return Add({.carrier = Carrier::kTree, .at = option.range, .digest = option.digest});
  }

  Status FindTrees(std::string_view line) {
    FixedVector<HandoverOption, kMaxHandoverOptions> options;
    if (const Status status = FindHandoverOptions(line, options); !status.ok()) {
      return Explain(status.error(), "holdfast= on the command line");
    }
    for (const HandoverOption& option : options) {
      TRY(AddTree(option));
    }
    return kDone;
  }

  // The lines may say the same, but not the contrary.
  Result<KhoBitmaps> FindBitmaps() {
    KhoBitmaps said = KhoBitmaps::kUnknown;
    for (const std::string_view line : carriers_.lines) {
      const auto here = FindKhoBitmapsOption(line);
      if (!here.ok()) {
        return Explain(here.error(), "holdfast.kho-bitmaps= on the command line");
      }
      if (said != KhoBitmaps::kUnknown && here.value() != KhoBitmaps::kUnknown && here.value() != said) {
        return Explain({Errc::kConflict, FindOption(line, kBitmapsOption)->offset}, "holdfast.kho-bitmaps=");
      }
      said = here.value() != KhoBitmaps::kUnknown ? here.value() : said;
    }
    return said;
  }

  Status FindNodes() {
    bool has_kho = false;
    std::size_t num_trees = 0;
    for (const SetupDataNode& node : carriers_.nodes) {
      if (node.type == kSetupKexecKho) {
        if (has_kho) {
          return Explain({Errc::kUnsupported, 0}, "second KHO handover", node.node);
        }
        has_kho = true;
        TRY_ASSIGN(const KhoBitmaps bitmaps, FindBitmaps());
        TRY(Add({.carrier = Carrier::kKhoNode, .at = node.payload, .bitmaps = bitmaps}));
      } else if (node.type == kSetupDtb) {
        if (++num_trees > kMaxDeviceTrees) {
          return Explain({Errc::kTableFull, kMaxDeviceTrees}, "device trees in setup_data");
        }
        TRY(Add({.carrier = Carrier::kDeviceTree, .at = node.payload}));
      }
    }
    return kDone;
  }

  Status FindPkram(std::string_view line) {
    const auto super_block = FindPkramOption(line);
    if (!super_block.ok()) {
      return Explain(super_block.error(), "pkram= on the command line");
    }
    if (!super_block.value()) {
      return kDone;
    }
    const auto page = PhysRange::FromStartSize(*super_block.value(), kPageSize);
    if (!page.ok()) {
      return Explain(page.error(), "pkram= on the command line");
    }
    return Add({.carrier = Carrier::kPkram, .at = page.value()});
  }

  Status FindPmpool(std::string_view line) {
    const auto option = FindPmpoolOption(line);
    if (!option.ok()) {
      return Explain(option.error(), "pmpool= on the command line");
    }
    // Without the mark the pool is new: nothing is in it.
    if (option.value() && FindMarkedPmpool(*option.value(), map_)) {
      return Add({.carrier = Carrier::kPmpool, .at = *option.value()});
    }
    return kDone;
  }

  Status FindPrmem(std::string_view line) {
    const auto option = FindPrmemOption(line);
    if (!option.ok()) {
      return Explain(option.error(), "prmem_meta= on the command line");
    }
    if (!option.value()) {
      return kDone;
    }
    const auto page = PhysRange::FromStartSize(option.value()->metadata, kPageSize);
    if (!page.ok()) {
      return Explain(page.error(), "prmem_meta= on the command line");
    }
    return Add({.carrier = Carrier::kPrmem, .at = page.value(), .prmem = *option.value()});
  }

  const HandoverCarriers& carriers_;
  const MemoryMap& map_;
  FoundHandovers& out_;
  Problem& problem_;
};

}  // namespace

Result<KhoBitmaps> FindKhoBitmapsOption(std::string_view line) {
  const auto option = FindOption(line, kBitmapsOption);
  if (!option) {
    return KhoBitmaps::kUnknown;
  }
  if (option->value == "512") {
    return KhoBitmaps::k512;
  }
  if (option->value == "4096") {
    return KhoBitmaps::k4096;
  }
  return Error{Errc::kMalformed, option->offset};
}

Status FindHandovers(const HandoverCarriers& carriers, const MemoryMap& map, FoundHandovers& out, Problem& problem) {
  return Finder(carriers, map, out, problem).FindAll();
}

}  // namespace holdfast
