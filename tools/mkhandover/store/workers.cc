// SPDX-License-Identifier: BSD-2-Clause
// Threads that copy and hash.

#include "tools/mkhandover/store/workers.h"

#include <algorithm>
#include <utility>

namespace holdfast::tool {
namespace {

constexpr std::size_t kJobsPerThread = 8;

}  // namespace

Workers::Workers(unsigned count) {
  count = std::max(count, 1u);
  for (unsigned i = 0; i < count; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    jobs_.clear();
  }
  has_work_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void Workers::Rethrow() {
  if (failure_ != nullptr) {
    std::rethrow_exception(failure_);
  }
}

void Workers::Add(std::function<void()> job) {
  std::unique_lock lock(mutex_);
  has_room_.wait(lock, [this] { return jobs_.size() < threads_.size() * kJobsPerThread || failure_ != nullptr; });
  Rethrow();
  jobs_.push_back(std::move(job));
  has_work_.notify_one();
}

void Workers::Finish() {
  std::unique_lock lock(mutex_);
  has_room_.wait(lock, [this] { return jobs_.empty() && running_ == 0; });
  Rethrow();
}

void Workers::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    has_work_.wait(lock, [this] { return !jobs_.empty() || is_ending_; });
    if (is_ending_) {
      return;
    }
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    ++running_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      job();
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    --running_;
    if (failure != nullptr && failure_ == nullptr) {
      failure_ = failure;
      jobs_.clear();  // The first failure ends it all.
    }
    has_room_.notify_all();
  }
}

}  // namespace holdfast::tool
