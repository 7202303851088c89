// SPDX-License-Identifier: BSD-2-Clause

#include "efi-stub/report-outlet.h"

#include <bit>
#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "common/abi/handover-fdt.h"
#include "common/abi/handover-variable.h"
#include "tests/support/fake-firmware.h"

namespace holdfast::efi {
namespace {

using test::FakeFirmware;

constexpr EFI_GUID kVendor = std::bit_cast<EFI_GUID>(kHoldfastVendorGuid);
constexpr EFI_GUID kTable = std::bit_cast<EFI_GUID>(kReportTableGuid);

// A report with a handover of 2,000 bytes and maps of as many.
class Outlet {
 public:
  Outlet() {
    report.version = "0.1.0";
    report.shell = "efi";
    report.mode = "fence";
    report.handover = handover_;
    report.map_before = map_;
    report.map_after = map_;
  }

  Status Leave() { return LeaveReport(firmware, ledger, report, *storage_, left_out); }

  const FakeFirmware::Variable* variable() const { return fake.FindVariable(kReportVariable, kVendor); }
  // Of a tree that begins at `bytes`.
  static bool Has(std::span<const std::byte> bytes, const char* property) {
    std::vector<std::uint64_t> aligned(bytes.size() / 8 + 1);
    std::memcpy(aligned.data(), bytes.data(), bytes.size());
    const auto tree = FdtView::Open(std::as_bytes(std::span(aligned))).value();
    const auto value = tree.Property(tree.root(), property);
    return value && !value->empty();
  }
  std::span<const std::byte> TableAt(PhysAddr address) const {
    return fake.memory.Bytes(PhysRange::FromStartEnd(address, fake.memory.range().end()).value());
  }

  FakeFirmware fake;
  Firmware firmware{fake.image(), fake.table()};
  Ledger ledger{firmware};
  BootReport report;
  std::string_view left_out = "?";

 private:
  std::vector<std::byte> handover_ = std::vector<std::byte>(2000);
  std::vector<MemEntry> map_ = std::vector<MemEntry>(50, MemEntry{PhysRange::All(), MemType::kUsable});
  std::unique_ptr<Storage> storage_ = std::make_unique<Storage>();
};

TEST_CASE("The whole report is in a table in reserved memory, and in a volatile variable", "[efi][report-outlet]") {
  Outlet outlet;
  REQUIRE(outlet.Leave().ok());
  CHECK(outlet.left_out.empty());

  const auto taken = outlet.fake.Taken();
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].type == EfiReservedMemoryType);
  CHECK(outlet.firmware.ConfigTable(kTable) == taken[0].range.start());
  CHECK(outlet.report.report_address == taken[0].range.start());
  CHECK(outlet.ledger.view().size() == 1);
  CHECK(Outlet::Has(outlet.TableAt(taken[0].range.start()), report_fdt::kPropHandover));
  CHECK(Outlet::Has(outlet.TableAt(taken[0].range.start()), report_fdt::kPropMapAfter));

  REQUIRE(outlet.variable() != nullptr);
  CHECK(outlet.variable()->attributes == (EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS));
  CHECK(Outlet::Has(outlet.variable()->bytes, report_fdt::kPropHandover));
}

TEST_CASE("The variable leaves out what firmware has no room for, and the report says so", "[efi][report-outlet]") {
  Outlet outlet;
  SECTION("the handover first") {
    outlet.fake.max_variable_size = 4000;
    REQUIRE(outlet.Leave().ok());
    CHECK(outlet.left_out == "handover");
    REQUIRE(outlet.variable() != nullptr);
    CHECK_FALSE(Outlet::Has(outlet.variable()->bytes, report_fdt::kPropHandover));
    CHECK(Outlet::Has(outlet.variable()->bytes, report_fdt::kPropMapBefore));
  }
  SECTION("then the maps") {
    outlet.fake.max_variable_size = 2000;
    REQUIRE(outlet.Leave().ok());
    CHECK(outlet.left_out == "handover, maps");
    REQUIRE(outlet.variable() != nullptr);
    CHECK_FALSE(Outlet::Has(outlet.variable()->bytes, report_fdt::kPropHandover));
    CHECK_FALSE(Outlet::Has(outlet.variable()->bytes, report_fdt::kPropMapBefore));
    CHECK_FALSE(Outlet::Has(outlet.variable()->bytes, report_fdt::kPropMapAfter));
    CHECK(Outlet::Has(outlet.variable()->bytes, report_fdt::kPropMode));
  }
  SECTION("then everything, and an earlier one does not stay") {
    outlet.fake.max_variable_size = 100;
    outlet.fake.SetVariable(kReportVariable, kVendor, EFI_VARIABLE_BOOTSERVICE_ACCESS, test::Bytes(10));
    REQUIRE(outlet.Leave().ok());
    CHECK(outlet.left_out == "everything");
    CHECK(outlet.variable() == nullptr);
  }
  CHECK(outlet.report.left_out == outlet.left_out);
  // What the caller has of it, and the table, stay whole.
  CHECK(outlet.report.handover.size() == 2000);
  CHECK(outlet.report.map_after.size() == 50);
  CHECK(Outlet::Has(outlet.TableAt(*outlet.report.report_address), report_fdt::kPropHandover));
}

TEST_CASE("A report that cannot be left at all is an error", "[efi][report-outlet]") {
  Outlet outlet;
  SECTION("too large") {
    const std::vector<std::byte> large(kMaxReportBytes);
    outlet.report.handover = large;
    CHECK(outlet.Leave().error().code == Errc::kTableFull);
  }
  SECTION("no memory for it") {
    outlet.fake.failing["AllocatePages"] = EFI_OUT_OF_RESOURCES;
    CHECK(outlet.Leave().error() == Error{Errc::kFirmware, EFI_OUT_OF_RESOURCES});
  }
  SECTION("no table") {
    outlet.fake.failing["InstallConfigurationTable"] = EFI_OUT_OF_RESOURCES;
    CHECK(outlet.Leave().error() == Error{Errc::kFirmware, EFI_OUT_OF_RESOURCES});
  }
  CHECK(outlet.variable() == nullptr);
}

TEST_CASE("After a refusal nothing of the report stays", "[efi][report-outlet]") {
  Outlet outlet;
  REQUIRE(outlet.Leave().ok());
  TakeReportBack(outlet.firmware);
  outlet.ledger.FreeAll();
  CHECK(outlet.variable() == nullptr);
  CHECK_FALSE(outlet.firmware.ConfigTable(kTable));
  CHECK(outlet.fake.Taken().empty());
}

}  // namespace
}  // namespace holdfast::efi
