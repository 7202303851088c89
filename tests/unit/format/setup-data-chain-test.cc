// SPDX-License-Identifier: BSD-2-Clause
// Tests of the walk through the setup_data chain.

#include "common/format/setup-data-chain.h"

#include <catch2/catch.hpp>

#include <array>
#include <memory>

#include "tests/support/fake-memory.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::Between;
using test::CheckError;
using test::FakeMemory;

SetupDataHeader Header(std::uint64_t next, std::uint32_t type, std::uint32_t len) {
  return {.next = Le64(next), .type = Le32(type), .len = Le32(len)};
}

SetupIndirect Indirect(std::uint32_t type, std::uint64_t addr, std::uint64_t len) {
  return {.type = Le32(type), .reserved = Le32(0), .len = Le64(len), .addr = Le64(addr)};
}

Status Walk(const FakeMemory& memory, std::uint64_t head, SetupDataNodes& out) {
  return ReadSetupDataChain(memory.memory(), PhysAddr(head), out);
}

TEST_CASE("A chain of none is empty", "[format][setup-data-chain]") {
  FakeMemory memory;
  SetupDataNodes nodes;
  REQUIRE(Walk(memory, 0, nodes).ok());
  CHECK(nodes.empty());
}

TEST_CASE("A chain is read in its order, wherever its nodes lie", "[format][setup-data-chain]") {
  FakeMemory memory;
  const std::array<std::byte, 5> payload{};
  memory.AddParts(0x9003, Header(0x1001, kSetupEfi, 5), payload);
  memory.AddParts(0x1001, Header(0x5007, kSetupRngSeed, 0));
  memory.AddParts(0x5007, Header(0, kSetupIndirect, sizeof(SetupIndirect)),
                  Indirect(kSetupIndirectHeld, 0x100000, 0x2000));
  SetupDataNodes nodes;
  REQUIRE(Walk(memory, 0x9003, nodes).ok());
  REQUIRE(nodes.size() == 3);

  CHECK(nodes[0].node == Between(0x9003, 0x9018));
  CHECK(nodes[0].payload == Between(0x9013, 0x9018));
  CHECK(nodes[0].type == kSetupEfi);
  CHECK(nodes[0].indirect.empty());
  CHECK(nodes[1].node == Between(0x1001, 0x1011));
  CHECK(nodes[1].payload.empty());
  CHECK(nodes[2].type == kSetupIndirect);
  CHECK(nodes[2].indirect == Between(0x100000, 0x102000));
}

TEST_CASE("An IMA node points at the last kernel's measurements", "[format][setup-data-chain]") {
  FakeMemory memory;
  SetupDataNodes nodes;
  SECTION("as far as they go") {
    memory.AddParts(0x1001, Header(0, kSetupIma, sizeof(SetupIma)), SetupIma{Le64(0x200000), Le64(0x1234)});
    REQUIRE(Walk(memory, 0x1001, nodes).ok());
    CHECK(nodes[0].indirect == Between(0x200000, 0x201234));
  }
  SECTION("too short") {
    memory.AddParts(0x1001, Header(0, kSetupIma, 15), SetupIma{Le64(0x200000), Le64(0x1234)});
    CheckError(Walk(memory, 0x1001, nodes), Errc::kTruncated, 0x1011 + 15);
  }
  SECTION("past the last address") {
    memory.AddParts(0x1001, Header(0, kSetupIma, sizeof(SetupIma)), SetupIma{Le64(kPhysLimit), Le64(1)});
    CheckError(Walk(memory, 0x1001, nodes), Errc::kOutOfBounds, kPhysLimit);
  }
}

TEST_CASE("A second walk begins anew", "[format][setup-data-chain]") {
  FakeMemory memory;
  memory.AddParts(0x1001, Header(0, kSetupRngSeed, 0));
  SetupDataNodes nodes;
  REQUIRE(Walk(memory, 0x1001, nodes).ok());
  REQUIRE(Walk(memory, 0x1001, nodes).ok());
  CHECK(nodes.size() == 1);
}

TEST_CASE("Only the header of a plain node has to be readable", "[format][setup-data-chain]") {
  FakeMemory memory;
  memory.AddParts(0x1001, Header(0, kSetupDtb, 0xffffffff));
  SetupDataNodes nodes;
  REQUIRE(Walk(memory, 0x1001, nodes).ok());
  CHECK(nodes[0].payload == Between(0x1011, 0x1011 + 0xffffffffull));
}

TEST_CASE("A cycle is found at the node that is reached again", "[format][setup-data-chain]") {
  FakeMemory memory;
  memory.AddParts(0x1001, Header(0x3003, 9, 0));
  memory.AddParts(0x3003, Header(0x2002, 9, 0));
  SetupDataNodes nodes;

  SECTION("of one node") {
    memory.AddParts(0x2002, Header(0x2002, 9, 0));
    CheckError(Walk(memory, 0x2002, nodes), Errc::kCycle, 0x2002);
  }
  SECTION("back to the head") {
    memory.AddParts(0x2002, Header(0x1001, 9, 0));
    CheckError(Walk(memory, 0x1001, nodes), Errc::kCycle, 0x1001);
  }
  SECTION("back to the middle") {
    memory.AddParts(0x2002, Header(0x3003, 9, 0));
    CheckError(Walk(memory, 0x1001, nodes), Errc::kCycle, 0x3003);
  }
}

