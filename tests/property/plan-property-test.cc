// SPDX-License-Identifier: BSD-2-Clause
// I1 to I6 on random machines, judged by a page bitmap.
//
// The model knows a case as one byte for each KiB of a small address space (its type in the map) and one for each
// page (how it is kept, whether it may be used).  It decides by looking at all of them, shares no code with
// common/mem and common/plan, and says for each case either every reason to refuse it or the whole plan.
//
// HOLDFAST_PROPERTY_COUNTS=1 prints how often each way through was taken; tests/support/random.h has the rest.

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "common/plan/boot-plan.h"
#include "tests/support/random.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

// --- The machine --------------------------------------------------------------------------------------------------

constexpr std::uint64_t kCell = 1024;  // fine enough for ends that are no page boundary
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kCellsPerPage = kPage / kCell;
constexpr std::uint64_t kLowEnd = 1 << 20;
constexpr std::uint64_t kAllMemory = std::uint64_t{1} << 52;

// A cell's type is an index into these; 0 is a hole.  Ascending, so that of two types that overlap the higher wins.
constexpr std::array<std::uint32_t, 10> kTypes{0, 1, 2, 3, 4, 5, 7, 12, 128, 0xefffffff};
enum Cell : std::uint8_t { kHole, kRam, kResv, kAcpiTables, kAcpiNvs, kBad, kPersistent, kProtected, kKern, kSoft };

// How a page is kept; one more than the Fence.
enum Keeping : std::uint8_t { kNotKept, kKeptReserved, kKeptHeld, kKeptPmem, kKeptPram };

struct Bytes {
  std::uint64_t start = 0;
  std::uint64_t end = 0;

  std::uint64_t size() const { return end - start; }
  bool Meets(Bytes other) const { return start < other.end && other.start < end; }
  Bytes Pages() const { return {start / kPage * kPage, (end + kPage - 1) / kPage * kPage}; }
  bool operator==(const Bytes&) const = default;
};

// A kept range as it is added, or as it is sealed.  Source and node are its name.
struct RawKept {
  Bytes bytes;
  std::uint8_t source = 0;
  Fence fence = Fence::kReserved;
  std::uint32_t node = 0;

  bool IsLike(const RawKept& other) const {
    return source == other.source && fence == other.fence && node == other.node;
  }
  bool operator==(const RawKept&) const = default;
};

struct RawSegment {
  std::string_view name;
  std::uint64_t size = 0;
  std::uint64_t alignment = kPage;
  std::optional<Bytes> at{};
  bool needs_ram = true;
};

struct RawInUse {
  std::string_view name;
  Bytes bytes;
  bool may_be_kept = false;
};

struct Case {
  std::uint64_t seed = 0;
  std::uint64_t base = 0;  // where the small address space lies
  std::vector<std::uint8_t> cells;
  std::vector<std::pair<Bytes, std::uint8_t>> overlays;  // how the map is made, where not from its cells
  std::vector<RawKept> kept;
  std::vector<Bytes> scratch;
  std::vector<Bytes> was_ram;
  std::vector<RawSegment> segments;
  std::vector<RawInUse> in_use;
  KernelFacts kernel;
  std::optional<Bytes> kernel_at;
  std::uint64_t kaslr_seed = 0;
  bool kaslr = true;
  bool policy_kaslr = true;
  std::size_t budget = 2000;
  std::size_t map_capacity = 8192;
  std::size_t avoid_capacity = 1024;

  std::size_t num_pages() const { return cells.size() / kCellsPerPage; }
  std::uint64_t end() const { return base + cells.size() * kCell; }
  std::size_t CellAt(std::uint64_t address) const { return static_cast<std::size_t>((address - base) / kCell); }
  std::size_t PageAt(std::uint64_t address) const { return static_cast<std::size_t>((address - base) / kPage); }
  std::uint64_t AddressOfCell(std::size_t cell) const { return base + cell * kCell; }
  std::uint64_t AddressOfPage(std::size_t page) const { return base + page * kPage; }
};

// --- The model ----------------------------------------------------------------------------------------------------

// Calls visit(first, last) for each longest run of equal values that are not 0.
template <typename Visit>
void ForEachRun(const std::vector<std::uint8_t>& values, Visit visit) {
  for (std::size_t i = 0; i < values.size();) {
    std::size_t end = i + 1;
    while (end < values.size() && values[end] == values[i]) ++end;
    if (values[i] != 0) visit(i, end);
    i = end;
  }
}

std::size_t CountRuns(const std::vector<std::uint8_t>& values) {
  std::size_t count = 0;
  std::uint8_t before = 0;
  for (const std::uint8_t value : values) {
    count += value != 0 && value != before;
    before = value;
  }
  return count;
}

std::string Text(const char* format, auto... values) {
  std::array<char, 512> line{};
  std::snprintf(line.data(), line.size(), format, values...);
  return line.data();
}

std::string ShowBytes(Bytes b) { return Text("[%#" PRIx64 ", %#" PRIx64 ")", b.start, b.end); }

std::string ShowKept(const RawKept& k) {
  return ShowBytes(k.bytes) + Text(" fence %u source %u node %u", static_cast<unsigned>(k.fence), k.source, k.node);
}

// A problem as one line, so that lists of them are compared as text.
std::string ProblemLine(Errc code, std::uint64_t where, std::string_view what, Bytes range, std::string_view other,
                        Bytes other_range, std::int64_t type, const RawKept* kept) {
  return std::string(ErrcName(code)) + Text(" at %#" PRIx64 " ", where) + std::string(what) + ShowBytes(range) + "/" +
         std::string(other) + ShowBytes(other_range) + Text(" type %" PRId64, type) +
         (kept != nullptr ? " kept " + ShowKept(*kept) : "");
}

struct Placed {
  std::string_view name;
  Bytes bytes;
};

// What has to come out.
struct Verdict {
  struct Conflict {
    std::size_t first;
    std::size_t second;
    std::uint64_t where;
  };
  std::vector<Conflict> conflicts;    // pairs of kept ranges that must not be sealed together
  std::vector<std::uint8_t> keeping;  // of each page
  std::vector<RawKept> kept;          // runs of pages that are kept alike and have one name
  std::vector<std::string> problems;  // every reason to refuse
  const char* refusal = nullptr;      // how often each was reached is counted

  std::vector<std::uint8_t> cells;  // the new map
  std::size_t num_entries = 0;
  std::size_t num_closed = 0;
  std::uint64_t closed_bytes = 0;
  std::vector<Bytes> held;
  std::vector<Placed> placed;
  std::uint64_t slot_count = 0;
  std::uint64_t slot_index = 0;
  std::uint64_t slot = 0;
};

