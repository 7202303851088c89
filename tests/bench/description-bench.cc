// SPDX-License-Identifier: BSD-2-Clause
// What a description of kept memory costs: its bytes, and the time from them to the sealed map.

#include <array>
#include <cstdlib>
#include <iostream>

#include "common/format/kept-collector.h"
#include "common/format/kho.h"
#include "common/format/pkram.h"
#include "common/format/range-list.h"
#include "tests/bench/bench.h"
#include "tests/support/arena-memory.h"
#include "tests/support/folio-workload.h"

namespace holdfast::bench {
namespace {

constexpr std::uint64_t kArenaPages = 12'288;  // PKRAM's page table on scattered folios takes 46.8 MB
constexpr std::uint64_t kArenaAt = kGiB / 2;
constexpr std::uint64_t kScratch = 3 * kGiB;

template <typename T>
T Need(const Result<T>& result, const char* what) {
  if (!result.ok()) {
    std::cerr << "bench: " << what << ": " << ErrcName(result.error().code) << "\n";
    std::exit(1);
  }
  return result.value();
}

// From any description to the sealed map, as the stage goes that way.
class Way {
 public:
  explicit Way(std::size_t room) : map_(map_storage_), scratch_(scratch_storage_), kept_storage_(room) {
    Need(map_.AppendAscending(PhysRange::All().From(PhysAddr(kMiB)).UpTo(PhysAddr(kGiB * 1024)), MemType::kUsable),
         "map");
  }

  // Of `decode(sink, scratch)`, the median, in seconds.
  template <typename Decode>
  double Time(unsigned repetitions, Decode decode) {
    std::vector<double> seconds;
    for (unsigned i = 0; i < repetitions; ++i) {
      PreservedMap kept(kept_storage_);
      scratch_.Clear();
      const auto start = std::chrono::steady_clock::now();
      KeptCollector collector(kept, 0, Fence::kReserved, map_, scratch_);
      Need(decode(collector.sink(), scratch_), "decode");
      Need(collector.Flush(), "Flush");
      Need(kept.Seal(), "Seal");
      seconds.push_back(SecondsSince(start));
      kept_ranges_ = kept.size();
    }
    return Median(seconds);
  }
  std::uint64_t kept_ranges() const { return kept_ranges_; }

 private:
  std::array<MemEntry, 4> map_storage_;
  std::array<PhysRange, 8> scratch_storage_;
  MemoryMap map_;
  RangeSet scratch_;
  std::vector<KeptRange> kept_storage_;
  std::uint64_t kept_ranges_ = 0;
};

struct Kho {
  test::ArenaMemory memory;
  test::ArenaMemory scratch{kScratch, 1};
  KhoRecord record;
  KhoBitmaps bitmaps;

  Kho(std::span<const KeptBlock> blocks, KhoDialect dialect, KhoBitmaps size, std::uint64_t pages)
      : memory(kArenaAt, pages), bitmaps(size) {
    const std::array areas = {scratch.range()};
    KhoImage image;
    image.dialect = dialect;
    image.bitmaps = bitmaps;
    image.blocks = blocks;
    image.scratch = areas;
    record = Need(EncodeKho(image, memory.arena(), scratch.arena()), "EncodeKho");
  }
  // The map, without the tree's page.
  std::uint64_t bytes() { return memory.arena().used() - kPageSize; }

  double Time(unsigned repetitions, Way& way) {
    const PhysMemory both(&Read, this);
    return way.Time(repetitions, [&](const BlockSink& sink, RangeSet& areas) {
      KhoFacts facts;
      return DecodeKho(record, bitmaps, both, areas, sink, facts);
    });
  }

 private:
  static const std::byte* Read(const void* self, PhysRange range) {
    const auto& kho = *static_cast<const Kho*>(self);
    const auto view = (kho.scratch.range().Contains(range) ? kho.scratch : kho.memory).memory().View(range);
    return view.ok() ? view.value().data() : nullptr;
  }
};

Description OfKho(const std::vector<KeptBlock>& blocks, const char* name, KhoDialect dialect, KhoBitmaps bitmaps,
                  unsigned repetitions) {
  Kho kho(blocks, dialect, bitmaps, kArenaPages);
  Way way(1 << 17);
  const double seconds = kho.Time(repetitions, way);
  return {name, kho.bytes(), seconds, way.kept_ranges()};
}

Description OfPkram(const std::vector<KeptBlock>& blocks, const char* name, PkramForm form, unsigned repetitions) {
  test::ArenaMemory memory(kArenaAt, kArenaPages);
  PkramImage image;
  image.form = form;
  image.blocks = blocks;
  const PhysAddr super_block = Need(EncodePkram(image, memory.arena()), "EncodePkram");
  Way way(1 << 17);
  std::uint64_t structures = 0;
  const double seconds = way.Time(repetitions, [&](const BlockSink& sink, RangeSet&) {
    PkramFacts facts;
    const Status status = DecodePkram(super_block, image.levels, memory.memory(), sink, facts);
    structures = facts.num_structures;
    return status;
  });
  return {name, structures * kPageSize, seconds, way.kept_ranges()};
}

Description OfRangeList(const std::vector<KeptBlock>& blocks, unsigned repetitions) {
  std::vector<std::byte> storage(kMiB);
  const auto bytes = Need(EncodeRangeList(test::RunsOf(blocks), storage), "EncodeRangeList");
  Way way(1 << 17);
  const double seconds =
      way.Time(repetitions, [&](const BlockSink& sink, RangeSet&) { return DecodeRangeList(bytes, sink); });
  return {"range-list", bytes.size(), seconds, way.kept_ranges()};
}

}  // namespace

std::vector<Description> MeasureDescriptions(Placement placement, std::uint64_t seed, unsigned repetitions) {
  const auto blocks = placement == Placement::kBuddy ? test::BuddyFolios(seed) : test::ScatteredFolios(seed);
  return {OfKho(blocks, "kho-v1-512", KhoDialect::kV1, KhoBitmaps::k512, repetitions),
          OfKho(blocks, "kho-v1-4096", KhoDialect::kV1, KhoBitmaps::k4096, repetitions),
          OfKho(blocks, "kho-v4", KhoDialect::kV4, KhoBitmaps::kUnknown, repetitions),
          OfPkram(blocks, "pkram-pgt", PkramForm::kPageTable, repetitions),
          OfPkram(blocks, "pkram-regions", PkramForm::kRegionList, repetitions),
          OfRangeList(blocks, repetitions)};
}

WalkTime MeasureWalk(std::uint64_t count, unsigned repetitions) {
  WalkTime out{.count = count, .contiguous_seconds = 0, .scattered_seconds = 0};
  for (const bool scattered : {false, true}) {
    test::SplitMix64 random(1);
    std::vector<KeptBlock> blocks;
    std::uint64_t page = 4 * kGiB / kPageSize;
    for (std::uint64_t i = 0; i < count; ++i) {
      page += scattered ? 1 + random.Below(15) : 0;
      blocks.push_back(test::FolioAt(page++, 0));
    }
    Kho kho(blocks, KhoDialect::kV4, KhoBitmaps::kUnknown, 1024);
    Way way(count + 1024);
    (scattered ? out.scattered_seconds : out.contiguous_seconds) = kho.Time(repetitions, way);
  }
  return out;
}

}  // namespace holdfast::bench
