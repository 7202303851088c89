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

void WriteNode(const std::filesystem::path& folder, const char* number, const char* type, std::string_view data) {
  std::filesystem::create_directory(folder / number);
  std::ofstream(folder / number / "type") << type << '\n';
  std::ofstream(folder / number / "data", std::ios::binary) << data;
}

TEST_CASE("The report is found by its type, whole", "[tool][report-file]") {
  ScratchFolder folder;
  const std::string large(10000, 'r');
  WriteNode(folder.path(), "0", "0x4", "efi");
  WriteNode(folder.path(), "1", "0x48464454", large);
  WriteNode(folder.path(), "2", "0x80000000", "held");
  const auto found = FindReport(folder.path());
  REQUIRE(found);
  CHECK(AsText(*found) == large);
}

TEST_CASE("No report is no failure", "[tool][report-file]") {
  ScratchFolder folder;
  CHECK_FALSE(FindReport(folder.path()));
  CHECK_FALSE(FindReport(folder.path() / "none"));
  WriteNode(folder.path(), "0", "0x1", "e820");
  CHECK_FALSE(FindReport(folder.path()));
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
