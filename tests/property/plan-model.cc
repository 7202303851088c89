// SPDX-License-Identifier: BSD-2-Clause
// What has to come out of a case.

#include "tests/property/plan-model.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

namespace holdfast::property {
namespace {

// The cell that a page becomes by how it is kept.
constexpr std::array<std::uint8_t, 5> kFenced{kHole, kResv, kRam, kPersistent, kProtected};
// And behind an entry that has no other types.
constexpr std::array<std::uint8_t, 5> kFencedInFirmware{kHole, kResv, kRam, kResv, kResv};

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
    FindConflictingOptions();
    ChooseEntry();
    if (verdict_.problems.empty() && CollectAvoid() && RewriteMap() && PlaceSegments()) {
      ChooseSlot();
      ChooseVirtualAddress();
    }
    return std::move(verdict_);
  }

  std::vector<std::uint64_t> SlotsOfPlan() {
    verdict_ = Judge();
    Require(verdict_.refusal == nullptr);
    return Slots();
  }

  std::vector<std::uint64_t> VirtualAddresses() const {
    const KernelFacts& kernel = case_.kernel;
    std::vector<std::uint64_t> addresses;
    for (std::uint64_t at = kernel.virtual_min; at + kernel.size <= kernel.virtual_end; at += kernel.alignment) {
      addresses.push_back(at);
    }
    return addresses;
  }

