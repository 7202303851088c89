// SPDX-License-Identifier: BSD-2-Clause
// A program that dies with the thread that started it.
//
// The kernel kills it when that thread ends, whatever ended it, so nothing is
// left running after a test that crashed or was killed.

#pragma once

#include <sys/types.h>

#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::e2e {

// A file descriptor with an owner.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;

  int get() const { return fd_; }
  int Release();
  void Close();

 private:
  int fd_;
};

struct DescriptorPair {
  Descriptor ours;
  Descriptor theirs;
};
DescriptorPair MakeSocketPair();

class ChildProcess {
 public:
  // `inherited` keep their numbers in the child, which sees no other descriptor of ours beside 0, 1 and 2:
  // standard input is empty, both outputs go to `output`.
  ChildProcess(const std::vector<std::string>& words, const std::vector<int>& inherited, int output);
  ~ChildProcess();  // kills
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Wait status once it has ended.  Both may be called from any thread.
  std::optional<int> Poll();
  void Kill();

 private:
  std::optional<int> PollLocked();

  std::mutex mutex_;
  pid_t pid_;
  std::optional<int> status_;
};

}  // namespace holdfast::e2e
