// SPDX-License-Identifier: BSD-2-Clause
// I1 to I6 on random machines, judged by a page bitmap: a plan is compared with what the model says.
//
// HOLDFAST_PROPERTY_COUNTS=1 prints how often each way through was taken; tests/support/random.h has the rest.

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/plan/boot-plan.h"
#include "common/plan/firmware-claims.h"
#include "common/plan/kernel-entry.h"
#include "tests/property/plan-generator.h"
#include "tests/property/plan-inputs.h"
#include "tests/property/plan-model.h"
#include "tests/support/random.h"

namespace holdfast::property {
namespace {

Bytes B(PhysRange r) { return {r.start().raw(), r.end().raw()}; }
RawKept Raw(const KeptRange& k) { return {B(k.range), k.source, k.fence, k.node}; }

using Counters = std::map<std::string, std::uint64_t>;

// Builds the inputs of one case, runs it, and says what differs from the model's verdict; empty if nothing does.
class Trial {
 public:
  std::string Run(const Case& c, Counters& counters) {
    const Verdict verdict = JudgeCase(c);
    const CaseInputs built(c, input_storage_);
    if (std::string wrong = CompareMap(c, c.cells, built.memory(), "old map: "); !wrong.empty()) return wrong;
    if (!verdict.conflicts.empty()) {
      ++counters["refused: kept-overlap"];
      return CompareConflict(c, verdict, built.error(), built.conflict());
    }
    if (built.error()) return "ranges that do not conflict were refused";
    if (std::string wrong = CompareKept(verdict, built.kept()); !wrong.empty()) return wrong;

    const BootInputs inputs = built.Make();
    BootPlan plan({new_map_storage_.data(), c.map_capacity}, {avoid_storage_.data(), c.avoid_capacity});
    // What an earlier plan left in the same storage does not matter.
    if (c.seed % 4 == 0) static_cast<void>(MakeBootPlan(inputs, plan).ok());
    const Status status = MakeBootPlan(inputs, plan);
    Count(verdict, c.entry.in_firmware, counters);
    if (verdict.refusal != nullptr) return CompareRefusal(verdict, status, plan);
    if (!status.ok()) return "refused without a reason: " + std::string(ErrcName(status.error().code));
    std::string wrong = ComparePlan(c, verdict, plan);
    if (wrong.empty()) wrong = CheckTargets(c, verdict, plan);
    if (wrong.empty()) wrong = CheckClaims(c, verdict, inputs, plan);
    return wrong;
  }

 private:
  static void Count(const Verdict& verdict, bool in_firmware, Counters& counters) {
    if (verdict.refusal != nullptr) {
      ++counters[std::string("refused: ") + verdict.refusal];
      return;
    }
    ++counters["planned"];
    counters["planned, with gaps closed"] += verdict.num_closed != 0;
    counters["planned, with more than 128 entries"] += verdict.num_entries > 128;
    counters["planned, with held ranges"] += !verdict.held.empty();
    counters["planned, with one slot left"] += verdict.slot_count == 1;
    counters["planned, without a kernel"] += verdict.slot_count == 0;
    counters["planned, at another virtual address"] += verdict.virtual_delta != 0;
    counters["planned, entered at bzimage"] += verdict.entry == KernelEntry::kBzImage;
    counters["planned, entered at vmlinux in firmware"] += in_firmware && verdict.entry == KernelEntry::kVmlinux;
    counters["planned, entered at efi-image"] += verdict.entry == KernelEntry::kEfiImage;
    counters["planned, entered at efi-handover"] += verdict.entry == KernelEntry::kEfiHandover;
    counters["planned, with gaps closed in firmware"] += in_firmware && verdict.num_closed != 0;
    counters["planned, without EFI's tables"] += verdict.drops_efi;
  }

