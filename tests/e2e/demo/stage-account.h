// SPDX-License-Identifier: BSD-2-Clause
// What Holdfast adds to a journey: the description, the plan, and the stage's own account of the jump.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/guest.h"
#include "tests/e2e/scenario.h"

namespace holdfast::demo {

// `mkhandover plan` for the demo's kernel, in its own text, and what the demo compares with.
struct Foretold {
  std::string text;  // without the map
  std::vector<e2e::Extent> preserved;
};
Foretold AskForPlan(e2e::Guest& guest);

// `mkhandover check` for the places that the loader told of.  Returns its answer; throws if something stands on a kept
// page.
std::string CheckSegments(e2e::Guest& guest, const e2e::CommandResult& load);

// The stage's report, read by the second kernel's user space.
struct Account {
  std::uint64_t kernel_address = 0;
  std::uint64_t kernel_code = 0;  // where the second kernel says it is
  std::uint64_t num_entries_before = 0;
  std::uint64_t num_entries = 0;
  std::uint64_t slot = 0;  // from 1
  std::uint64_t num_slots = 0;
  std::uint64_t kept_bytes = 0;
  std::uint64_t num_kept = 0;
  double stage_seconds = 0;   // from the stage's first step to its decision
  double digest_seconds = 0;  // of these, for the loader's digest
};
Account ReadAccount(e2e::Guest& guest);

// "holdfast: ..." as they stood on the serial console.
std::string StageLines(const e2e::Guest& guest);

// The second kernel's e820 lines; what it reserves of a preserved range is marked.
inline constexpr std::string_view kKeptMark = "   <- kept";
std::string E820Lines(const e2e::Guest& guest, const std::vector<e2e::Extent>& preserved);

// Puts the second kernel's map and the stage's handover into `folder`, and lets `mkhandover map` draw them, on the host
// and straight to standard output.
void DrawMap(e2e::Guest& guest, const std::filesystem::path& folder);

}  // namespace holdfast::demo
