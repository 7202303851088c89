// SPDX-License-Identifier: BSD-2-Clause
// Lists with a capacity that never grows.
//
// BoundedVector borrows its storage, so a shell decides how much memory a table
// gets; FixedVector brings its own.  Append returns a Status, and [[nodiscard]]
// makes "table full" impossible to ignore.

#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "common/base/result.h"

namespace holdfast {

template <typename T>
class BoundedVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  constexpr BoundedVector() = default;
  constexpr explicit BoundedVector(std::span<T> storage) : data_(storage.data()), capacity_(storage.size()) {}
  // Borrowed storage has one owner at a time.
  BoundedVector(const BoundedVector&) = delete;
  BoundedVector& operator=(const BoundedVector&) = delete;

  constexpr std::size_t size() const { return size_; }
  constexpr std::size_t capacity() const { return capacity_; }
  constexpr bool empty() const { return size_ == 0; }

  constexpr T& operator[](std::size_t i) {
    Require(i < size_);
    return data_[i];
  }
  constexpr const T& operator[](std::size_t i) const {
    Require(i < size_);
    return data_[i];
  }
  constexpr T& back() { return (*this)[size_ - 1]; }
  constexpr const T& back() const { return (*this)[size_ - 1]; }

  constexpr T* begin() { return data_; }
  constexpr T* end() { return data_ + size_; }
  constexpr const T* begin() const { return data_; }
  constexpr const T* end() const { return data_ + size_; }

  constexpr std::span<const T> view() const { return {data_, size_}; }
  constexpr std::span<T> span() { return {data_, size_}; }

  constexpr void Clear() { size_ = 0; }
  constexpr void Truncate(std::size_t size) {
    Require(size <= size_);
    size_ = size;
  }

  constexpr Status Append(const T& value) {
    if (size_ == capacity_) {
      return Error{Errc::kTableFull, capacity_};
    }
    data_[size_++] = value;
    return kDone;
  }

  // Makes room at `i`, which may be size().  Costs a move of all that follows.
  constexpr Status Insert(std::size_t i, const T& value) {
    Require(i <= size_);
    if (size_ == capacity_) {
      return Error{Errc::kTableFull, capacity_};
    }
    const T copy = value;  // `value` may be an element that is about to move.
    for (std::size_t k = size_; k > i; --k) {
      data_[k] = data_[k - 1];
    }
    data_[i] = copy;
    ++size_;
    return kDone;
  }

  // Removes [first, last).
  constexpr void Erase(std::size_t first, std::size_t last) {
    Require(first <= last && last <= size_);
    for (std::size_t k = last; k < size_; ++k) {
      data_[first + (k - last)] = data_[k];
    }
    size_ -= last - first;
  }

 private:
  T* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

// A base, so that the storage is there before the list that borrows it.
template <typename T, std::size_t N>
class FixedStorage {
 protected:
  std::array<T, N> storage_{};
};

template <typename T, std::size_t N>
class FixedVector : private FixedStorage<T, N>, public BoundedVector<T> {
 public:
  constexpr FixedVector() : BoundedVector<T>(std::span<T>(this->storage_)) {}
};

}  // namespace holdfast