  // I1, and that the map says of each cell what it has to.
  static std::string CompareMap(const Case& c, const std::vector<std::uint8_t>& cells, const MemoryMap& map,
                                const std::string& name) {
    std::size_t i = 0;
    std::string wrong;
    ForEachRun(cells, [&](std::size_t first, std::size_t last) {
      const Bytes bytes{c.AddressOfCell(first), c.AddressOfCell(last)};
      if (!wrong.empty()) return;
      if (i == map.size()) {
        wrong = name + "too short";
      } else if (B(map.view()[i].range) != bytes ||
                 static_cast<std::uint32_t>(map.view()[i].type) != kTypes[cells[first]]) {
        wrong = name + ShowBytes(B(map.view()[i].range)) +
                Text(" %u is not ", static_cast<std::uint32_t>(map.view()[i].type)) + ShowBytes(bytes) +
                Text(" %u", kTypes[cells[first]]);
      }
      ++i;
    });
    return wrong.empty() && i != map.size() ? name + "too long" : wrong;
  }

  static std::string CompareConflict(const Case& c, const Verdict& verdict, const std::optional<Error>& error,
                                     const PreservedMap::Conflict& conflict) {
    if (!error) return "ranges that conflict were sealed";
    if (error->code != Errc::kKeptOverlap) return "wrong rule for ranges that conflict";
    const RawKept first = Raw(conflict.first);
    const RawKept second = Raw(conflict.second);
    for (const Verdict::Conflict& known : verdict.conflicts) {
      const RawKept& a = c.kept[known.first];
      const RawKept& b = c.kept[known.second];
      if (known.where == error->where && ((a == first && b == second) || (a == second && b == first))) return {};
    }
    return "there is no such conflict: " + ShowKept(first) + " and " + ShowKept(second) +
           Text(" at %#" PRIx64, error->where);
  }

  // I2.
  static std::string CompareKept(const Verdict& verdict, const PreservedMap& kept) {
    if (kept.size() != verdict.kept.size()) return "wrong number of kept ranges";
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (Raw(kept.view()[i]) != verdict.kept[i]) {
        return ShowKept(Raw(kept.view()[i])) + " is not " + ShowKept(verdict.kept[i]);
      }
    }
    return {};
  }

  static std::string LineOf(const Problem& p) {
    const RawKept kept = p.kept ? Raw(*p.kept) : RawKept();
    return ProblemLine(p.code, p.where, p.what, B(p.range), p.other, B(p.other_range),
                       p.type ? static_cast<std::int64_t>(*p.type) : -1, p.kept ? &kept : nullptr);
  }

  static std::string CompareRefusal(const Verdict& verdict, const Status& status, const BootPlan& plan) {
    std::vector<std::string> expected = verdict.problems;
    const std::size_t count = std::min(expected.size(), plan.problems.capacity());
    if (status.ok()) return "planned in spite of: " + expected[0];
    if (plan.problems.size() != count) {
      return Text("%zu problems, not %zu; ", plan.problems.size(), count) + "the model: " + expected[0];
    }
    if (status.error() != Error{plan.problems[0].code, plan.problems[0].where}) return "the first does not decide";
    for (const Problem& problem : plan.problems) {
      const auto it = std::find(expected.begin(), expected.end(), LineOf(problem));
      if (it == expected.end()) return "not a problem: " + LineOf(problem) + "; the model: " + expected[0];
      expected.erase(it);
    }
    return {};
  }

