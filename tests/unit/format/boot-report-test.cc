// SPDX-License-Identifier: BSD-2-Clause
// Tests of the report's codec.

#include "common/format/boot-report.h"

#include <catch2/catch.hpp>

#include <array>
#include <functional>
#include <vector>

#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::AlignedBytes;
using test::Between;
using test::CheckError;
using test::RuleOf;

struct TestReport {
  FixedVector<KeptRange, 8> kept;
  FixedVector<MemEntry, 8> map_before;
  FixedVector<MemEntry, 8> map_after;
  FixedVector<Timestamp, 8> timestamps;
  FixedVector<PhysRange, 8> scratch;
  FixedVector<PlacedSegment, 8> placed;
  FixedVector<std::string_view, 8> lost;
  BootReport report;

  Status Decode(std::span<const std::byte> bytes) {
    TRY_ASSIGN(const FdtView tree, FdtView::Open(bytes));
    return DecodeBootReport(tree, {kept, map_before, map_after, timestamps, scratch, placed, lost}, report);
  }
};

AlignedBytes Encoded(const BootReport& report) {
  AlignedBytes storage(4096);
  return AlignedBytes(EncodeBootReport(report, storage.span()).value());
}

// A tree with a sound root whose properties `write` adds.
AlignedBytes TreeWith(const std::function<void(FdtWriter&)>& write) {
  AlignedBytes storage(4096);
  FdtWriter writer(storage.span());
  writer.BeginNode("");
  writer.String("compatible", "holdfast,report-v1");
  write(writer);
  writer.EndNode();
  return AlignedBytes(writer.Finish().value());
}

TEST_CASE("A report that was encoded decodes to itself", "[format][boot-report]") {
  const std::array kept = {KeptRange{.range = Between(0x1000, 0x3000)}, KeptRange{.range = Between(0x5000, 0x6000)}};
  const std::array before = {MemEntry{Between(0, 0x9f000), MemType::kUsable},
                             MemEntry{Between(0x9f000, 0xa0000), MemType::kSoftReserved}};
  const std::array after = {MemEntry{Between(0, 0x1000), MemType::kUsable},
                            MemEntry{Between(0x1000, 0x3000), MemType::kReserved},
                            MemEntry{Between(0x3000, 0x9f000), MemType::kUsable}};
  const std::array timestamps = {Timestamp{"entry", 100}, Timestamp{"", 101}, Timestamp{"jump", 0xffffffffffffffff}};
  const std::array scratch = {Between(0x200000, 0x400000), Between(0x800000, 0x900000)};
  const std::array placed = {PlacedSegment{"stage", Between(0x800000, 0x810000)},
                             PlacedSegment{"unpacked kernel", Between(0x1000000, 0x2000000), true},
                             PlacedSegment{"initrd", Between(0x300000, 0x301000)}};
  const std::array<std::string_view, 3> lost = {"guest0", "guest1", "db"};
  const std::array<std::byte, 5> handover = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}};
  Digest digest{};
  digest.fill(std::byte{0xd1});
  const BootReport report = {.version = "0.1.0",
                             .shell = "purgatory",
                             .loader = "kexec-tools",
                             .dialect = "holdfast,handover-v1",
                             .handover_address = PhysAddr(0x7f000000),
                             .handover_digest = digest,
                             .generation = 3,
                             .kept = kept,
                             .mode = "fence",
                             .scratch = scratch,
                             .placed = placed,
                             .entry = "bzimage",
                             .map_before = before,
                             .map_after = after,
                             .closed_bytes = 0x123456789a,
                             .kernel = Between(0x40000000, 0x43000000),
                             .slot_index = 5,
                             .slot_count = 1000,
                             .lost = lost,
                             .measured = "pcr 15",
                             .overwrite_request = "cleared",
                             .left_out = "map-before, handover",
                             .report_address = PhysAddr(0x7e000000),
                             .timestamps = timestamps,
                             .handover = handover};
  AlignedBytes bytes = Encoded(report);
  TestReport out;
  REQUIRE(out.Decode(bytes.span()).ok());
  const BootReport& read = out.report;

  CHECK(read.version == report.version);
  CHECK(read.shell == report.shell);
  CHECK(read.loader == report.loader);
  CHECK(read.dialect == report.dialect);
  CHECK((read.handover_address == report.handover_address));
  CHECK((read.handover_digest == report.handover_digest));
  CHECK(read.generation == 3);
  CHECK(std::equal(kept.begin(), kept.end(), read.kept.begin(), read.kept.end()));
  CHECK(read.mode == "fence");
  CHECK(std::equal(scratch.begin(), scratch.end(), read.scratch.begin(), read.scratch.end()));
  // What is temporary is not written.
  REQUIRE(read.placed.size() == 2);
  CHECK(read.placed[0].name == "stage");
  CHECK(read.placed[0].range == placed[0].range);
  CHECK(read.placed[1].name == "initrd");
  CHECK(read.placed[1].range == placed[2].range);
  CHECK(read.entry == "bzimage");
  CHECK(std::equal(before.begin(), before.end(), read.map_before.begin(), read.map_before.end()));
  CHECK(std::equal(after.begin(), after.end(), read.map_after.begin(), read.map_after.end()));
  CHECK(read.closed_bytes == report.closed_bytes);
  CHECK(read.kernel == report.kernel);
  CHECK(read.slot_index == 5);
  CHECK(read.slot_count == 1000);
  CHECK(std::equal(lost.begin(), lost.end(), read.lost.begin(), read.lost.end()));
  CHECK(read.measured == "pcr 15");
  CHECK(read.overwrite_request == "cleared");
  CHECK(read.left_out == "map-before, handover");
  CHECK((read.report_address == report.report_address));
  REQUIRE(read.timestamps.size() == 3);
  CHECK(read.timestamps[0].name == "entry");
  CHECK(read.timestamps[1].name.empty());
  CHECK(read.timestamps[2].name == "jump");
  CHECK(read.timestamps[2].tsc == 0xffffffffffffffff);
  CHECK(std::equal(handover.begin(), handover.end(), read.handover.begin(), read.handover.end()));
}

