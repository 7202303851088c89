// SPDX-License-Identifier: BSD-2-Clause
// Files whose pages sit still, and where these lie.

#include "tools/mkhandover/store/page-source.h"

#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <filesystem>

#include "tools/mkhandover/failure.h"
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

  std::vector<PhysRange> RunsOf(const std::string& path) const override { return PagesOfFile(path).runs; }
};

class PlainSource final : public PageSource {
 public:
  PlainSource(const std::string& root, std::uint64_t page_size)
      : root_(std::filesystem::weakly_canonical(root)), page_size_(page_size) {}

  bool Holds(const std::string& path) const override {
    const std::filesystem::path full = std::filesystem::weakly_canonical(path);
    const auto [end, none] = std::mismatch(root_.begin(), root_.end(), full.begin(), full.end());
    return end == root_.end();
  }

  std::uint64_t PageSizeIn(const std::string& /*folder*/) const override { return page_size_; }

  std::vector<PhysRange> RunsOf(const std::string& path) const override {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) {
      FailWithErrno(path);
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size == 0 || size % page_size_ != 0 || size > kMaxSize) {
      throw Failure(ExitCode::kBadInput,
                    Format("{}: {} bytes are not a number of pages of {}", path, size, SizeText(page_size_)));
    }
    const std::uint64_t base = kBase + (static_cast<std::uint64_t>(status.st_ino) & kInodeMask) * kSpace;
    std::vector<PhysRange> runs;
    for (std::uint64_t offset = 0; offset < size;) {
      const std::uint64_t length = std::min(kPagesInRun * page_size_, size - offset);
      const PhysAddr start(base + offset + offset / (kPagesInRun * page_size_) * page_size_);
      runs.push_back(PhysRange::FromStartSize(start, length).value());
      offset += length;
    }
    return runs;
  }

 private:
  // A gap behind every three pages: memory is hardly ever in one piece.
  static constexpr std::uint64_t kPagesInRun = 3;
  static constexpr std::uint64_t kBase = 4 * kGiB;
  static constexpr std::uint64_t kSpace = kGiB;
  static constexpr std::uint64_t kMaxSize = kSpace / 4 * 3;
  static constexpr std::uint64_t kInodeMask = (std::uint64_t{1} << 20) - 1;

  std::filesystem::path root_;
  std::uint64_t page_size_;
};

}  // namespace

std::unique_ptr<PageSource> MakeHugePageSource() { return std::make_unique<HugePageSource>(); }

std::unique_ptr<PageSource> MakePlainSource(const std::string& root, std::uint64_t page_size) {
  return std::make_unique<PlainSource>(root, page_size);
}

}  // namespace holdfast::tool
