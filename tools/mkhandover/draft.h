// SPDX-License-Identifier: BSD-2-Clause
// A handover that is being put together.
//
// Names are unique: a range of a name that stands already joins it where fence and owner agree.  The finished
// tree is one that the stage accepts: no two kept ranges overlap, none lies in scratch.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/format/handover-v1.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/option-values.h"

namespace holdfast::tool {

class Draft {
 public:
  struct Node {
    std::string name;
    std::string owner;
    Fence fence = Fence::kReserved;
    std::vector<PhysRange> ranges;
    std::optional<Digest> sha256;
  };

  // The name under which the handover's own page is kept.
  static constexpr std::string_view kOwnName = kOwnPageName;

  std::uint32_t generation = 0;
  Policy policy;

  // A node under that name, or under "NAME-2", "NAME-3", ... where it is taken.  Returns the name it got.
  std::string AddUnique(Node node);
  // A range under exactly that name.  Ends in a usage Failure where the name is taken by a node that differs.
  void AddNamed(const PreserveOption& option);
  // All of another handover but its own page and what it releases: nodes, scratch, record of RAM, the stricter policy
  // of the two.  Of other dialects what is kept, under the dialect's name; scratch is for kernels that read the
  // dialect, which do not read this tree.
  // A store that has its index in `store` is left out: it comes by itself, as it is now.  Only one store has a name and
  // an owner by which it is found again.
  void Merge(const HandoverFile& file, std::span<const PhysRange> store = {});
  void AddScratch(PhysRange range) { scratch_.push_back(range); }
  void AddRam(PhysRange range) { ram_.push_back(range); }
  void ForgetRam() { ram_.clear(); }
  // What was kept by an earlier handover: what of it this one does not keep is released.
  void Release(std::vector<PhysRange> ranges) { released_ = std::move(ranges); }
  // Keeps a name free for a node that comes last.
  void Reserve(std::string_view name) { reserved_ = name; }

  // Sorts, joins, and checks; ends in a Failure for what overlaps.
  void Finish();
  // Pre, for all below: finished.
  std::vector<std::byte> Encode() const;
  // As a page of its own holds it: names of more than `most` ranges have them in a list behind the tree, rounded out to
  // pages.  The own page's name has none.
  struct InPlace {
    std::vector<std::byte> bytes;
    std::size_t tree_size = 0;
    std::size_t num_lists = 0;
  };
  InPlace EncodeAt(PhysRange page, std::size_t most) const;
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<PhysRange>& ram() const { return ram_; }
  // Pre: finished.
  const std::vector<PhysRange>& released() const { return released_; }
  // Bytes that were to be released in more ranges than a handover has.
  std::uint64_t still_fenced() const { return still_fenced_; }
  std::size_t num_ranges() const;
  std::uint64_t bytes() const;

 private:
  using ListPlaces = std::vector<std::optional<RangeListPlace>>;  // one a node

  bool IsTaken(std::string_view name) const;
  void FinishReleased(const PreservedMap& kept);
  std::vector<std::byte> EncodeWith(const ListPlaces& lists) const;

  std::vector<Node> nodes_;
  std::vector<PhysRange> scratch_;
  std::vector<PhysRange> ram_;
  std::vector<PhysRange> released_;
  std::uint64_t still_fenced_ = 0;
  std::string reserved_;
  bool has_policy_ = false;
};

// The handover as a tree of ours: as it is, or what another dialect keeps, put into one.
std::vector<std::byte> AsTree(const HandoverFile& file);

}  // namespace holdfast::tool