class Model {
 public:
  explicit Model(const Case& given) : case_(given) {}

  Verdict Judge() {
    FindConflicts();
    if (!verdict_.conflicts.empty()) {
      verdict_.refusal = "kept-overlap";
      return std::move(verdict_);
    }
    MarkKept();
    if (case_.segments.size() > 64) {
      Refuse("too many segments", Errc::kTableFull, 64, "segments");
      return std::move(verdict_);
    }
    FindProblems();
    if (verdict_.problems.empty() && CollectAvoid() && RewriteMap() && PlaceSegments()) {
      ChooseSlot();
    }
    return std::move(verdict_);
  }

  // Facts that the generator uses to steer.
  bool MayBeKept(std::size_t cell) const {
    switch (case_.cells[cell]) {
      case kRam:
      case kKern:
        return true;
      case kResv:
      case kPersistent:
      case kProtected:
      case kSoft:
        return std::any_of(case_.was_ram.begin(), case_.was_ram.end(), [&](Bytes b) {
          return b.start <= case_.AddressOfCell(cell) && case_.AddressOfCell(cell) < b.end;
        });
      default:
        return false;
    }
  }

  // The number of entries before any gap is closed, and of gaps that may be.
  std::pair<std::size_t, std::size_t> EntriesAndGaps() {
    MarkKept();
    CollectAvoid();
    PaintFences();
    return {CountRuns(verdict_.cells), ClosableGaps().size()};
  }

 private:
  static bool IsRamCell(std::uint8_t cell) { return cell == kRam || cell == kKern; }

  void FindConflicts() {
    for (std::size_t i = 0; i < case_.kept.size(); ++i) {
      for (std::size_t j = i + 1; j < case_.kept.size(); ++j) {
        const RawKept& a = case_.kept[i];
        const RawKept& b = case_.kept[j];
        const bool share_bytes = a.bytes.Meets(b.bytes);
        if ((a.source == b.source && share_bytes) || (a.fence != b.fence && a.bytes.Pages().Meets(b.bytes.Pages()))) {
          const Bytes x = share_bytes ? a.bytes : a.bytes.Pages();
          const Bytes y = share_bytes ? b.bytes : b.bytes.Pages();
          verdict_.conflicts.push_back({i, j, std::max(x.start, y.start)});
        }
      }
    }
  }

  // A page belongs to the range that begins first of all that have a byte in it.
  void MarkKept() {
    std::vector<const RawKept*> by_start;
    for (const RawKept& kept : case_.kept) by_start.push_back(&kept);
    std::sort(by_start.begin(), by_start.end(), [](const RawKept* a, const RawKept* b) {
      return std::tuple(a->bytes.start, a->bytes.end, a->source, a->node) <
             std::tuple(b->bytes.start, b->bytes.end, b->source, b->node);
    });
    std::vector<const RawKept*> owners(case_.num_pages());
    for (const RawKept* const kept : by_start) {
      const Bytes pages = kept->bytes.Pages();
      for (std::size_t page = case_.PageAt(pages.start); page < case_.PageAt(pages.end); ++page) {
        if (owners[page] == nullptr) owners[page] = kept;
      }
    }
    verdict_.keeping.assign(case_.num_pages(), kNotKept);
    verdict_.kept.clear();
    for (std::size_t page = 0; page < owners.size(); ++page) {
      if (owners[page] == nullptr) continue;
      verdict_.keeping[page] = static_cast<std::uint8_t>(static_cast<unsigned>(owners[page]->fence) + 1);
      if (page == 0 || owners[page - 1] == nullptr || !owners[page]->IsLike(*owners[page - 1])) {
        verdict_.kept.push_back(*owners[page]);
        verdict_.kept.back().bytes.start = case_.AddressOfPage(page);
      }
      verdict_.kept.back().bytes.end = case_.AddressOfPage(page + 1);
    }
  }

  std::int64_t TypeAt(std::size_t cell) const {
    return case_.cells[cell] == kHole ? -1 : static_cast<std::int64_t>(kTypes[case_.cells[cell]]);
  }

  void Refuse(const char* refusal, Errc code, std::uint64_t where, std::string_view what) {
    verdict_.problems.push_back(ProblemLine(code, where, what, {}, {}, {}, -1, nullptr));
    verdict_.refusal = refusal;
  }

  void NoteMeetingKept(const char* refusal, std::string_view what, Bytes bytes) {
    for (std::uint64_t at = bytes.start; at < bytes.end; at += kCell) {
      if (verdict_.keeping[case_.PageAt(at)] == kNotKept) continue;
      const auto hit = std::find_if(verdict_.kept.begin(), verdict_.kept.end(),
                                    [&](const RawKept& k) { return k.bytes.start <= at && at < k.bytes.end; });
      verdict_.problems.push_back(ProblemLine(Errc::kOverlap, at, what, bytes, {}, hit->bytes, -1, &*hit));
      verdict_.refusal = refusal;
      return;
    }
  }

  void NoteNotRam(std::string_view what, Bytes bytes) {
    for (std::size_t cell = case_.CellAt(bytes.start); cell < case_.CellAt(bytes.end); ++cell) {
      if (!IsRamCell(case_.cells[cell])) {
        verdict_.problems.push_back(
            ProblemLine(Errc::kNotRam, case_.AddressOfCell(cell), what, bytes, {}, {}, TypeAt(cell), nullptr));
        verdict_.refusal = "not-ram";
        return;
      }
    }
  }

  void NoteMeeting(std::string_view what, Bytes bytes, std::string_view other, Bytes other_bytes) {
    if (bytes.Meets(other_bytes)) {
      verdict_.problems.push_back(ProblemLine(Errc::kOverlap, std::max(bytes.start, other_bytes.start), what, bytes,
                                              other, other_bytes, -1, nullptr));
      verdict_.refusal = "segments meet";
    }
  }

  void FindProblems() {
    if (case_.kernel_at) {
      NoteMeetingKept("kernel meets kept", "kernel", *case_.kernel_at);
      NoteNotRam("kernel", *case_.kernel_at);
    }
    for (std::size_t i = 0; i < case_.segments.size(); ++i) {
      const RawSegment& segment = case_.segments[i];
      if (!segment.at) continue;
      NoteMeetingKept("segment meets kept", segment.name, *segment.at);
      if (segment.needs_ram) NoteNotRam(segment.name, *segment.at);
      for (std::size_t j = 0; j < i; ++j) {
        if (case_.segments[j].at) {
          NoteMeeting(segment.name, *segment.at, case_.segments[j].name, *case_.segments[j].at);
        }
      }
      if (case_.kernel_at) NoteMeeting("kernel", *case_.kernel_at, segment.name, *segment.at);
    }
    for (const RawInUse& use : case_.in_use) {
      if (!use.may_be_kept) NoteMeetingKept("in use meets kept", use.name, use.bytes);
    }
    for (const Bytes& scratch : ScratchRuns()) NoteMeetingKept("scratch meets kept", "scratch", scratch);
    for (const RawKept& kept : verdict_.kept) {
      for (std::size_t cell = case_.CellAt(kept.bytes.start); cell < case_.CellAt(kept.bytes.end); ++cell) {
        if (!MayBeKept(cell)) {
          verdict_.problems.push_back(
              ProblemLine(Errc::kKeptNotRam, case_.AddressOfCell(cell), {}, kept.bytes, {}, {}, TypeAt(cell), &kept));
          verdict_.refusal = "kept-not-ram";
          break;
        }
      }
    }
  }

