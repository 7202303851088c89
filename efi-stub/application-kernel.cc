// SPDX-License-Identifier: BSD-2-Clause
// A boot from firmware: the kernel, and the plan that has its facts.

#include "common/arch/x86/seed.h"
#include "common/base/byte-reader.h"
#include "common/format/image-string.h"
#include "common/plan/fence-map.h"
#include "common/plan/firmware-claims.h"
#include "common/plan/kernel-entry.h"
#include "common/plan/kernel-options.h"
#include "efi-stub/application.h"
#include "efi-stub/explain.h"
#include "efi-stub/processor.h"
#include "efi-stub/random.h"

namespace holdfast::efi {
namespace {

constexpr std::string_view kUnpackedKernel = "unpacked kernel";

std::span<std::byte> MemoryAt(PhysRange range) {
  return {reinterpret_cast<std::byte*>(range.start().raw()), static_cast<std::size_t>(range.size())};
}

bool BeginsPe(std::span<const std::byte> file) {
  const auto magic = ByteReader(file).Read<Le16>();
  return magic.ok() && magic.value().value() == kDosMagic;
}

}  // namespace

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
  inputs.entry.is_5_levels = Is5Levels();
  inputs.entry.is_confidential = IsConfidentialGuest();
  HeedKernelOptions(inputs_.command_line, inputs);
  return inputs;
}

std::uint64_t Application::SeedFor(std::string_view purpose) const {
  x86::SeedMaker seed(purpose);
  AddFirmwareRandom(firmware_, seed);
  return seed.FinishNumber();
}

Status Application::Decide() {
  seed_ = SeedFor(x86::kSlotSeed);
  virtual_seed_ = SeedFor(x86::kVirtualSeed);
  TRY(ReadInUse());
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

}  // namespace holdfast::efi
