// SPDX-License-Identifier: BSD-2-Clause
// The range-lists that a tree of ours names, and the memory that they lie in.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/format/fdt.h"
#include "common/format/handover-v1.h"
#include "tools/mkhandover/capture.h"

namespace holdfast::tool {

// A file that was made in place is its own huge page, which the tree keeps under this name.
inline constexpr std::string_view kOwnPageName = "handover";
// Who keeps it, so that a later handover knows that nobody else needs it.
inline constexpr std::string_view kOwnPageOwner = "mkhandover";
// What it calls the pages of a store's index.
inline constexpr std::string_view kStoreNodeName = "store";
// Whom it names as the owner of these and of each node's pages, so that a later store knows what it has forgotten.
inline constexpr std::string_view kStoreOwner = "mkhandover-store";

// Runs of all lists in the tree, at most; what does not decode has none.
std::size_t MostRunsIn(const FdtView& tree);

class ListMemory {
 public:
  // The file's own page, where it holds one; else what `capture` has, if the tree names a list.  Keeps `file`.
  ListMemory(const FdtView* tree, std::span<const std::byte> file, const std::optional<std::string>& capture);
  ListMemory(const ListMemory&) = delete;
  ListMemory& operator=(const ListMemory&) = delete;

  ListReader reader() const { return {.memory = PhysMemory(&Read, this)}; }

 private:
  static const std::byte* Read(const void* self, PhysRange range);

  std::span<const std::byte> file_;
  PhysRange page_;  // empty: the file is none
  std::unique_ptr<Capture> capture_;
};

}  // namespace holdfast::tool