TEST_CASE("A report of nothing decodes to nothing", "[format][boot-report]") {
  for (AlignedBytes bytes : {Encoded(BootReport{}), TreeWith([](FdtWriter&) {})}) {
    TestReport out;
    REQUIRE(out.Decode(bytes.span()).ok());
    CHECK(out.report.version.empty());
    CHECK_FALSE(out.report.handover_address);
    CHECK_FALSE(out.report.handover_digest);
    CHECK(out.report.kept.empty());
    CHECK(out.report.kernel.empty());
    CHECK(out.report.lost.empty());
    CHECK(out.report.measured.empty());
    CHECK(out.report.overwrite_request.empty());
    CHECK(out.report.left_out.empty());
    CHECK_FALSE(out.report.report_address);
    CHECK(out.report.timestamps.empty());
    CHECK(out.report.handover.empty());
  }
}

TEST_CASE("A report of another version is refused", "[format][boot-report]") {
  AlignedBytes storage(512);
  FdtWriter writer(storage.span());
  writer.BeginNode("");
  writer.String("compatible", "holdfast,report-v2");
  writer.EndNode();
  TestReport out;
  CheckError(out.Decode(writer.Finish().value()), Errc::kUnknownCompatible, 64 + 8 + 12);
}

TEST_CASE("Each property of a report is held to its rule", "[format][boot-report]") {
  struct Case {
    const char* property;
    Errc code;
    std::uint64_t offset;  // within it
    std::function<void(FdtWriter&)> write;
  };
  const auto numbers = [](FdtWriter& writer, const char* name, std::vector<std::uint64_t> values, std::size_t size) {
    auto space = writer.Space(name, size);
    for (std::size_t i = 0; i < values.size() && (i + 1) * 8 <= size; ++i) {
      const Be64 stored(values[i]);
      std::memcpy(space.data() + i * 8, &stored, 8);
    }
  };
  const std::vector<Case> cases = {
      {"version", Errc::kMalformed, 0, [](FdtWriter& w) { w.U32("version", 1); }},
      {"generation", Errc::kMalformed, 0, [](FdtWriter& w) { w.U64("generation", 1); }},
      {"handover-sha256", Errc::kMalformed, 0, [](FdtWriter& w) { w.Space("handover-sha256", 33); }},
      {"handover-sha256", Errc::kMalformed, 0, [](FdtWriter& w) { w.Space("handover-sha256", 31); }},
      {"kept-ranges", Errc::kMalformed, 0, [](FdtWriter& w) { w.Space("kept-ranges", 15); }},
      {"kept-ranges", Errc::kMalformed, 0, [](FdtWriter& w) { w.Space("kept-ranges", 16); }},
      {"kept-ranges", Errc::kMalformed, 16,
       [&](FdtWriter& w) {
         numbers(w, "kept-ranges", {0x1000, 0x1000, 0x1fff, 0x1000}, 32);
       }},
      {"kept-count", Errc::kMalformed, 0, [](FdtWriter& w) { w.U32("kept-count", 1); }},
      {"kept-bytes", Errc::kMalformed, 0, [](FdtWriter& w) { w.U64("kept-bytes", 1); }},
      {"map-before", Errc::kMalformed, 0, [](FdtWriter& w) { w.Space("map-before", 21); }},
      {"map-after", Errc::kMalformed, 0, [](FdtWriter& w) { w.Space("map-after", 20); }},
      {"closed-bytes", Errc::kMalformed, 0, [](FdtWriter& w) { w.U32("closed-bytes", 1); }},
      {"timestamps", Errc::kMalformed, 0, [](FdtWriter& w) { w.Space("timestamps", 7); }},
      {"timestamp-names", Errc::kMalformed, 0,
       [](FdtWriter& w) {
         w.U64("timestamps", 1);
         w.Bytes("timestamp-names", std::as_bytes(std::span("a", 1)));
       }},
      {"timestamp-names", Errc::kMalformed, 0, [](FdtWriter& w) { w.String("timestamp-names", "a"); }},
      {"lost-names", Errc::kMalformed, 0,
       [](FdtWriter& w) { w.Bytes("lost-names", std::as_bytes(std::span("a", 1))); }},
      {"lost-names", Errc::kMalformed, 0,
       [](FdtWriter& w) { w.Bytes("lost-names", std::as_bytes(std::span("a\0b", 3))); }},
      {"measured", Errc::kMalformed, 0, [](FdtWriter& w) { w.U32("measured", 1); }},
      {"overwrite-request", Errc::kMalformed, 0, [](FdtWriter& w) { w.U32("overwrite-request", 1); }},
      {"left-out", Errc::kMalformed, 0, [](FdtWriter& w) { w.U32("left-out", 1); }},
      {"report-address", Errc::kMalformed, 0, [](FdtWriter& w) { w.U32("report-address", 1); }},
  };
  for (const Case& c : cases) {
    INFO(c.property);
    AlignedBytes bytes = TreeWith(c.write);
    const FdtView tree = FdtView::Open(bytes.span()).value();
    TestReport out;
    CheckError(out.Decode(bytes.span()), c.code, tree.WhereOf(tree.root(), c.property) + c.offset);
  }
}

