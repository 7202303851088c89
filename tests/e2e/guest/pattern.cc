// SPDX-License-Identifier: BSD-2-Clause
// Runs in the guest: fills huge pages with a seeded pattern and finds it again by physical address.
//
//   pattern fill FILE SIZE SEED          makes FILE of huge pages; the pool grows as needed
//   pattern scatter FILE N SEED [LIMIT [FLOOR]]  the same with N single huge pages, no two of them neighbours, all of
//                                                them between FLOOR and LIMIT
//   pattern write FILE SIZE SEED         the same into an ordinary file, such as one in a tmpfs
//   pattern check FILE SEED              compares FILE itself
//   pattern extents FILE                 prints where FILE lies, in file order: START SIZE, one run a line
//   pattern save-map FILE OUT            the same into a file
//   pattern check-phys MAP SEED          compares what lies at the addresses of such a list, through /dev/mem
//
// Both makers leave kSpareHugePages huge pages in the pool, for the handover;
// scatter's are there as well.  LIMIT keeps data away from the top of memory,
// where kexec-tools places its segments, FLOOR from what firmware uses while it
// starts.  Exit: 0 fine, 1 pages
// differ, 2 anything else.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/e2e/guest/files.h"

namespace {

using namespace holdfast::e2e;
using namespace holdfast::e2e::guest;

constexpr std::uint64_t kHugePageSize = std::uint64_t{2} << 20;
constexpr std::uint64_t kSpareHugePages = 4;
constexpr const char* kPool = "/proc/sys/vm/nr_hugepages";

std::uint64_t ReadNumber(const char* path) {
  std::uint64_t value = 0;
  if (!(std::ifstream(path) >> value)) throw std::runtime_error(std::string("cannot read ") + path);
  return value;
}

void SetPool(std::uint64_t num_huge_pages) {
  if (!(std::ofstream(kPool) << num_huge_pages << std::flush)) FailWithErrno(kPool);
}

std::uint64_t FreeMemoryKib() {
  std::ifstream info("/proc/meminfo");
  for (std::string word; info >> word;) {
    if (std::uint64_t kib = 0; word == "MemFree:" && info >> kib) return kib;
  }
  throw std::runtime_error("cannot read /proc/meminfo");
}

// Asks for a pool of this size; the kernel gives what it finds.
std::uint64_t GrowPool(std::uint64_t num_huge_pages) {
  std::ofstream("/proc/sys/vm/compact_memory") << 1 << std::flush;
  SetPool(num_huge_pages);
  return ReadNumber(kPool);
}

// What a pool may take and leave the kernel and its programs enough: a kernel without free memory and without a process
// that it could end panics.
std::uint64_t HugePagesToSpare() {
  constexpr std::uint64_t kLeftKib = 192 * 1024;
  const std::uint64_t free_kib = FreeMemoryKib();
  return ReadNumber(kPool) + (free_kib > kLeftKib ? (free_kib - kLeftKib) / (kHugePageSize / 1024) : 0);
}

std::uint64_t FreeInPool() { return ReadNumber("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"); }

std::vector<std::uint64_t> HugePagesOf(const File& file) { return PagesOf(file, kHugePageSize); }

int Fill(const std::string& path, std::uint64_t size, std::uint64_t seed) {
  const std::uint64_t num_huge_pages = (size + kHugePageSize - 1) / kHugePageSize;
  const std::uint64_t wanted = num_huge_pages + kSpareHugePages;
  if (const std::uint64_t free = FreeInPool(); free < wanted) GrowPool(ReadNumber(kPool) + wanted - free);
  if (FreeInPool() < wanted) throw std::runtime_error("not enough huge pages for " + path);

  File file(path, O_RDWR | O_CREAT | O_EXCL);
  file.Resize(num_huge_pages * kHugePageSize);
  FillFile(file, seed);
  return 0;
}

// Every second page, in ascending order, so that no two are neighbours; indices into `pages`.
std::vector<std::size_t> PickApart(const std::vector<std::uint64_t>& pages, std::uint64_t limit, std::uint64_t floor) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (pages[i] >= floor && pages[i] < limit && limit - pages[i] >= kHugePageSize) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return pages[a] < pages[b]; });

  std::vector<std::size_t> picked;
  for (const std::size_t i : order) {
    if (picked.empty() || pages[i] > pages[picked.back()] + kHugePageSize) picked.push_back(i);
  }
  return picked;
}

// Takes a page out of a file; it goes back to the pool.
void Punch(const File& file, std::size_t huge_page) {
  const auto offset = static_cast<off_t>(huge_page * kHugePageSize);
  if (fallocate(file.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, kHugePageSize) != 0) {
    FailWithErrno(file.path());
  }
}

// Post: `path` has `num_pages` pages from the pool's free ones.
void TakeFromPool(const std::string& path, std::uint64_t num_pages) {
  File file(path, O_RDWR | O_CREAT | O_EXCL);
  file.Resize(num_pages * kHugePageSize);
  HugePagesOf(file);
}

