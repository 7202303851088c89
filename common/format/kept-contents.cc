// SPDX-License-Identifier: BSD-2-Clause
// Is what was kept still what it was?

#include "common/format/kept-contents.h"

#include <algorithm>

#include "common/abi/handover-fdt.h"
#include "common/base/byte-reader.h"
#include "common/format/handover-v1-layout.h"
#include "common/format/range-list.h"

namespace holdfast {
namespace {

// The contents of one name, range by range.
class Contents {
 public:
  Contents(const PhysMemory& memory, Sha256BlocksFn blocks, bool has_digest)
      : memory_(memory), hash_(blocks), has_digest_(has_digest) {}

  Status Add(PhysRange range) {
    if (first_.empty()) {
      first_ = range;
    }
    bytes_ += range.size();
    return has_digest_ ? Hash(range) : Status(kDone);
  }
  BlockSink sink() { return {&AddBlock, this}; }

  PhysRange first() const { return first_; }
  std::uint64_t bytes() const { return bytes_; }
  Digest Finish() { return hash_.Finish(); }

 private:
  static Status AddBlock(void* self, const KeptBlock& block) { return static_cast<Contents*>(self)->Add(block.range); }

  // By pages, for what lies in one piece in memory may not in a captured one.
  Status Hash(PhysRange range) {
    while (!range.empty()) {
      const PhysAddr cut(AlignDown(range.start().raw(), kPageSize) + kPageSize);
      TRY_ASSIGN(const auto bytes, memory_.View(range.UpTo(cut)));
      hash_.Update(bytes);
      range = range.From(cut);
    }
    return kDone;
  }

  const PhysMemory& memory_;
  Sha256 hash_;
  bool has_digest_;
  PhysRange first_;
  std::uint64_t bytes_ = 0;
};

Status AddRanges(std::span<const std::byte> ranges, Contents& contents) {
  for (ByteReader reader(ranges); !reader.done();) {
    TRY_ASSIGN(const auto stored, reader.Read<handover_v1::StoredRange>());
    TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(PhysAddr(stored.start.value()), stored.size.value()));
    TRY(contents.Add(range));
  }
  return kDone;
}

Result<KeptContent> CheckName(const PreservedNode& node, bool is_outside, const PhysMemory& memory,
                              Sha256BlocksFn blocks) {
  const bool has_digest = node.sha256 && !is_outside;
  Contents contents(memory, blocks, has_digest);
  if (node.range_list) {
    TRY_ASSIGN(const auto list, memory.View(node.range_list->range));
    TRY(DecodeRangeList(list, contents.sink()));
  } else {
    TRY(AddRanges(node.ranges, contents));
  }
  KeptContent out{.name = node.name, .first = contents.first(), .bytes = contents.bytes()};
  if (has_digest) {
    const Digest digest = contents.Finish();
    const bool is_same = std::equal(digest.begin(), digest.end(), node.sha256->begin(), node.sha256->end());
    out.state = is_same ? ContentState::kIntact : ContentState::kLost;
  }
  return out;
}

}  // namespace

Status CheckContents(const FoundHandovers& found, const PhysMemory& memory, Sha256BlocksFn blocks,
                     const ContentSink& sink) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i].tree) {
      continue;
    }
    const FdtView& tree = *found[i].tree;
    const auto preserved = tree.Child(tree.root(), handover_fdt::kNodePreserved);
    if (!preserved) {
      continue;
    }
    for (auto node = tree.FirstChild(*preserved); node; node = tree.NextSibling(*node)) {
      PreservedNode name;
      TRY(DecodePreservedNode(tree, *node, name));
      TRY_ASSIGN(KeptContent content, CheckName(name, found[i].is_outside, memory, blocks));
      content.source = static_cast<std::uint8_t>(i);
      content.node = static_cast<std::uint32_t>(node->offset());
      TRY(sink.Add(content));
    }
  }
  return kDone;
}

}  // namespace holdfast