TEST_CASE("A report's addresses end at or below the last one", "[format][boot-report]") {
  TestReport out;
  AlignedBytes kernel = TreeWith([](FdtWriter& writer) {
    writer.U64("kernel-address", kPhysLimit - 1);
    writer.U64("kernel-size", 2);
  });
  CheckError(out.Decode(kernel.span()), Errc::kOutOfBounds, kPhysLimit - 1);
  AlignedBytes handover = TreeWith([](FdtWriter& writer) { writer.U64("handover-address", kPhysLimit); });
  CheckError(out.Decode(handover.span()), Errc::kOutOfBounds, kPhysLimit);
  AlignedBytes whole = TreeWith([](FdtWriter& writer) { writer.U64("report-address", kPhysLimit); });
  CheckError(out.Decode(whole.span()), Errc::kOutOfBounds, kPhysLimit);
}

TEST_CASE("A report with more than there is room for is refused", "[format][boot-report]") {
  std::vector<KeptRange> kept;
  for (std::uint64_t i = 0; i < 9; ++i) {
    kept.push_back({.range = Between(i * 0x2000, i * 0x2000 + 0x1000)});
  }
  BootReport report;
  report.kept = kept;
  AlignedBytes bytes = Encoded(report);
  TestReport out;
  CheckError(out.Decode(bytes.span()), Errc::kTableFull, 8);
}

TEST_CASE("A report that names more lost things than there is room for is refused", "[format][boot-report]") {
  const std::vector<std::string_view> lost(9, "x");
  BootReport report;
  report.lost = lost;
  AlignedBytes bytes = Encoded(report);
  TestReport out;
  CheckError(out.Decode(bytes.span()), Errc::kTableFull, 8);
}

TEST_CASE("A report does not fit into too little storage", "[format][boot-report]") {
  const std::array timestamps = {Timestamp{"a", 1}};
  BootReport report;
  report.timestamps = timestamps;
  const std::size_t needed = Encoded(report).span().size();
  for (std::size_t size = 0; size + 16 < needed; size += 8) {
    AlignedBytes storage(size);
    CheckError(EncodeBootReport(report, storage.span()), Errc::kTableFull, size);
  }
}

TEST_CASE("Every flipped byte of a report gives a report or an error", "[format][boot-report]") {
  const std::array kept = {KeptRange{.range = Between(0x1000, 0x3000)}};
  const std::array timestamps = {Timestamp{"a", 1}, Timestamp{"b", 2}};
  BootReport report;
  report.version = "1";
  report.kept = kept;
  report.timestamps = timestamps;
  AlignedBytes good = Encoded(report);
  for (std::size_t at = 0; at < good.span().size(); ++at) {
    for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
      AlignedBytes bad(good.span());
      bad.span()[at] ^= static_cast<std::byte>(flip);
      TestReport out;
      if (out.Decode(bad.span()).ok()) {
        CHECK(out.report.kept.size() <= 1);
      }
    }
  }
}

}  // namespace
}  // namespace holdfast
