// SPDX-License-Identifier: BSD-2-Clause
// A handover, decoded: what the last kernel or a tool left, whichever dialect wrote it.
//
// Decoded means well-formed, not believed: common/plan checks it against the memory map.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "common/mem/preserved-map.h"
#include "common/mem/range-set.h"

namespace holdfast {

enum class OnRefusal : std::uint8_t { kReset, kHalt };

// From firmware: whether a boot goes on when contents are not what their digests say; what was lost is not fenced then.
enum class OnLoss : std::uint8_t { kRefuse, kDrop };
// From firmware: what becomes of a request to overwrite memory at the next reset (TCG Platform Reset Attack
// Mitigation).
enum class OverwriteRequest : std::uint8_t { kKeep, kClear };

// How kept memory is to be protected; kAuto: native where the next kernel speaks the dialect, else by a fence.
enum class ModeWish : std::uint8_t { kAuto, kFence, kNative };

struct Policy {
  OnRefusal on_refusal = OnRefusal::kReset;
  std::uint32_t refusal_delay_seconds = 10;
  bool kaslr = true;
  ModeWish mode = ModeWish::kAuto;
  OnLoss on_loss = OnLoss::kRefuse;
  OverwriteRequest overwrite_request = OverwriteRequest::kKeep;
  Fence foreign_fence = Fence::kReserved;  // for what other dialects keep, which say nothing of fences
};

// The dialects of all handovers that were found, each once: "holdfast,handover-v1+kho-v4".
class DialectNames {
 public:
  // A name that does not fit is left out.
  void Add(std::string_view name) {
    const std::size_t gap = size_ == 0 ? 0 : 1;
    if (Has(name) || name.size() + gap > text_.size() - size_) {
      return;
    }
    if (gap != 0) {
      text_[size_++] = '+';
    }
    std::memcpy(text_.data() + size_, name.data(), name.size());
    size_ += name.size();
  }
  bool Has(std::string_view name) const {
    for (std::string_view rest = view(); !rest.empty();) {
      const std::string_view first(rest.data(), std::min(rest.find('+'), rest.size()));
      if (first == name) {
        return true;
      }
      rest.remove_prefix(std::min(first.size() + 1, rest.size()));
    }
    return false;
  }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 160> text_{};
  std::size_t size_ = 0;
};

// A handover that a next kernel may read by itself: KHO.
struct NativeHandover {
  std::uint8_t source = 0;      // of its ranges in Handover::kept
  std::string_view compatible;  // what an image must carry that speaks it
  bool is_ambiguous = false;    // not all kernels that carry it read it alike: native only on demand
  // Ascending and disjoint, each as it was handed over: inside one is placed such a kernel, and whatever it needs.
  std::span<const PhysRange> scratch;
};

// The tables are the shell's; a decoder adds to them, so that several handovers make one.
struct Handover {
  explicit Handover(PreservedMap& kept_map, RangeSet& scratch_set, RangeSet& ram_set, RangeSet* released_set = nullptr)
      : kept(kept_map), scratch(scratch_set), ram(ram_set), released(released_set) {}

  DialectNames dialect;     // empty: there is none
  bool has_policy = false;  // some handover said one, and that of the first holds
  std::uint32_t generation = 0;
  Policy policy;
  PreservedMap& kept;
  RangeSet& scratch;
  RangeSet& ram;  // what was RAM before anything was fenced; empty where the dialect does not say
  // What an earlier handover kept and none keeps any more; null where nobody asks, as from firmware, which has fenced
  // nothing yet.
  RangeSet* released;
  std::optional<NativeHandover> native{};

  // What a report says of this boot.  The last of all generations stays the last.
  std::uint32_t next_generation() const { return generation + (generation == ~std::uint32_t{0} ? 0 : 1); }
};

}  // namespace holdfast