  // A handover's scratch is a set: what touches is one.
  std::vector<Bytes> ScratchRuns() const {
    std::vector<Bytes> runs;
    if (case_.scratch.empty()) return runs;
    std::vector<std::uint8_t> is_scratch(case_.cells.size());
    for (const Bytes& b : case_.scratch) {
      std::fill(is_scratch.begin() + static_cast<std::ptrdiff_t>(case_.CellAt(b.start)),
                is_scratch.begin() + static_cast<std::ptrdiff_t>(case_.CellAt(b.end)), std::uint8_t{1});
    }
    ForEachRun(is_scratch, [&](std::size_t first, std::size_t last) {
      runs.push_back({case_.AddressOfCell(first), case_.AddressOfCell(last)});
    });
    return runs;
  }

  bool Avoid(Bytes bytes) {
    const Bytes pages = bytes.Pages();
    for (std::size_t page = case_.PageAt(pages.start); page < case_.PageAt(pages.end); ++page) avoid_[page] = 1;
    // Counting takes a look at every page, which pays only where the table may be full.
    if (++num_avoided_ > case_.avoid_capacity && CountRuns(avoid_) > case_.avoid_capacity) {
      Refuse("avoid table full", Errc::kTableFull, case_.avoid_capacity, "held ranges or places in use");
      return false;
    }
    return true;
  }

  bool CollectAvoid() {
    avoid_.assign(case_.num_pages(), 0);
    num_avoided_ = 0;
    for (const RawKept& kept : verdict_.kept) {
      if (kept.fence != Fence::kHeld) continue;
      // Pages are held by the run, whatever their names.
      const bool goes_on = !verdict_.held.empty() && verdict_.held.back().end == kept.bytes.start;
      if (goes_on) {
        verdict_.held.back().end = kept.bytes.end;
      } else {
        verdict_.held.push_back(kept.bytes);
      }
      if (verdict_.held.size() > 96) {
        Refuse("too many held", Errc::kTableFull, 96, "held ranges or places in use");
        return false;
      }
      if (!Avoid(kept.bytes)) return false;
    }
    for (const RawSegment& segment : case_.segments) {
      if (segment.at && !Avoid(*segment.at)) return false;
    }
    return std::all_of(case_.in_use.begin(), case_.in_use.end(), [&](const RawInUse& use) { return Avoid(use.bytes); });
  }

  void PaintFences() {
    constexpr std::array<std::uint8_t, 5> kFenced{kHole, kResv, kRam, kPersistent, kProtected};
    verdict_.cells = case_.cells;
    for (std::size_t page = 0; page < case_.num_pages(); ++page) {
      if (verdict_.keeping[page] != kNotKept) {
        std::fill_n(verdict_.cells.begin() + static_cast<std::ptrdiff_t>(page * kCellsPerPage), kCellsPerPage,
                    kFenced[verdict_.keeping[page]]);
      }
    }
  }

  struct Gap {
    std::size_t size;
    std::size_t first;
  };

  // In cells: usable memory that nothing stands on, from one page that is kept reserved to the next.
  std::vector<Gap> ClosableGaps() const {
    std::vector<Gap> gaps;
    std::optional<std::size_t> open;  // the first cell of what may turn out to be a gap
    bool after_kept = false;
    for (std::size_t cell = 0; cell < case_.cells.size(); ++cell) {
      const std::size_t page = cell / kCellsPerPage;
      if (verdict_.keeping[page] == kKeptReserved) {
        if (open) gaps.push_back({cell - *open, *open});
        open.reset();
        after_kept = true;
        continue;
      }
      const bool fits = verdict_.keeping[page] == kNotKept && case_.cells[cell] == kRam && avoid_[page] == 0 &&
                        case_.AddressOfCell(cell) >= kLowEnd;
      if (!fits) {
        open.reset();
      } else if (after_kept) {
        open = cell;
      }
      after_kept = false;
    }
    return gaps;
  }

  bool RewriteMap() {
    PaintFences();
    const std::size_t budget = std::min(case_.budget, case_.map_capacity);
    std::size_t entries = CountRuns(verdict_.cells);
    if (entries > budget) {
      std::vector<Gap> gaps = ClosableGaps();
      std::sort(gaps.begin(), gaps.end(),
                [](Gap a, Gap b) { return a.size != b.size ? a.size < b.size : a.first < b.first; });
      for (const Gap& gap : gaps) {
        if (CountRuns(verdict_.cells) <= budget) break;
        std::fill_n(verdict_.cells.begin() + static_cast<std::ptrdiff_t>(gap.first), gap.size, std::uint8_t{kResv});
        verdict_.closed_bytes += gap.size * kCell;
        ++verdict_.num_closed;
      }
      entries = CountRuns(verdict_.cells);
    }
    verdict_.num_entries = entries;
    if (entries > budget) {
      Refuse("entry budget", Errc::kTableFull, budget, "e820");
      return false;
    }
    return true;
  }

  // The number of pages in a row, from each one on, that a target may take.
  std::vector<std::uint32_t> FreeRuns(std::optional<Bytes> also_avoid) const {
    std::vector<std::uint32_t> runs(case_.num_pages() + 1);
    const Bytes off = also_avoid.value_or(Bytes()).Pages();
    for (std::size_t page = case_.num_pages(); page-- != 0;) {
      const Bytes bytes{case_.AddressOfPage(page), case_.AddressOfPage(page + 1)};
      const auto* cells = &verdict_.cells[page * kCellsPerPage];
      const bool free = std::all_of(cells, cells + kCellsPerPage, [](std::uint8_t cell) { return cell == kRam; }) &&
                        avoid_[page] == 0 && bytes.start >= kLowEnd && bytes.end <= case_.kernel.limit &&
                        !(also_avoid && off.Meets(bytes));
      runs[page] = free ? runs[page + 1] + 1 : 0;
    }
    return runs;
  }

