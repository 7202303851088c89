// SPDX-License-Identifier: BSD-2-Clause
// Maps, handovers and plans with storage of their own, made from short lists.

#pragma once

#include <catch2/catch.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/plan/boot-plan.h"
#include "tests/support/ranges.h"

namespace holdfast::test {

class TestMap {
 public:
  explicit TestMap(const std::vector<MemEntry>& entries) : storage_(entries.size()), map_(storage_) {
    for (const MemEntry& entry : entries) {
      Require(map_.AppendAscending(entry.range, entry.type).ok());
    }
  }

  const MemoryMap& map() const { return map_; }

 private:
  std::vector<MemEntry> storage_;
  MemoryMap map_;
};

struct Kept {
  PhysRange range;
  Fence fence = Fence::kReserved;
  std::uint8_t source = 0;
  KeptKind kind = KeptKind::kMemory;
};

class TestKept {
 public:
  explicit TestKept(const std::vector<Kept>& kept) : storage_(kept.size()), map_(storage_) {
    for (const Kept& k : kept) {
      Require(map_.Add({.range = k.range, .source = k.source, .fence = k.fence, .kind = k.kind}).ok());
    }
    Require(map_.Seal().ok());
  }

  PreservedMap& map() { return map_; }

 private:
  std::vector<KeptRange> storage_;
  PreservedMap map_;
};

class TestSet {
 public:
  explicit TestSet(const std::vector<PhysRange>& ranges) : storage_(ranges.size()), set_(storage_) {
    for (const PhysRange& range : ranges) {
      Require(set_.Add(range).ok());
    }
  }

  RangeSet& set() { return set_; }

 private:
  std::vector<PhysRange> storage_;
  RangeSet set_;
};

// A handover that a kernel may read by itself.
struct Native {
  std::uint8_t source = 0;
  std::vector<PhysRange> scratch;
  bool is_ambiguous = false;
};

// What goes into a plan.  A test changes what it is about.
struct PlanCase {
  std::vector<MemEntry> memory{{R(0, 0x9f000), MemType::kUsable}, {R(kMiB, 64 * kMiB), MemType::kUsable}};
  std::vector<Kept> kept{};
  std::vector<PhysRange> scratch{};
  std::vector<PhysRange> was_ram{};
  std::optional<Native> native{};
  Policy policy{};
  KernelFacts kernel{.size = 4 * kMiB, .alignment = 2 * kMiB, .min_address = 16 * kMiB, .limit = kPhysLimit};
  EntryFacts entry{};
  EfiFacts efi{};
  std::string command_line{};
  ModeWish mode = ModeWish::kAuto;
  std::optional<bool> speaks_native{};
  std::optional<PhysRange> kernel_at{};
  std::vector<SegmentRequest> segments{};
  std::vector<InUse> in_use{};
  std::uint64_t seed = 0;
  std::uint64_t virtual_seed = 0;
  bool kaslr = true;
  std::size_t entry_budget = BootInputs::kDefaultEntryBudget;
  std::size_t map_capacity = 4096;
  std::size_t avoid_capacity = 1024;
};

// A plan and everything that it was made from.
class TestPlan {
 public:
  explicit TestPlan(const PlanCase& c)
      : command_line_(c.command_line),
        kept_(c.kept),
        scratch_(c.scratch),
        was_ram_(c.was_ram),
        map_storage_(c.map_capacity),
        avoid_storage_(c.avoid_capacity),
        plan_(map_storage_, avoid_storage_) {
    const TestMap memory(c.memory);
    Handover handover(kept_.map(), scratch_.set(), was_ram_.set());
    handover.policy = c.policy;
    if (c.native) {
      handover.native = NativeHandover{c.native->source, "kho-v4", c.native->is_ambiguous, c.native->scratch};
    }
    const Status status = MakeBootPlan({.memory = memory.map(),
                                        .handover = handover,
                                        .kernel = c.kernel,
                                        .entry = c.entry,
                                        .efi = c.efi,
                                        .command_line = command_line_,
                                        .mode = c.mode,
                                        .speaks_native = c.speaks_native,
                                        .kernel_at = c.kernel_at,
                                        .segments = c.segments,
                                        .in_use = c.in_use,
                                        .seed = c.seed,
                                        .virtual_seed = c.virtual_seed,
                                        .kaslr = c.kaslr,
                                        .entry_budget = c.entry_budget},
                                       plan_);
    error_ = ErrorOf(status);
  }

  const BootPlan* operator->() const { return &plan_; }
  bool ok() const { return !error_; }
  std::optional<Error> error() const { return error_; }

 private:
  std::string command_line_;  // problems point into it
  TestKept kept_;
  TestSet scratch_;
  TestSet was_ram_;
  std::vector<MemEntry> map_storage_;
  std::vector<PhysRange> avoid_storage_;
  BootPlan plan_;
  std::optional<Error> error_;
};

// Everything that a problem says but where in the handover the kept range is spoken of.
inline void CheckProblem(const Problem& problem, const Problem& expected) {
  CHECK(Error{problem.code, problem.where} == Error{expected.code, expected.where});
  CHECK(std::string(problem.what) == std::string(expected.what));
  CHECK(problem.range == expected.range);
  CHECK(std::string(problem.other) == std::string(expected.other));
  CHECK(problem.other_range == expected.other_range);
  CHECK(problem.type == expected.type);
  CHECK(problem.kept == expected.kept);
}

}  // namespace holdfast::test
