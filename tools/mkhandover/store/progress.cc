// SPDX-License-Identifier: BSD-2-Clause
// A bar of progress, on a terminal only.

#include "tools/mkhandover/store/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::uint64_t kWidth = 30;
constexpr auto kPause = std::chrono::milliseconds(200);

}  // namespace

Progress::Progress(std::string what, std::uint64_t total, const Output& output)
    : what_(std::move(what)),
      total_(total),
      is_shown_(isatty(STDERR_FILENO) == 1 && !output.quiet()),
      next_(std::chrono::steady_clock::now() + kPause) {}

Progress::~Progress() {
  if (is_shown_) {
    std::fputs("\r\033[K", stderr);
  }
}

void Progress::Add(std::uint64_t bytes) {
  const std::uint64_t done = done_ += bytes;
  if (!is_shown_) {
    return;
  }
  const std::unique_lock lock(mutex_, std::try_to_lock);
  const auto now = std::chrono::steady_clock::now();
  if (lock.owns_lock() && now >= next_) {
    next_ = now + kPause;
    Draw(done);
  }
}

void Progress::Draw(std::uint64_t done) {
  std::string line = Format("\r{} {}", what_, SizeText(done));
  if (total_ != 0) {
    const std::uint64_t full = std::min(done, total_) / (total_ / kWidth + 1);
    line += Format(" of {} [{}{}]", SizeText(total_), std::string(full, '#'), std::string(kWidth - full, ' '));
  }
  std::fputs((line + "\033[K").c_str(), stderr);
}

}  // namespace holdfast::tool