  bool Fits(const std::vector<std::uint32_t>& free_runs, std::uint64_t start, std::uint64_t size) const {
    const Bytes pages = Bytes{start, start + size}.Pages();
    return pages.start >= case_.base && pages.end <= case_.end() &&
           free_runs[case_.PageAt(pages.start)] >= (pages.end - pages.start) / kPage;
  }

  std::optional<Bytes> Highest(const RawSegment& segment) const {
    const std::vector<std::uint32_t> free_runs = FreeRuns(case_.kernel_at);
    if (segment.size > case_.end() - case_.base) return std::nullopt;
    for (std::uint64_t start = (case_.end() - segment.size) / segment.alignment * segment.alignment;
         start >= case_.base; start -= segment.alignment) {
      if (Fits(free_runs, start, segment.size)) return Bytes{start, start + segment.size};
      if (start < segment.alignment) break;
    }
    return std::nullopt;
  }

  bool PlaceSegments() {
    for (const RawSegment& segment : case_.segments) {
      const std::optional<Bytes> place = segment.at ? segment.at : Highest(segment);
      if (!place) {
        Refuse("no place for a segment", Errc::kNoSlot, segment.size, segment.name);
        return false;
      }
      if (!segment.at && !Avoid(*place)) return false;
      verdict_.placed.push_back({segment.name, *place});
    }
    return true;
  }

  void ChooseSlot() {
    const KernelFacts& kernel = case_.kernel;
    const std::vector<std::uint32_t> free_runs = FreeRuns(std::nullopt);
    const std::uint64_t from = std::max({case_.base, kernel.min_address, kLowEnd});
    std::vector<std::uint64_t> slots;
    for (std::uint64_t start = (from + kernel.alignment - 1) / kernel.alignment * kernel.alignment; start < case_.end();
         start += kernel.alignment) {
      if (Fits(free_runs, start, kernel.size)) slots.push_back(start);
    }
    if (slots.empty()) {
      Refuse("no slot for the kernel", Errc::kNoSlot, kernel.size, "kernel");
      return;
    }
    verdict_.slot_count = slots.size();
    if (case_.kaslr && case_.policy_kaslr) {
      // The upper 64 bits of seed * count; the count has less than 32.
      const std::uint64_t low = (case_.kaslr_seed & 0xffffffff) * slots.size() >> 32;
      verdict_.slot_index = ((case_.kaslr_seed >> 32) * slots.size() + low) >> 32;
    } else if (case_.kernel_at) {
      const auto it = std::find(slots.begin(), slots.end(), case_.kernel_at->start);
      verdict_.slot_index = it == slots.end() ? 0 : static_cast<std::uint64_t>(it - slots.begin());
    }
    verdict_.slot = slots[static_cast<std::size_t>(verdict_.slot_index)];
  }

  const Case& case_;
  Verdict verdict_;
  std::vector<std::uint8_t> avoid_;
  std::size_t num_avoided_ = 0;
};

