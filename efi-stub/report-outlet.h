// SPDX-License-Identifier: BSD-2-Clause
// Where the report goes when no setup_data carries it.
//
// Whole, as a configuration table in reserved memory; and as a volatile EFI variable, which user space can read on any
// kernel: without the handover and the maps where firmware does not take all of it.

#pragma once

#include "common/format/boot-report.h"
#include "efi-stub/firmware.h"
#include "efi-stub/storage.h"

namespace holdfast::efi {

// What the variable had to leave out is in `left_out` ("", "handover", "handover, maps", "everything"), and in the
// report, with the table's address.
// Errors: EncodeBootReport()'s, and firmware's for the table's memory; a variable that firmware does not take at all is
// no error.
Status LeaveReport(const Firmware& firmware, Ledger& ledger, BootReport& report, Storage& storage,
                   std::string_view& left_out);
// After a refusal.
void TakeReportBack(const Firmware& firmware);

}  // namespace holdfast::efi
