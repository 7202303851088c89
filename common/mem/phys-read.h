// SPDX-License-Identifier: BSD-2-Clause
// What lies at a physical address: one stored layout, or a page of them.

#pragma once

#include "common/base/byte-reader.h"
#include "common/base/stored-int.h"
#include "common/mem/phys-memory.h"

namespace holdfast {

// Copies the T at `at`, which has any alignment.  kOutOfBounds, kUnreadable (where: the address).
template <typename T>
Result<T> ReadAt(const PhysMemory& memory, PhysAddr at) {
  TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(at, sizeof(T)));
  TRY_ASSIGN(const auto bytes, memory.View(range));
  return ByteReader(bytes).Read<T>();
}

// A page that may be read.
class StoredPage {
 public:
  // kMisaligned: no page begins there; kOutOfBounds, kUnreadable (where, for all: the address).
  static Result<StoredPage> At(const PhysMemory& memory, PhysAddr at) {
    if (!IsAligned(at.raw(), kPageSize)) {
      return Error{Errc::kMisaligned, at.raw()};
    }
    TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(at, kPageSize));
    TRY_ASSIGN(const auto bytes, memory.View(range));
    return StoredPage(range, bytes);
  }

  PhysRange range() const { return range_; }
  PhysAddr at() const { return range_.start(); }
  // Physical address of a byte of it, for an error's `where`.
  std::uint64_t WhereOf(std::uint64_t offset) const { return range_.start().raw() + offset; }
  // Pre, for all below: what is read lies in the page.
  std::span<const std::byte> Bytes(std::size_t offset, std::size_t size) const {
    Require(offset <= bytes_.size() && size <= bytes_.size() - offset);
    return bytes_.subspan(offset, size);
  }
  template <typename T>
  T Get(std::size_t offset) const {
    T out;
    std::memcpy(&out, Bytes(offset, sizeof(T)).data(), sizeof(T));
    return out;
  }
  std::uint64_t U64(std::size_t offset) const { return Get<Le64>(offset).value(); }

 private:
  constexpr StoredPage(PhysRange range, std::span<const std::byte> bytes) : range_(range), bytes_(bytes) {}

  PhysRange range_;
  std::span<const std::byte> bytes_;
};

// The address of a page frame number; one that no address can have gives the largest, which nothing can read.
constexpr PhysAddr AddressOfPfn(std::uint64_t pfn) {
  return PhysAddr(pfn > kPhysLimit / kPageSize ? AlignDown(~std::uint64_t{0}, kPageSize) : pfn * kPageSize);
}

}  // namespace holdfast
