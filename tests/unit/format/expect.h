// SPDX-License-Identifier: BSD-2-Clause
// What the tests of decoders share.

#pragma once

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/stored-int.h"
#include "common/mem/phys-range.h"

namespace holdfast::test {

// [start, end)
inline PhysRange Between(std::uint64_t start, std::uint64_t end) {
  return PhysRange::FromStartEnd(PhysAddr(start), PhysAddr(end)).value();
}

// The rule that broke and where, in a form that a failure prints.
template <typename T>
void CheckError(const Result<T>& result, Errc code, std::uint64_t where) {
  REQUIRE_FALSE(result.ok());
  CHECK(ErrcName(result.error().code) == ErrcName(code));
  CHECK(result.error().where == where);
}

template <typename T>
std::string_view RuleOf(const Result<T>& result) {
  return result.ok() ? "ok" : ErrcName(result.error().code);
}

// Bytes that begin at a multiple of 8.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::size_t size) : words_(size / 8 + 2), size_(size) {}
  explicit AlignedBytes(std::span<const std::byte> bytes) : AlignedBytes(bytes.size()) {
    if (!bytes.empty()) {
      std::memcpy(span().data(), bytes.data(), bytes.size());
    }
  }

  std::span<std::byte> span() { return std::as_writable_bytes(std::span(words_)).first(size_); }
  // The same number of bytes, beginning one later.
  std::span<std::byte> unaligned() { return std::as_writable_bytes(std::span(words_)).subspan(1, size_); }

  // A big-endian number at `offset`, as in a device tree.
  std::uint32_t Get32(std::size_t offset) {
    Be32 stored;
    std::memcpy(&stored, span().subspan(offset, sizeof(stored)).data(), sizeof(stored));
    return stored.value();
  }
  void Set32(std::size_t offset, std::uint32_t value) {
    const Be32 stored(value);
    std::memcpy(span().subspan(offset, sizeof(stored)).data(), &stored, sizeof(stored));
  }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_;
};

}  // namespace holdfast::test