// --- The generator ------------------------------------------------------------------------------------------------

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) { case_.seed = seed; }

  Case Make() {
    MakeSpace();
    MakeMap();
    MakeRecord();
    MakeKept();
    MakeKernel();
    MakeSegments();
    MakeInUse();
    MakeLimits();
    return std::move(case_);
  }

 private:
  bool Chance(std::uint64_t per_mille) { return random_.Below(1000) < per_mille; }
  // From 1 to `last`, each power of two as likely as the next.
  std::uint64_t Magnitude(std::uint64_t last) {
    unsigned bits = 0;
    while (last >> bits != 0) ++bits;
    const std::uint64_t top = std::uint64_t{1} << random_.Below(bits);
    return std::min(last, top + random_.Below(top));
  }

  void MakeSpace() {
    std::size_t pages = 0;
    const std::uint64_t pick = random_.Below(1000);
    if (pick < 2) {
      pages = 65536;
    } else if (pick < 50) {
      pages = random_.Between(4096, 16384);
    } else {
      pages = random_.Between(300, 3000);
    }
    case_.cells.assign(pages * kCellsPerPage, kHole);
    const std::uint64_t where = random_.Below(100);
    if (where < 70) {
      case_.base = 0;
    } else if (where < 95) {
      case_.base = random_.Below(std::uint64_t{1} << 30) * kPage;
    } else {
      case_.base = kAllMemory - pages * kPage;  // up to the last address there is
    }
  }

  std::uint8_t AnyType() {
    constexpr std::array<std::uint8_t, 23> kMix{kRam,  kRam,  kRam,  kRam,  kRam,        kRam,     kRam,       kRam,
                                                kRam,  kRam,  kRam,  kRam,  kRam,        kRam,     kHole,      kHole,
                                                kResv, kResv, kSoft, kKern, kAcpiTables, kAcpiNvs, kPersistent};
    const std::uint8_t type = kMix[random_.Below(kMix.size())];
    if (type == kAcpiNvs && Chance(300)) return kBad;
    if (type == kPersistent && Chance(400)) return kProtected;
    return type;
  }

  void MakeMap() {
    auto& cells = case_.cells;
    std::size_t at = 0;
    if (case_.base == 0 && Chance(500)) {  // as on every PC
      std::fill_n(cells.begin(), 0x9fc00 / kCell, std::uint8_t{kRam});
      std::fill_n(cells.begin() + 0x9fc00 / kCell, 1, std::uint8_t{kResv});
      std::fill_n(cells.begin() + 0xf0000 / kCell, 0x10000 / kCell, std::uint8_t{kResv});
      at = kLowEnd / kCell;
    }
    const std::uint64_t longest = std::max<std::uint64_t>(cells.size() >> random_.Below(4), 8);
    const unsigned unaligned = Chance(300) ? 300 : 0;
    while (at < cells.size()) {
      std::uint64_t size = Magnitude(longest);
      if (!Chance(unaligned)) size += (kCellsPerPage - (at + size) % kCellsPerPage) % kCellsPerPage;
      size = std::min<std::uint64_t>(size, cells.size() - at);
      std::fill_n(cells.begin() + static_cast<std::ptrdiff_t>(at), size, AnyType());
      at += static_cast<std::size_t>(size);
    }
    if (Chance(100)) MakeOverlays();
  }

  // A stored table may have overlaps and any order.
  void MakeOverlays() {
    ForEachRun(case_.cells, [&](std::size_t first, std::size_t last) {
      case_.overlays.push_back({{case_.AddressOfCell(first), case_.AddressOfCell(last)}, case_.cells[first]});
    });
    for (std::uint64_t more = random_.Below(6); more != 0; --more) {
      const Bytes bytes = AnyCells(64);
      const auto type = static_cast<std::uint8_t>(random_.Between(kRam, kSoft));
      case_.overlays.push_back({bytes, type});
      for (std::size_t cell = case_.CellAt(bytes.start); cell < case_.CellAt(bytes.end); ++cell) {
        case_.cells[cell] = std::max(case_.cells[cell], type);
      }
    }
    for (std::size_t i = case_.overlays.size(); i > 1; --i) {
      std::swap(case_.overlays[i - 1], case_.overlays[static_cast<std::size_t>(random_.Below(i))]);
    }
  }

  Bytes AnyCells(std::uint64_t longest) {
    const std::uint64_t size = std::min<std::uint64_t>(Magnitude(longest), case_.cells.size());
    const std::uint64_t first = random_.Below(case_.cells.size() - size + 1);
    return {case_.base + first * kCell, case_.base + (first + size) * kCell};
  }

  void MakeRecord() {
    const std::uint64_t pick = random_.Below(100);
    if (pick < 30) return;
    if (pick < 70) {
      case_.was_ram.push_back({case_.base, case_.end()});
      return;
    }
    for (std::uint64_t left = random_.Between(1, 6); left != 0; --left) {
      case_.was_ram.push_back(AnyCells(case_.cells.size()));
    }
  }

  Fence AnyFence() {
    constexpr std::array<Fence, 4> kFences{Fence::kReserved, Fence::kHeld, Fence::kPmem, Fence::kPram};
    return kFences[random_.Below(4)];
  }

  void MakeKept() {
    wrong_kept_ = Chance(40);
    wrong_overlap_ = Chance(30);
    const Model model(case_);
    page_may_be_kept_.assign(case_.num_pages(), 1);
    for (std::size_t cell = 0; cell < case_.cells.size(); ++cell) {
      if (!model.MayBeKept(cell)) page_may_be_kept_[cell / kCellsPerPage] = 0;
    }
    page_is_kept_.assign(case_.num_pages(), 0);
    reserved_only_ = Chance(600);
    if (Chance(8)) return MakeManyHeld();
    if (Chance(350)) return MakeComb();
    const std::uint64_t longest = std::max<std::uint64_t>(case_.num_pages() >> random_.Between(1, 6), 2);
    for (std::uint64_t left = Magnitude(24) - (Chance(100) ? 1 : 0); left != 0; --left) {
      const std::uint64_t size = Magnitude(longest);
      Keep(random_.Below(case_.num_pages()), size, reserved_only_ ? Fence::kReserved : AnyFence());
    }
  }

  // Many small ranges with small gaps, from a random place on.
  void MakeComb() {
    const std::uint64_t widest = Magnitude(12);
    const unsigned same_fence = Chance(300) ? 900 : 1000;
    std::uint64_t page = random_.Below(case_.num_pages());
    for (std::uint64_t left = Magnitude(Chance(80) ? 400 : 60); left != 0; --left) {
      page += random_.Between(1, widest);
      const std::uint64_t size = random_.Between(1, 3);
      if (page + size > case_.num_pages()) break;
      Keep(page, size, Chance(same_fence) ? Fence::kReserved : AnyFence());
      page += size;
    }
  }

  void MakeManyHeld() {
    std::uint64_t left = random_.Between(94, 100);
    for (std::size_t page = 0; page < case_.num_pages() && left != 0; page += 2) {
      if (page_may_be_kept_[page] != 0) {
        Keep(page, 1, Fence::kHeld);
        --left;
      }
    }
  }

  // Keeps bytes in some of these pages: as far as they may be kept, unless the case is to be wrong.
  void Keep(std::uint64_t page, std::uint64_t size, Fence fence) {
    std::uint64_t end = std::min<std::uint64_t>(page + size, case_.num_pages());
    for (std::uint64_t p = page; p < end; ++p) {
      const bool not_ram = page_may_be_kept_[p] == 0 && !(wrong_kept_ && Chance(500));
      if (not_ram || (page_is_kept_[p] != 0 && !wrong_overlap_)) end = p;
    }
    if (page == end) return;
    std::fill(page_is_kept_.begin() + static_cast<std::ptrdiff_t>(page),
              page_is_kept_.begin() + static_cast<std::ptrdiff_t>(end), std::uint8_t{1});
    Bytes bytes{case_.base + page * kPage, case_.base + end * kPage};
    if (Chance(200)) {  // Not whole pages.
      bytes.start += random_.Below(kPage / 2);
      bytes.end -= random_.Below(kPage / 2);
    }
    const auto node = static_cast<std::uint32_t>(random_.Below(3) * 64);
    case_.kept.push_back({bytes, static_cast<std::uint8_t>(random_.Below(2)), fence, node});
    if (Chance(50)) {  // Two handovers may speak of the same bytes if they agree.
      RawKept again = case_.kept.back();
      again.source = static_cast<std::uint8_t>(again.source + 7);
      case_.kept.push_back(again);
    }
  }

  bool MeetsKept(Bytes bytes) const {
    const Bytes pages = bytes.Pages();
    return std::any_of(page_is_kept_.begin() + static_cast<std::ptrdiff_t>(case_.PageAt(pages.start)),
                       page_is_kept_.begin() + static_cast<std::ptrdiff_t>(case_.PageAt(pages.end)),
                       [](std::uint8_t kept) { return kept != 0; });
  }

  bool IsRamOnly(Bytes bytes) const {
    return std::all_of(case_.cells.begin() + static_cast<std::ptrdiff_t>(case_.CellAt(bytes.start)),
                       case_.cells.begin() + static_cast<std::ptrdiff_t>(case_.CellAt(bytes.end)),
                       [](std::uint8_t cell) { return cell == kRam || cell == kKern; });
  }

  bool MeetsSegment(Bytes bytes) const {
    const auto meets = [bytes](const RawSegment& s) { return s.at && s.at->Meets(bytes); };
    return (case_.kernel_at && case_.kernel_at->Meets(bytes)) ||
           std::any_of(case_.segments.begin(), case_.segments.end(), meets);
  }

  // A place for something that a loader has placed: right, unless the case is to be wrong.
  std::optional<Bytes> AnyPlace(std::uint64_t longest, bool needs_ram) {
    if (Chance(15)) return AnyWrongPlace(longest);
    for (int tries = 0; tries < 12; ++tries) {
      const Bytes bytes = AnyCells(longest);
      if ((!MeetsKept(bytes) && !MeetsSegment(bytes) && (!needs_ram || IsRamOnly(bytes)))) {
        return bytes;
      }
    }
    return std::nullopt;
  }

  // Near something that it should be off: just before it, on it, just behind it.
  Bytes AnyWrongPlace(std::uint64_t longest) {
    std::vector<Bytes> targets;
    for (const RawSegment& segment : case_.segments) {
      if (segment.at) targets.push_back(*segment.at);
    }
    if (case_.kernel_at) targets.push_back(*case_.kernel_at);
    if (targets.empty() || Chance(500)) {
      for (const RawKept& kept : case_.kept) targets.push_back(kept.bytes.Pages());
    }
    Bytes bytes = AnyCells(longest);
    if (targets.empty() || Chance(200)) return bytes;
    const Bytes target = targets[static_cast<std::size_t>(random_.Below(targets.size()))];
    const std::uint64_t size = std::min(bytes.size(), 64 * kCell);
    const std::uint64_t from = target.start - std::min(target.start - case_.base, size);
    bytes.start = Chance(400) ? from : from + random_.Below((target.end - from) / kCell + 1) * kCell;
    bytes.end = std::min(bytes.start + size, case_.end());
    return bytes.start < bytes.end ? bytes : target;
  }

  void MakeKernel() {
    KernelFacts& kernel = case_.kernel;
    kernel.size = Magnitude(std::max<std::uint64_t>(case_.num_pages() >> random_.Between(2, 7), 1)) * kPage;
    kernel.alignment = kPage << random_.Below(Chance(200) ? 10 : 5);
    kernel.limit = kAllMemory;
    if (Chance(200)) {
      kernel.min_address = case_.base + random_.Below(case_.num_pages() * kPage);
    } else if (Chance(500)) {
      kernel.min_address = std::uint64_t{1} << random_.Between(16, 22);
    }
    if (Chance(200)) kernel.limit = case_.base + random_.Below(case_.num_pages() * kPage);
    if (Chance(500)) {
      case_.kernel_at = AnyPlace(case_.cells.size() / 8, /*needs_ram=*/true);
      // A loader aligns what it can.
      if (case_.kernel_at && Chance(700)) {
        const Bytes at = *case_.kernel_at;
        const std::uint64_t start = (at.start + kernel.alignment - 1) / kernel.alignment * kernel.alignment;
        if (start < at.end) case_.kernel_at = Bytes{start, at.end};
      }
    }
    case_.kaslr_seed = Chance(20) ? ~std::uint64_t{0} : random_.Bits();
    case_.kaslr = !Chance(250);
    case_.policy_kaslr = !Chance(150);
  }

  void MakeSegments() {
    constexpr std::array<std::string_view, 6> kNames{"boot_params", "initrd", "purgatory", "gdt", "acpi", "more"};
    const std::size_t count =
        Chance(6) ? 64 + random_.Below(2) : static_cast<std::size_t>(random_.Below(kNames.size() + 1));
    for (std::size_t i = 0; i < count; ++i) {
      RawSegment segment{.name = kNames[i % kNames.size()]};
      segment.needs_ram = !Chance(150);
      if (Chance(600)) segment.at = AnyPlace(case_.cells.size() / 16, segment.needs_ram);
      if (segment.at) {
        segment.size = segment.at->size();
      } else {
        constexpr std::array<std::uint64_t, 5> kAlignments{kCell, kPage, kPage, 2 * kPage, 64 * kPage};
        segment.alignment = kAlignments[random_.Below(kAlignments.size())];
        segment.size = Magnitude(case_.num_pages() * kPage >> random_.Between(4, 8));
      }
      case_.segments.push_back(segment);
    }
    for (std::uint64_t left = Chance(700) ? 0 : random_.Below(4); left != 0; --left) {
      const Bytes bytes = AnyCells(256);
      if (!MeetsKept(bytes) || Chance(60)) case_.scratch.push_back(bytes);
    }
  }

  void MakeInUse() {
    const std::uint64_t count = Chance(30) ? random_.Between(10, 60) : random_.Below(5);
    for (std::uint64_t left = count; left != 0; --left) {
      RawInUse use{.name = "firmware", .bytes = AnyCells(case_.cells.size() / 32), .may_be_kept = Chance(200)};
      if (use.may_be_kept) use.name = "handover";
      if (use.may_be_kept || !MeetsKept(use.bytes) || Chance(40)) case_.in_use.push_back(use);
    }
  }

  void MakeLimits() {
    if (Chance(15)) case_.avoid_capacity = static_cast<std::size_t>(random_.Below(8));
    if (!Chance(550)) return;
    const auto [entries, gaps] = Model(case_).EntriesAndGaps();
    if (gaps == 0 && !Chance(60)) return;
    std::uint64_t less = random_.Below(2 * gaps + 2);
    if (Chance(200)) less += random_.Below(4);
    const std::size_t budget = less > entries ? 0 : static_cast<std::size_t>(entries - less);
    (Chance(900) ? case_.budget : case_.map_capacity) = budget;
  }

  test::Random random_;
  Case case_;
  bool wrong_kept_ = false;
  bool wrong_overlap_ = false;
  bool reserved_only_ = false;
  std::vector<std::uint8_t> page_may_be_kept_;
  std::vector<std::uint8_t> page_is_kept_;
};

