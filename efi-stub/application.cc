// SPDX-License-Identifier: BSD-2-Clause
// A boot from firmware: the steps, in their order.

#include "efi-stub/application.h"

#include "common/arch/x86/cpu.h"
#include "efi-stub/console.h"
#include "efi-stub/explain.h"
#include "efi-stub/processor.h"

namespace holdfast::efi {
namespace {

EFI_STATUS StatusOf(Error error) {
  switch (error.code) {
    case Errc::kFirmware:
      return error.where;
    case Errc::kNotFound:
      return EFI_NOT_FOUND;
    case Errc::kUntrusted:
      return EFI_SECURITY_VIOLATION;
    default:
      return EFI_LOAD_ERROR;
  }
}

}  // namespace

Application::Application(const Firmware& firmware, Storage& storage)
    : firmware_(firmware),
      storage_(storage),
      ledger_(firmware),
      fence_(ledger_, storage.claims, storage.report),
      owned_(storage.owned),
      map_(storage.map),
      readable_(storage.readable),
      kept_(storage.kept),
      scratch_(storage.scratch),
      native_scratch_(storage.native_scratch),
      ram_(storage.ram),
      in_use_(storage.in_use),
      plan_(storage.fenced_map, storage.avoid) {}

EFI_STATUS Application::Run() {
  Mark("entry");
  SayWho();
  const Status status = Boot();
  if (!status.ok()) {
    return Refuse(status.error());
  }
  GiveBack();  // The kernel's image has ended by itself.
  SayLine(SayReturned);
  return EFI_SUCCESS;
}

Status Application::Boot() {
  TRY(ReadFirmware());
  TRY(FindInputs(firmware_, self_, own_, is_secure_, storage_, inputs_, problem_));
  TRY(FindHandovers());
  TRY(ReadHandovers());
  TRY(PlanFence());
  TRY(CheckContents());
  // Until here the application has allocated nothing, and kept memory is as it was found, but for what firmware takes
  // where it opens files.
  TRY(Fence());
  TRY(LoadKernel());
  TRY(Decide());
  SayPlan();
  return Start();
}

// --- What there is

void Application::SayWho() {
  console_.AddSink(FirmwareSink(firmware_));
  if (const auto sink = OpenDebugPort()) {
    console_.AddSink(*sink);
  }
  vendor_ = ToAscii(firmware_.vendor(), vendor_text_);
  SayLine(SayHello, kShell, vendor_);
}

Status Application::ReadFirmware() {
  firmware_.StopWatchdog();
  TRY(Check(problem_, firmware_.ReadSelf(self_), "loader's options"));
  TRY(Check(problem_, DecodePeImage(self_.image, PeForm::kLoaded, own_), "stage image"));
  is_secure_ = firmware_.IsSecure();
  StoredMap stored;
  TRY(ReadOwned(stored));
  TRY(Check(problem_, DecodeEfiMemoryMap(stored.bytes, stored.descriptor_size, map_), "EFI memory map"));
  TRY(Check(problem_, readable_.AddRam(map_), "EFI memory map"));
  for (const MemEntry& entry : map_.view()) {
    if (entry.type == MemType::kPmem) {
      TRY(Check(problem_, readable_.Add(entry.range), "EFI memory map"));
    }
  }
  Mark("firmware");
  return kDone;
}

Status Application::ReadOwned(StoredMap& map) {
  constexpr std::string_view kMap = "EFI memory map";
  TRY(Check(problem_, firmware_.ReadMap(storage_.firmware_map, map), kMap));
  return Check(problem_, CollectFirmwareRanges(map.bytes, map.descriptor_size, owned_), kMap);
}

Status Application::FindHandovers() {
  if (self_.has_other_options) {
    SayLine(SayNoText, "what the loader said");
  }
  if (inputs_.ignores_line) {
    SayLine(SayIgnored, "command line");
  }
  TRY(FindHandoverSources(firmware_, self_, own_, is_secure_, map_, storage_, sources_, problem_));
  FixedVector<TreePlace, 5> trees;
  for (const TreePlace& tree : sources_.trees) {
    TRY(Check(problem_, trees.Append(tree), "handover"));
    // Nothing is fenced yet after a reset: what else is no RAM may be a device, which is not to be read.
    if (tree.is_listed) {
      TRY(Check(problem_, readable_.Add(tree.option.range), "handover", tree.option.range));
    }
  }
  if (inputs_.bundles_tree) {
    TRY(Check(problem_, trees.Append(*inputs_.bundles_tree), "handover"));
  }
  const HandoverCarriers carriers{
      .trees = trees.view(), .lines = inputs_.lines, .nodes = sources_.nodes.view(), .nodes_are_outside = is_secure_};
  return holdfast::FindHandovers(carriers, map_, found_, problem_);
}

Status Application::ReadHandovers() {
  kept_.Clear();
  scratch_.Clear();
  native_scratch_.Clear();
  ram_.Clear();
  handover_.emplace(kept_, scratch_, ram_);
  for (std::size_t i = 0; i < lost_.size(); ++i) {
    lost_names_[i] = {lost_[i].source, lost_[i].node};
  }
  {
    const VectorScope vectors;  // of no concern to firmware, which says the lines
    const HandoverReading reading{.memory = memory_,
                                  .blocks = Blocks(),
                                  .map = map_,
                                  .native_scratch = native_scratch_,
                                  .lost = std::span(lost_names_).first(lost_.size()),
                                  .aligned = storage_.report};
    TRY(holdfast::ReadHandovers(reading, found_, *handover_, problem_));
  }
  is_read_ = true;
  SayNotRead();
  SayLine(SayHandover, handover_->dialect.view(), kept_.size(), kept_.bytes());
  Mark("handover");
  return kDone;
}

void Application::SayNotRead() {
  for (const FoundHandover& handover : found_) {
    if (handover.is_fenced) {
      SayLine(SayFenced, CarrierName(handover.carrier), handover.at);
    }
    if (handover.is_unfinished) {
      SayLine(SayNotKept, "KHO handover not finalized");
    }
  }
}

// Under a VectorScope.
Sha256BlocksFn Application::Blocks() { return x86::HasShaNi() ? &Sha256NiBlocks : &Sha256Blocks; }

// --- The end

EFI_STATUS Application::Refuse(Error error) {
  SayLine(SayRefused, problem_);
  RestoreVariable();
  if (handover_ && handover_->policy.on_refusal == OnRefusal::kHalt) {
    SayLine(SayHalted);
    Halt();
  }
  GiveBack();
  SayLine(SayReturned);
  return StatusOf(error);
}

// One that is no handover, or breaks what it is given to, must not come back for ever.
void Application::RestoreVariable() {
  if (is_read_ && !has_started_ && sources_.one_shot) {
    SayLine(SayRestored, "HoldfastHandover variable", efi::RestoreVariable(firmware_, sources_).ok());
  }
}

void Application::Mark(std::string_view name) {
  if (marks_.size() < marks_.capacity()) {
    Require(marks_.Append({name, x86::Rdtsc()}).ok());
  }
}

}  // namespace holdfast::efi
