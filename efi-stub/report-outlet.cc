// SPDX-License-Identifier: BSD-2-Clause
// Where the report goes when no setup_data carries it.

#include "efi-stub/report-outlet.h"

#include <array>
#include <bit>
#include <cstring>

#include "common/abi/handover-variable.h"

namespace holdfast::efi {
namespace {

constexpr EFI_GUID kVendor = std::bit_cast<EFI_GUID>(kHoldfastVendorGuid);
constexpr EFI_GUID kTable = std::bit_cast<EFI_GUID>(kReportTableGuid);
constexpr std::uint32_t kVolatile = EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS;

// In memory that no kernel takes, so that who is given its address finds it.
Result<PhysAddr> InstallTable(const Firmware& firmware, Ledger& ledger, std::span<const std::byte> tree) {
  TRY_ASSIGN(const PhysRange place, ledger.Allocate(tree.size(), EfiReservedMemoryType));
  void* const bytes = reinterpret_cast<void*>(static_cast<std::uintptr_t>(place.start().raw()));
  std::memset(bytes, 0, place.size());
  std::memcpy(bytes, tree.data(), tree.size());
  TRY(firmware.InstallConfigTable(kTable, bytes));
  return place.start();
}

// What is left of it for a variable that does not hold more.
void LeaveOutHandover(BootReport& report) { report.handover = {}; }
void LeaveOutMaps(BootReport& report) {
  report.map_before = {};
  report.map_after = {};
}

struct SmallerForm {
  std::string_view left_out;
  void (*leave_out)(BootReport& report);  // null: nothing more
};
constexpr std::array<SmallerForm, 3> kForms = {
    {{"", nullptr}, {"handover", &LeaveOutHandover}, {"handover, maps", &LeaveOutMaps}}};
constexpr std::string_view kEverything = "everything";

Result<std::string_view> SetReportVariable(const Firmware& firmware, BootReport report, std::span<std::byte> storage) {
  for (const SmallerForm& form : kForms) {
    if (form.leave_out != nullptr) {
      form.leave_out(report);
    }
    report.left_out = form.left_out;
    TRY_ASSIGN(const auto tree, EncodeBootReport(report, storage));
    if (firmware.SetVariable(kReportVariable, kVendor, kVolatile, tree).ok()) {
      return form.left_out;
    }
  }
  // Not that of an earlier try.
  static_cast<void>(firmware.SetVariable(kReportVariable, kVendor, kVolatile, {}));
  return kEverything;
}

}  // namespace

Status LeaveReport(const Firmware& firmware, Ledger& ledger, BootReport& report, Storage& storage,
                   std::string_view& left_out) {
  TRY_ASSIGN(const auto whole, EncodeBootReport(report, storage.report));
  TRY_ASSIGN(report.report_address, InstallTable(firmware, ledger, whole));
  TRY_ASSIGN(left_out, SetReportVariable(firmware, report, storage.report));
  report.left_out = left_out;
  return kDone;
}

void TakeReportBack(const Firmware& firmware) {
  static_cast<void>(firmware.SetVariable(kReportVariable, kVendor, kVolatile, {}));
  static_cast<void>(firmware.InstallConfigTable(kTable, nullptr));
}

}  // namespace holdfast::efi
