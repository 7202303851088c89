// SPDX-License-Identifier: BSD-2-Clause
// The stage as a purgatory: from the loader's jump to the next kernel's.

#include <cstring>

#include "common/console/wording.h"
#include "common/format/kernel-header.h"
#include "common/plan/boot-plan.h"
#include "common/plan/kernel-entry.h"
#include "common/plan/kernel-options.h"
#include "purgatory/boot-inputs.h"
#include "purgatory/boot.h"
#include "purgatory/execute.h"
#include "purgatory/object/loader-contract.h"
#include "purgatory/seed.h"

namespace holdfast::purgatory {
namespace {

constexpr std::string_view kShell = "purgatory";

constinit Storage g_storage{};

// The loader's digest covers its segments in order.
void VerifySegments(const LoaderContract& loader, const PhysMemory& memory, Console& console, Ending& ending) {
  const Hasher hasher;
  Sha256 hash(hasher.blocks());
  std::uint64_t num_bytes = 0;
  std::uint64_t num_segments = 0;
  PhysRange first;
  for (const PurgatoryRegion& region : loader.regions) {
    const auto range = PhysRange::FromStartSize(PhysAddr(region.start), region.len);
    ending.Check(range.ok() ? Status(kDone) : Status(range.error()), "loader's segment");
    const auto bytes = memory.View(range.value());
    ending.Check(bytes.ok() ? Status(kDone) : Status(bytes.error()), "loader's segment");
    hash.Update(bytes.value());
    num_bytes += region.len;
    num_segments += region.len != 0 ? 1 : 0;
    first = first.empty() ? range.value() : first;
  }
  if (hash.Finish() != loader.digest) {
    ending.Refuse({.code = Errc::kBadDigest, .where = first.start().raw(), .what = "loader's segments"});
  }
  LineBuffer line;
  SayDigest(line, num_bytes, num_segments);
  console.Line(line.view());
}

// What every purgatory does for a crash kernel: the first 640 KiB go to their backup region.
void SaveCrashBackup(Ending& ending) {
  const auto backup = ReadCrashBackup();
  if (!backup.ok()) {
    ending.Refuse({.code = backup.error().code, .where = backup.error().where, .what = "crash backup region"});
  }
  if (!backup.value().to.empty()) {
    x86::CopyPhysical(backup.value().to.start().raw(), backup.value().from.start().raw(), backup.value().from.size());
  }
}

// A kexec that will come back to its old kernel tells the next one where to jump.
void AppendJumpBack(std::uint64_t jump_back_entry) {
  const auto end = CommandLineEnd();
  if (!end) {
    return;
  }
  TextBuffer<kPurgatoryCmdlineSpare - 1> option;
  option.Text(" kexec_jump_back_entry=").Hex(jump_back_entry);
  char* const to = reinterpret_cast<char*>(end->raw());
  std::memcpy(to, option.view().data(), option.view().size());
  to[option.view().size()] = '\0';
}

class ObjectBoot : private Boot {
 public:
  ObjectBoot() : Boot(g_storage, ReadConsoleOptions()) {}

  StartState Run(std::uint64_t jump_back_entry) {
    ReadLoader();
    RefuseConfidential();
    VerifyLoadersSegments();
    if (PassesOn(jump_back_entry)) {
      return {loader_.boot_params.raw(), loader_.kernel_entry.raw()};
    }
    ReadBootParams(loader_.boot_params);
    FindHandoversOn({loaded_.command_line});
    SwitchTables();  // The handover may lie in memory that the old kernel had not mapped.
    ReadHandovers();
    Decide();
    Prepare(kShell, loader_.name, loader_.stage);
    // Nothing was written outside our own memory before this, and nothing is found out after it.
    ending_.Check(ExecutePlan(plan_, kept_, kernel_at_, loaded_), "plan");
    return {loader_.boot_params.raw(), plan_.slot.range.start().raw() + kEntry64Offset};
  }