// --- The comparison -----------------------------------------------------------------------------------------------

PhysRange R(Bytes b) { return holdfast::R(b.start, b.end); }
Bytes B(PhysRange r) { return {r.start().raw(), r.end().raw()}; }
RawKept Raw(const KeptRange& k) { return {B(k.range), k.source, k.fence, k.node}; }

std::string ShowCase(const Case& c) {
  std::string text =
      Text("case of seed %#" PRIx64 ": repeat with HOLDFAST_PROPERTY_CASES=1 HOLDFAST_PROPERTY_SEED=%#" PRIx64 "\n",
           c.seed, c.seed);
  ForEachRun(c.cells, [&](std::size_t first, std::size_t last) {
    text += "  map " + ShowBytes({c.AddressOfCell(first), c.AddressOfCell(last)}) +
            Text(" type %u\n", kTypes[c.cells[first]]);
  });
  for (const RawKept& k : c.kept) {
    text += "  kept " + ShowKept(k) + "\n";
  }
  for (const Bytes& b : c.scratch) text += "  scratch " + ShowBytes(b) + "\n";
  for (const Bytes& b : c.was_ram) text += "  was RAM " + ShowBytes(b) + "\n";
  for (const RawSegment& s : c.segments) {
    text += "  segment " + std::string(s.name) + Text(" size %#" PRIx64 " align %#" PRIx64, s.size, s.alignment) +
            (s.at ? " at " + ShowBytes(*s.at) : "") + (s.needs_ram ? "\n" : " may lie outside RAM\n");
  }
  for (const RawInUse& u : c.in_use) {
    text += "  in use " + std::string(u.name) + " " + ShowBytes(u.bytes) + (u.may_be_kept ? " may be kept\n" : "\n");
  }
  if (c.kernel_at) text += "  kernel at " + ShowBytes(*c.kernel_at) + "\n";
  text += Text("  kernel size %#" PRIx64 " align %#" PRIx64 " min %#" PRIx64 " limit %#" PRIx64 "\n", c.kernel.size,
               c.kernel.alignment, c.kernel.min_address, c.kernel.limit);
  text += Text("  kaslr %d policy %d seed %#" PRIx64 " budget %zu map capacity %zu avoid capacity %zu\n", c.kaslr,
               c.policy_kaslr, c.kaslr_seed, c.budget, c.map_capacity, c.avoid_capacity);
  return text;
}

