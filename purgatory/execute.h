// SPDX-License-Identifier: BSD-2-Clause
// Carries out a plan.
//
// Nothing here discovers anything: every number comes from the plan or from what was read before it.  Each write
// is checked once more against the kept set.

#pragma once

#include <span>

#include "common/format/boot-report.h"
#include "common/mem/preserved-map.h"
#include "common/plan/boot-plan.h"
#include "purgatory/loaded-boot.h"
#include "purgatory/storage.h"

namespace holdfast::purgatory {

// What is done, prepared in the stage's own memory only: the nodes for the next kernel and its boot_params.
// On error nothing outside was touched.
Status PrepareNodes(const BootPlan& plan, const BootReport& report, LoadedBoot& boot, Storage& storage);

// Links the loader's nodes anew, without those that the next kernel must not see; a KHO node that it must not take gets
// a type of ours.  kOverlap: a write would have met kept memory; then nothing was written.
Status RelinkNodes(const BootPlan& plan, const PreservedMap& kept, const LoadedBoot& boot);

// For the purgatory: moves the kernel to its slot, links the setup_data chain anew, and writes boot_params back.
// kOverlap: a write would have met kept memory; then nothing was written.
Status ExecutePlan(const BootPlan& plan, const PreservedMap& kept, PhysRange kernel_at, const LoadedBoot& boot);

}  // namespace holdfast::purgatory
