// SPDX-License-Identifier: BSD-2-Clause
// PKRAM, the other way round: one node with one object.

#include <algorithm>
#include <cstring>

#include "common/abi/pkram.h"
#include "common/format/pkram-table-writer.h"
#include "common/format/pkram.h"

namespace holdfast {
namespace {

using Page = PageArena::Page;

constexpr std::uint8_t kHugeOrder = 9;
constexpr std::uint64_t kHugeFlag = 1;
constexpr std::size_t kEntriesPerLink = std::tuple_size_v<decltype(PkramLinkPage::entries)>;
constexpr std::size_t kRegionsPerPage = std::tuple_size_v<decltype(PkramRegionPage::regions)>;

Le64 PfnOf(PhysAddr at) { return Le64(at.raw() / kPageSize); }

template <typename T>
void Put(const Page& page, const T& value, std::size_t offset = 0) {
  std::memcpy(page.bytes + offset, &value, sizeof(T));
}

// A chain of link pages.
struct Links {
  Page first;
  Page last;
};

class LinkWriter {
 public:
  LinkWriter(PageArena& arena, bool newest_first) : arena_(arena), newest_first_(newest_first) {}

  Status Add(PhysAddr page, std::uint8_t order) {
    if (links_.last.bytes == nullptr || used_ == kEntriesPerLink) {
      TRY(Grow());
    }
    const std::uint64_t flags = order == kHugeOrder ? kHugeFlag : 0;
    Put(newest_, Le64(page.raw() | flags << kPkramFlagsShift | order),
        offsetof(PkramLinkPage, entries) + used_ * sizeof(Le64));
    ++used_;
    index_ += std::uint64_t{1} << order;
    return kDone;
  }
  const Links& links() const { return links_; }

 private:
  Status Grow() {
    TRY_ASSIGN(const Page page, arena_.Take());
    Put(page, Le64(index_), offsetof(PkramLinkPage, index));
    if (links_.last.bytes == nullptr) {
      links_ = {page, page};
    } else if (newest_first_) {
      Put(page, PfnOf(links_.first.at));
      links_.first = page;
    } else {
      Put(links_.last, PfnOf(page.at));
      links_.last = page;
    }
    newest_ = page;
    used_ = 0;
    return kDone;
  }

  PageArena& arena_;
  bool newest_first_;
  Links links_;
  Page newest_;
  std::size_t used_ = 0;
  std::uint64_t index_ = 0;
};

// What is to be preserved, ascending and joined: the blocks, and `own` at its place among them.
class Runs {
 public:
  Runs(std::span<const KeptBlock> blocks, PhysRange own) : blocks_(blocks), own_(own) {}

  PhysRange Next() {
    PhysRange run = Take();
    while (const PhysRange* next = Peek()) {
      if (run.empty() || next->start() != run.end()) {
        break;
      }
      run = PhysRange::FromStartEnd(run.start(), Take().end()).value();
    }
    return run;
  }

 private:
  const PhysRange* Peek() const {
    const bool own_is_next = !own_.empty() && (blocks_.empty() || own_.start() < blocks_[0].range.start());
    return own_is_next ? &own_ : blocks_.empty() ? nullptr : &blocks_[0].range;
  }
  PhysRange Take() {
    const PhysRange* const next = Peek();
    const PhysRange out = next == nullptr ? PhysRange() : *next;
    if (next == &own_) {
      own_ = PhysRange();
    } else if (next != nullptr) {
      blocks_ = blocks_.subspan(1);
    }
    return out;
  }

  std::span<const KeptBlock> blocks_;
  PhysRange own_;
};

std::uint64_t CountRuns(std::span<const KeptBlock> blocks, PhysRange own) {
  Runs runs(blocks, own);
  std::uint64_t count = 0;
  while (!runs.Next().empty()) {
    ++count;
  }
  return count;
}

Status CheckBlocks(std::span<const KeptBlock> blocks) {
  PhysAddr covered;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const KeptBlock& block = blocks[i];
    if (block.order < 0 || static_cast<std::uint64_t>(block.order) > kPkramOrderMask ||
        block.range.size() != kPageSize << block.order || !IsAligned(block.range.start().raw(), block.range.size()) ||
        block.range.start() < covered) {
      return Error{Errc::kMalformed, i};
    }
    covered = block.range.end();
  }
  return kDone;
}

class Writer {
 public:
  Writer(const PkramImage& image, PageArena& arena) : image_(image), arena_(arena) {}

  Result<PhysAddr> Write() {
    TRY_ASSIGN(super_, arena_.Take());
    const bool is_table = image_.form == PkramForm::kPageTable;
    if (is_table) {
      TRY_ASSIGN(root_, arena_.Take());
    }
    TRY_ASSIGN(const Page node, arena_.Take());
    TRY_ASSIGN(const Page object, arena_.Take());
    TRY(WriteNode(node, object.at));
    TRY(is_table ? WriteObjectOf2020(object) : WriteObject(object));
    TRY(is_table ? WriteTable(node.at) : WriteRegions(node.at));
    return super_.at;
  }

