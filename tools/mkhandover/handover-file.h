// SPDX-License-Identifier: BSD-2-Clause
// A handover from a file: decoded, with the storage that it borrows.
//
// The compatible string of the tree says which dialect it is; this version reads holdfast,handover-v1, and names
// any other in its refusal.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/format/fdt.h"
#include "common/format/handover-v1.h"
#include "common/format/handover.h"
#include "common/mem/problem.h"

namespace holdfast::tool {

// Ends in a usage Failure for a name that is no dialect, and in one of bad input for one that is not read yet.
void CheckDialectName(std::string_view dialect);
// The name that is in use for what a tree's compatible string says.
std::string_view DialectNameOf(std::string_view compatible);

// Why the stage would refuse to read this tree, whose tables are smaller than ours.
std::optional<Problem> FindStageProblem(const FdtView& tree);

// A kept range under its own name: rounded to pages, not joined with its neighbours.
struct KeptPiece {
  PhysRange range;
  Fence fence = Fence::kReserved;
  std::string name;
  std::string owner;
  std::optional<Digest> sha256;  // of the contents of all ranges of that name
};

class HandoverFile {
 public:
  // `name` is for messages.  Bytes that are no handover end in a Failure; two kept ranges that overlap do not,
  // they are the problem() of an otherwise readable handover.
  HandoverFile(std::vector<std::byte> bytes, std::string name);
  explicit HandoverFile(const std::string& path);
  HandoverFile(const HandoverFile&) = delete;
  HandoverFile& operator=(const HandoverFile&) = delete;

  const std::string& name() const { return name_; }
  // The kept map is sealed if there is no problem(), else it must not be used.
  const Handover& handover() const { return handover_; }
  const std::optional<Problem>& problem() const { return problem_; }
  // Ends in a Failure if there is a problem.
  void RequireNoProblem() const;

  std::string created_by() const;
  // Ascending and disjoint; where two overlap the later one yields.
  const std::vector<KeptPiece>& pieces() const { return pieces_; }
  // The name that a kept range has in the tree.
  std::string_view NameOf(const KeptRange& kept) const;
  const FdtView& tree() const { return tree_; }

  // Puts names of kept ranges where a problem speaks of them.
  void NameKept(Problem& problem) const;

 private:
  void CollectPieces();

  std::string name_;
  std::vector<std::byte> bytes_;
  FdtView tree_;
  std::vector<KeptRange> kept_storage_;
  std::vector<PhysRange> scratch_storage_;
  std::vector<PhysRange> ram_storage_;
  PreservedMap kept_;
  RangeSet scratch_;
  RangeSet ram_;
  Handover handover_;
  std::vector<KeptPiece> pieces_;
  std::optional<Problem> problem_;
};

}  // namespace holdfast::tool
