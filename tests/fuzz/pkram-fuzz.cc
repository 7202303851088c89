// SPDX-License-Identifier: BSD-2-Clause
// Any pages as PKRAM's: the map first, then, if it holds, what hangs below the nodes.

#include "common/format/pkram.h"

#include "common/format/pkram-nodes.h"
#include "tests/fuzz/page-memory.h"

namespace holdfast {
namespace {

constexpr std::size_t kMaxBlocks = 1024;

bool IsKept(const PreservedMap& kept, PhysRange range) {
  PhysAddr at = range.start();
  for (const KeptRange& one : kept.view()) {
    at = one.range.Contains(at) ? one.range.end() : at;
  }
  return at >= range.end();
}

PkramSink PageCheck(PreservedMap& kept) {
  const auto node = [](void*, const PkramNode& found) -> Status {
    fuzz::Check(found.name.size() < 256, "a name ends");
    return kDone;
  };
  const auto object = [](void*, const PkramObject&) -> Status { return kDone; };
  const auto page = [](void* map, const PkramPage& found) -> Status {
    fuzz::Check(found.range.size() == kPageSize << found.order, "a page has its order's size");
    fuzz::Check(IsKept(*static_cast<const PreservedMap*>(map), found.range), "a page is kept");
    return kDone;
  };
  return {node, object, page, &kept};
}

void Walk(const fuzz::PageMemory& input) {
  const PhysAddr super = fuzz::PageMemory::PageAt(input.header()[1]);
  const int levels = input.header()[0] % 8;
  static std::vector<KeptRange> storage(kMaxBlocks);
  PreservedMap kept{std::span(storage)};
  fuzz::BlockCheck blocks(kept);
  PkramFacts facts;
  if (!DecodePkram(super, levels, input.memory(), blocks.sink(), facts).ok()) {
    return;
  }
  fuzz::Check(facts.num_structures != 0, "there is a super block");
  fuzz::Check(kept.Seal().ok(), "nothing is given twice");
  const Status walked = WalkPkramNodes(super, input.memory(), kept, PageCheck(kept));
  fuzz::Check(facts.first_node != PhysAddr(0) || walked.ok(), "no nodes are no error");
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  Walk(fuzz::PageMemory(data, size));
  return 0;
}
