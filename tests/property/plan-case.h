// SPDX-License-Identifier: BSD-2-Clause
// A random machine, and what is to be planned on it, as plain numbers.

#pragma once

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/plan/boot-plan.h"

namespace holdfast::property {

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
  // What is empty meets nothing.
  bool Meets(Bytes other) const {
    return start < end && other.start < other.end && start < other.end && other.start < end;
  }
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

// An option of the command line, and what a conflict with it points at.
struct RawOption {
  enum class Kind : std::uint8_t { kNokaslr, kExactmap, kLimit, kRegion, kCrashKernel };
  Kind kind = Kind::kNokaslr;
  char mark = 0;           // of kRegion: @ # $ ! or %
  std::uint64_t size = 0;  // of kLimit: where RAM ends
  std::uint64_t start = 0;
  std::uint32_t from = 0;  // of kRegion with %
  std::uint32_t to = 0;
  bool is_added = false;  // of kCrashKernel: it comes in addition to one that has a place
  std::uint64_t where = 0;
  std::string what{};

  // What it names, as far as there are addresses.
  Bytes bytes() const {
    if (start >= kAllMemory) return {};
    return {start, start + std::min(size, kAllMemory - start)};
  }
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
  KernelFacts kernel;  // without a size: there is none yet
  EntryFacts entry;
  EfiFacts efi;
  std::vector<RawOption> options;
  std::string command_line;
  std::optional<Bytes> kernel_at;
  std::uint64_t kaslr_seed = 0;
  std::uint64_t virtual_seed = 0;
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

inline std::size_t CountRuns(const std::vector<std::uint8_t>& values) {
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

inline std::string ShowBytes(Bytes b) { return Text("[%#" PRIx64 ", %#" PRIx64 ")", b.start, b.end); }

inline std::string ShowKept(const RawKept& k) {
  return ShowBytes(k.bytes) + Text(" fence %u source %u node %u", static_cast<unsigned>(k.fence), k.source, k.node);
}

// Everything about a case, and how to run it again.
std::string ShowCase(const Case& c);

}  // namespace holdfast::property
