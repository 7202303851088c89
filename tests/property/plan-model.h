// SPDX-License-Identifier: BSD-2-Clause
// What has to come out of a case.
//
// The model knows a case as one byte for each KiB of a small address space (its type in the map) and one for each
// page (how it is kept, whether it may be used).  It decides by looking at all of them, shares no code with
// common/mem and common/plan, and says for each case either every reason to refuse it or the whole plan.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/property/plan-case.h"

namespace holdfast::property {

// A problem as one line, so that lists of them are compared as text.
std::string ProblemLine(Errc code, std::uint64_t where, std::string_view what, Bytes range, std::string_view other,
                        Bytes other_range, std::int64_t type, const RawKept* kept);

struct Placed {
  std::string_view name;
  Bytes bytes;
};

// What has to come out.
struct Verdict {
  struct Conflict {
    std::size_t first;
    std::size_t second;
    std::uint64_t where;
  };
  std::vector<Conflict> conflicts;    // pairs of kept ranges that must not be sealed together
  std::vector<std::uint8_t> keeping;  // of each page
  std::vector<RawKept> kept;          // runs of pages that are kept alike and have one name
  std::vector<std::string> problems;  // every reason to refuse
  const char* refusal = nullptr;      // how often each was reached is counted

  std::vector<std::uint8_t> cells;  // the new map
  std::size_t num_entries = 0;
  std::size_t num_closed = 0;
  std::uint64_t closed_bytes = 0;
  std::vector<Bytes> held;
  std::vector<Placed> placed;
  std::uint64_t slot_count = 0;
  std::uint64_t slot_index = 0;
  std::uint64_t slot = 0;
  KernelEntry entry = KernelEntry::kAuto;
  bool drops_efi = false;
  std::uint64_t virtual_count = 0;
  std::uint64_t virtual_delta = 0;
};

Verdict JudgeCase(const Case& c);
// Where the kernel may go, in ascending order.  Pre: the case is planned.
std::vector<std::uint64_t> SlotsOf(const Case& c);
std::vector<std::uint64_t> VirtualAddressesOf(const Case& c);

// --- Facts that the generator uses to steer -----------------------------------------------------------------------

bool MayBeKept(const Case& c, std::size_t cell);
// The number of entries before any gap is closed, and of gaps that may be.
std::pair<std::size_t, std::size_t> EntriesAndGaps(const Case& c);
// Whether the option would take kept memory, if it counts.
bool Conflicts(const Case& c, const RawOption& option);

}  // namespace holdfast::property
