// SPDX-License-Identifier: BSD-2-Clause
// A value, or the reason there is none.
//
// Everything below the shells returns failure through Result; nothing throws,
// logs or halts.  Only a shell may decide that a failure ends the boot.

#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace holdfast {

// Ends the program because of our own bug.  Never used on input.
[[noreturn]] inline void Bug() { __builtin_trap(); }
constexpr void Require(bool holds) {
  if (!holds) [[unlikely]] {
    Bug();
  }
}

// What went wrong.  Each code is a rule that people see: ErrcName() is the word in
// `holdfast: refused: RULE: ...`, in the tool's messages and in its JSON.
enum class Errc : std::uint8_t {
  kTruncated,          // where: byte offset of the first missing byte
  kBadMagic,           // where: byte offset of the magic
  kBadVersion,         // where: the version that was found
  kBadDigest,          // where: address of the first byte that the digest covers
  kMalformed,          // where: byte offset of what breaks its format's rule
  kMisaligned,         // where: physical address or byte offset
  kOutOfBounds,        // where: first physical address past kPhysLimit
  kUnreadable,         // where: physical address that is not memory that may be read
  kUnknownCompatible,  // where: byte offset of the property
  kNotFinalized,       // where: physical address of a description that its sender did not complete
  kUnsupported,        // where: the value that is not supported, 0 where there is none
  kCycle,              // where: physical address that was reached a second time
  kTableFull,          // where: capacity that was exceeded
  kTooLarge,           // where: bytes that are allowed
  kKeptOverlap,        // where: physical address where two kept ranges begin to overlap
  kKeptNotRam,         // where: first physical address that is not RAM
  kOverlap,            // where: physical address where something stands on kept memory, or two targets meet
  kNotRam,             // where: first physical address of a segment that is not RAM
  kOutsideScratch,     // where: first physical address, of what must lie in scratch, that does not
  kNoSlot,             // where: bytes that could not be placed
  kConflict,           // where: byte offset in the command line
  kFault,              // where: instruction address of a processor exception
  kFirmware,           // where: the EFI status of a service that failed
  kNotFound,           // where: 0: a file, a protocol or a variable that is not there
  kUntrusted,          // where: 0: Secure Boot does not allow it
  kContentsLost,       // where: first physical address of what is not what its digest says
};

std::string_view ErrcName(Errc code);

struct Error {
  Errc code;
  std::uint64_t where;

  constexpr bool operator==(const Error&) const = default;
};

template <typename T>
class [[nodiscard]] Result {
  static_assert(std::is_trivially_destructible_v<T>, "owners live in the shells, not in common/");
  static_assert(sizeof(T) <= 64, "fill large outputs through a reference: the purgatory's stack is small");

 public:
  constexpr Result(const T& value) : value_(value), ok_(true) {}  // NOLINT(google-explicit-constructor)
  constexpr Result(Error error) : error_(error), ok_(false) {}    // NOLINT(google-explicit-constructor)

  constexpr bool ok() const { return ok_; }
  constexpr const T& value() const {
    Require(ok_);
    return value_;
  }
  constexpr Error error() const {
    Require(!ok_);
    return error_;
  }

 private:
  union {
    T value_;
    Error error_;
  };
  bool ok_;
};

struct Done {
  constexpr bool operator==(const Done&) const = default;
};
inline constexpr Done kDone{};
using Status = Result<Done>;

}  // namespace holdfast

// The only two control-flow macros: give the error to the caller.  The counter keeps a TRY inside a lambda that
// is itself the argument of a TRY from hiding the outer one's name.
#define HOLDFAST_CONCAT_(a, b) a##b
#define HOLDFAST_CONCAT(a, b) HOLDFAST_CONCAT_(a, b)
#define HOLDFAST_TRY_(result, expr)                 \
  do {                                              \
    if (const auto result = (expr); !result.ok()) { \
      return result.error();                        \
    }                                               \
  } while (false)
#define HOLDFAST_TRY_ASSIGN_(result, decl, expr) \
  const auto result = (expr);                    \
  if (!result.ok()) {                            \
    return result.error();                       \
  }                                              \
  decl = result.value()
#define TRY(expr) HOLDFAST_TRY_(HOLDFAST_CONCAT(try_result_, __COUNTER__), expr)
#define TRY_ASSIGN(decl, expr) HOLDFAST_TRY_ASSIGN_(HOLDFAST_CONCAT(try_result_, __COUNTER__), decl, expr)
