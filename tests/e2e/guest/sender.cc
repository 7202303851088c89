// SPDX-License-Identifier: BSD-2-Clause
// Runs in the guest: hands memory over as systems do that no released kernel carries.
//
//   sender pkram-pgt FILE OWN          FILE's huge pages are a saved file; the structures lie in OWN, which it makes
//   sender pkram-regions FILE OWN
//   sender prmem FILE OWN              each huge page of FILE is a region, whose first page is overwritten
//   sender pmpool START SIZE BITMAP SEED OWN
//                                      START, SIZE is a pool, in memory that this kernel leaves alone; BITMAP is where
//                                      its bitmap begins; all its other pages are filled; OWN begins with a
//                                      setup_data node, whose device tree tells of it
//
// Prints the options for the next kernel's command line, then what is to be kept: START SIZE, a line each.  FILE and
// OWN are files of huge pages.  Exit: 0 fine, 2 anything else.

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iostream>
#include <numeric>
#include <vector>

#include "common/abi/setup-data.h"
#include "common/format/pkram.h"
#include "common/format/pmpool.h"
#include "common/format/prmem.h"
#include "tests/e2e/guest/files.h"

namespace {

using namespace holdfast;
using e2e::guest::Extent;
using e2e::guest::File;
using e2e::guest::Mapping;
using e2e::guest::ParseNumber;

constexpr std::uint64_t kHugePageSize = 2 * kMiB;
constexpr std::int8_t kHugeOrder = 9;

PhysRange RangeOf(std::uint64_t start, std::uint64_t size) {
  return PhysRange::FromStartSize(PhysAddr(start), size).value();
}

template <typename T>
T Must(const Result<T>& result, const std::string& what) {
  if (!result.ok()) throw std::runtime_error(what + ": " + std::string(ErrcName(result.error().code)));
  return result.value();
}

void CheckMapped(const Mapping& mapping, const File& file) {
  if (!mapping.ok()) e2e::guest::FailWithErrno(file.path());
}

void PrintHex(const std::string& option, std::uint64_t value) {
  std::printf("%s%#llx", option.c_str(), static_cast<unsigned long long>(value));
}

void PrintKept(PhysRange range) { e2e::guest::Print({Extent{range.start().raw(), range.size()}}, std::cout); }

// Huge pages of a file, ascending.
class HugePages {
 public:
  explicit HugePages(const std::string& path)
      : file_(path, O_RDWR),
        pages_(e2e::guest::PagesOf(file_, kHugePageSize)),
        mapping_(file_, 0, file_.Size(), PROT_READ | PROT_WRITE) {
    CheckMapped(mapping_, file_);
    order_.resize(pages_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return pages_[a] < pages_[b]; });
  }

  std::vector<PhysRange> Ranges() const {
    std::vector<PhysRange> ranges;
    for (const std::size_t i : order_) ranges.push_back(RangeOf(pages_[i], kHugePageSize));
    return ranges;
  }
  std::byte* At(PhysRange page) const {
    const auto found = std::find(pages_.begin(), pages_.end(), page.start().raw());
    return mapping_.data() + static_cast<std::uint64_t>(found - pages_.begin()) * kHugePageSize;
  }

 private:
  File file_;
  std::vector<std::uint64_t> pages_;  // in file order
  Mapping mapping_;
  std::vector<std::size_t> order_;
};

// One huge page for structures.
class OwnPage {
 public:
  explicit OwnPage(const std::string& path)
      : file_(path, O_RDWR | O_CREAT | O_EXCL),
        mapping_(OfOnePage(file_), 0, kHugePageSize, PROT_READ | PROT_WRITE),
        arena_(RangeOf(Start(), kHugePageSize), {mapping_.data(), kHugePageSize}) {}
  PageArena& arena() { return arena_; }

 private:
  static const File& OfOnePage(File& file) {
    file.Resize(kHugePageSize);
    return file;
  }
  std::uint64_t Start() const {
    CheckMapped(mapping_, file_);
    return e2e::guest::PagesOf(file_, kHugePageSize).front();
  }

  File file_;
  Mapping mapping_;
  PageArena arena_;
};

// Linux shows the feature where it uses it.
bool Has5Levels() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string word; info >> word;) {
    if (word == "la57") return true;
  }
  return false;
}

