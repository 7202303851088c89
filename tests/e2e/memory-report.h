// SPDX-License-Identifier: BSD-2-Clause
// What a running kernel says about its memory, read from its own texts.
//
// Every wording from 6.1 to 7.x is understood, and names come out alike: those
// of /proc/iomem for e820 types ("System RAM", "Reserved", ...).  Pure.

#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::e2e {

struct MapEntry {
  std::uint64_t start = 0;
  std::uint64_t end = 0;  // exclusive
  std::string type;

  bool operator==(const MapEntry&) const = default;
};
using Map = std::vector<MapEntry>;

std::ostream& operator<<(std::ostream& out, const MapEntry& entry);

inline constexpr std::string_view kRam = "System RAM";
inline constexpr std::string_view kReserved = "Reserved";

// The name for an e820 type number, as stored in boot_params.
std::string TypeName(std::uint32_t e820_type);

// The map that a kernel was handed, SETUP_E820_EXT included, before any memmap= of its command line.
Map ParseE820(std::string_view kernel_log);

// Lines of /proc/iomem with their depth; names as they are there.
struct Resource {
  std::uint64_t start = 0;
  std::uint64_t end = 0;  // exclusive
  std::size_t depth = 0;
  std::string name;

  bool operator==(const Resource&) const = default;
};
std::vector<Resource> ParseIomem(std::string_view text);

// Sum of all zones' present pages.
std::uint64_t ParsePresentPages(std::string_view zoneinfo);

// The line "NAME:   N kB" of /proc/meminfo, in KiB.
std::uint64_t ParseMeminfo(std::string_view meminfo, std::string_view name);

// All RAM the kernel manages, in KiB: T of "Memory: AK/TK available".
std::uint64_t ParseManagedKib(std::string_view kernel_log);

// Neighbours of one type become one entry; the rest stays.  Pre: ascending.
Map Merged(const Map& map);

// What is in one map and not in the other, a line each; nothing if both describe the same memory.
std::vector<std::string> Differences(const Map& planned, const Map& reported);

// Bytes of this type, and how many of them meet [start, end).
std::uint64_t Bytes(const Map& map, std::string_view type);
std::uint64_t BytesWithin(const Map& map, std::string_view type, std::uint64_t start, std::uint64_t end);

}  // namespace holdfast::e2e
