// SPDX-License-Identifier: BSD-2-Clause
// A handover from a file: decoded, with the storage that it borrows, whichever dialect wrote it.
//
// What the file is, is found out by looking (carriers.h).  A tree of our own stands alone; a command line, or the
// setup_data nodes of a kernel, may bring several of the other dialects, and their union is the handover.

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
#include "tools/mkhandover/foreign-set.h"
#include "tools/mkhandover/handover-choice.h"
#include "tools/mkhandover/kept-pieces.h"
#include "tools/mkhandover/list-memory.h"
#include "tools/mkhandover/owned-map.h"

namespace holdfast::tool {

// Why the stage would refuse to read this tree, whose tables are smaller than ours.
std::optional<Problem> FindStageProblem(const FdtView& tree, const ListReader& lists);

class HandoverFile {
 public:
  // A tree of our own.  `name` is for messages, `memory` where its range-lists lie, if they are not in the bytes. Bytes
  // that are no handover end in a Failure; kept ranges that overlap do not, they are problems() of an otherwise
  // readable handover.
  HandoverFile(std::vector<std::byte> bytes, std::string name, const std::optional<std::string>& memory = {});
  // Any dialect.  `map` says what is RAM, so that what is only perhaps kept is cut down to that; null: it is not known.
  explicit HandoverFile(const HandoverChoice& choice, const MemoryMap* map = nullptr);
  // The same of a file that was read already.
  HandoverFile(std::vector<std::byte> bytes, const HandoverChoice& choice);
  HandoverFile(const HandoverFile&) = delete;
  HandoverFile& operator=(const HandoverFile&) = delete;

  const std::string& name() const { return name_; }
  // The kept map is sealed if there are no problems(), else it must not be used.  What is released is asked for.
  const Handover& handover() const { return handover_; }
  const std::vector<Problem>& problems() const { return problems_; }
  // Ends in a Failure if there is a problem.
  void RequireNoProblem() const;

  std::string created_by() const;
  // Ascending and disjoint.  Where two overlap the later one yields; structures yield to memory, and what is uncertain
  // yields to both.
  const std::vector<KeptPiece>& pieces() const { return pieces_; }
  // The name that a kept range has in the tree, or that of its dialect.
  std::string_view NameOf(const KeptRange& kept) const;
  // Puts names of kept ranges where a problem speaks of them.
  void NameKept(Problem& problem) const;

  // Null where it is of other dialects.
  const FdtView* tree() const { return tree_ ? &*tree_ : nullptr; }
  // Of that tree.
  ListReader lists() const { return lists_.reader(); }
  // Empty where it is a tree of ours.
  const ForeignSet& foreign() const { return foreign_; }

 private:
  // What is decoded of a file before it is known how much storage it takes.
  struct Origin {
    std::string name;
    std::vector<std::byte> bytes{};       // a tree of ours
    std::optional<std::string> memory{};  // where its range-lists lie; or
    ForeignSet foreign{};
  };
  HandoverFile(Origin origin, const MemoryMap* map);
  static Origin OriginOf(std::vector<FoundCarrier> found, const HandoverChoice& choice);

  void AddTree();
  void CollectTreePieces();
  void AddForeign(const MemoryMap& map);
  void AddNative(const ForeignHandover& foreign, std::uint8_t source);
  void Seal();

  std::string name_;
  std::vector<std::byte> bytes_;
  ForeignSet foreign_;
  std::optional<FdtView> tree_;
  ListMemory lists_;
  OwnedMap all_ram_;  // where nobody says what is RAM
  std::vector<KeptRange> kept_storage_;
  std::vector<PhysRange> scratch_storage_;
  std::vector<PhysRange> ram_storage_;
  std::vector<PhysRange> released_storage_;
  PreservedMap kept_;
  RangeSet scratch_;
  RangeSet ram_;
  RangeSet released_;
  Handover handover_;
  std::vector<KeptPiece> pieces_;
  std::vector<Problem> problems_;
};

}  // namespace holdfast::tool