// A file holds the whole pool; the pages chosen are punched out of it, and as
// nothing else is free in the pool, the next file made gets exactly those.
int Scatter(const std::string& path, std::uint64_t num_pages, std::uint64_t seed, std::uint64_t limit,
            std::uint64_t floor) {
  const std::string hoard_path = path + ".hoard";
  const std::string spare_path = path + ".spare";
  const std::uint64_t chosen = num_pages + kSpareHugePages;
  if (FreeInPool() != ReadNumber(kPool)) throw std::runtime_error("scatter wants the pool of huge pages for itself");

  // Three for one leaves room for pages above the limit.  A small guest gives fewer: its programs need memory too.
  const std::uint64_t hoarded = GrowPool(std::min(chosen * 3, HugePagesToSpare()));
  {
    TakeFromPool(hoard_path, hoarded);
    const File hoard(hoard_path, O_RDWR);
    const std::vector<std::uint64_t> pages = HugePagesOf(hoard);
    std::vector<std::size_t> apart = PickApart(pages, limit, floor);
    if (apart.size() < chosen) {
      unlink(hoard_path.c_str());
      throw std::runtime_error("only " + std::to_string(apart.size()) + " of " + std::to_string(chosen) +
                               " scattered huge pages found in " + std::to_string(hoarded));
    }
    // Spread them over all that was found, not over its lowest part.
    const std::size_t found = apart.size();
    std::vector<std::uint64_t> expected;
    for (std::uint64_t i = 0; i < num_pages; ++i) expected.push_back(pages[apart[i * found / chosen]]);
    for (std::uint64_t i = 0; i < num_pages; ++i) Punch(hoard, apart[i * found / chosen]);
    TakeFromPool(path, num_pages);
    for (std::uint64_t i = num_pages; i < chosen; ++i) Punch(hoard, apart[i * found / chosen]);
    TakeFromPool(spare_path, kSpareHugePages);

    const File file(path, O_RDWR);
    std::vector<std::uint64_t> got = HugePagesOf(file);
    std::sort(got.begin(), got.end());
    if (got != expected) throw std::runtime_error("the pool gave other pages than those set free");
    FillFile(file, seed);
  }
  unlink(hoard_path.c_str());
  SetPool(chosen);
  unlink(spare_path.c_str());
  return 0;
}

int Write(const std::string& path, std::uint64_t size, std::uint64_t seed) {
  File file(path, O_RDWR | O_CREAT | O_EXCL);
  file.Resize(size);
  FillFile(file, seed);
  return 0;
}

int Check(const std::string& path, std::uint64_t seed) {
  return CheckFile(File(path, O_RDONLY), seed).Report("pattern", seed);
}

// One window at a time: the kernel refuses a whole mapping for one page of its own.
void CheckWindow(const File& memory, const Extent& window, std::uint64_t seed, std::uint64_t first_page,
                 Verdict& verdict) {
  const std::uint64_t num_pages = window.size / kPageSize;
  const Mapping mapping(memory, window.start, window.size, PROT_READ);
  if (!mapping.ok()) {
    if (errno != EPERM) FailWithErrno("/dev/mem");
    if (num_pages == 1) {
      ++verdict.num_different;
      ++verdict.num_refused;
      return;
    }
    const std::uint64_t half = num_pages / 2 * kPageSize;
    CheckWindow(memory, {window.start, half}, seed, first_page, verdict);
    CheckWindow(memory, {window.start + half, window.size - half}, seed, first_page + num_pages / 2, verdict);
    return;
  }
  for (std::uint64_t page = 0; page < num_pages; ++page) {
    if (!PageIsIntact(seed, first_page + page, mapping.Page(page))) ++verdict.num_different;
  }
}

int CheckPhysical(const std::string& map_path, std::uint64_t seed) {
  std::ifstream map(map_path);
  if (!map) throw std::runtime_error("cannot read " + map_path);
  const File memory("/dev/mem", O_RDONLY);  // Without O_SYNC, which would make the mapping uncached.
  Verdict verdict;
  for (std::string start, size; map >> start >> size;) {
    const Extent extent = {ParseNumber(start), ParseNumber(size)};
    for (std::uint64_t at = 0; at < extent.size; at += kHugePageSize) {
      const Extent window = {extent.start + at, std::min(kHugePageSize, extent.size - at)};
      CheckWindow(memory, window, seed, verdict.num_pages, verdict);
      verdict.num_pages += window.size / kPageSize;
    }
  }
  if (verdict.num_pages == 0) throw std::runtime_error(map_path + " lists no extent");
  return verdict.Report("pattern", seed);
}

int Main(const std::vector<std::string>& words) {
  const std::string verb = words.empty() ? "" : words[0];
  const std::size_t count = words.size();
  if (verb == "fill" && count == 4) return Fill(words[1], ParseNumber(words[2]), ParseNumber(words[3]));
  if (verb == "scatter" && count >= 4 && count <= 6) {
    const std::uint64_t limit = count > 4 ? ParseNumber(words[4]) : ~std::uint64_t{0};
    const std::uint64_t floor = count > 5 ? ParseNumber(words[5]) : 0;
    return Scatter(words[1], ParseNumber(words[2]), ParseNumber(words[3]), limit, floor);
  }
  if (verb == "write" && count == 4) return Write(words[1], ParseNumber(words[2]), ParseNumber(words[3]));
  if (verb == "check" && count == 3) return Check(words[1], ParseNumber(words[2]));
  if (verb == "extents" && count == 2) {
    Print(ExtentsOf(File(words[1], O_RDWR), kHugePageSize), std::cout);
    return 0;
  }
  if (verb == "save-map" && count == 3) {
    std::ofstream out(words[2]);
    Print(ExtentsOf(File(words[1], O_RDWR), kHugePageSize), out);
    return out.flush() ? 0 : 2;
  }
  if (verb == "check-phys" && count == 3) return CheckPhysical(words[1], ParseNumber(words[2]));
  throw std::runtime_error("usage: pattern fill|scatter|write|check|extents|save-map|check-phys ...");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Main(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pattern: %s\n", error.what());
    return 2;
  }
}