int SendPkram(PkramForm form, const std::string& file, const std::string& own_path) {
  const HugePages pages(file);
  OwnPage own(own_path);
  std::vector<KeptBlock> blocks;
  for (const PhysRange& range : pages.Ranges()) blocks.push_back({.range = range, .order = kHugeOrder});
  const std::string text = "kept by PKRAM";
  const PkramImage image{
      .form = form, .levels = Has5Levels() ? 5 : 4, .blocks = blocks, .data = std::as_bytes(std::span(text))};
  const PhysAddr super = Must(EncodePkram(image, own.arena()), "pkram");
  std::printf("pkram=%llx\n", static_cast<unsigned long long>(super.raw() / kPageSize));
  for (const KeptBlock& block : blocks) PrintKept(block.range);
  PrintKept(own.arena().used_range());
  return 0;
}

int SendPrmem(const std::string& file, const std::string& own_path) {
  HugePages pages(file);
  OwnPage own(own_path);
  const std::vector<PhysRange> regions = pages.Ranges();
  const RegionHeads heads([](void* from, PhysRange region) { return static_cast<const HugePages*>(from)->At(region); },
                          &pages);
  const PrmemImage image{.direct_map = Has5Levels() ? kDirectMap5Level : kDirectMap4Level, .regions = regions};
  const PrmemOption option = Must(EncodePrmem(image, heads, own.arena()), "prmem");
  std::printf("prmem=%llu prmem_meta=0x%016llx\n", static_cast<unsigned long long>(option.size),
              static_cast<unsigned long long>(option.metadata.raw()));
  for (const PhysRange& region : regions) PrintKept(region);
  PrintKept(own.arena().used_range());
  return 0;
}

int SendPmpool(PhysRange range, std::uint64_t bitmap, std::uint64_t seed, const std::string& own_path) {
  const Pmpool pool{range, RangeOf(bitmap, AlignUp(range.size() / kPageSize, 64) / 8)};
  const File memory("/dev/mem", O_RDWR);
  const Mapping mapping(memory, range.start().raw(), range.size(), PROT_READ | PROT_WRITE);
  CheckMapped(mapping, memory);
  // In use is every other page; the rest of them nobody may touch all the same.
  std::vector<KeptBlock> blocks;
  const PhysRange own = pool.bitmap.RoundedOut(kPageSize);
  std::uint64_t index = 0;
  for (std::uint64_t at = 0; at < range.size(); at += kPageSize) {
    const PhysRange page = RangeOf(range.start().raw() + at, kPageSize);
    if (own.Overlaps(page)) continue;
    e2e::FillPage(seed, index++, mapping.Page(at / kPageSize));
    if (index % 2 == 0) blocks.push_back({.range = page, .order = 0});
  }
  Must(EncodePmpoolBitmap(pool, blocks, {mapping.data(), range.size()}), "pmpool");

  OwnPage own_page(own_path);
  const PageArena::Page node = Must(own_page.arena().Take(), "setup_data");
  const std::span<std::byte> payload(node.bytes + sizeof(SetupDataHeader), kPageSize - sizeof(SetupDataHeader));
  const auto tree = Must(EncodePmpoolNode(pool, payload), "pmpool");
  const SetupDataHeader header{Le64(), Le32(kSetupDtb), Le32(static_cast<std::uint32_t>(tree.size()))};
  std::memcpy(node.bytes, &header, sizeof(header));
  PrintHex("pmpool=", range.start().raw());
  PrintHex(",", range.size());
  std::printf("\n");
  PrintKept(range);
  return 0;
}

int Main(const std::vector<std::string>& words) {
  const std::string verb = words.empty() ? "" : words[0];
  const std::size_t count = words.size();
  if (verb == "pkram-pgt" && count == 3) return SendPkram(PkramForm::kPageTable, words[1], words[2]);
  if (verb == "pkram-regions" && count == 3) return SendPkram(PkramForm::kRegionList, words[1], words[2]);
  if (verb == "prmem" && count == 3) return SendPrmem(words[1], words[2]);
  if (verb == "pmpool" && count == 6) {
    return SendPmpool(RangeOf(ParseNumber(words[1]), ParseNumber(words[2])), ParseNumber(words[3]),
                      ParseNumber(words[4]), words[5]);
  }
  throw std::runtime_error("usage: sender pkram-pgt|pkram-regions|prmem|pmpool ...");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::setvbuf(stdout, nullptr, _IONBF, 0);  // It is written to by cout as well.
    return Main(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sender: %s\n", error.what());
    return 2;
  }
}
