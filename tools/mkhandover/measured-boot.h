// SPDX-License-Identifier: BSD-2-Clause
// What the EFI application will measure of a boot, and what that makes of the register.
//
// Which events there are, and in which order: common/abi/measurement.h.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/plan/boot-plan.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/handover-file.h"

namespace holdfast::tool {

struct MeasuredEvent {
  std::string_view text;         // what the event log has
  std::string subject;           // for people: a file's name, a command line, the decision
  std::vector<std::byte> bytes;  // what is hashed
};

struct MeasuredBoot {
  std::span<const std::unique_ptr<HandoverFile>> handovers;  // each a tree of ours without a problem()
  const HandoverFile* kho = nullptr;                         // one KHO handover without a problem()
  std::string_view command_line;                             // as a loader has it, before it is made one line
  // Of a direct entry, where the stage measures them.
  std::span<const std::byte> kernel;
  std::span<const std::byte> initrd;
  Mode mode = Mode::kFence;
  KernelEntry entry = KernelEntry::kEfiImage;
  std::span<const std::string> lost;  // names, in whichever handover they are
};

// Ends in a Failure: of kind usage where no handover has a lost name, else where the handovers together are none that
// the stage would read, and where the command line is none.
std::vector<MeasuredEvent> EventsOf(const MeasuredBoot& boot);

// A register after one more event: the digest of what it was, and of the event's own behind it.
// Pre: `value` and `digest` are of the bank's size.
std::vector<std::byte> Extend(Bank bank, std::span<const std::byte> value, std::span<const std::byte> digest);

}  // namespace holdfast::tool
