// SPDX-License-Identifier: BSD-2-Clause
// Any pages as handovers of every carrier at once, from where they are looked for to what is kept of them.

#include "common/format/read-handovers.h"

#include <optional>
#include <string>

#include "common/abi/setup-data.h"
#include "common/format/kept-contents.h"
#include "tests/fuzz/page-memory.h"

namespace holdfast {
namespace {

using fuzz::Check;
using fuzz::PageMemory;

// The header: which carriers there are; a page for each; where memory that was fenced, and a marked pool, begin.
enum Flag : std::uint8_t {
  kHasKho = 1,
  kIs2023 = 2,
  kHasDeviceTree = 4,
  kHasPkram = 8,
  kHasPool = 16,
  kHasPrmem = 32,
  kHasTree = 64,
  kIsOutside = 128  // the tree and the nodes
};

constexpr std::size_t kMaxKept = 4096;

PhysRange Pages(std::uint64_t first, std::uint64_t end) {
  return PhysRange::FromStartEnd(PageMemory::PageAt(first), PhysAddr(PageMemory::kStart + end * kPageSize)).value();
}

class Machine {
 public:
  explicit Machine(const PageMemory& input) : header_(input.header()), memory_(input.memory()) {
    const std::uint64_t fenced = header_[6] % PageMemory::kPages;
    const std::uint64_t pool = fenced + header_[7] % (PageMemory::kPages - fenced);
    Require(map_.AppendAscending(Pages(0, fenced), MemType::kUsable).ok());
    Require(map_.AppendAscending(Pages(fenced, pool), MemType::kReserved).ok());
    Require(map_.AppendAscending(Pages(pool, PageMemory::kPages), MemType::kReservedKern).ok());
    AddNode(kHasKho, kSetupKexecKho, header_[1], Has(kIs2023) ? 48 : 32);
    AddNode(kHasDeviceTree, kSetupDtb, header_[2], 2 * kPageSize);
    AddOption(kHasPkram, "pkram=" + Hex(At(header_[3]) / kPageSize));
    AddOption(kHasPool, "pmpool=" + std::to_string(At(pool)) + "," +
                            std::to_string(PageMemory::kStart + PageMemory::kSize - At(pool)));
    AddOption(kHasPrmem, "prmem_meta=0x" + Hex(At(header_[4])));
  }

  void Run() {
    const Status found = FindHandovers(Carriers(), map_, found_, problem_);
    Check(found.ok() || problem_.code == found.error().code, "a problem has its error's code");
    if (!found.ok()) {
      return;
    }
    CheckLists();
    const Status read = Read({});
    if (!read.ok()) {
      Check(problem_.code == read.error().code, "a problem has its error's code");
      return;
    }
    CheckKept();
    CheckLost();
  }

 private:
  Status Read(std::span<const LostName> lost) {
    return ReadHandovers({.memory = memory_,
                          .blocks = &Sha256Blocks,
                          .map = map_,
                          .page_table_levels = 4,
                          .native_scratch = native_scratch_,
                          .lost = lost,
                          .aligned = aligned_},
                         found_, handover_, problem_);
  }

  static std::uint64_t At(std::uint64_t page) { return PageMemory::PageAt(page).raw(); }
  static std::string Hex(std::uint64_t value) {
    char text[20];
    std::snprintf(text, sizeof(text), "%llx", static_cast<unsigned long long>(value));
    return text;
  }

  bool Has(Flag flag) const { return (header_[0] & flag) != 0; }
  void AddNode(Flag flag, std::uint32_t type, std::uint64_t page, std::uint64_t size) {
    const auto node = PhysRange::FromStartSize(PageMemory::PageAt(page), 16 + size).value();
    if (Has(flag)) {
      nodes_.push_back({.node = node, .payload = node.From(PhysAddr(At(page) + 16)), .type = type, .indirect = {}});
    }
  }
  void AddOption(Flag flag, const std::string& option) { line_ += Has(flag) ? " " + option : ""; }

  HandoverCarriers Carriers() {
    HandoverCarriers carriers{.lines = {line_}, .nodes = nodes_, .nodes_are_outside = Has(kIsOutside)};
    if (Has(kHasTree)) {
      const auto at = PhysRange::FromStartSize(PageMemory::PageAt(header_[5]), kPageSize).value();
      const auto bytes = memory_.View(at);
      tree_ = {.option = {at, bytes.ok() ? Sha256::Of(bytes.value(), &Sha256Blocks) : Digest{}},
               .is_outside = Has(kIsOutside)};
      carriers.trees = std::span(&tree_, 1);
    }
    return carriers;
  }

  void CheckLists() {
    const auto add = [](void* map, const KeptBlock& block) -> Status {
      Check(block.range == block.range.RoundedOut(kPageSize), "a list's place is made of pages");
      Check(!static_cast<MemoryMap*>(map)->FirstNot(block.range, MayHoldHandover), "a list lies in memory");
      return kDone;
    };
    Check(FindFencedLists(found_, memory_, map_, BlockSink(add, &map_)).ok(), "only the sink fails");
  }

  void CheckKept() const {
    for (const KeptRange& kept : kept_.view()) {
      Check(!kept.range.empty() && kept.range == kept.range.RoundedOut(kPageSize), "what is kept is made of pages");
      Check(kept.source < found_.size(), "what is kept has a source");
      Check(!found_[kept.source].is_outside || kept.fence == Fence::kReserved, "outside there is one fence");
      Check(!found_[kept.source].is_fenced && !found_[kept.source].is_unfinished, "what is passed over keeps nothing");
    }
    Check(!handover_.native || found_[handover_.native->source].carrier == Carrier::kKhoNode, "KHO alone is native");
    Check(!handover_.native || !Has(kIsOutside), "and not from outside");
  }

  // Whose contents are gone is not kept, and the rest is kept as before.
  void CheckLost() {
    FixedVector<LostName, 64> lost;
    const auto add = [](void* names, const KeptContent& content) -> Status {
      auto& out = *static_cast<FixedVector<LostName, 64>*>(names);
      Check(!content.first.empty() && content.bytes >= content.first.size(), "a name has contents");
      if (content.state != ContentState::kLost || out.size() == out.capacity()) {
        return kDone;
      }
      return out.Append({content.source, content.node});
    };
    if (!CheckContents(found_, memory_, &Sha256Blocks, ContentSink(add, &lost)).ok()) {
      return;
    }
    handover_.kept.Clear();
    native_scratch_.Clear();
    scratch_.Clear();
    ram_.Clear();
    Check(Read(lost.view()).ok(), "what was read is read again without what is lost");
    for (const KeptRange& kept : kept_.view()) {
      for (const LostName& name : lost) {
        Check(LostName{kept.source, kept.node} != name, "what is lost is not kept");
      }
    }
  }

  PageMemory::Header header_;
  PhysMemory memory_;
  std::array<MemEntry, 4> entries_{};
  MemoryMap map_{entries_};
  std::vector<SetupDataNode> nodes_;
  std::string line_;
  TreePlace tree_;
  FoundHandovers found_;
  Problem problem_;
  std::vector<KeptRange> kept_storage_{kMaxKept};
  std::vector<PhysRange> storage_{192};
  std::vector<std::byte> aligned_{4 * kPageSize};
  PreservedMap kept_{kept_storage_};
  RangeSet scratch_{std::span(storage_).first(64)};
  RangeSet ram_{std::span(storage_).subspan(64, 64)};
  RangeSet native_scratch_{std::span(storage_).subspan(128)};
  Handover handover_{kept_, scratch_, ram_};
};

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const fuzz::PageMemory input(data, size);
  Machine(input).Run();
  return 0;
}
