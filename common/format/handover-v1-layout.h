// SPDX-License-Identifier: BSD-2-Clause
// What the decoder and the encoder of our own handover share: the layout of its values, and its words.

#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "common/base/stored-int.h"
#include "common/codec/sha256.h"
#include "common/format/handover.h"

namespace holdfast::handover_v1 {

// One element of `ranges`.
struct StoredRange {
  Be64 start;
  Be64 size;
};
static_assert(sizeof(StoredRange) == 16);

// `range-list`.
struct StoredListPlace {
  Be64 start;
  Be64 size;
  Digest digest;
};
static_assert(sizeof(StoredListPlace) == 48);

template <typename T>
struct Word {
  std::string_view text;
  T value;
};
inline constexpr std::array kFences = {Word<Fence>{"reserved", Fence::kReserved}, Word<Fence>{"held", Fence::kHeld},
                                       Word<Fence>{"pmem", Fence::kPmem}, Word<Fence>{"pram", Fence::kPram}};
inline constexpr std::array kOnRefusals = {Word<OnRefusal>{"reset", OnRefusal::kReset},
                                           Word<OnRefusal>{"halt", OnRefusal::kHalt}};
inline constexpr std::array kModes = {Word<ModeWish>{"auto", ModeWish::kAuto},
                                      Word<ModeWish>{"fence", ModeWish::kFence},
                                      Word<ModeWish>{"native", ModeWish::kNative}};
// Other dialects name no ranges that a device could be made of.
inline constexpr std::array kForeignFences = {Word<Fence>{"reserved", Fence::kReserved},
                                              Word<Fence>{"held", Fence::kHeld}};
inline constexpr std::array kOnLosses = {Word<OnLoss>{"refuse", OnLoss::kRefuse}, Word<OnLoss>{"drop", OnLoss::kDrop}};
inline constexpr std::array kOverwriteRequests = {Word<OverwriteRequest>{"keep", OverwriteRequest::kKeep},
                                                  Word<OverwriteRequest>{"clear", OverwriteRequest::kClear}};
inline constexpr std::array kSwitches = {Word<bool>{"on", true}, Word<bool>{"off", false}};

template <typename T, std::size_t N>
std::optional<T> ValueOf(const std::array<Word<T>, N>& words, std::string_view text) {
  for (const Word<T>& word : words) {
    if (word.text == text) {
      return word.value;
    }
  }
  return std::nullopt;
}

template <typename T, std::size_t N>
std::string_view TextOf(const std::array<Word<T>, N>& words, T value) {
  for (const Word<T>& word : words) {
    if (word.value == value) {
      return word.text;
    }
  }
  Bug();
}

inline bool IsPathComponent(std::string_view name) {
  constexpr std::string_view kAllowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz,._+-";
  return !name.empty() && name.size() <= 31 && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace holdfast::handover_v1
