// SPDX-License-Identifier: BSD-2-Clause
// The steps of scenarios with a kernel that speaks KHO: what it keeps, and where.

#include "tests/e2e/kho-scenario.h"

#include <libfdt.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <regex>
#include <sstream>

#include "common/abi/boot-params.h"
#include "tests/e2e/image-scenario.h"
#include "tests/e2e/page-pattern.h"

namespace holdfast::e2e {
namespace {

constexpr std::string_view kDebugFolder = "/sys/kernel/debug/kho/out/";
constexpr std::string_view kSession = "guests";
constexpr std::string_view kToken = "7";
constexpr std::size_t kMostThings = 64;

std::string SessionWords(std::string_view verb, const std::string& rest) {
  return "luo " + std::string(verb) + " " + std::string(kSession) + " " + std::string(kToken) + " " + rest;
}

std::string IntactLine(const KeptPages& kept) {
  return "luo: " + Hex(kept.seed) + " intact, 0 of " + std::to_string(kept.num_pages()) + " pages differ\n";
}

std::vector<std::uint64_t> Numbers(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::uint64_t> numbers;
  for (std::string word; in >> word;) numbers.push_back(std::stoull(word, nullptr, 0));
  return numbers;
}

void MountDebugFolder(Guest& guest) {
  guest.Run("mount | grep -q ' on /sys/kernel/debug ' || mount -t debugfs debugfs /sys/kernel/debug");
}

// Of the root tree at this page, if one is there.
std::optional<std::uint64_t> MapRoot(const GuestMemory& memory, std::uint64_t page) {
  const void* tree = memory.View(page, kPageSize).data();
  if (fdt_magic(tree) != FDT_MAGIC || fdt_check_full(tree, kPageSize) != 0) return std::nullopt;
  int size = 0;
  std::uint64_t root = 0;
  const void* property = fdt_getprop(tree, 0, "preserved-memory-map", &size);
  if (property == nullptr || size != sizeof root) return std::nullopt;
  std::memcpy(&root, property, sizeof root);
  return root;
}

// The map's radix tree.  A key is a marker bit, which says the order, above the block's number at that order.
constexpr unsigned kTopLevel = 5;
constexpr unsigned kLeafBits = 15;
constexpr unsigned kTableBits = 9;
constexpr unsigned kOrderZeroBit = 52;

class MapWalk {
 public:
  explicit MapWalk(const GuestMemory& memory) : memory_(memory) {}

  void Table(std::uint64_t page, unsigned level, std::uint64_t key) {
    found_.structures.push_back({page, kPageSize});
    const std::span<const std::byte> bytes = memory_.View(page, kPageSize);
    for (std::uint64_t i = 0; i < kPageSize / sizeof(std::uint64_t); ++i) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i * sizeof word, sizeof word);
      if (word == 0) continue;
      if (level == 0) {
        Word(word, key | i << 6);
      } else {
        Table(word, level - 1, key | i << (kLeafBits + kTableBits * (level - 1)));
      }
    }
  }

  KhoMap Found() && { return {Joined(std::move(found_.preserved)), Joined(std::move(found_.structures))}; }

 private:
  void Word(std::uint64_t word, std::uint64_t first_key) {
    for (unsigned bit = 0; bit < 64; ++bit) {
      if ((word >> bit & 1) == 0) continue;
      const std::uint64_t key = first_key | bit;
      const unsigned order = kOrderZeroBit - (63 - static_cast<unsigned>(__builtin_clzll(key)));
      const std::uint64_t number = key & ~(std::uint64_t{1} << (kOrderZeroBit - order));
      found_.preserved.push_back({number << (12 + order), kPageSize << order});
    }
  }

  const GuestMemory& memory_;
  KhoMap found_;
};

}  // namespace

GuestOptions KhoGuest() {
  return {.memory = "1G",
          .kernel = std::string(kKhoKernel),
          .append = std::string(kKhoOptions),
          .kexec_tools = "trixie",
          .files = {{GuestProgram("luo"), "/bin/luo"}}};
}

GuestOptions KhoGuestWithImage(const std::string& kernel, const std::string& entry) {
  GuestOptions options = KhoGuest();
  options.files.push_back(StageFile(kernel, entry));
  return options;
}

void LoadWithKernelsLoader(Guest& guest, const std::string& kernel, std::string_view append,
                           const std::string& more_flags) {
  LoadKernel(guest,
             {.kernel = kernel, .append = std::string(append), .kexec = "kexec-stock", .flags = more_flags + "-s -l"});
}

KeptPages KeepInSession(Guest& guest, std::string_view size, std::uint64_t seed) {
  const std::string output = guest.Run(SessionWords("keep", std::string(size) + " " + Hex(seed))).output;
  return {"", seed, ParseExtents(output)};
}

KeptPages ScatterInSession(Guest& guest, std::string_view size, std::uint64_t seed) {
  const std::string output = guest.Run(SessionWords("scatter", std::string(size) + " " + Hex(seed))).output;
  return {"", seed, ParseExtents(output)};
}

KeptPages KeepOnInSession(Guest& guest, const KeptPages& kept) {
  const std::string output = guest.Run(SessionWords("keep-on", Hex(kept.seed))).output;
  const std::string intact = IntactLine(kept);
  if (!output.starts_with(intact)) throw GuestFailure("the session does not hold what it held: " + output);
  return {"", kept.seed, ParseExtents(output.substr(intact.size()))};
}

bool SessionHolds(Guest& guest, const KeptPages& kept) {
  return guest.TryRun(SessionWords("check", Hex(kept.seed))).output == IntactLine(kept);
}