using Counters = std::map<std::string, std::uint64_t>;

// Builds the inputs of one case, runs it, and says what differs from the model's verdict; empty if nothing does.
class Trial {
 public:
  std::string Run(const Case& c, Counters& counters) {
    const Verdict verdict = Model(c).Judge();
    MemoryMap memory(memory_storage_);
    if (std::string wrong = BuildMap(c, memory); !wrong.empty()) return wrong;

    PreservedMap kept(kept_storage_);
    for (const RawKept& k : c.kept) Require(kept.Add({R(k.bytes), k.node, k.source, k.fence}).ok());
    PreservedMap::Conflict conflict;
    const Status sealed = kept.Seal(&conflict);
    if (!verdict.conflicts.empty()) {
      ++counters["refused: kept-overlap"];
      return CompareConflict(c, verdict, sealed, conflict);
    }
    if (!sealed.ok()) return "ranges that do not conflict were refused";
    if (std::string wrong = CompareKept(verdict, kept); !wrong.empty()) return wrong;

    RangeSet scratch(scratch_storage_);
    RangeSet ram(ram_storage_);
    for (const Bytes& b : c.scratch) Require(scratch.Add(R(b)).ok());
    for (const Bytes& b : c.was_ram) Require(ram.Add(R(b)).ok());
    Handover handover(kept, scratch, ram);
    handover.policy.kaslr = c.policy_kaslr;

    std::vector<SegmentRequest> segments;
    for (const RawSegment& s : c.segments) {
      segments.push_back({s.name, s.size, s.alignment, s.at ? std::optional(R(*s.at)) : std::nullopt, s.needs_ram});
    }
    std::vector<InUse> in_use;
    for (const RawInUse& u : c.in_use) in_use.push_back({u.name, R(u.bytes), u.may_be_kept});

    const BootInputs inputs{.memory = memory,
                            .handover = handover,
                            .kernel = c.kernel,
                            .kernel_at = c.kernel_at ? std::optional(R(*c.kernel_at)) : std::nullopt,
                            .segments = segments,
                            .in_use = in_use,
                            .seed = c.kaslr_seed,
                            .kaslr = c.kaslr,
                            .entry_budget = c.budget};
    BootPlan plan({new_map_storage_.data(), c.map_capacity}, {avoid_storage_.data(), c.avoid_capacity});
    // What an earlier plan left in the same storage does not matter.
    if (c.seed % 4 == 0) static_cast<void>(MakeBootPlan(inputs, plan).ok());
    const Status status = MakeBootPlan(inputs, plan);
    Count(verdict, counters);
    if (verdict.refusal != nullptr) return CompareRefusal(verdict, status, plan);
    if (!status.ok()) return "refused without a reason: " + std::string(ErrcName(status.error().code));
    std::string wrong = ComparePlan(c, verdict, plan);
    if (wrong.empty()) wrong = CheckTargets(c, verdict, plan);
    return wrong;
  }

 private:
  static void Count(const Verdict& verdict, Counters& counters) {
    if (verdict.refusal != nullptr) {
      ++counters[std::string("refused: ") + verdict.refusal];
      return;
    }
    ++counters["planned"];
    counters["planned, with gaps closed"] += verdict.num_closed != 0;
    counters["planned, with more than 128 entries"] += verdict.num_entries > 128;
    counters["planned, with held ranges"] += !verdict.held.empty();
    counters["planned, with one slot left"] += verdict.slot_count == 1;
  }

  std::string BuildMap(const Case& c, MemoryMap& memory) {
    if (c.overlays.empty()) {
      ForEachRun(c.cells, [&](std::size_t first, std::size_t last) {
        const Bytes bytes{c.AddressOfCell(first), c.AddressOfCell(last)};
        Require(memory.AppendAscending(R(bytes), MemType{kTypes[c.cells[first]]}).ok());
      });
    }
    for (const auto& [bytes, type] : c.overlays) Require(memory.Overlay(R(bytes), MemType{kTypes[type]}).ok());
    return CompareMap(c, c.cells, memory, "old map: ");
  }

  // I1, and that the map says of each cell what it has to.
  static std::string CompareMap(const Case& c, const std::vector<std::uint8_t>& cells, const MemoryMap& map,
                                const std::string& name) {
    std::size_t i = 0;
    std::string wrong;
    ForEachRun(cells, [&](std::size_t first, std::size_t last) {
      const Bytes bytes{c.AddressOfCell(first), c.AddressOfCell(last)};
      if (!wrong.empty()) return;
      if (i == map.size()) {
        wrong = name + "too short";
      } else if (B(map.view()[i].range) != bytes ||
                 static_cast<std::uint32_t>(map.view()[i].type) != kTypes[cells[first]]) {
        wrong = name + ShowBytes(B(map.view()[i].range)) +
                Text(" %u is not ", static_cast<std::uint32_t>(map.view()[i].type)) + ShowBytes(bytes) +
                Text(" %u", kTypes[cells[first]]);
      }
      ++i;
    });
    return wrong.empty() && i != map.size() ? name + "too long" : wrong;
  }

  static std::string CompareConflict(const Case& c, const Verdict& verdict, const Status& sealed,
                                     const PreservedMap::Conflict& conflict) {
    if (sealed.ok()) return "ranges that conflict were sealed";
    if (sealed.error().code != Errc::kKeptOverlap) return "wrong rule for ranges that conflict";
    const RawKept first = Raw(conflict.first);
    const RawKept second = Raw(conflict.second);
    for (const Verdict::Conflict& known : verdict.conflicts) {
      const RawKept& a = c.kept[known.first];
      const RawKept& b = c.kept[known.second];
      if (known.where == sealed.error().where && ((a == first && b == second) || (a == second && b == first)))
        return {};
    }
    return "there is no such conflict: " + ShowKept(first) + " and " + ShowKept(second) +
           Text(" at %#" PRIx64, sealed.error().where);
  }