  // I4, I5, and where everything goes.
  std::string ComparePlan(const Case& c, const Verdict& verdict, const BootPlan& plan) {
    if (!plan.problems.empty()) return "a plan with problems";
    if (std::string wrong = CompareMap(c, verdict.cells, plan.memory, "new map: "); !wrong.empty()) return wrong;
    if (plan.memory.size() > c.budget) return "over budget";
    if (plan.closed_bytes != verdict.closed_bytes) {
      return Text("%" PRIu64 " bytes closed, not %" PRIu64, plan.closed_bytes, verdict.closed_bytes);
    }
    if (plan.held.size() != verdict.held.size()) return "wrong number of held ranges";
    for (std::size_t i = 0; i < verdict.held.size(); ++i) {
      if (B(plan.held[i]) != verdict.held[i]) return "not held: " + ShowBytes(verdict.held[i]);
    }
    if (plan.segments.size() != verdict.placed.size()) return "wrong number of segments";
    for (std::size_t i = 0; i < verdict.placed.size(); ++i) {
      if (plan.segments[i].name != verdict.placed[i].name || B(plan.segments[i].range) != verdict.placed[i].bytes) {
        return std::string(plan.segments[i].name) + " at " + ShowBytes(B(plan.segments[i].range)) + ", not at " +
               ShowBytes(verdict.placed[i].bytes);
      }
    }
    if (plan.entry != verdict.entry) return "entry " + Text("%u", static_cast<unsigned>(plan.entry));
    if (plan.drops_efi != verdict.drops_efi) return "wrong about EFI's tables";
    if (plan.virtual_delta != verdict.virtual_delta) {
      return Text("virtual delta %#" PRIx64 ", not %#" PRIx64, plan.virtual_delta, verdict.virtual_delta);
    }
    const bool places_itself = IsEfiEntry(plan.entry);
    const Bytes slot{verdict.slot, verdict.slot + (places_itself ? 0 : c.kernel.size)};
    if (plan.slot.count != verdict.slot_count || plan.slot.index != verdict.slot_index || B(plan.slot.range) != slot) {
      return Text("slot %" PRIu64 " of %" PRIu64 " ", plan.slot.index, plan.slot.count) +
             ShowBytes(B(plan.slot.range)) +
             Text(", not %" PRIu64 " of %" PRIu64 " ", verdict.slot_index, verdict.slot_count) + ShowBytes(slot);
    }
    return {};
  }

  // I6 and I3, without a look at how places are chosen: every target is painted.
  static std::string CheckTargets(const Case& c, const Verdict& verdict, const BootPlan& plan) {
    std::vector<std::uint8_t> taken(c.cells.size());
    const auto paint = [&](std::string_view name, Bytes bytes, bool needs_ram) -> std::string {
      for (std::size_t cell = c.CellAt(bytes.start); cell < c.CellAt(bytes.end + kCell - 1); ++cell) {
        if (taken[cell] != 0) return std::string(name) + " meets another target";
        if (verdict.keeping[cell / kCellsPerPage] != kNotKept) return std::string(name) + " meets kept memory";
        if (needs_ram && verdict.cells[cell] != kRam && verdict.cells[cell] != kKern) {
          return std::string(name) + " is not in RAM";
        }
        taken[cell] = 1;
      }
      return {};
    };
    std::string wrong = plan.slot.range.empty() ? std::string() : paint("kernel", B(plan.slot.range), true);
    for (std::size_t i = 0; i < plan.segments.size() && wrong.empty(); ++i) {
      wrong = paint(plan.segments[i].name, B(plan.segments[i].range), c.segments[i].needs_ram);
    }
    for (const RawInUse& use : c.in_use) {
      if (use.bytes.Meets(B(plan.slot.range))) return "the kernel meets " + std::string(use.name);
    }
    return wrong;
  }