  // --- Facts that the generator uses to steer.

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
    ChooseEntry();
    CollectAvoid();
    PaintFences();
    return {CountRuns(verdict_.cells), ClosableGaps().size()};
  }

  bool Conflicts(const RawOption& option) {
    MarkKept();
    return FirstTaken(option).has_value();
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

  // The type that the fenced map gives to a kept page.
  std::uint32_t FencedTypeOf(std::size_t page) const { return kTypes[kFenced[verdict_.keeping[page]]]; }

  // What a region of memmap= makes of memory of this type; 0: no memory.
  static std::uint32_t TypeAfter(const RawOption& option, std::uint32_t type) {
    switch (option.mark) {
      case '@':
        return 1;
      case '#':
        return 3;
      case '$':
        return 2;
      case '!':
        return 12;
      default:
        return option.from != 0 && option.from != type ? type : option.to;
    }
  }

  bool TakesPage(const RawOption& option, std::size_t page) const {
    const Bytes bytes{case_.AddressOfPage(page), case_.AddressOfPage(page + 1)};
    switch (option.kind) {
      case RawOption::Kind::kNokaslr:
        return false;
      case RawOption::Kind::kExactmap:
        return true;
      case RawOption::Kind::kLimit:
        return verdict_.keeping[page] == kKeptHeld && bytes.end > option.size;
      case RawOption::Kind::kRegion:
        return bytes.Meets(option.bytes()) && TypeAfter(option, FencedTypeOf(page)) != FencedTypeOf(page);
      case RawOption::Kind::kCrashKernel:
        return option.start != 0 && bytes.Meets(option.bytes());
    }
    return false;
  }

  // The first kept range of which the option takes a page.
  std::optional<RawKept> FirstTaken(const RawOption& option) const {
    for (std::size_t page = 0; page < verdict_.keeping.size(); ++page) {
      if (verdict_.keeping[page] != kNotKept && TakesPage(option, page)) {
        const std::uint64_t at = case_.AddressOfPage(page);
        return *std::find_if(verdict_.kept.begin(), verdict_.kept.end(),
                             [at](const RawKept& k) { return k.bytes.start <= at && at < k.bytes.end; });
      }
    }
    return std::nullopt;
  }

  // Of crash kernels that have a place, or could have one, the last counts.
  bool Counts(const RawOption& option) const {
    if (option.kind != RawOption::Kind::kCrashKernel) return true;
    if (option.is_added) return false;
    return std::none_of(&option + 1, case_.options.data() + case_.options.size(), [](const RawOption& later) {
      return later.kind == RawOption::Kind::kCrashKernel && !later.is_added;
    });
  }

  void FindConflictingOptions() {
    for (const RawOption& option : case_.options) {
      if (!Counts(option)) continue;
      if (const auto taken = FirstTaken(option)) {
        const bool has_bytes = option.kind == RawOption::Kind::kRegion || option.kind == RawOption::Kind::kCrashKernel;
        verdict_.problems.push_back(ProblemLine(Errc::kConflict, option.where, option.what.substr(0, 64),
                                                has_bytes ? option.bytes() : Bytes(), {}, taken->bytes, -1, &*taken));
        verdict_.refusal = "option conflicts";
      }
    }
  }

  bool NeedsSetupData() const {
    return std::any_of(verdict_.kept.begin(), verdict_.kept.end(),
                       [](const RawKept& kept) { return kept.fence == Fence::kHeld; });
  }
  bool EntersThroughEfi() const {
    return verdict_.entry == KernelEntry::kEfiImage || verdict_.entry == KernelEntry::kEfiHandover;
  }

  // The name of what forbids to enter there; empty where nothing does.
  std::string WhyNot(KernelEntry entry) const {
    const EntryFacts& facts = case_.entry;
    switch (entry) {
      case KernelEntry::kAuto:
        break;
      case KernelEntry::kVmlinux:
        if (facts.is_secure || !facts.has_vmlinux) return "vmlinux entry";
        return facts.is_5_levels && !facts.runs_5_levels ? "kernel without 5-level paging" : "";
      case KernelEntry::kBzImage: {
        if (facts.is_secure || !facts.has_bzimage) return "bzimage entry";
        const bool looks_for_a_place = !facts.in_firmware && case_.efi.has_info && case_.efi.has_free_memory &&
                                       !verdict_.drops_efi && !verdict_.kept.empty();
        return looks_for_a_place ? "bzimage entry under an EFI memory map with free memory" : "";
      }
      case KernelEntry::kEfiImage:
        if (!facts.in_firmware) return "EFI entry outside firmware";
        if (!facts.has_efi_image) return "kernel without an EFI stub";
        return NeedsSetupData() ? "setup_data without the EFI handover entry" : "";
      case KernelEntry::kEfiHandover:
        if (!facts.in_firmware) return "EFI entry outside firmware";
        if (!facts.has_efi_image) return "kernel without an EFI stub";
        if (facts.has_efi_handover) return "";
        return NeedsSetupData() ? "setup_data without the EFI handover entry" : "EFI handover entry";
    }
    return "no entry";
  }

  // The first that nothing forbids; where everything is forbidden, the one whose reason is given.
  KernelEntry FirstEntry() const {
    const EntryFacts& facts = case_.entry;
    std::vector<KernelEntry> order{KernelEntry::kVmlinux, KernelEntry::kBzImage};
    if (facts.in_firmware) {
      order.insert(order.begin(), NeedsSetupData() ? KernelEntry::kEfiHandover : KernelEntry::kEfiImage);
    }
    const auto it =
        std::find_if(order.begin(), order.end(), [this](KernelEntry entry) { return WhyNot(entry).empty(); });
    if (it != order.end()) return *it;
    const bool has_any = facts.has_vmlinux || facts.has_bzimage;
    if (facts.in_firmware && (facts.is_secure || !has_any)) return order.front();
    return facts.has_vmlinux && !facts.has_bzimage ? KernelEntry::kVmlinux : KernelEntry::kBzImage;
  }

  void ChooseEntry() {
    const bool is_virtual_alone = case_.efi.has_info && case_.efi.is_virtual && !case_.efi.has_node;
    verdict_.drops_efi = is_virtual_alone || (case_.efi.has_node && !case_.efi.has_info);
    const EntryFacts& facts = case_.entry;
    std::string why;
    Errc code = Errc::kUnsupported;
    if (facts.is_confidential) {
      why = "confidential guest";
    } else if (facts.is_5_levels && !facts.supports_5_levels) {
      why = "kernel without 5-level paging";
    } else {
      verdict_.entry = facts.wanted == KernelEntry::kAuto ? FirstEntry() : facts.wanted;
      why = WhyNot(verdict_.entry);
      if (facts.is_secure && !EntersThroughEfi()) code = Errc::kUntrusted;
    }
    if (!why.empty()) Refuse("entry", code, 0, why);
  }

  bool MayBeRandom() const {
    return case_.kaslr && std::none_of(case_.options.begin(), case_.options.end(), [](const RawOption& option) {
             return option.kind == RawOption::Kind::kNokaslr;
           });
  }

  // Where everything that is placed has to end.
  std::uint64_t Limit() const {
    std::uint64_t limit = case_.kernel.limit == 0 ? kAllMemory : case_.kernel.limit;
    for (const RawOption& option : case_.options) {
      if (option.kind == RawOption::Kind::kLimit && option.size != 0) limit = std::min(limit, option.size);
    }
    return limit;
  }

  // The upper 64 bits of seed * count; the count has less than 32.
  static std::uint64_t Pick(std::uint64_t seed, std::uint64_t count) {
    const std::uint64_t low = (seed & 0xffffffff) * count >> 32;
    return ((seed >> 32) * count + low) >> 32;
  }

  void ChooseVirtualAddress() {
    const KernelFacts& kernel = case_.kernel;
    if (!MayBeRandom() || verdict_.entry != KernelEntry::kVmlinux || kernel.size == 0) return;
    const std::vector<std::uint64_t> addresses = VirtualAddresses();
    verdict_.virtual_count = addresses.size();
    if (addresses.empty()) return;
    const std::uint64_t index = Pick(case_.virtual_seed, addresses.size());
    verdict_.virtual_delta = addresses[static_cast<std::size_t>(index)] - kernel.virtual_min;
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

  std::uint8_t FencedCell(std::size_t page) const {
    return (EntersThroughEfi() ? kFencedInFirmware : kFenced)[verdict_.keeping[page]];
  }
  bool IsFencedReserved(std::size_t page) const {
    return verdict_.keeping[page] != kNotKept && FencedCell(page) == kResv;
  }

  void PaintFences() {
    verdict_.cells = case_.cells;
    for (std::size_t page = 0; page < case_.num_pages(); ++page) {
      if (verdict_.keeping[page] == kNotKept) continue;
      for (std::size_t cell = page * kCellsPerPage; cell < (page + 1) * kCellsPerPage; ++cell) {
        const bool stays_marked = verdict_.keeping[page] == kKeptHeld && verdict_.cells[cell] == kKern;
        if (!stays_marked) verdict_.cells[cell] = FencedCell(page);
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
      if (IsFencedReserved(page)) {
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
    const std::uint64_t limit = Limit();
    for (std::size_t page = case_.num_pages(); page-- != 0;) {
      const Bytes bytes{case_.AddressOfPage(page), case_.AddressOfPage(page + 1)};
      const auto* cells = &verdict_.cells[page * kCellsPerPage];
      const bool free = std::all_of(cells, cells + kCellsPerPage, [](std::uint8_t cell) { return cell == kRam; }) &&
                        avoid_[page] == 0 && bytes.start >= kLowEnd && bytes.end <= limit &&
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

  std::vector<std::uint64_t> Slots() const {
    const KernelFacts& kernel = case_.kernel;
    const std::vector<std::uint32_t> free_runs = FreeRuns(std::nullopt);
    const std::uint64_t from = std::max({case_.base, kernel.min_address, kLowEnd});
    std::vector<std::uint64_t> slots;
    for (std::uint64_t start = (from + kernel.alignment - 1) / kernel.alignment * kernel.alignment; start < case_.end();
         start += kernel.alignment) {
      if (Fits(free_runs, start, kernel.size)) slots.push_back(start);
    }
    return slots;
  }

  void ChooseSlot() {
    const KernelFacts& kernel = case_.kernel;
    if (kernel.size == 0) return;
    const std::vector<std::uint64_t> slots = Slots();
    if (slots.empty()) {
      Refuse("no slot for the kernel", Errc::kNoSlot, kernel.size, "kernel");
      return;
    }
    verdict_.slot_count = slots.size();
    if (EntersThroughEfi()) return;
    if (MayBeRandom() && case_.policy_kaslr) {
      verdict_.slot_index = Pick(case_.kaslr_seed, slots.size());
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

}  // namespace

std::string ProblemLine(Errc code, std::uint64_t where, std::string_view what, Bytes range, std::string_view other,
                        Bytes other_range, std::int64_t type, const RawKept* kept) {
  return std::string(ErrcName(code)) + Text(" at %#" PRIx64 " ", where) + std::string(what) + ShowBytes(range) + "/" +
         std::string(other) + ShowBytes(other_range) + Text(" type %" PRId64, type) +
         (kept != nullptr ? " kept " + ShowKept(*kept) : "");
}

Verdict JudgeCase(const Case& c) { return Model(c).Judge(); }
std::vector<std::uint64_t> SlotsOf(const Case& c) { return Model(c).SlotsOfPlan(); }
std::vector<std::uint64_t> VirtualAddressesOf(const Case& c) { return Model(c).VirtualAddresses(); }
bool MayBeKept(const Case& c, std::size_t cell) { return Model(c).MayBeKept(cell); }
std::pair<std::size_t, std::size_t> EntriesAndGaps(const Case& c) { return Model(c).EntriesAndGaps(); }
bool Conflicts(const Case& c, const RawOption& option) { return Model(c).Conflicts(option); }

}  // namespace holdfast::property
