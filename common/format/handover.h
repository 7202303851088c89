// SPDX-License-Identifier: BSD-2-Clause
// A handover, decoded: what the last kernel or a tool left, whichever dialect wrote it.
//
// Decoded means well-formed, not believed: common/plan checks it against the memory map.

#pragma once

#include <cstdint>
#include <string_view>

#include "common/mem/preserved-map.h"
#include "common/mem/range-set.h"

namespace holdfast {

enum class OnRefusal : std::uint8_t { kReset, kHalt };

struct Policy {
  OnRefusal on_refusal = OnRefusal::kReset;
  std::uint32_t refusal_delay_seconds = 10;
  bool kaslr = true;
};

// The tables are the shell's; a decoder adds to them, so that several handovers make one.
struct Handover {
  explicit Handover(PreservedMap& kept_map, RangeSet& scratch_set, RangeSet& ram_set)
      : kept(kept_map), scratch(scratch_set), ram(ram_set) {}

  std::string_view dialect;  // empty: there is none
  std::uint32_t generation = 0;
  Policy policy;
  PreservedMap& kept;
  RangeSet& scratch;
  RangeSet& ram;  // what was RAM before anything was fenced; empty where the dialect does not say
};

}  // namespace holdfast