  // What firmware is told: every page that is kept or closed over and was RAM, and no other.
  std::string CheckClaims(const Case& c, const Verdict& verdict, const BootInputs& inputs, const BootPlan& plan) {
    enum : std::uint8_t { kReservedClaim = 1, kRamClaim = 2 };
    std::vector<std::uint8_t> expected(c.cells.size());
    for (std::size_t cell = 0; cell < c.cells.size(); ++cell) {
      const bool is_kept = verdict.keeping[cell / kCellsPerPage] != kNotKept;
      // Firmware may give that out too.
      if (c.cells[cell] == kSoft && is_kept) expected[cell] = kReservedClaim;
      if (c.cells[cell] != kRam && c.cells[cell] != kKern) continue;
      const bool stays_ram = verdict.cells[cell] == kRam || verdict.cells[cell] == kKern;
      if (is_kept || !stays_ram) expected[cell] = stays_ram ? kRamClaim : kReservedClaim;
    }
    BoundedVector<FirmwareClaim> claims(claim_storage_);
    if (!ListFirmwareClaims(inputs, plan, claims).ok()) return "too many claims";
    std::size_t i = 0;
    std::string wrong;
    ForEachRun(expected, [&](std::size_t first, std::size_t last) {
      const Bytes bytes{c.AddressOfCell(first), c.AddressOfCell(last)};
      const bool is_there =
          i < claims.size() && B(claims[i].range) == bytes && claims[i].stays_ram == (expected[first] == kRamClaim);
      if (wrong.empty() && !is_there) wrong = "not claimed: " + ShowBytes(bytes);
      ++i;
    });
    if (wrong.empty() && i != claims.size()) wrong = "claimed too much: " + ShowBytes(B(claims[i].range));
    for (const RawInUse& use : c.in_use) {
      const auto meets = [&use](const FirmwareClaim& claim) { return use.bytes.Meets(B(claim.range)); };
      if (wrong.empty() && !use.may_be_kept && std::any_of(claims.begin(), claims.end(), meets)) {
        wrong = "claimed from " + std::string(use.name);
      }
    }
    return wrong;
  }

  InputStorage input_storage_;
  std::vector<FirmwareClaim> claim_storage_{8192};
  std::vector<MemEntry> new_map_storage_{8192};
  std::vector<PhysRange> avoid_storage_{1024};
};

}  // namespace

TEST_CASE("A plan is made exactly when nothing forbids it, and is the one that the page bitmap gives",
          "[property][plan]") {
  const std::uint64_t num_cases = test::NumCases(100'000);
  const std::uint64_t seed = test::FirstSeed();
  Trial trial;
  Counters counters;
  std::uint64_t num_done = 0;
  for (; num_done < num_cases; ++num_done) {
    const Case c = MakeCase(seed + num_done);
    if (const std::string wrong = trial.Run(c, counters); !wrong.empty()) {
      FAIL(wrong << "\n" << ShowCase(c));
    }
  }
  CHECK(num_done == num_cases);

  // The generator is of use only if it reaches everything.
  std::string table;
  for (const auto& [name, count] : counters) table += Text("%10" PRIu64 "  %s\n", count, name.c_str());
  if (std::getenv("HOLDFAST_PROPERTY_COUNTS") != nullptr) WARN(num_cases << " cases\n" << table);
  INFO(table);
  if (num_cases >= 10'000) {
    for (const char* const name : {"planned, with gaps closed",
                                   "planned, with more than 128 entries",
                                   "planned, with held ranges",
                                   "planned, with one slot left",
                                   "planned, without a kernel",
                                   "planned, at another virtual address",
                                   "planned, entered at bzimage",
                                   "planned, without EFI's tables",
                                   "planned, entered at efi-image",
                                   "planned, entered at efi-handover",
                                   "planned, entered at vmlinux in firmware",
                                   "planned, with gaps closed in firmware",
                                   "refused: option conflicts",
                                   "refused: entry",
                                   "refused: kept-overlap",
                                   "refused: kept-not-ram",
                                   "refused: scratch meets kept",
                                   "refused: in use meets kept",
                                   "refused: segment meets kept",
                                   "refused: kernel meets kept",
                                   "refused: segments meet",
                                   "refused: not-ram",
                                   "refused: entry budget",
                                   "refused: too many segments",
                                   "refused: too many held",
                                   "refused: avoid table full",
                                   "refused: no place for a segment",
                                   "refused: no slot for the kernel"}) {
      INFO(name);
      CHECK(counters[name] >= num_cases / 1000);
    }
    CHECK(counters["planned"] >= num_cases / 3);
  }
}

}  // namespace holdfast::property
