// SPDX-License-Identifier: BSD-2-Clause
// The steps that scenarios have in common: fill pages, describe them, jump, find them again.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/guest.h"

namespace holdfast::e2e {

inline constexpr std::string_view kKeptFile = "/dev/hugepages/kept";
inline constexpr std::string_view kHandoverFile = "/dev/hugepages/handover";

struct Extent {
  std::uint64_t start = 0;
  std::uint64_t size = 0;

  std::uint64_t end() const { return start + size; }
  bool operator==(const Extent&) const = default;
};

// A filled file of the first kernel, by physical address: what must come through.
struct KeptPages {
  std::string file;
  std::uint64_t seed = 0;
  std::vector<Extent> extents;  // in file order
  std::uint64_t bytes() const;
  std::uint64_t num_pages() const;
};

struct FillOptions {
  std::string file = std::string(kKeptFile);
  std::uint64_t seed = 0x5eed;
  std::uint64_t floor = 0;  // of ScatterPages
};

// A file of huge pages as they come; contiguous for the most part in a fresh guest.
KeptPages FillPages(Guest& guest, std::string_view size, const FillOptions& options = {});

// A file of `num_extents` single huge pages, no two neighbours, below `limit`; so are the pages that the pool of huge
// pages then has left, and with them the handover.
KeptPages ScatterPages(Guest& guest, std::uint64_t num_extents, std::uint64_t limit, const FillOptions& options = {});

// Where a file of huge pages lies, in file order.
std::vector<Extent> ExtentsOf(Guest& guest, std::string_view file);
std::vector<Extent> ParseExtents(const std::string& text);  // lines START SIZE
std::vector<Extent> Joined(std::vector<Extent> extents);    // in any order: as runs of memory, ascending
std::string MapText(const std::vector<Extent>& extents);    // as `pattern check-phys` reads it

// Asks the guest: looks through /dev/mem for the pages where they must be.  True if all are intact.
bool GuestFinds(Guest& guest, const KeptPages& kept);

// Asks nobody: compares the guest's memory from outside.
std::uint64_t CountDifferent(const Guest& guest, const KeptPages& kept);

// Has the kernel give out nearly all memory that it has to give.
void UseUpMemory(Guest& guest);

// `mkhandover make` for these files onto kHandoverFile.  Returns the option for the next kernel's command line,
// "holdfast=ADDR,SIZE,SHA256".
std::string MakeHandover(Guest& guest, const std::vector<KeptPages>& kept, const std::string& more_options = "");

struct LoadOptions {
  std::string kernel = {};             // a name that the guest carries
  std::string append = {};             // to kConsoleOptions
  std::string kexec = "kexec";         // or "kexec-stock"
  std::string flags = "-c -l";         // "-s -l" for the kernel's own loader
  std::string initrd = "/tmp/initrd";  // made anew from the running root file system, if it is not there yet
};

// Loads the next kernel, with a root file system like this one's.
CommandResult LoadKernel(Guest& guest, const LoadOptions& options);
CommandResult TryLoadKernel(Guest& guest, const LoadOptions& options);  // status is the loader's
void MakeInitrd(Guest& guest, const std::string& path = "/tmp/initrd");
std::string CommandLine(const LoadOptions& options);

// Where a stock kexec puts its segments, as its option -d tells: the same for the same kernel, initrd and length of
// command line.
struct LoadedSegment {
  std::uint64_t mem = 0;
  std::uint64_t memsz = 0;
};
std::vector<LoadedSegment> SegmentsOf(const CommandResult& load);

// A handover option in its parts.
struct HandoverOption {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::string digest;

  std::string text() const;
};
HandoverOption ParseOption(const std::string& text);

// `mkhandover make` with these options; a huge page is there for what it writes.
std::string WriteHandover(Guest& guest, const std::string& options);
// One of those options, " --preserve START+SIZE,name=NAME".
std::string Preserve(std::uint64_t start, std::uint64_t size, const std::string& name);

// What `mkhandover plan --json` foretells for these arguments.
struct Plan {
  std::string verdict;
  std::string mode;
  Map map;
  std::vector<Extent> preserved;
  std::uint64_t wasted_bytes = 0;
  std::string text;  // the whole answer
};
Plan ParsePlan(std::string_view json);
Plan AskForPlan(Guest& guest, const std::string& arguments);

// Parts of the kept pages that this map does not have as `type`; empty is right.
std::vector<Extent> NotOfType(const Map& map, std::string_view type, const std::vector<Extent>& extents);

// The running kernel's map by its resources.  A map of hundreds of entries is longer than what its log holds.
Map MapOfResources(Guest& guest);

// The line that names the delay after a refusal, in seconds, then the reset itself.  The default of ten seconds is a
// long time for a guest: one scenario, that of a fault in the stage, sits it out.
unsigned ExpectReset(Guest& guest);

// What lies above the first MiB, where loaders differ in how they tell of the same memory.
Map AboveLowMemory(const Map& map);

std::ostream& operator<<(std::ostream& out, const Extent& extent);

// "0x1000", "[0x1000, 0x3000)"
std::string Hex(std::uint64_t number);
std::string RangeText(std::uint64_t start, std::uint64_t size);

}  // namespace holdfast::e2e