  // I2.
  static std::string CompareKept(const Verdict& verdict, const PreservedMap& kept) {
    if (kept.size() != verdict.kept.size()) return "wrong number of kept ranges";
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (Raw(kept.view()[i]) != verdict.kept[i]) {
        return ShowKept(Raw(kept.view()[i])) + " is not " + ShowKept(verdict.kept[i]);
      }
    }
    return {};
  }

  static std::string LineOf(const Problem& p) {
    const RawKept kept = p.kept ? Raw(*p.kept) : RawKept();
    return ProblemLine(p.code, p.where, p.what, B(p.range), p.other, B(p.other_range),
                       p.type ? static_cast<std::int64_t>(*p.type) : -1, p.kept ? &kept : nullptr);
  }

  static std::string CompareRefusal(const Verdict& verdict, const Status& status, const BootPlan& plan) {
    std::vector<std::string> expected = verdict.problems;
    const std::size_t count = std::min(expected.size(), plan.problems.capacity());
    if (status.ok()) return "planned in spite of: " + expected[0];
    if (plan.problems.size() != count) {
      return Text("%zu problems, not %zu; ", plan.problems.size(), count) + "the model: " + expected[0];
    }
    if (status.error() != Error{plan.problems[0].code, plan.problems[0].where}) return "the first does not decide";
    for (const Problem& problem : plan.problems) {
      const auto it = std::find(expected.begin(), expected.end(), LineOf(problem));
      if (it == expected.end()) return "not a problem: " + LineOf(problem) + "; the model: " + expected[0];
      expected.erase(it);
    }
    return {};
  }

  // I4, I5, and where everything goes.
  std::string ComparePlan(const Case& c, const Verdict& verdict, const BootPlan& plan) {
    if (!plan.problems.empty()) return "a plan with problems";
    if (std::string wrong = CompareMap(c, verdict.cells, plan.memory, "new map: "); !wrong.empty()) return wrong;
    if (plan.memory.size() > c.budget) return "over budget";
    if (plan.closed_bytes != verdict.closed_bytes) {
      return Text("%" PRIu64 " bytes closed, not %" PRIu64, plan.closed_bytes, verdict.closed_bytes);
    }
    if (plan.held.size() != verdict.held.size()) return "wrong number of held ranges";
    for (std::size_t i = 0; i < verdict.held.size(); ++i) {
      if (B(plan.held[i]) != verdict.held[i]) return "not held: " + ShowBytes(verdict.held[i]);
    }
    if (plan.segments.size() != verdict.placed.size()) return "wrong number of segments";
    for (std::size_t i = 0; i < verdict.placed.size(); ++i) {
      if (plan.segments[i].name != verdict.placed[i].name || B(plan.segments[i].range) != verdict.placed[i].bytes) {
        return std::string(plan.segments[i].name) + " at " + ShowBytes(B(plan.segments[i].range)) + ", not at " +
               ShowBytes(verdict.placed[i].bytes);
      }
    }
    const Bytes slot{verdict.slot, verdict.slot + c.kernel.size};
    if (plan.slot.count != verdict.slot_count || plan.slot.index != verdict.slot_index || B(plan.slot.range) != slot) {
      return Text("slot %" PRIu64 " of %" PRIu64 " ", plan.slot.index, plan.slot.count) +
             ShowBytes(B(plan.slot.range)) +
             Text(", not %" PRIu64 " of %" PRIu64 " ", verdict.slot_index, verdict.slot_count) + ShowBytes(slot);
    }
    return {};
  }

  // I6 and I3, without a look at how places are chosen: every target is painted.
  static std::string CheckTargets(const Case& c, const Verdict& verdict, const BootPlan& plan) {
    std::vector<std::uint8_t> taken(c.cells.size());
    const auto paint = [&](std::string_view name, Bytes bytes, bool needs_ram) -> std::string {
      for (std::size_t cell = c.CellAt(bytes.start); cell < c.CellAt(bytes.end + kCell - 1); ++cell) {
        if (taken[cell] != 0) return std::string(name) + " meets another target";
        if (verdict.keeping[cell / kCellsPerPage] != kNotKept) return std::string(name) + " meets kept memory";
        if (needs_ram && verdict.cells[cell] != kRam && verdict.cells[cell] != kKern) {
          return std::string(name) + " is not in RAM";
        }
        taken[cell] = 1;
      }
      return {};
    };
    std::string wrong = paint("kernel", B(plan.slot.range), true);
    for (std::size_t i = 0; i < plan.segments.size() && wrong.empty(); ++i) {
      wrong = paint(plan.segments[i].name, B(plan.segments[i].range), c.segments[i].needs_ram);
    }
    for (const RawInUse& use : c.in_use) {
      if (use.bytes.Meets(B(plan.slot.range))) return "the kernel meets " + std::string(use.name);
    }
    return wrong;
  }

  std::vector<MemEntry> memory_storage_{1 << 18};
  std::vector<MemEntry> new_map_storage_{8192};
  std::vector<KeptRange> kept_storage_{4096};
  std::vector<PhysRange> scratch_storage_{64};
  std::vector<PhysRange> ram_storage_{64};
  std::vector<PhysRange> avoid_storage_{1024};
};

}  // namespace

TEST_CASE("A plan is made exactly when nothing forbids it, and is the one that the page bitmap gives",
          "[property][plan]") {
  const std::uint64_t num_cases = test::NumCases(100'000);
  const std::uint64_t seed = test::FirstSeed();
  Trial trial;
  Counters counters;
  std::uint64_t num_done = 0;
  for (; num_done < num_cases; ++num_done) {
    const Case c = Generator(seed + num_done).Make();
    if (const std::string wrong = trial.Run(c, counters); !wrong.empty()) {
      FAIL(wrong << "\n" << ShowCase(c));
    }
  }
  CHECK(num_done == num_cases);

  // The generator is of use only if it reaches everything.
  std::string table;
  for (const auto& [name, count] : counters) table += Text("%10" PRIu64 "  %s\n", count, name.c_str());
  if (std::getenv("HOLDFAST_PROPERTY_COUNTS") != nullptr) WARN(num_cases << " cases\n" << table);
  INFO(table);
  if (num_cases >= 10'000) {
    for (const char* const name :
         {"planned, with gaps closed", "planned, with more than 128 entries", "planned, with held ranges",
          "planned, with one slot left", "refused: kept-overlap", "refused: kept-not-ram",
          "refused: scratch meets kept", "refused: in use meets kept", "refused: segment meets kept",
          "refused: kernel meets kept", "refused: segments meet", "refused: not-ram", "refused: entry budget",
          "refused: too many segments", "refused: too many held", "refused: avoid table full",
          "refused: no place for a segment", "refused: no slot for the kernel"}) {
      INFO(name);
      CHECK(counters[name] >= num_cases / 1000);
    }
    CHECK(counters["planned"] >= num_cases / 3);
  }
}

}  // namespace holdfast
