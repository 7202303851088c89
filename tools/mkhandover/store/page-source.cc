// SPDX-License-Identifier: BSD-2-Clause
// Files whose pages sit still, and where these lie.

#include "tools/mkhandover/store/page-source.h"

#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/huge-file.h"
#include "tools/mkhandover/page-map.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

class HugePageSource final : public PageSource {
 public:
  bool Holds(const std::string& path) const override { return IsOnHugetlbfs(path); }

  std::uint64_t PageSizeIn(const std::string& folder) const override {
    struct statfs status {};
    if (statfs(folder.c_str(), &status) != 0) {
      FailWithErrno(folder);
    }
    return static_cast<std::uint64_t>(status.f_bsize);
  }

  std::uint64_t SizeOf(const std::string& path) const override { return OpenHugeFile(path).size; }

  std::vector<PhysRange> RunsOf(const std::string& path) const override { return RunsOfFile(path); }
};

class PlainSource final : public PageSource {
 public:
  PlainSource(const std::string& root, std::uint64_t page_size)
      : root_(std::filesystem::weakly_canonical(root)),
        page_size_(page_size),
        space_(std::max(kGiB, kMostPages * page_size)) {}

  bool Holds(const std::string& path) const override {
    const std::filesystem::path full = std::filesystem::weakly_canonical(path);
    const auto [end, none] = std::mismatch(root_.begin(), root_.end(), full.begin(), full.end());
    return end == root_.end();
  }

  std::uint64_t PageSizeIn(const std::string& /*folder*/) const override { return page_size_; }

  std::uint64_t SizeOf(const std::string& path) const override { return Stat(path).size; }

  std::vector<PhysRange> RunsOf(const std::string& path) const override {
    const auto [size, inode] = Stat(path);
    const std::uint64_t base = kBase + inode % (kAllSpace / space_) * space_;
    std::vector<PagemapEntry> pages;
    for (std::uint64_t offset = 0; offset < size; offset += page_size_) {
      const std::uint64_t start = base + offset + offset / (kPagesInRun * page_size_) * page_size_;
      pages.push_back({.raw = PagemapEntry::kPresent | start / kPageSize, .is_lost = false});
    }
    std::ifstream poisoned(path + ".poisoned");
    for (std::size_t number = 0; poisoned >> number;) {
      pages.at(number).is_lost = true;
    }
    return holdfast::tool::RunsOf(pages, page_size_, path);
  }

 private:
  struct Found {
    std::uint64_t size = 0;
    std::uint64_t inode = 0;
  };
  Found Stat(const std::string& path) const {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) {
      FailWithErrno(path);
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size == 0 || size % page_size_ != 0 || size > space_ / 4 * 3) {
      throw Failure(ExitCode::kBadInput,
                    Format("{}: {} bytes are not a number of pages of {}", path, size, SizeText(page_size_)));
    }
    return {.size = size, .inode = static_cast<std::uint64_t>(status.st_ino)};
  }

  // A gap behind every three pages: memory is hardly ever in one piece.
  static constexpr std::uint64_t kPagesInRun = 3;
  static constexpr std::uint64_t kBase = 4 * kGiB;
  static constexpr std::uint64_t kAllSpace = std::uint64_t{1} << 50;
  static constexpr std::uint64_t kMostPages = 16;  // that every size of page has space for

  std::filesystem::path root_;
  std::uint64_t page_size_;
  std::uint64_t space_;  // of a file
};

}  // namespace

std::unique_ptr<PageSource> MakeHugePageSource() { return std::make_unique<HugePageSource>(); }

std::unique_ptr<PageSource> MakePlainSource(const std::string& root, std::uint64_t page_size) {
  return std::make_unique<PlainSource>(root, page_size);
}

}  // namespace holdfast::tool
