// SPDX-License-Identifier: BSD-2-Clause
// The range-lists that a tree of ours names, and the memory that they lie in.

#include "tools/mkhandover/list-memory.h"

#include <algorithm>

#include "common/abi/handover-fdt.h"
#include "common/base/byte-reader.h"
#include "common/format/handover-v1-layout.h"
#include "common/format/range-list.h"

namespace holdfast::tool {
namespace {

// Calls `visit` with each child of /preserved that decodes.
template <typename Visit>
void ForEachNode(const FdtView& tree, Visit visit) {
  const auto preserved = tree.Child(tree.root(), handover_fdt::kNodePreserved);
  if (!preserved) {
    return;
  }
  for (auto node = tree.FirstChild(*preserved); node; node = tree.NextSibling(*node)) {
    if (PreservedNode kept; DecodePreservedNode(tree, *node, kept).ok()) {
      visit(kept);
    }
  }
}

// The one range that the tree keeps as the file's own page.
PhysRange OwnPageOf(const FdtView& tree, std::size_t file_size) {
  PhysRange out;
  ForEachNode(tree, [&](const PreservedNode& node) {
    if (node.name != kOwnPageName || node.ranges.size() != sizeof(handover_v1::StoredRange)) {
      return;
    }
    const auto stored = ByteReader(node.ranges).Read<handover_v1::StoredRange>().value();
    const auto range = PhysRange::FromStartSize(PhysAddr(stored.start.value()), stored.size.value());
    if (range.ok() && range.value().size() == file_size) {
      out = range.value();
    }
  });
  return out;
}

}  // namespace

std::size_t MostRunsIn(const FdtView& tree) {
  std::uint64_t bytes = 0;
  ForEachNode(tree, [&](const PreservedNode& node) {
    bytes += node.range_list ? std::min(node.range_list->range.size(), kMaxRangeListSize) : 0;
  });
  return static_cast<std::size_t>(bytes);  // A run takes a byte or more.
}

ListMemory::ListMemory(const FdtView* tree, std::span<const std::byte> file, const std::optional<std::string>& capture)
    : file_(file) {
  if (tree == nullptr || MostRunsIn(*tree) == 0) {
    return;
  }
  page_ = OwnPageOf(*tree, file.size());
  if (capture) {
    capture_ = std::make_unique<Capture>(*capture);
  }
}

const std::byte* ListMemory::Read(const void* self, PhysRange range) {
  const auto& lists = *static_cast<const ListMemory*>(self);
  if (lists.page_.Contains(range)) {
    return lists.file_.data() + (range.start().raw() - lists.page_.start().raw());
  }
  const auto bytes = lists.capture_ != nullptr ? lists.capture_->memory().View(range) : NoLists().memory.View(range);
  return bytes.ok() ? bytes.value().data() : nullptr;
}

}  // namespace holdfast::tool
