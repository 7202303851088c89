// SPDX-License-Identifier: BSD-2-Clause
// A boot from firmware: the steps, in their order.

#include "efi-stub/application.h"

#include "common/arch/x86/confidential.h"
#include "common/arch/x86/consoles.h"
#include "common/arch/x86/cpu.h"
#include "common/arch/x86/power.h"
#include "common/arch/x86/seed.h"
#include "common/format/image-string.h"
#include "common/plan/fence-map.h"
#include "common/plan/firmware-claims.h"
#include "common/plan/kernel-entry.h"
#include "common/plan/kernel-options.h"
#include "common/plan/mode.h"
#include "efi-stub/console.h"
#include "efi-stub/explain.h"

namespace holdfast::efi {
namespace {

constexpr std::string_view kShell = "efi";
constexpr std::string_view kUnpackedKernel = "unpacked kernel";

Sha256BlocksFn FastBlocks() { return x86::HasShaNi() ? &Sha256NiBlocks : &Sha256Blocks; }

std::span<std::byte> MemoryAt(PhysRange range) {
  return {reinterpret_cast<std::byte*>(range.start().raw()), static_cast<std::size_t>(range.size())};
}

bool BeginsPe(std::span<const std::byte> file) {
  const auto magic = ByteReader(file).Read<Le16>();
  return magic.ok() && magic.value().value() == kDosMagic;
}

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
      fence_(ledger_, storage.claims),
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
  // Until here nothing was allocated, and kept memory is as it was found.
  TRY(Fence());
  TRY(LoadKernel());
  TRY(Decide());
  SayPlan();
  return Start();
}

// --- What there is

void Application::SayWho() {
  console_.AddSink(FirmwareSink(firmware_));
  if (const auto sink = x86::OpenDebugPort()) {
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
  Mark("firmware");
  return kDone;
}

Status Application::ReadOwned(StoredMap& map) {
  constexpr std::string_view kMap = "EFI memory map";
  TRY(Check(problem_, firmware_.ReadMap(storage_.firmware_map, map), kMap));
  return Check(problem_, CollectFirmwareRanges(map.bytes, map.descriptor_size, owned_), kMap);
}

Status Application::FindHandovers() {
  if (inputs_.ignores_line) {
    SayLine(SayIgnored, "command line");
  }
  TRY(FindHandoverSources(firmware_, self_, own_, is_secure_, map_, storage_, sources_, problem_));
  FixedVector<TreePlace, 5> trees;
  for (const TreePlace& tree : sources_.trees) {
    TRY(Check(problem_, trees.Append(tree), "handover"));
  }
  if (inputs_.bundles_tree) {
    TRY(Check(problem_, trees.Append(*inputs_.bundles_tree), "handover"));
  }
  const HandoverCarriers carriers{
      .trees = trees.view(), .lines = inputs_.lines, .nodes = sources_.nodes.view(), .nodes_are_outside = is_secure_};
  TRY(holdfast::FindHandovers(carriers, map_, found_, problem_));
  for (const FoundHandover& handover : found_) {
    // A tree may lie in what is no RAM; all else is read in RAM, or not at all.
    if (handover.carrier == Carrier::kTree) {
      TRY(Check(problem_, readable_.Add(handover.at), "handover", handover.at));
    }
  }
  return Check(problem_,
               FindFencedLists(found_, memory_, map_,
                               BlockSink(
                                   [](void* self, const KeptBlock& block) {
                                     return static_cast<x86::ReadableMemory*>(self)->Add(block.range);
                                   },
                                   &readable_)),
               "handover");
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
  const x86::SseScope sse;
  const HandoverReading reading{.memory = memory_,
                                .blocks = FastBlocks(),
                                .map = map_,
                                .native_scratch = native_scratch_,
                                .lost = std::span(lost_names_).first(lost_.size()),
                                .aligned = storage_.report};
  TRY(holdfast::ReadHandovers(reading, found_, *handover_, problem_));
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

// --- What is kept

// Without a kernel: all but its slot.
Status Application::PlanFence() {
  EntryFacts entry;
  entry.has_efi_image = true;
  entry.has_efi_handover = true;
  KernelFacts no_kernel;
  no_kernel.limit = kPhysLimit;
  TRY(ListInUse());
  return MakePlan(PlanInputs(no_kernel, entry));
}

Status Application::CheckContents() {
  lost_.Clear();
  num_intact_ = num_without_digest_ = 0;
  const x86::SseScope sse;
  const ContentSink sink(&NoteContent, this);
  TRY(Check(problem_, holdfast::CheckContents(found_, memory_, FastBlocks(), sink), "kept memory"));
  if (num_intact_ + num_without_digest_ + lost_.size() != 0) {
    SayLine(SayContents, num_intact_, num_without_digest_);
  }
  Mark("contents");
  return lost_.empty() ? Status(kDone) : DropLost();
}

Status Application::NoteContent(void* self, const KeptContent& content) {
  auto& application = *static_cast<Application*>(self);
  switch (content.state) {
    case ContentState::kIntact:
      ++application.num_intact_;
      return kDone;
    case ContentState::kNoDigest:
      ++application.num_without_digest_;
      return kDone;
    case ContentState::kLost:
      return application.lost_.Append(content);
  }
  Bug();
}

// The owner has said whether the rest is worth a boot.
Status Application::DropLost() {
  if (handover_->policy.on_loss == OnLoss::kRefuse) {
    const KeptContent& first = lost_[0];
    return Explain(problem_, {Errc::kContentsLost, first.first.start().raw()}, first.name, first.first);
  }
  for (std::size_t i = 0; i < lost_.size(); ++i) {
    SayLine(SayLost, lost_[i].name, lost_[i].first, lost_[i].bytes);
    lost_texts_[i] = lost_[i].name;
  }
  TRY(ReadHandovers());
  return PlanFence();
}

Status Application::Fence() {
  EntryFacts entry;
  TRY(Claim(PlanInputs(KernelFacts(), entry)));
  TRY(fence_.HoldTrees(found_.view(), owned_.view(), problem_));
  Mark("fence");
  return kDone;
}

Status Application::Claim(const BootInputs& inputs) {
  BoundedVector<FirmwareClaim> wanted(storage_.wanted_claims);
  TRY(Check(problem_, ListFirmwareClaims(inputs, plan_, wanted), "kept memory"));
  return fence_.Claim(wanted.view(), problem_);
}

// --- What is started

Status Application::LoadKernel() {
  TRY(LoadInputs(firmware_, self_, own_, ledger_, storage_, inputs_, problem_));
  if (NeedsUnpacked()) {
    const Status unpacked = UnpackKernel();
    has_vmlinux_ = unpacked.ok();
    if (inputs_.entry == KernelEntry::kVmlinux) {
      TRY(Check(problem_, unpacked, kUnpackedKernel));
    }
  }
  Mark("kernel");
  return kDone;
}

// The ELF file tells whether the kernel reads its handover by itself; and it may be the only way in.
bool Application::NeedsUnpacked() const {
  return inputs_.entry == KernelEntry::kVmlinux || handover_->native || !BeginsPe(inputs_.kernel.file);
}

Status Application::UnpackKernel() {
  InnerKernel& kernel = inputs_.kernel;
  if (!kernel.has_vmlinux()) {
    return kernel.why_no_vmlinux;
  }
  std::span<const std::byte> bytes = kernel.unpacked;
  if (kernel.packed) {
    TRY_ASSIGN(unpacked_, ledger_.Allocate(kernel.packed->size, EfiLoaderData));
    const auto memory = MemoryAt(*unpacked_).first(static_cast<std::size_t>(kernel.packed->size));
    TRY(Unpack(*kernel.packed, memory, storage_.zstd));
    bytes = memory;
  }
  if (handover_->native) {
    speaks_native_ = CarriesString(bytes, handover_->native->compatible);
  }
  return DecodeVmlinux(bytes, kernel.image.header.pref_address.value(), kernel.vmlinux);
}

EntryFacts Application::EntryFactsHere() const {
  EntryFacts entry = EntryFactsOf(inputs_.kernel.image.header);
  entry.has_vmlinux = has_vmlinux_;
  entry.has_bzimage = inputs_.kernel.has_bzimage;
  entry.has_efi_image = entry.has_bzimage && BeginsPe(inputs_.kernel.file);
  return entry;
}

BootInputs Application::PlanInputs(const KernelFacts& facts, const EntryFacts& entry) {
  BootInputs inputs{.memory = map_,
                    .handover = *handover_,
                    .kernel = facts,
                    .entry = entry,
                    .command_line = inputs_.command_line,
                    .mode = inputs_.mode,
                    .speaks_native = speaks_native_,
                    .in_use = in_use_.view(),
                    .seed = seed_,
                    .virtual_seed = virtual_seed_,
                    .entry_budget = FirmwareEntryBudget(map_)};
  inputs.entry.wanted = inputs_.entry;
  inputs.entry.in_firmware = true;
  inputs.entry.is_secure = is_secure_;
  inputs.entry.is_5_levels = (x86::ReadCr4() & x86::kCr4La57) != 0;
  inputs.entry.is_confidential = x86::IsConfidentialGuest();
  HeedKernelOptions(inputs_.command_line, inputs);
  return inputs;
}

Status Application::ListInUse() {
  in_use_.Clear();
  TRY(Check(problem_, ListFirmwareInUse(owned_.view(), fence_.view(), in_use_), "EFI memory map"));
  for (const FoundHandover& handover : found_) {
    // The pages of other handovers are kept with the rest.
    if (handover.carrier == Carrier::kTree) {
      const InUse use{.name = "handover", .range = handover.at, .may_be_kept = true};
      TRY(Check(problem_, in_use_.Append(use), "handover", handover.at));
    }
  }
  return kDone;
}

Status Application::MakePlan(const BootInputs& inputs) {
  const Status made = MakeBootPlan(inputs, plan_);
  if (!made.ok()) {
    problem_ = plan_.problems[0];
    NameKept(found_, problem_);
  }
  return made;
}

Status Application::Decide() {
  seed_ = x86::SeedMaker(x86::kSlotSeed).FinishNumber();
  virtual_seed_ = x86::SeedMaker(x86::kVirtualSeed).FinishNumber();
  StoredMap stored;
  TRY(ReadOwned(stored));
  TRY(ListInUse());
  const KernelFacts& bzimage = inputs_.kernel.image.facts;
  TRY(MakePlan(PlanInputs(bzimage, EntryFactsHere())));
  const bool is_vmlinux = plan_.entry == KernelEntry::kVmlinux;
  // Its slot is of the size that this very entry needs.
  const BootInputs inputs =
      PlanInputs(is_vmlinux ? VmlinuxFacts(bzimage, inputs_.kernel.vmlinux) : bzimage, EntryFactsHere());
  if (is_vmlinux) {
    TRY(MakePlan(inputs));
  } else if (unpacked_) {
    ledger_.Free(*unpacked_);
    unpacked_.reset();
  }
  kaslr_ = inputs.kaslr;
  TRY(Claim(inputs));
  Mark("plan");
  return kDone;
}

void Application::SayPlan() {
  if (plan_.why_fence) {
    SayLine(SayNotNative, *plan_.why_fence);
  }
  SayLine(SayMode, ModeName(plan_.mode), plan_.memory.size(), plan_.closed_bytes);
  if (IsEfiEntry(plan_.entry)) {
    SayOtherFences();
    SayLine(SayPlacesItself, plan_.slot.count);
  } else {
    SayLine(SayKernel, plan_.slot.range.start(), plan_.slot.index, plan_.slot.count);
  }
}

// Once for each name.
void Application::SayOtherFences() {
  const KeptRange* said = nullptr;
  for (const KeptRange& kept : kept_.view()) {
    const bool is_said = said != nullptr && said->source == kept.source && said->node == kept.node;
    if (FenceThrough(plan_.entry, kept.fence) == kept.fence || is_said) {
      continue;
    }
    Problem named{.code = Errc::kKeptNotRam, .kept = kept};
    NameKept(found_, named);
    SayLine(SayOtherFence, named.what, kept.fence);
    said = &kept;
  }
}

// --- The end

EFI_STATUS Application::Refuse(Error error) {
  SayLine(SayRefused, problem_);
  if (handover_ && handover_->policy.on_refusal == OnRefusal::kHalt) {
    SayLine(SayHalted);
    x86::Halt();
  }
  GiveBack();
  SayLine(SayReturned);
  return StatusOf(error);
}

void Application::Mark(std::string_view name) {
  if (marks_.size() < marks_.capacity()) {
    Require(marks_.Append({name, x86::Rdtsc()}).ok());
  }
}

}  // namespace holdfast::efi