 private:
  Status WriteNode(const Page& at, PhysAddr object) {
    PkramNodePage node{};
    node.obj_pfn = PfnOf(object);
    if (image_.node_name.size() >= node.name.size()) {
      return Error{Errc::kTooLarge, node.name.size() - 1};
    }
    std::copy(image_.node_name.begin(), image_.node_name.end(), node.name.begin());
    Put(at, node);
    return kDone;
  }

  Result<Links> WritePages(bool newest_first) {
    LinkWriter writer(arena_, newest_first);
    for (const KeptBlock& block : image_.blocks) {
      TRY(writer.Add(block.range.start(), static_cast<std::uint8_t>(block.order)));
    }
    return writer.links();
  }

  // The pages of the byte stream, one behind the other; none for no bytes.
  Result<Page> WriteData() {
    TRY_ASSIGN(const Page first, arena_.Take(NumDataPages()));
    std::copy(image_.data.begin(), image_.data.end(), first.bytes);
    return first;
  }
  std::uint64_t NumDataPages() const { return AlignUp(image_.data.size(), kPageSize) / kPageSize; }

  Status WriteObjectOf2020(const Page& at) {
    PkramObjectRfc object{};
    object.data_len.Set(image_.data.size());
    if (NumDataPages() > 1) {
      return Error{Errc::kTooLarge, kPageSize};
    }
    if (!image_.data.empty()) {
      TRY_ASSIGN(const Page data, WriteData());
      object.data_pfn = PfnOf(data.at);
    }
    TRY_ASSIGN(const Links pages, WritePages(/*newest_first=*/true));
    object.link_pfn = PfnOf(pages.first.at);
    Put(at, object);
    return kDone;
  }

  Status WriteObject(const Page& at) {
    PkramObjectStreams object{};
    TRY_ASSIGN(const Links pages, WritePages(/*newest_first=*/false));
    object.pages_head_pfn = PfnOf(pages.first.at);
    object.pages_tail_pfn = PfnOf(pages.last.at);
    if (!image_.data.empty()) {
      TRY_ASSIGN(const Page data, WriteData());
      LinkWriter writer(arena_, /*newest_first=*/false);
      for (std::uint64_t i = 0; i < NumDataPages(); ++i) {
        TRY(writer.Add(PhysAddr(data.at.raw() + i * kPageSize), 0));
      }
      object.bytes_head_pfn = PfnOf(writer.links().first.at);
      object.bytes_tail_pfn = PfnOf(writer.links().last.at);
    }
    object.data_len.Set(image_.data.size());
    Put(at, object);
    return kDone;
  }

  PhysRange OwnFrom(PhysAddr start) const { return arena_.used_range().From(start); }

  // A page that is taken for the table is to be marked by it as well, which may take another.
  Status WriteTable(PhysAddr node) {
    Put(super_, PkramTableSuperBlock{PfnOf(node), PfnOf(root_.at)});
    PkramTableWriter table(arena_, root_, image_.levels);
    for (const KeptBlock& block : image_.blocks) {
      TRY(table.Mark(block.range, block.order >= kHugeOrder));
    }
    for (PhysAddr done = node; done != arena_.used_range().end();) {
      const PhysRange rest = OwnFrom(done);
      TRY(table.Mark(rest, /*is_huge=*/false));
      done = rest.end();
    }
    return kDone;
  }

  // The list speaks of its own pages too, so all are taken before it is written.
  Status WriteRegions(PhysAddr node) {
    TRY_ASSIGN(const Page first, arena_.Take());
    std::uint64_t num_pages = 1;
    const auto own = [&] { return OwnFrom(super_.at); };
    for (; CountRuns(image_.blocks, own()) > num_pages * kRegionsPerPage; ++num_pages) {
      TRY_ASSIGN([[maybe_unused]] const Page another, arena_.Take());
    }
    const auto page_at = [&](std::uint64_t i) {
      return Page{PhysAddr(first.at.raw() + i * kPageSize), first.bytes + i * kPageSize};
    };
    Runs runs(image_.blocks, own());
    std::uint64_t count = 0;
    for (PhysRange run = runs.Next(); !run.empty(); run = runs.Next(), ++count) {
      Put(page_at(count / kRegionsPerPage), PkramRegion{Le64(run.start().raw()), Le64(run.size())},
          offsetof(PkramRegionPage, regions) + count % kRegionsPerPage * sizeof(PkramRegion));
    }
    for (std::uint64_t i = 0; i < num_pages; ++i) {
      Put(page_at(i), PfnOf(page_at(i == 0 ? num_pages - 1 : i - 1).at));
      Put(page_at(i), i + 1 == num_pages ? Le64() : PfnOf(page_at(i + 1).at), offsetof(PkramRegionPage, next_pfn));
    }
    Put(super_, PkramListSuperBlock{Le32(kPkramMagic), Le32(), PfnOf(node), PfnOf(first.at), Le64(count)});
    return kDone;
  }

  const PkramImage& image_;
  PageArena& arena_;
  Page super_;
  Page root_;
};

}  // namespace

Result<PhysAddr> EncodePkram(const PkramImage& image, PageArena& arena) {
  TRY(CheckBlocks(image.blocks));
  return Writer(image, arena).Write();
}

}  // namespace holdfast
