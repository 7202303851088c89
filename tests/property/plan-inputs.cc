// SPDX-License-Identifier: BSD-2-Clause
// The inputs of MakeBootPlan() for a case, with the storage that they borrow.

#include "tests/property/plan-inputs.h"

#include "common/plan/kernel-options.h"

namespace holdfast::property {
namespace {

std::optional<PhysRange> ToRange(const std::optional<Bytes>& bytes) {
  return bytes ? std::optional(property::ToRange(*bytes)) : std::nullopt;
}

void BuildMap(const Case& c, MemoryMap& memory) {
  if (c.overlays.empty()) {
    ForEachRun(c.cells, [&](std::size_t first, std::size_t last) {
      const Bytes bytes{c.AddressOfCell(first), c.AddressOfCell(last)};
      Require(memory.AppendAscending(ToRange(bytes), MemType{kTypes[c.cells[first]]}).ok());
    });
  }
  for (const auto& [bytes, type] : c.overlays) Require(memory.Overlay(ToRange(bytes), MemType{kTypes[type]}).ok());
}

}  // namespace

PhysRange ToRange(Bytes bytes) { return PhysRange::FromStartEnd(PhysAddr(bytes.start), PhysAddr(bytes.end)).value(); }

CaseInputs::CaseInputs(const Case& c, InputStorage& storage)
    : case_(c),
      memory_(storage.memory),
      kept_(storage.kept),
      scratch_(storage.scratch),
      ram_(storage.ram),
      handover_(kept_, scratch_, ram_) {
  BuildMap(c, memory_);
  for (const RawKept& k : c.kept) Require(kept_.Add({ToRange(k.bytes), k.node, k.source, k.fence}).ok());
  if (const Status sealed = kept_.Seal(&conflict_); !sealed.ok()) error_ = sealed.error();
  for (const Bytes& b : c.scratch) Require(scratch_.Add(ToRange(b)).ok());
  for (const Bytes& b : c.was_ram) Require(ram_.Add(ToRange(b)).ok());
  handover_.policy.kaslr = c.policy_kaslr;
  for (const RawSegment& s : c.segments) {
    segments_.push_back({s.name, s.size, s.alignment, ToRange(s.at), s.needs_ram});
  }
  for (const RawInUse& u : c.in_use) in_use_.push_back({u.name, ToRange(u.bytes), u.may_be_kept});
}

BootInputs CaseInputs::Make() const {
  BootInputs inputs{.memory = memory_,
                    .handover = handover_,
                    .kernel = case_.kernel,
                    .entry = case_.entry,
                    .efi = case_.efi,
                    .command_line = case_.command_line,
                    .kernel_at = ToRange(case_.kernel_at),
                    .segments = segments_,
                    .in_use = in_use_,
                    .seed = case_.kaslr_seed,
                    .virtual_seed = case_.virtual_seed,
                    .kaslr = case_.kaslr,
                    .entry_budget = case_.budget};
  HeedKernelOptions(case_.command_line, inputs);
  return inputs;
}

}  // namespace holdfast::property
