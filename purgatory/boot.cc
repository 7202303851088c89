// SPDX-License-Identifier: BSD-2-Clause
// A boot: what both kexec shells do alike.

#include "purgatory/boot.h"

#include <utility>

#include "common/arch/x86/confidential.h"
#include "common/arch/x86/power.h"
#include "common/console/wording.h"
#include "common/plan/plan-report.h"
#include "common/plan/release.h"
#include "purgatory/execute.h"
#include "purgatory/own-page-tables.h"

namespace holdfast::purgatory {
namespace {

// For HoldfastException, which has no arguments of ours.
constinit Ending* g_ending = nullptr;
constinit bool g_is_resetting = false;

std::string_view ExceptionName(std::uint64_t vector) {
  switch (vector) {
    case 0:
      return "divide error";
    case 6:
      return "invalid opcode";
    case 8:
      return "double fault";
    case 12:
      return "stack fault";
    case 13:
      return "general protection fault";
    case 14:
      return "page fault";
    default:
      return "processor exception";
  }
}

}  // namespace

Consoles::Consoles(const ConsoleOptions& options)
    : serial_base_(options.serial_base), serial_(options.serial_base, options.serial_baud) {
  if (const auto sink = serial_.Open()) {
    console_.AddSink(*sink);
  }
  if (const auto sink = x86::OpenDebugPort()) {
    console_.AddSink(*sink);
  }
  if (options.vga) {
    console_.AddSink(vga_.Open(options.reset_vga));
  }
}

void Consoles::AddSerial(std::uint16_t base, std::uint32_t baud) {
  if (base == serial_base_) {
    serial_ = x86::SerialPort(base, baud);
    static_cast<void>(serial_.Open());  // It is a sink already, if it answers: only its speed changes.
    return;
  }
  second_serial_ = x86::SerialPort(base, baud);
  if (const auto sink = second_serial_.Open()) {
    console_.AddSink(*sink);
  }
}

void Timeline::Mark(std::string_view name) {
  if (marks_.size() < marks_.capacity()) {
    Require(marks_.Append({name, x86::Rdtsc()}).ok());
  }
}

Boot::Boot(Storage& storage, const ConsoleOptions& consoles)
    : storage_(storage),
      consoles_(consoles),
      ending_(consoles_.console()),
      readable_(storage.readable),
      loaded_(storage.params, storage.map),
      kept_(storage.kept),
      scratch_(storage.scratch),
      native_scratch_(storage.native_scratch),
      ram_(storage.ram),
      released_(storage.released),
      map_(storage.released_map),
      plan_(storage.fenced_map, storage.avoid) {
  g_ending = &ending_;
  time_.Mark("entry");
}

void Boot::RefuseConfidential() {
  if (x86::IsConfidentialGuest()) {
    ending_.Refuse({.code = Errc::kUnsupported, .what = "confidential guest"});
  }
}

void Boot::ReadBootParams(PhysAddr address) {
  std::string_view failed;
  const Status read = ReadLoadedBoot(address, readable_, loaded_, failed);
  ending_.Check(read, failed);
  time_.Mark("boot_params");
}

void Boot::FindHandoversOn(std::array<std::string_view, kMaxCommandLines> lines, std::span<const TreePlace> trees) {
  const HandoverCarriers carriers{.trees = trees, .lines = lines, .nodes = loaded_.nodes.view()};
  if (Problem problem; !FindHandovers(carriers, loaded_.map, handovers_, problem).ok()) {
    ending_.Refuse(problem);
  }
  for (const FoundHandover& handover : handovers_) {
    // A tree may lie in what an earlier stage fenced; all else is read in RAM, or not at all.
    if (handover.carrier == Carrier::kTree) {
      ending_.Check(readable_.Add(handover.at), "handover", handover.at);
    }
  }
}

void Boot::SwitchTables() {
  tables_.emplace(storage_.page_tables, x86::Is5Levels() ? 5 : 4, x86::HasGiBPages());
  ending_.Check(SwitchPageTables(*tables_, loaded_.map, readable_.view()), "page tables");
  // Only now a tree can be read, which may have lists where it lies itself: in what an earlier stage fenced.
  const Status listed = FindFencedLists(handovers_, memory_, loaded_.map, BlockSink(&MakeReadable, this));
  ending_.Check(listed, "page tables");
  time_.Mark("page tables");
}

Status Boot::MakeReadable(void* self, const KeptBlock& block) {
  auto& boot = *static_cast<Boot*>(self);
  TRY(boot.readable_.Add(block.range));
  TRY(boot.tables_->Map(block.range));
  // What was not present is in no TLB; but the tables must have reached memory.
  x86::WriteCr3(boot.tables_->root());
  return kDone;
}

void Boot::SayNotRead() {
  for (const FoundHandover& handover : handovers_) {
    if (handover.is_fenced) {
      SayLine(SayFenced, CarrierName(handover.carrier), handover.at);
    }
    if (handover.is_unfinished) {
      SayLine(SayNotKept, "KHO handover not finalized");
      HideKho();
    }
  }
}

// A decompressor that knows KHO would place its kernel in scratch whatever else lies there.
void Boot::HideKho() {
  for (SetupDataNode& node : loaded_.nodes) {
    if (node.type == kSetupKexecKho) {
      node.type = kSetupHoldfastHiddenKho;
    }
  }
}

void Boot::ReadHandovers() {
  Problem problem;
  const Hasher hasher;
  const HandoverReading reading{.memory = memory_,
                                .blocks = hasher.blocks(),
                                .map = loaded_.map,
                                .page_table_levels = x86::Is5Levels() ? 5 : 4,  // The stage never switches.
                                .native_scratch = native_scratch_,
                                .aligned = storage_.report_node.payload};
  const Status decoded = holdfast::ReadHandovers(reading, handovers_, handover_, problem);
  ending_.SetPolicy(handover_.policy);
  if (!decoded.ok()) {
    ending_.Refuse(problem);
  }
  SayNotRead();
  SayLine(SayHandover, handover_.dialect.view(), kept_.size(), kept_.bytes());
  Release();
  time_.Mark("handover");
}

// The tables have mapped RAM as the loader knew it, and things may be placed in what is released.
void Boot::Release() {
  ending_.Check(ReleaseMemory(loaded_.map, handover_, map_), "e820 table");
  if (!released_.view().empty()) {
    ending_.Check(SwitchPageTables(*tables_, map_, readable_.view()), "page tables");
  }
}

void Boot::MakePlan(const BootInputs& inputs) {
  if (!MakeBootPlan(inputs, plan_).ok()) {
    Problem problem = plan_.problems[0];
    NameKept(handovers_, problem);
    ending_.Refuse(problem);
  }
}

EntryFacts Boot::EntryFactsHere(const SetupHeader& header) {
  EntryFacts facts = EntryFactsOf(header);
  facts.is_5_levels = x86::Is5Levels();
  return facts;
}

void Boot::Prepare(std::string_view shell, std::string_view loader, PhysRange stage) {
  ending_.Check(PrepareNodes(plan_, Report(shell, loader), loaded_, storage_), "report", stage);
  if (plan_.why_fence) {
    SayLine(SayNotNative, *plan_.why_fence);
  }
  SayLine(SayMode, ModeName(plan_.mode), plan_.memory.size(), plan_.closed_bytes);
  SayLine(SayKernel, plan_.slot.range.start(), plan_.slot.index, plan_.slot.count);
}

BootReport Boot::Report(std::string_view shell, std::string_view loader) const {
  BootReport report = ReportPlan(plan_, handover_, handovers_, loaded_.map, native_scratch_);
  report.shell = shell;
  report.loader = loader;
  report.timestamps = time_.view();
  return report;
}

}  // namespace holdfast::purgatory

extern "C" void HoldfastException(const holdfast::x86::ExceptionFrame* frame) {
  using holdfast::PhysAddr;
  using holdfast::PhysRange;
  auto* const ending = std::exchange(holdfast::purgatory::g_ending, nullptr);
  if (ending == nullptr) {
    // A fault while a fault was told of, or before there was a console.  Where ports fault too, as in a confidential
    // guest, there is one way left.
    if (std::exchange(holdfast::purgatory::g_is_resetting, true)) {
      holdfast::x86::TripleFault();
    }
    holdfast::x86::ResetMachine();
  }
  holdfast::Problem problem{
      .code = holdfast::Errc::kFault, .where = frame->rip, .what = holdfast::purgatory::ExceptionName(frame->vector)};
  if (frame->vector == 14) {
    const auto at = PhysRange::FromStartSize(PhysAddr(holdfast::x86::ReadCr2()), 1);
    problem.range = at.ok() ? at.value() : PhysRange();
  }
  ending->Refuse(problem);
}
