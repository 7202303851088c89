// SPDX-License-Identifier: BSD-2-Clause
// Tests of the nodes that a stage puts before its loader's, read back as the kernel reads them.

#include "common/format/node-chain.h"

#include <catch2/catch.hpp>

#include <array>
#include <memory>

#include "common/format/e820.h"
#include "common/format/fdt.h"
#include "common/format/setup-data-chain.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::Between;
using test::CheckError;

// The test's own memory, where it lies.
const std::byte* ReadAny(const void*, PhysRange range) {
  return reinterpret_cast<const std::byte*>(range.start().raw());
}

void ReadBack(const NodeChain& chain, SetupDataNodes& out) {
  REQUIRE(ReadSetupDataChain(PhysMemory(&ReadAny, nullptr), PhysAddr(chain.head()), out).ok());
}

std::uint64_t AddressOf(const void* object) { return reinterpret_cast<std::uintptr_t>(object); }

BootReport SomeReport() {
  BootReport report;
  report.shell = "test";
  return report;
}

struct ReportNode {
  alignas(16) Node<std::array<std::byte, 4096>> node;
};

struct Map {
  explicit Map(std::size_t num_entries) : storage(num_entries), map(storage) {
    for (std::size_t i = 0; i < num_entries; ++i) {
      REQUIRE(map.AppendAscending(Between(i * 0x2000, i * 0x2000 + 0x1000), MemType::kUsable).ok());
    }
  }
  std::vector<MemEntry> storage;
  MemoryMap map;
};

TEST_CASE("A chain without nodes is what was there", "[format][node-chain]") {
  CHECK(NodeChain(0).head() == 0);
  CHECK(NodeChain(0x1234).head() == 0x1234);
}

TEST_CASE("Nodes come before those that were there, the last one first", "[format][node-chain]") {
  Node<std::array<std::byte, 8>> loaders{};
  loaders.header.type.Set(kSetupDtb);
  loaders.header.len.Set(8);
  const auto report = std::make_unique<ReportNode>();
  std::array<Node<SetupIndirect>, 3> held_nodes{};
  const std::array held = {Between(0x1000, 0x3000), Between(0x5000, 0x6000)};

  NodeChain chain(AddressOf(&loaders));
  REQUIRE(PrependReport(SomeReport(), report->node.header, report->node.payload, chain).ok());
  PrependHeld(held, held_nodes, chain);

  SetupDataNodes nodes;
  ReadBack(chain, nodes);
  REQUIRE(nodes.size() == 4);
  CHECK(nodes[0].type == kSetupIndirect);
  CHECK(nodes[0].indirect == held[1]);
  CHECK(nodes[1].indirect == held[0]);
  CHECK(held_nodes[0].payload.type.value() == kSetupIndirectHeld);
  CHECK(nodes[2].type == kSetupHoldfastReport);
  const auto tree = FdtView::Open(std::span(report->node.payload).first(nodes[2].payload.size()));
  CHECK(tree.ok());
  CHECK(nodes[3].type == kSetupDtb);
  CHECK(nodes[3].node.start().raw() == AddressOf(&loaders));
}

TEST_CASE("A map gets a node of its own only where boot_params cannot hold it", "[format][node-chain]") {
  const auto params = std::make_unique<BootParams>();
  Node<std::array<E820Entry, 4>> extension{};

  NodeChain none(0);
  REQUIRE(PrependE820(Map(128).map, *params, extension.header, extension.payload, none).ok());
  CHECK(none.head() == 0);
  CHECK(params->e820_entries == std::byte{128});

  NodeChain one(0);
  REQUIRE(PrependE820(Map(130).map, *params, extension.header, extension.payload, one).ok());
  SetupDataNodes nodes;
  ReadBack(one, nodes);
  REQUIRE(nodes.size() == 1);
  CHECK(nodes[0].type == kSetupE820Ext);
  CHECK(nodes[0].payload.size() == 2 * sizeof(E820Entry));
}

TEST_CASE("What does not fit is not linked", "[format][node-chain]") {
  const auto params = std::make_unique<BootParams>();
  Node<std::array<E820Entry, 1>> extension{};
  Node<std::array<std::byte, 64>> report{};
  NodeChain chain(0);
  CheckError(PrependE820(Map(130).map, *params, extension.header, extension.payload, chain), Errc::kTableFull,
             kE820MaxZeropage + 1);
  CHECK_FALSE(PrependReport(SomeReport(), report.header, report.payload, chain).ok());
  CHECK(chain.head() == 0);
}

}  // namespace
}  // namespace holdfast
