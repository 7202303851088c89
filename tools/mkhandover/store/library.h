// SPDX-License-Identifier: BSD-2-Clause
// What is behind the handles of the library.

#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/store/holdfast.h"
#include "tools/mkhandover/store/saver.h"
#include "tools/mkhandover/store/store.h"

struct holdfast_store {
  holdfast::tool::Store store;
  std::mutex mutex{};                                                       // of what follows: loads have threads
  std::vector<std::shared_ptr<const holdfast::tool::MappedRuns>> mapped{};  // what holdfast_map_object() gave
};

struct holdfast_save {
  holdfast::tool::Saver saver;
  std::uint32_t object = 0;
  bool has_object = false;
  std::vector<std::byte> bytes{};  // of the object's byte data, not saved yet
};

struct holdfast_load {
  holdfast_store& store;
  std::shared_ptr<const holdfast::tool::StoreSnapshot> kept;
  const holdfast::tool::KeptNode& node;  // of `kept`
  std::size_t next = 0;                  // object
  std::uint64_t read = 0;                // bytes of byte data
  // The block that was verified last.
  const holdfast::StoreExtent* block = nullptr;
  std::vector<std::byte> buffer{};
  std::span<const std::byte> decoded{};

  const holdfast::tool::KeptObject& object() const {
    if (next == 0) {
      throw holdfast::tool::Failure(holdfast::tool::ExitCode::kUsage, "no object yet: ask for one first");
    }
    return node.objects.at(next - 1);
  }
};

namespace holdfast::tool {

// What holdfast_error() gives.
extern thread_local std::string last_error;

// Nothing is thrown into C.
template <typename Act>
int Try(Act act) {
  try {
    last_error.clear();
    act();
    return 0;
  } catch (const Failure& failure) {
    last_error = failure.what();
    return static_cast<int>(failure.code());
  } catch (const std::exception& failure) {
    last_error = failure.what();
    return static_cast<int>(ExitCode::kSystem);
  }
}

}  // namespace holdfast::tool
