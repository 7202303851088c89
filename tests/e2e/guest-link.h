// SPDX-License-Identifier: BSD-2-Clause
// The lines between the harness and a running QEMU.
//
// A thread of its own reads everything as it comes, so QEMU never has to wait
// for a test that is busy, and writes it to the logs as raw bytes.  What was
// heard is read under a lock.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "tests/e2e/child-process.h"
#include "tests/e2e/console-log.h"
#include "tests/e2e/environment.h"

namespace holdfast::e2e {

enum class Line { kConsole, kCommands, kControl, kDebug };
inline constexpr std::size_t kNumLines = 4;
inline constexpr std::array<std::string_view, kNumLines> kLineNames = {"console", "commands", "control", "debug"};

using Clock = std::chrono::steady_clock;

// The ends of the lines that QEMU gets.
using LineEnds = std::array<int, kNumLines>;

struct Heard {
  ConsoleLog console;
  std::string commands;  // not yet taken by whoever reads it
  std::string control;   // likewise
  std::string debug;
  Clock::time_point last_sign = Clock::now();  // when anything came in last
  std::optional<Clock::time_point> panic;      // when one was seen first
  bool overdue = false;                        // the life span is over, QEMU was killed
};

class GuestLink {
 public:
  // Logs are LOGS/NAME.LINE.log.
  GuestLink(const std::filesystem::path& logs, const std::string& name);
  ~GuestLink();
  GuestLink(const GuestLink&) = delete;
  GuestLink& operator=(const GuestLink&) = delete;

  // Numbers of the descriptors for QEMU's command line; good until Start.
  LineEnds ends() const;

  // Post: QEMU runs, for as long as this thread and this object live and `life_span` lasts.
  void Start(const std::vector<std::string>& words, int memory_fd, Milliseconds life_span);

  void Send(Line line, std::string_view text);

  // Pre: `lock` is held for both.
  Heard& heard(const std::unique_lock<std::mutex>& lock);
  void WaitForNews(std::unique_lock<std::mutex>& lock);  // a short while at most

  std::unique_lock<std::mutex> Lock() { return std::unique_lock(mutex_); }
  std::optional<int> ExitStatus();  // of QEMU, once it has ended
  std::string QemuOutput() const;

 private:
  void Listen();
  void Take(Line line, std::string_view bytes);

  std::filesystem::path qemu_log_;
  std::array<DescriptorPair, kNumLines> sockets_;
  std::array<std::ofstream, kNumLines> logs_;
  std::optional<ChildProcess> qemu_;
  Clock::time_point deadline_;

  std::mutex mutex_;
  std::condition_variable news_;
  Heard heard_;
  std::atomic<bool> closing_ = false;
  std::thread listener_;
};

}  // namespace holdfast::e2e
