// SPDX-License-Identifier: BSD-2-Clause
// A report among the setup_data nodes.

#include "tools/mkhandover/report-file.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "common/format/handover-v1.h"
#include "tests/tool/scratch-folder.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"

namespace holdfast::tool {
namespace {

constexpr const char* kSetupData = "sys/kernel/boot_params/setup_data";
constexpr const char* kVariable = "sys/firmware/efi/efivars/HoldfastReport-8c2a3d50-5b0e-4f64-9d0c-6f1f2b7d4ae1";
constexpr std::string_view kVolatile("\6\0\0\0", 4);

void Write(const std::filesystem::path& path, std::string_view data) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << data;
}

void WriteNode(const std::filesystem::path& folder, const char* number, const char* type, std::string_view data) {
  Write(folder / number / "type", std::string(type) + "\n");
  Write(folder / number / "data", data);
}

TEST_CASE("The report is found by its type, whole", "[tool][report-file]") {
  ScratchFolder folder;
  const std::string large(10000, 'r');
  WriteNode(folder.path(), "0", "0x4", "efi");
  WriteNode(folder.path(), "1", "0x48464454", large);
  WriteNode(folder.path(), "2", "0x80000000", "held");
  const auto found = FindReportNode(folder.path());
  REQUIRE(found);
  CHECK(AsText(found->bytes) == large);
  CHECK(found->from == (folder.path() / "1/data").string());
}

TEST_CASE("No report is no failure", "[tool][report-file]") {
  ScratchFolder folder;
  CHECK_FALSE(FindReportNode(folder.path()));
  CHECK_FALSE(FindReportNode(folder.path() / "none"));
  CHECK_FALSE(FindReport(folder.path()));
  WriteNode(folder.path(), "0", "0x1", "e820");
  CHECK_FALSE(FindReportNode(folder.path()));
}

TEST_CASE("Where no node has the report, the EFI variable does", "[tool][report-file]") {
  ScratchFolder root;
  Write(root.path() / kVariable, std::string(kVolatile) + "report");
  SECTION("without any node") {}
  SECTION("beside nodes of others") { WriteNode(root.path() / kSetupData, "0", "0x9", "seed"); }
  const auto found = FindReport(root.path());
  REQUIRE(found);
  CHECK(AsText(found->bytes) == "report");
  CHECK(found->from == (root.path() / kVariable).string());
}

TEST_CASE("A node counts before the variable", "[tool][report-file]") {
  ScratchFolder root;
  Write(root.path() / kVariable, std::string(kVolatile) + "older");
  WriteNode(root.path() / kSetupData, "0", "0x48464454", "newer");
  const auto found = FindReport(root.path());
  REQUIRE(found);
  CHECK(AsText(found->bytes) == "newer");
}

TEST_CASE("A variable of another boot is not this one's report", "[tool][report-file]") {
  ScratchFolder root;
  SECTION("from before a kexec") {
    Write(root.path() / kVariable, std::string(kVolatile) + "older");
    WriteNode(root.path() / kSetupData, "0", "0x4", "efi");
  }
  SECTION("one that outlives a reset") { Write(root.path() / kVariable, std::string_view("\7\0\0\0older", 9)); }
  CHECK_FALSE(FindReport(root.path()));
}

TEST_CASE("A variable without its attributes is refused", "[tool][report-file]") {
  ScratchFolder root;
  Write(root.path() / kVariable, "\6");
  CHECK_THROWS_WITH(FindReport(root.path()), Catch::EndsWith("truncated: cut off at byte 1"));
}

TEST_CASE("A saved report may be the variable's file", "[tool][report-file]") {
  ScratchFolder folder;
  BootReport report;
  report.mode = "fence";
  std::vector<std::byte> storage(4096);
  const std::string tree(AsText(EncodeBootReport(report, storage).value()));
  const auto path = folder.path() / "saved";
  Write(path, GENERATE(as<std::string>(), "", std::string(kVolatile)) + tree);
  const FoundReport found = ReadReportFile(path.string());
  CHECK(AsText(found.bytes) == tree);
}

TEST_CASE("A report is decoded with room for all its lists", "[tool][report-file]") {
  std::vector<KeptRange> kept;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    kept.push_back({.range = PhysRange::FromStartSize(PhysAddr(i * 0x400000), 0x200000).value()});
  }
  BootReport report;
  report.version = "0.1.0";
  report.mode = "fence";
  report.kept = kept;
  std::vector<std::byte> storage(1 << 20);
  const auto tree = EncodeBootReport(report, storage);
  REQUIRE(tree.ok());
  const ReportFile file({tree.value().begin(), tree.value().end()}, "report");
  CHECK(file.report().kept.size() == 5000);
  CHECK(file.report().mode == "fence");
  CHECK(file.handover().empty());
}

TEST_CASE("The RAM of a report's handover is told without its range-lists", "[tool][report-file]") {
  const auto range = [](std::uint64_t start, std::uint64_t size) {
    return PhysRange::FromStartSize(PhysAddr(start), size).value();
  };
  HandoverV1Node node;
  node.name = "many";
  node.range_list = RangeListPlace{.range = range(0x50000000, 100)};
  const std::vector<PhysRange> ram = {range(0x100000, 0x3ff00000), range(0x100000000, 0x1000)};
  std::vector<std::byte> tree(4096);
  HandoverV1 stored;
  stored.preserved = {&node, 1};
  stored.ram = ram;
  const auto handover = EncodeHandoverV1(stored, tree);
  REQUIRE(handover.ok());
  BootReport report;
  report.version = "0.1.0";
  report.mode = "fence";
  report.handover = handover.value();
  std::vector<std::byte> storage(1 << 16);
  const auto bytes = EncodeBootReport(report, storage);
  REQUIRE(bytes.ok());
  CHECK(ReportFile({bytes.value().begin(), bytes.value().end()}, "report").handover_ram() == ram);
}

TEST_CASE("Bytes that are no report are refused", "[tool][report-file]") {
  CHECK_THROWS_AS(ReportFile(std::vector<std::byte>(64), "report"), Failure);
  CHECK_THROWS_AS(ReportFile({}, "report"), Failure);
}

}  // namespace
}  // namespace holdfast::tool
