// SPDX-License-Identifier: BSD-2-Clause
// The setup_data nodes of a kernel that is given any: for the direct entry, and for the EFI handover entry.

#pragma once

#include "common/format/boot-report.h"
#include "common/format/node-chain.h"
#include "common/format/setup-data-chain.h"
#include "efi-stub/firmware.h"
#include "efi-stub/storage.h"

namespace holdfast::efi {

struct SetupNodes {
  const BootReport& report;
  std::span<const PhysRange> held;        // in fence mode
  std::span<const SetupDataNode> passed;  // read where they lie, and copied
};

// Makes the chain in memory of the ledger: held ranges, the report, what is passed on.  The report passes through
// storage.report.  Errors: EncodeBootReport()'s, and firmware's.
Result<NodeChain> MakeSetupNodes(Ledger& ledger, Storage& storage, const SetupNodes& nodes);

}  // namespace holdfast::efi
