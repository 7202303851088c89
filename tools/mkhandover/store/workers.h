// SPDX-License-Identifier: BSD-2-Clause
// Threads that copy and hash: one a core, with a queue that does not grow.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace holdfast::tool {

class Workers {
 public:
  explicit Workers(unsigned count = std::thread::hardware_concurrency());
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Waits while the queue is full.  Throws what an earlier job threw.
  void Add(std::function<void()> job);
  // Waits until all is done, and throws what a job threw.
  void Finish();

 private:
  void Work();
  void Rethrow();

  std::mutex mutex_;
  std::condition_variable has_work_;
  std::condition_variable has_room_;
  std::deque<std::function<void()>> jobs_;
  std::size_t running_ = 0;
  std::exception_ptr failure_;
  bool is_ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace holdfast::tool