TEST_CASE("Nodes that share bytes are no cycle", "[format][setup-data-chain]") {
  FakeMemory memory;
  const SetupDataHeader inner = Header(0, 9, 0);
  memory.AddParts(0x1001, Header(0x1011, 9, sizeof(inner)), inner);
  SetupDataNodes nodes;
  REQUIRE(Walk(memory, 0x1001, nodes).ok());
  CHECK(nodes.size() == 2);
}

TEST_CASE("A chain is as long as a limit", "[format][setup-data-chain]") {
  const auto chain_of = [](std::size_t length, std::uint64_t last_next) {
    auto memory = std::make_unique<FakeMemory>();
    for (std::size_t i = 0; i < length; ++i) {
      const std::uint64_t at = 0x1001 + i * 0x11;
      memory->AddParts(at, Header(i + 1 == length ? last_next : at + 0x11, 9, 1));
    }
    return memory;
  };
  SetupDataNodes nodes;
  REQUIRE(Walk(*chain_of(kMaxSetupDataNodes, 0), 0x1001, nodes).ok());
  CHECK(nodes.size() == kMaxSetupDataNodes);
  CheckError(Walk(*chain_of(kMaxSetupDataNodes + 1, 0), 0x1001, nodes), Errc::kTableFull, kMaxSetupDataNodes);
  CheckError(Walk(*chain_of(kMaxSetupDataNodes, 0x1001), 0x1001, nodes), Errc::kCycle, 0x1001);

  FixedVector<SetupDataNode, 2> small;
  CheckError(ReadSetupDataChain(chain_of(3, 0)->memory(), PhysAddr(0x1001), small), Errc::kTableFull, 2);
}

TEST_CASE("A node that is not memory is unreadable", "[format][setup-data-chain]") {
  FakeMemory memory;
  SetupDataNodes nodes;
  const SetupDataHeader header = Header(0, 9, 0);

  SECTION("the head") { CheckError(Walk(memory, 0x1001, nodes), Errc::kUnreadable, 0x1001); }
  SECTION("a later one") {
    memory.AddParts(0x1001, Header(0xdead, 9, 0));
    CheckError(Walk(memory, 0x1001, nodes), Errc::kUnreadable, 0xdead);
  }
  SECTION("its last byte") {
    memory.Add(0x1001, std::as_bytes(std::span(&header, 1)).first(15));
    CheckError(Walk(memory, 0x1001, nodes), Errc::kUnreadable, 0x1001);
  }
  SECTION("the payload of an indirect one") {
    memory.AddParts(0x1001, Header(0, kSetupIndirect, sizeof(SetupIndirect)));
    CheckError(Walk(memory, 0x1001, nodes), Errc::kUnreadable, 0x1011);
  }
}

TEST_CASE("A node ends at or below the last address", "[format][setup-data-chain]") {
  SetupDataNodes nodes;
  SECTION("a header past it") {
    FakeMemory memory;
    CheckError(Walk(memory, kPhysLimit - 15, nodes), Errc::kOutOfBounds, kPhysLimit - 15);
    CheckError(Walk(memory, 0xffffffffffffffff, nodes), Errc::kOutOfBounds, 0xffffffffffffffff);
  }
  SECTION("a header up to it") {
    FakeMemory memory;
    memory.AddParts(kPhysLimit - 16, Header(0, 9, 0));
    CHECK(Walk(memory, kPhysLimit - 16, nodes).ok());
  }
  SECTION("a payload past it") {
    FakeMemory memory;
    memory.AddParts(kPhysLimit - 16, Header(0, 9, 1));
    CheckError(Walk(memory, kPhysLimit - 16, nodes), Errc::kOutOfBounds, kPhysLimit - 16);
  }
  SECTION("a payload up to it") {
    FakeMemory memory;
    memory.AddParts(kPhysLimit - 17, Header(0, 9, 1));
    CHECK(Walk(memory, kPhysLimit - 17, nodes).ok());
  }
}

TEST_CASE("An indirect node is held to its rules", "[format][setup-data-chain]") {
  FakeMemory memory;
  SetupDataNodes nodes;
  const auto add = [&](std::uint32_t len, const SetupIndirect& indirect) {
    memory.AddParts(0x1001, Header(0, kSetupIndirect, len), indirect);
  };

  SECTION("too short") {
    add(23, Indirect(kSetupIndirectHeld, 0x1000, 0x1000));
    CheckError(Walk(memory, 0x1001, nodes), Errc::kTruncated, 0x1011 + 23);
  }
  SECTION("longer than it must be") {
    add(25, Indirect(kSetupIndirectHeld, 0x1000, 0x1000));
    REQUIRE(Walk(memory, 0x1001, nodes).ok());
    CHECK(nodes[0].indirect == Between(0x1000, 0x2000));
  }
  SECTION("a target past the last address") {
    add(24, Indirect(kSetupIndirectHeld, kPhysLimit - 0x1000, 0x1001));
    CheckError(Walk(memory, 0x1001, nodes), Errc::kOutOfBounds, kPhysLimit - 0x1000);
  }
  SECTION("a target up to the last address") {
    add(24, Indirect(kSetupIndirectHeld, kPhysLimit - 0x1000, 0x1000));
    REQUIRE(Walk(memory, 0x1001, nodes).ok());
    CHECK(nodes[0].indirect == Between(kPhysLimit - 0x1000, kPhysLimit));
  }
  SECTION("a plain inner type, which the kernel ignores") {
    add(24, Indirect(kSetupIndirect, 0xffffffffffffffff, 0xffffffffffffffff));
    REQUIRE(Walk(memory, 0x1001, nodes).ok());
    CHECK(nodes[0].indirect.empty());
  }
}

}  // namespace
}  // namespace holdfast