 private:
  void ReadLoader() {
    ending_.Check(ReadLoaderContract(loader_), "loader's registers");
    SayLine(SayHello, kShell, loader_.name);
    // The loader vouches for its segments: they are mapped, and nothing else is known yet.
    ending_.Check(readable_.Add(loader_.stage), "stage", loader_.stage);
    for (const PurgatoryRegion& region : loader_.regions) {
      const auto range = PhysRange::FromStartSize(PhysAddr(region.start), region.len);
      ending_.Check(range.ok() ? readable_.Add(range.value()) : Status(range.error()), "loader's segment");
    }
  }

  void VerifyLoadersSegments() {
    if (loader_.verify) {
      VerifySegments(loader_, memory_, consoles_.console(), ending_);
    } else {
      SayLine(SayDigestSkipped);
    }
    time_.Mark("digest");
  }

  // A crash kernel lives in memory that was set aside for it, and a kernel that will jump back leaves all memory
  // where it is: there is nothing to fence and nothing to move.
  bool PassesOn(std::uint64_t jump_back_entry) {
    if (!loader_.crash_kernel && jump_back_entry == 0) {
      return false;
    }
    SaveCrashBackup(ending_);
    if (jump_back_entry != 0) {
      AppendJumpBack(jump_back_entry);
    }
    SayLine(SayPassedOn, loader_.crash_kernel ? "crash kernel" : "kernel that jumps back");
    return true;
  }

  void Decide() {
    FixedVector<SegmentRequest, kMaxSegments> segments;
    ending_.Check(ListSegments(loaded_, loader_.stage, segments), "segments");
    BoundedVector<InUse> in_use(storage_.in_use);
    RangeSet efi(storage_.efi);
    EfiFacts efi_facts;
    ending_.Check(ListInUse(loaded_, handovers_, memory_, efi, in_use, efi_facts), "EFI memory map");
    FixedVector<InUse, kPurgatoryRegions> written;
    for (const PurgatoryRegion& region : loader_.regions) {
      // ReadLoader has checked each of them.
      const PhysRange range = PhysRange::FromStartSize(PhysAddr(region.start), region.len).value();
      ending_.Check(written.Append({.name = "loader's segment", .range = range.RoundedOut(kPageSize)}), "segments");
    }
    const auto kernel = DecodeKernelFacts(loaded_.params.hdr);
    ending_.Check(kernel.ok() ? Status(kDone) : Status(kernel.error()), "kernel's header");
    const auto kernel_at =
        PhysRange::FromStartSize(PhysAddr(loader_.kernel_entry.raw() - kEntry64Offset), kernel.value().size);
    ending_.Check(kernel_at.ok() ? Status(kDone) : Status(kernel_at.error()), "kernel");
    kernel_at_ = kernel_at.value();

    EntryFacts entry = EntryFactsHere(loaded_.params.hdr);
    entry.has_vmlinux = false;
    BootInputs inputs{.memory = map_,
                      .handover = handover_,
                      .kernel = kernel.value(),
                      .entry = entry,
                      .efi = efi_facts,
                      .command_line = loaded_.command_line,
                      .kernel_at = kernel_at_,
                      .segments = segments.view(),
                      .in_use = in_use.view(),
                      .written = written.view(),
                      .seed = MakeSeed(x86::kSlotSeed, loaded_.nodes.view(), memory_)};
    HeedKernelOptions(loaded_.command_line, inputs);
    MakePlan(inputs);
    time_.Mark("plan");
  }

  LoaderContract loader_;
  PhysRange kernel_at_;
};

// It lies on the stack of 64 KiB, and leaves room for what it calls.
static_assert(sizeof(ObjectBoot) <= 32 * kKiB);

}  // namespace
}  // namespace holdfast::purgatory

extern "C" void PurgatoryMain(std::uint64_t jump_back_entry, holdfast::purgatory::StartState* start) {
  holdfast::purgatory::ObjectBoot boot;
  *start = boot.Run(jump_back_entry);
}
