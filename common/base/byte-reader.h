// SPDX-License-Identifier: BSD-2-Clause
// The one gate through which bytes become values.
//
// Every read is bounds-checked and copies; no pointer is cast.  On failure the
// position stays where it was and the error's `where` is the offset of the first
// missing byte.

#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

#include "common/base/result.h"

namespace holdfast {

class ByteReader {
 public:
  constexpr explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  constexpr std::size_t position() const { return position_; }
  constexpr std::size_t remaining() const { return bytes_.size() - position_; }
  constexpr bool done() const { return remaining() == 0; }

  // Copies one T.  T is a layout of stored integers and bytes.
  template <typename T>
  Result<T> Read() {
    static_assert(std::is_trivially_copyable_v<T>);
    if (remaining() < sizeof(T)) {
      return Error{Errc::kTruncated, bytes_.size()};
    }
    T out;
    std::memcpy(&out, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return out;
  }

  // A window of `size` bytes, which stay owned by whoever owns the input.
  constexpr Result<std::span<const std::byte>> Take(std::uint64_t size) {
    if (size > remaining()) {
      return Error{Errc::kTruncated, bytes_.size()};
    }
    const auto out = bytes_.subspan(position_, static_cast<std::size_t>(size));
    position_ += static_cast<std::size_t>(size);
    return out;
  }

  constexpr Status Seek(std::uint64_t position) {
    if (position > bytes_.size()) {
      return Error{Errc::kTruncated, bytes_.size()};
    }
    position_ = static_cast<std::size_t>(position);
    return kDone;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
};

}  // namespace holdfast
