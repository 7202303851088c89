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
    for (const TreePlace& tree : carriers_.trees) {
      TRY(AddTree(tree));
    }
    for (const std::string_view line : carriers_.lines) {
      TRY(FindTrees(line));
    }
    TRY(FindNodes());
    TRY(FindPkram());
    TRY(FindPmpool());
    return FindPrmem();
  }

 private:
  Error Explain(Error error, std::string_view what, PhysRange range = PhysRange()) {
    problem_ = {.code = error.code, .where = error.where, .what = what, .range = range};
    return error;
  }

  // The same one may stand on both lines, or come from outside too, which takes nothing from who is trusted.
  Status Add(const FoundHandover& found) {
    const auto known = std::find_if(out_.begin(), out_.end(), [&found](const FoundHandover& each) {
      return each.carrier == found.carrier && each.at == found.at && each.digest == found.digest;
    });
    if (known != out_.end()) {
      known->is_outside = known->is_outside && found.is_outside;
      return kDone;
    }
    const Status added = out_.Append(found);
    return added.ok() ? added : Status(Explain(added.error(), "handovers"));
  }

  // The same of what an option names, which is read in RAM only.
  Status AddNamed(FoundHandover found) {
    found.is_fenced = IsFenced(found.at, map_);
    return Add(found);
  }

  // The last line that has the option, which Linux would take of both joined; an empty one if none has.
  std::string_view LineOf(std::string_view option) const {
    for (std::size_t i = carriers_.lines.size(); i-- > 0;) {
      if (FindLastOption(carriers_.lines[i], option)) {
        return carriers_.lines[i];
      }
    }
    return {};
  }

  Status AddTree(const TreePlace& tree) {
    const PhysRange at = tree.option.range;
    if (const auto gap = map_.FirstNot(at, tree.is_listed ? MayHoldListedTree : MayHoldHandover)) {
      return Explain({Errc::kUnreadable, gap->range.start().raw()}, "handover", at);
    }
    return Add({.carrier = Carrier::kTree, .at = at, .digest = tree.option.digest, .is_outside = tree.is_outside});
  }

  Status FindTrees(std::string_view line) {
    FixedVector<HandoverOption, kMaxHandoverOptions> options;
    if (const Status status = FindHandoverOptions(line, options); !status.ok()) {
      return Explain(status.error(), "holdfast= on the command line");
    }
    for (const HandoverOption& option : options) {
      TRY(AddTree({.option = option}));
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
    const bool has_pool_option = !LineOf(kPmpoolOption).empty();
    bool has_kho = false;
    std::size_t num_trees = 0;
    for (const SetupDataNode& node : carriers_.nodes) {
      if (node.type == kSetupKexecKho) {
        if (has_kho) {
          return Explain({Errc::kUnsupported, 0}, "second KHO handover", node.node);
        }
        has_kho = true;
        TRY_ASSIGN(const KhoBitmaps bitmaps, FindBitmaps());
        TRY(Add({.carrier = Carrier::kKhoNode,
                 .at = node.payload,
                 .bitmaps = bitmaps,
                 .is_outside = carriers_.nodes_are_outside}));
      } else if (node.type == kSetupDtb) {
        if (num_trees == kMaxDeviceTrees) {
          if (has_pool_option) {
            return Explain({Errc::kTableFull, kMaxDeviceTrees}, "device trees in setup_data");
          }
          continue;
        }
        ++num_trees;
        TRY(Add({.carrier = Carrier::kDeviceTree,
                 .at = node.payload,
                 .is_outside = carriers_.nodes_are_outside,
                 .has_pool_option = has_pool_option}));
      }
    }
    return kDone;
  }

  Status FindPkram() {
    const auto super_block = FindPkramOption(LineOf(kPkramOption));
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
    return AddNamed({.carrier = Carrier::kPkram, .at = page.value()});
  }

  Status FindPmpool() {
    const auto option = FindPmpoolOption(LineOf(kPmpoolOption));
    if (!option.ok()) {
      return Explain(option.error(), "pmpool= on the command line");
    }
    if (!option.value()) {
      return kDone;
    }
    const PhysRange pool = *option.value();
    // Without a mark the pool is new: nothing is in it.
    if (!IsFenced(pool, map_) && !HasMark(pool)) {
      return kDone;
    }
    // What of a pool is not marked, its receiver would take for new, and other kernels for their own.
    if (const auto gap = map_.FirstNot(pool, IsMark); gap && !IsFenced(pool, map_)) {
      const Error error = Explain({Errc::kNotRam, gap->range.start().raw()}, "pmpool", pool);
      problem_.type = gap->type;
      return error;
    }
    return AddNamed({.carrier = Carrier::kPmpool, .at = pool});
  }

  static bool IsMark(MemType type) { return type == MemType::kReservedKern; }

  bool HasMark(PhysRange pool) const {
    const auto entries = map_.view();
    return std::any_of(entries.begin(), entries.end(),
                       [pool](const MemEntry& entry) { return IsMark(entry.type) && entry.range.Overlaps(pool); });
  }

  Status FindPrmem() {
    const auto option = FindPrmemOption(LineOf(kPrmemMetadataOption), LineOf(kPrmemOption));
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
    return AddNamed({.carrier = Carrier::kPrmem, .at = page.value(), .prmem = *option.value()});
  }

  const HandoverCarriers& carriers_;
  const MemoryMap& map_;
  FoundHandovers& out_;
  Problem& problem_;
};

}  // namespace

std::string_view CarrierName(Carrier carrier) {
  switch (carrier) {
    case Carrier::kTree:
      return "handover";
    case Carrier::kKhoNode:
      return "KHO handover";
    case Carrier::kDeviceTree:
      return "device tree in setup_data";
    case Carrier::kPkram:
      return "PKRAM handover";
    case Carrier::kPmpool:
      return "pmpool";
    case Carrier::kPrmem:
      return "prmem handover";
  }
  Bug();
}

bool IsFenced(PhysRange range, const MemoryMap& map) {
  return !map.FirstNot(range, [](MemType type) { return MayHoldHandover(type) && !IsRam(type); });
}

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
