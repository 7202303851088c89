// SPDX-License-Identifier: BSD-2-Clause
// Short ranges for tests, and values that print as people read them.

#pragma once

#include <catch2/catch.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/text-writer.h"
#include "common/mem/memory-map.h"
#include "common/mem/phys-range.h"
#include "common/mem/preserved-map.h"

namespace holdfast {

// [start, end); ends the test program where there is no such range.
inline PhysRange R(std::uint64_t start, std::uint64_t end) {
  return PhysRange::FromStartEnd(PhysAddr(start), PhysAddr(end)).value();
}

// A copy that Catch can compare and print.
template <typename T>
std::vector<T> List(std::span<const T> items) {
  return {items.begin(), items.end()};
}

// The error, or nothing: `CHECK(ErrorOf(x) == Error{...})` prints both sides.
template <typename T>
std::optional<Error> ErrorOf(const Result<T>& result) {
  return result.ok() ? std::nullopt : std::optional(result.error());
}

}  // namespace holdfast

namespace Catch {

template <>
struct StringMaker<holdfast::PhysAddr> {
  static std::string convert(holdfast::PhysAddr address) {
    holdfast::TextBuffer<24> out;
    return std::string(out.Hex(address.raw()).view());
  }
};

template <>
struct StringMaker<holdfast::PhysRange> {
  static std::string convert(holdfast::PhysRange range) {
    return "[" + StringMaker<holdfast::PhysAddr>::convert(range.start()) + ", " +
           StringMaker<holdfast::PhysAddr>::convert(range.end()) + ")";
  }
};

template <>
struct StringMaker<holdfast::MemType> {
  static std::string convert(holdfast::MemType type) {
    return "type " + std::to_string(static_cast<std::uint32_t>(type));
  }
};

template <>
struct StringMaker<holdfast::MemEntry> {
  static std::string convert(const holdfast::MemEntry& entry) {
    return StringMaker<holdfast::PhysRange>::convert(entry.range) + " " +
           StringMaker<holdfast::MemType>::convert(entry.type);
  }
};

template <>
struct StringMaker<holdfast::KeptRange> {
  static std::string convert(const holdfast::KeptRange& kept) {
    return StringMaker<holdfast::PhysRange>::convert(kept.range) + " fence " +
           std::to_string(static_cast<unsigned>(kept.fence)) + " source " + std::to_string(unsigned{kept.source}) +
           " node " + std::to_string(kept.node);
  }
};

template <>
struct StringMaker<holdfast::Errc> {
  static std::string convert(holdfast::Errc code) { return std::string(holdfast::ErrcName(code)); }
};

template <>
struct StringMaker<holdfast::Error> {
  static std::string convert(holdfast::Error error) {
    holdfast::TextBuffer<24> where;
    return StringMaker<holdfast::Errc>::convert(error.code) + " at " + std::string(where.Hex(error.where).view());
  }
};

// What may be missing.
template <typename T>
struct MaybeStringMaker {
  static std::string convert(const std::optional<T>& maybe) {
    return maybe ? StringMaker<T>::convert(*maybe) : "nothing";
  }
};
template <>
struct StringMaker<std::optional<holdfast::PhysRange>> : MaybeStringMaker<holdfast::PhysRange> {};
template <>
struct StringMaker<std::optional<holdfast::KeptRange>> : MaybeStringMaker<holdfast::KeptRange> {};
template <>
struct StringMaker<std::optional<holdfast::MemType>> : MaybeStringMaker<holdfast::MemType> {};
template <>
struct StringMaker<std::optional<holdfast::Error>> : MaybeStringMaker<holdfast::Error> {};

}  // namespace Catch
