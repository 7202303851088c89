// SPDX-License-Identifier: BSD-2-Clause
// Random cases that steer towards what is worth trying.

#include "tests/property/plan-generator.h"

#include "tests/property/plan-model.h"

namespace holdfast::property {
namespace {

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
    MakeEntry();
    MakeCommandLine(random_, case_);
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
    page_may_be_kept_.assign(case_.num_pages(), 1);
    for (std::size_t cell = 0; cell < case_.cells.size(); ++cell) {
      if (!MayBeKept(case_, cell)) page_may_be_kept_[cell / kCellsPerPage] = 0;
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
    MakeVirtualWindow();
    case_.kaslr_seed = Chance(20) ? ~std::uint64_t{0} : random_.Bits();
    case_.kaslr = !Chance(250);
    case_.policy_kaslr = !Chance(150);
  }

  void MakeVirtualWindow() {
    KernelFacts& kernel = case_.kernel;
    case_.virtual_seed = Chance(20) ? ~std::uint64_t{0} : random_.Bits();
    if (Chance(150)) return;
    kernel.virtual_min = random_.Below(64) * kernel.alignment;
    if (Chance(100)) {
      kernel.virtual_end = random_.Below(kernel.virtual_min + kernel.size + 1);
    } else {
      kernel.virtual_end = kernel.virtual_min + kernel.size + random_.Below(Magnitude(600) * kernel.alignment);
    }
  }

  // Mostly what a boot has; now and then anything.
  void MakeEntry() {
    EntryFacts& entry = case_.entry;
    if (Chance(60)) {
      case_.kernel = {.limit = Chance(500) ? 0 : case_.kernel.limit};  // There is none yet.
    }
    if (Chance(300)) entry.wanted = Chance(500) ? KernelEntry::kVmlinux : KernelEntry::kBzImage;
    if (Chance(100)) {
      entry.has_vmlinux = Chance(500);
      entry.has_bzimage = Chance(500);
    }
    if (Chance(100)) {
      entry.is_5_levels = Chance(800);
      entry.supports_5_levels = Chance(800);
      entry.runs_5_levels = Chance(500);
    }
    entry.is_confidential = Chance(10);
    MakeFirmware();
    if (Chance(200)) {
      case_.efi = {
          .has_info = Chance(700), .has_node = Chance(500), .is_virtual = Chance(500), .has_free_memory = Chance(300)};
    }
  }

  void MakeFirmware() {
    EntryFacts& entry = case_.entry;
    entry.in_firmware = Chance(250);
    if (!entry.in_firmware && !Chance(20)) return;
    entry.has_efi_image = Chance(850);
    entry.has_efi_handover = Chance(700);
    entry.is_secure = entry.in_firmware && Chance(250);
    if (Chance(200)) entry.wanted = Chance(500) ? KernelEntry::kEfiImage : KernelEntry::kEfiHandover;
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
    const auto [entries, gaps] = EntriesAndGaps(case_);
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

}  // namespace

Case MakeCase(std::uint64_t seed) { return Generator(seed).Make(); }

}  // namespace holdfast::property
