// SPDX-License-Identifier: BSD-2-Clause
// Handovers in memory, and what reading them gives, for the tests of ReadHandovers().

#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "common/format/handover-v1.h"
#include "common/format/read-handovers.h"
#include "tests/support/plan-fixtures.h"
#include "tests/unit/format/kho-machine.h"

namespace holdfast::test {

inline constexpr std::uint64_t kPayload = 0x6000010;  // of the setup_data node
inline constexpr std::uint64_t kPage = 0x6100000;     // of what is not KHO
inline constexpr std::uint64_t kFirst = 0x10000000;   // what is kept

// A KhoMachine's memory with more in it, and what reading it gives.
struct Reading {
  KhoMachine machine;
  std::optional<TestMap> map{std::in_place, std::vector<MemEntry>{{Between(0x100000, 0x40000000), MemType::kUsable}}};
  PageArena arena = machine.memory.AddArena(kPage, 64);
  std::vector<KeptRange> kept_storage{512};
  std::vector<PhysRange> storage{32};
  PreservedMap kept{kept_storage};
  RangeSet scratch{std::span(storage).first(8)};
  RangeSet ram{std::span(storage).subspan(8, 8)};
  RangeSet native_scratch{std::span(storage).subspan(16, 8)};
  Handover handover{kept, scratch, ram};
  FoundHandovers found;
  Problem problem;
  AlignedBytes aligned{4096};
  std::vector<LostName> lost;
  int levels = 0;

  Reading() { machine.memory.Add(kPayload / kPageSize * kPageSize, 1); }

  void AddKho(KhoDialect dialect = KhoDialect::kV4, KhoBitmaps bitmaps = KhoBitmaps::k4096) {
    machine.Write(dialect, {Block(kFirst, 0), Block(kFirst + 0x100000, 4)}, bitmaps);
    PutRecord();
  }
  void PutRecord() {
    std::array<std::byte, 48> storage48{};
    const auto payload = EncodeKhoRecord(machine.record, storage48);
    machine.memory.Put(kPayload, storage48);
    Require(found.Append({.carrier = Carrier::kKhoNode, .at = Between(kPayload, kPayload + payload.size())}).ok());
  }
  void AddTree(const HandoverV1& tree) {
    AlignedBytes bytes(kPageSize);
    const auto written = EncodeHandoverV1(tree, bytes.span()).value();
    const auto page = arena.Take().value();
    std::memcpy(page.bytes, written.data(), written.size());
    const PhysRange at = PhysRange::FromStartSize(page.at, written.size()).value();
    Require(found.Append({.carrier = Carrier::kTree, .at = at, .digest = Sha256::Of(written, &Sha256Blocks)}).ok());
  }
  Status Run() {
    const PhysMemory memory = machine.memory.memory();
    return ReadHandovers({.memory = memory,
                          .blocks = &Sha256Blocks,
                          .map = map->map(),
                          .page_table_levels = levels,
                          .native_scratch = native_scratch,
                          .lost = lost,
                          .aligned = aligned.span()},
                         found, handover, problem);
  }
  std::vector<PhysRange> KeptOf(std::uint8_t source, KeptKind kind) const {
    std::vector<PhysRange> out;
    for (const KeptRange& each : kept.view()) {
      if (each.source == source && each.kind == kind) out.push_back(each.range);
    }
    return out;
  }
  std::string NameAt(std::uint64_t address) {
    Problem met{.code = Errc::kOverlap, .kept = kept.FirstOverlap(Between(address, address + 1))};
    NameKept(found, met);
    return std::string(met.other);
  }
};

}  // namespace holdfast::test
