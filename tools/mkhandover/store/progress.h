// SPDX-License-Identifier: BSD-2-Clause
// A bar of progress, on a terminal only.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "tools/mkhandover/output.h"

namespace holdfast::tool {

// Drawn on standard error, a few times a second at most.  Add() may be called from several threads.
class Progress {
 public:
  // `total` 0: it is not known.
  Progress(std::string what, std::uint64_t total, const Output& output);
  // Wipes it away.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Add(std::uint64_t bytes);

 private:
  void Draw(std::uint64_t done);

  std::string what_;
  std::uint64_t total_;
  bool is_shown_;
  std::atomic<std::uint64_t> done_ = 0;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace holdfast::tool
