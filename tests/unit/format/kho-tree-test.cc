// SPDX-License-Identifier: BSD-2-Clause
// Tests of which dialect a KHO tree is.

#include "common/format/kho-tree.h"

#include <catch2/catch.hpp>

#include "tests/unit/format/kho-machine.h"

namespace holdfast {
namespace {

using test::Between;
using test::CheckError;
using test::KhoMachine;
using test::kTreeRoot;

constexpr Le64 kNumber(0x123000);

void WriteU64(FdtWriter& writer, const char* name) { writer.Bytes(name, std::as_bytes(std::span(&kNumber, 1))); }
void WriteV1(FdtWriter& writer) { writer.String("compatible", "kho-v1"); }

Result<KhoTree> Open(const KhoMachine& machine, bool is_2023 = false) {
  return OpenKhoTree(Between(KhoMachine::kTree, KhoMachine::kTree + kPageSize), is_2023, machine.memory.memory());
}

void CheckDialect(const Result<KhoTree>& tree, KhoDialect dialect, std::string_view compatible) {
  REQUIRE(tree.ok());
  CHECK(tree.value().dialect == dialect);
  CHECK(tree.value().compatible == compatible);
}

TEST_CASE("Each version is known by its name", "[format][kho][tree]") {
  struct Case {
    const char* compatible;
    KhoDialect dialect;
  };
  const auto c = GENERATE(Case{"kho-v1", KhoDialect::kV1}, Case{"kho-v2", KhoDialect::kV2},
                          Case{"kho-v3", KhoDialect::kV3}, Case{"kho-v4", KhoDialect::kV4});
  INFO(c.compatible);
  KhoMachine machine;
  machine.WriteTree([&](FdtWriter& writer) {
    writer.String("compatible", c.compatible);
    WriteU64(writer, "preserved-memory-map");
  });
  CheckDialect(Open(machine), c.dialect, c.compatible);
}

TEST_CASE("Other names are refused where they stand", "[format][kho][tree]") {
  const char* const compatible =
      GENERATE("kho-v5", "kho-v0", "kho-v11", "kho-v", "kho-v4 ", "KHO-v4", "", "pmpool", "kho-v4;block-v1");
  INFO(compatible);
  KhoMachine machine;
  machine.WriteTree([&](FdtWriter& writer) { writer.String("compatible", compatible); });
  // Behind the beginning of the root and the header of the property.
  CheckError(Open(machine), Errc::kUnknownCompatible, kTreeRoot + 8 + 12);
}

TEST_CASE("A tree without a name is refused at its root", "[format][kho][tree]") {
  KhoMachine machine;
  machine.WriteTree([](FdtWriter& writer) { WriteU64(writer, "preserved-memory-map"); });
  CheckError(Open(machine), Errc::kUnknownCompatible, kTreeRoot);
}

TEST_CASE("Two names are malformed, and so are two strings in one", "[format][kho][tree]") {
  KhoMachine machine;
  machine.WriteTree([](FdtWriter& writer) {
    writer.String("compatible", "kho-v4");
    writer.String("compatible", "kho-v3");
  });
  CheckError(Open(machine), Errc::kMalformed, kTreeRoot + 8 + 12 + 8 + 12);
  machine.WriteTree([](FdtWriter& writer) { writer.String("compatible", std::string_view("kho-v4\0kho-v3", 13)); });
  CheckError(Open(machine), Errc::kMalformed, kTreeRoot + 8 + 12);
}

TEST_CASE("The series of patches are told by what their trees hold", "[format][kho][tree]") {
  KhoMachine machine;
  SECTION("a record of 48 bytes") {
    machine.WriteTree(WriteV1);
    CheckDialect(Open(machine, /*is_2023=*/true), KhoDialect::kSeriesMem, "kho-v1");
  }
  SECTION("`mem` in a node at whatever depth") {
    machine.WriteTree([](FdtWriter& writer) {
      WriteV1(writer);
      writer.BeginNode("ftrace");
      writer.BeginNode("global_trace");
      WriteU64(writer, "mem");
      writer.EndNode();
      writer.EndNode();
    });
    CheckDialect(Open(machine), KhoDialect::kSeriesMem, "kho-v1");
  }
  SECTION("`mem` beside the map of a release") {
    machine.WriteTree([](FdtWriter& writer) {
      WriteV1(writer);
      WriteU64(writer, "preserved-memory-map");
      writer.BeginNode("ftrace");
      WriteU64(writer, "mem");
      writer.EndNode();
    });
    CheckDialect(Open(machine), KhoDialect::kV1, "kho-v1");
  }
  SECTION("/preserved-memory") {
    machine.WriteTree([](FdtWriter& writer) {
      WriteV1(writer);
      writer.BeginNode("preserved-memory");
      WriteU64(writer, "metadata");
      writer.EndNode();
    });
    CheckDialect(Open(machine), KhoDialect::kSeriesMetadata, "kho-v1");
  }
  SECTION("none of it") {
    machine.WriteTree(WriteV1);
    CheckError(Open(machine), Errc::kMalformed, kTreeRoot);
  }
}

TEST_CASE("A later version in the record of 2023 is not known", "[format][kho][tree]") {
  KhoMachine machine;
  machine.WriteTree([](FdtWriter& writer) { writer.String("compatible", "kho-v4"); });
  CheckError(Open(machine, /*is_2023=*/true), Errc::kUnknownCompatible, kTreeRoot + 8 + 12);
}

TEST_CASE("A page without a tree is of a sender that did not finalize", "[format][kho][tree]") {
  KhoMachine machine;
  CheckError(Open(machine), Errc::kNotFinalized, KhoMachine::kTree);
}

TEST_CASE("A tree that is cut off is no unfinished one", "[format][kho][tree]") {
  KhoMachine machine;
  machine.WriteTree(WriteV1);
  machine.memory.Put(KhoMachine::kTree + 4, Be32(0x2000));
  CheckError(Open(machine), Errc::kTruncated, 0x1000);
}

TEST_CASE("Numbers are read as the machine writes them", "[format][kho][tree]") {
  KhoMachine machine;
  const Le32 small(7);
  machine.WriteTree([&](FdtWriter& writer) {
    writer.String("compatible", "kho-v4");
    WriteU64(writer, "a");
    writer.Bytes("b", std::as_bytes(std::span(&small, 1)));
    WriteU64(writer, "twice");
    WriteU64(writer, "twice");
  });
  const KhoTree tree = Open(machine).value();
  const FdtNode root = tree.view.root();
  CHECK(ReadKhoU64(tree.view, root, "a").value() == 0x123000);
  CHECK(ReadKhoU32(tree.view, root, "b").value() == 7);
  CHECK_FALSE(ReadKhoU64(tree.view, root, "c").value().has_value());
  CheckError(ReadKhoU64(tree.view, root, "b"), Errc::kMalformed, tree.view.WhereOf(root, "b"));
  CheckError(ReadKhoU32(tree.view, root, "a"), Errc::kMalformed, tree.view.WhereOf(root, "a"));
  CheckError(ReadKhoU64(tree.view, root, "twice"), Errc::kMalformed, tree.view.WhereOf(root, "twice") + 8 + 12);
}

}  // namespace
}  // namespace holdfast