std::vector<Extent> ScratchAreas(Guest& guest) {
  MountDebugFolder(guest);
  const std::string folder(kDebugFolder);
  const std::vector<std::uint64_t> starts = Numbers(guest.Run("cat " + folder + "scratch_phys").output);
  const std::vector<std::uint64_t> sizes = Numbers(guest.Run("cat " + folder + "scratch_len").output);
  if (starts.empty() || starts.size() != sizes.size()) throw GuestFailure("the guest tells of no scratch areas");
  std::vector<Extent> areas;
  for (std::size_t i = 0; i < starts.size(); ++i) areas.push_back({starts[i], sizes[i]});
  return areas;
}

std::uint64_t KhoTree(const Guest& guest) {
  std::vector<std::uint64_t> found;
  for (std::uint64_t at = 0; at < guest.memory().size(); at += kPageSize) {
    if (MapRoot(guest.memory(), at)) found.push_back(at);
  }
  if (found.size() != 1) throw GuestFailure(std::to_string(found.size()) + " handovers in the guest's memory");
  return found.front();
}

KhoMap WalkKhoMap(const Guest& guest, std::uint64_t tree) {
  const std::optional<std::uint64_t> root = MapRoot(guest.memory(), tree);
  if (!root) throw GuestFailure("no handover at " + Hex(tree));
  MapWalk walk(guest.memory());
  walk.Table(*root, kTopLevel, 0);
  return std::move(walk).Found();
}

Snapshot::Snapshot(const Guest& guest, const std::vector<Extent>& extents) : extents_(extents) {
  for (const Extent& extent : extents_) {
    const std::span<const std::byte> bytes = guest.memory().View(extent.start, extent.size);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
}

std::vector<Extent> Snapshot::Changed(const Guest& guest) const {
  std::vector<Extent> changed;
  const std::byte* before = bytes_.data();
  for (const Extent& extent : extents_) {
    const std::span<const std::byte> now = guest.memory().View(extent.start, extent.size);
    for (std::uint64_t at = 0; at < extent.size; at += kPageBytes, before += kPageBytes) {
      if (std::memcmp(before, now.data() + at, kPageBytes) != 0) changed.push_back({extent.start + at, kPageBytes});
    }
  }
  return Joined(changed);
}

Farewell::Farewell(Guest& guest)
    : guest_(guest), tree_(KhoTree(guest)), before_(guest, WalkKhoMap(guest, tree_).preserved) {}

void Farewell::Leave() {
  guest_.Leave("kexec-stock -e");
  guest_.Expect("holdfast: 0.1.0 image on linux");
  guest_.Stop();
  map_ = WalkKhoMap(guest_, tree_);
  std::vector<Extent> all = map_.preserved;
  all.insert(all.end(), map_.structures.begin(), map_.structures.end());
  after_.emplace(guest_, all);
  last_words_ = before_.Changed(guest_);
  guest_.Continue();
}

std::vector<Extent> Farewell::Changed() const { return after_->Changed(guest_); }

std::uint64_t BytesOf(const std::vector<Extent>& extents) {
  std::uint64_t sum = 0;
  for (const Extent& extent : extents) sum += extent.size;
  return sum;
}

std::vector<Extent> NotInside(const std::vector<Extent>& areas, const std::vector<Extent>& extents) {
  std::vector<Extent> outside;
  for (const Extent& extent : extents) {
    const bool is_inside = std::any_of(areas.begin(), areas.end(), [&](const Extent& area) {
      return area.start <= extent.start && extent.end() <= area.end();
    });
    if (!is_inside) outside.push_back(extent);
  }
  return outside;
}

std::vector<Extent> SegmentsOfKernelsLoader(Guest& guest) {
  static const std::regex kLine("kexec_file: segment\\[(\\d+)\\]: .* mem=(0x[0-9a-f]+) memsz=(0x[0-9a-f]+)");
  std::vector<Extent> segments;
  std::istringstream in(guest.Run("dmesg").output);
  for (std::string line; std::getline(in, line);) {
    std::smatch found;
    if (!std::regex_search(line, found, kLine)) continue;
    if (found[1] == "0") segments.clear();
    segments.push_back({std::stoull(found[2], nullptr, 0), std::stoull(found[3], nullptr, 0)});
  }
  if (segments.empty()) throw GuestFailure("the kernel did not tell where it loads");
  return segments;
}

std::vector<Extent> GivenThings(Guest& guest) {
  BootParams params;
  const std::string bytes = guest.Pull("/sys/kernel/boot_params/data");
  if (bytes.size() != sizeof params) throw GuestFailure("boot_params of " + std::to_string(bytes.size()) + " bytes");
  std::memcpy(&params, bytes.data(), sizeof params);
  const SetupHeader& header = params.hdr;
  const auto wide = [](std::uint64_t low, std::uint64_t high) { return high << 32 | low; };
  std::vector<Extent> things = {{wide(header.ramdisk_image.value(), params.ext_ramdisk_image.value()),
                                 wide(header.ramdisk_size.value(), params.ext_ramdisk_size.value())},
                                {wide(header.cmd_line_ptr.value(), params.ext_cmd_line_ptr.value()),
                                 guest.Run("cat /proc/cmdline").output.size()}};
  for (std::uint64_t at = header.setup_data.value(); at != 0;) {
    SetupDataHeader node;
    std::memcpy(&node, guest.memory().View(at, sizeof node).data(), sizeof node);
    things.push_back({at, sizeof node + node.len.value()});
    if (things.size() > kMostThings) throw GuestFailure("a setup_data list without end");
    at = node.next.value();
  }
  return things;
}

}  // namespace holdfast::e2e
