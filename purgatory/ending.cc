// SPDX-License-Identifier: BSD-2-Clause
// How a boot ends when it must not go on.

#include "purgatory/ending.h"

#include "common/arch/x86/cpu.h"
#include "common/arch/x86/power.h"
#include "common/console/wording.h"

namespace holdfast::purgatory {

void Ending::Refuse(const Problem& problem) {
  LineBuffer line;
  SayRefused(line, problem);
  console_.Line(line.view());
  line.Clear();
  switch (policy_.on_refusal) {
    case OnRefusal::kHalt:
      SayHalted(line);
      console_.Line(line.view());
      x86::Halt();
    case OnRefusal::kReset:
      SayReset(line, policy_.refusal_delay_seconds);
      console_.Line(line.view());
      x86::WaitSeconds(policy_.refusal_delay_seconds);
      x86::ResetMachine();
  }
  x86::ResetMachine();
}

void Ending::Check(const Status& status, std::string_view what, PhysRange range) {
  if (!status.ok()) {
    Refuse({.code = status.error().code, .where = status.error().where, .what = what, .range = range});
  }
}

}  // namespace holdfast::purgatory
