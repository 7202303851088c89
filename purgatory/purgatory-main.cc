// SPDX-License-Identifier: BSD-2-Clause
// The stage as a purgatory: from the loader's jump to the next kernel's.

#include <cstring>
#include <utility>

#include "common/arch/x86/consoles.h"
#include "common/arch/x86/cpu.h"
#include "common/arch/x86/exceptions.h"
#include "common/arch/x86/power.h"
#include "common/base/version.h"
#include "common/console/wording.h"
#include "common/format/boot-report.h"
#include "common/format/kernel-header.h"
#include "common/plan/boot-plan.h"
#include "common/plan/kernel-options.h"
#include "purgatory/boot-inputs.h"
#include "purgatory/ending.h"
#include "purgatory/execute.h"
#include "purgatory/find-handover.h"
#include "purgatory/loaded-boot.h"
#include "purgatory/loader-contract.h"
#include "purgatory/own-page-tables.h"
#include "purgatory/seed.h"
#include "purgatory/storage.h"

namespace holdfast::purgatory {
namespace {

constexpr std::string_view kShell = "purgatory";
constexpr std::uint64_t kEntryOffset = 0x200;  // of the 64-bit entry in a loaded bzImage (boot.rst)

// entry.S
struct StartState {
  std::uint64_t boot_params;
  std::uint64_t entry;
};
static_assert(sizeof(StartState) == 16);

// For HoldfastException, which has no arguments of ours.
constinit Ending* g_ending = nullptr;

class Timeline {
 public:
  // A mark that does not fit is left out.
  void Mark(std::string_view name) {
    if (marks_.size() < marks_.capacity()) {
      Require(marks_.Append({name, x86::Rdtsc()}).ok());
    }
  }
  std::span<const Timestamp> view() const { return marks_.view(); }

 private:
  FixedVector<Timestamp, 12> marks_;
};

// The consoles that there are, and the devices behind them.
class Consoles {
 public:
  explicit Consoles(const ConsoleOptions& options) : serial_(options.serial_base, options.serial_baud) {
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

  Console& console() { return console_; }

 private:
  Console console_;
  x86::SerialPort serial_;
  x86::VgaText vga_;
};

// Says one line, put together by a function of common/console/wording.h.
template <typename Say, typename... Args>
void SayLine(Console& console, Say say, Args... args) {
  LineBuffer line;
  say(line, args...);
  console.Line(line.view());
}

// SHA-256 by the processor's own instructions where it has them.
class Hasher {
 public:
  Sha256BlocksFn blocks() const { return has_sha_ni_ ? &Sha256NiBlocks : &Sha256Blocks; }

 private:
  bool has_sha_ni_ = x86::HasShaNi();
  x86::SseScope sse_;
};

// The loader's digest covers its segments in order.
void VerifySegments(const LoaderContract& loader, const PhysMemory& memory, Console& console, Ending& ending) {
  const Hasher hasher;
  Sha256 hash(hasher.blocks());
  std::uint64_t num_bytes = 0;
  std::uint64_t num_segments = 0;
  PhysRange first;
  for (const PurgatoryRegion& region : loader.regions) {
    const auto range = PhysRange::FromStartSize(PhysAddr(region.start), region.len);
    if (!range.ok()) {
      ending.Refuse({.code = range.error().code, .where = range.error().where, .what = "loader's segment"});
    }
    const auto bytes = memory.View(range.value());
    if (!bytes.ok()) {
      ending.Refuse({.code = bytes.error().code, .where = bytes.error().where, .what = "loader's segment"});
    }
    hash.Update(bytes.value());
    num_bytes += region.len;
    num_segments += region.len != 0 ? 1 : 0;
    first = first.empty() ? range.value() : first;
  }
  if (hash.Finish() != loader.digest) {
    ending.Refuse({.code = Errc::kBadDigest, .where = first.start().raw(), .what = "loader's segments"});
  }
  SayLine(console, SayDigest, num_bytes, num_segments);
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

// One boot, from the loader's jump to the next kernel's.  Each step ends it where it must not go on.
class Boot {
 public:
  Boot() : consoles_(ReadConsoleOptions()), ending_(consoles_.console()) {
    g_ending = &ending_;
    x86::InstallExceptionTable();
    time_.Mark("entry");
  }

  StartState start() const { return {loader_.boot_params.raw(), entry_.raw()}; }

  void ReadLoader() {
    ending_.Check(ReadLoaderContract(loader_), "loader's registers");
    entry_ = loader_.kernel_entry;
    SayLine(consoles_.console(), SayHello, kShell, loader_.name);
    // The loader vouches for its segments: they are mapped, and nothing else is known yet.
    ending_.Check(readable_.Add(loader_.stage), "stage", loader_.stage);
    for (const PurgatoryRegion& region : loader_.regions) {
      const auto range = PhysRange::FromStartSize(PhysAddr(region.start), region.len);
      ending_.Check(range.ok() ? readable_.Add(range.value()) : Status(range.error()), "loader's segment");
    }
  }

  void VerifySegments() {
    if (loader_.verify) {
      purgatory::VerifySegments(loader_, memory_, consoles_.console(), ending_);
    } else {
      SayLine(consoles_.console(), SayDigestSkipped);
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
    SayLine(consoles_.console(), SayPassedOn, loader_.crash_kernel ? "crash kernel" : "kernel that jumps back");
    return true;
  }

  void ReadBootParams() {
    std::string_view failed;
    const Status read = ReadLoadedBoot(loader_.boot_params, readable_, loaded_, failed);
    ending_.Check(read, failed);
    time_.Mark("boot_params");
  }

  void FindHandover() {
    if (Problem problem; !FindHandovers(loaded_.command_line, loaded_.map, handovers_, problem).ok()) {
      ending_.Refuse(problem);
    }
    for (const FoundHandover& handover : handovers_) {
      ending_.Check(readable_.Add(handover.option.range), "handover", handover.option.range);
    }
  }

  void SwitchTables() {
    ending_.Check(SwitchPageTables(g_storage.page_tables, loaded_.map, readable_.view()), "page tables");
    time_.Mark("page tables");
  }

  void ReadHandover() {
    Problem problem;
    const Hasher hasher;
    const Status decoded = DecodeHandovers(memory_, hasher.blocks(), handovers_, handover_, problem);
    ending_.SetPolicy(handover_.policy);
    if (!decoded.ok()) {
      ending_.Refuse(problem);
    }
    SayLine(consoles_.console(), SayHandover, handover_.dialect, kept_.size(), kept_.bytes());
    time_.Mark("handover");
  }

  void Decide() {
    FixedVector<SegmentRequest, kMaxSegments> segments;
    ending_.Check(ListSegments(loaded_, loader_.stage, segments), "segments");
    BoundedVector<InUse> in_use(g_storage.in_use);
    RangeSet efi(g_storage.efi);
    ending_.Check(ListInUse(loaded_, handovers_, memory_, efi, in_use), "EFI memory map");
    FixedVector<InUse, kPurgatoryRegions> written;
    for (const PurgatoryRegion& region : loader_.regions) {
      // ReadLoader has checked each of them.
      const PhysRange range = PhysRange::FromStartSize(PhysAddr(region.start), region.len).value();
      ending_.Check(written.Append({.name = "loader's segment", .range = range.RoundedOut(kPageSize)}), "segments");
    }
    const auto kernel = DecodeKernelFacts(loaded_.params.hdr);
    ending_.Check(kernel.ok() ? Status(kDone) : Status(kernel.error()), "kernel's header");
    const auto kernel_at =
        PhysRange::FromStartSize(PhysAddr(loader_.kernel_entry.raw() - kEntryOffset), kernel.value().size);
    ending_.Check(kernel_at.ok() ? Status(kDone) : Status(kernel_at.error()), "kernel");
    kernel_at_ = kernel_at.value();

    BootInputs inputs{.memory = loaded_.map,
                      .handover = handover_,
                      .kernel = kernel.value(),
                      .kernel_at = kernel_at_,
                      .segments = segments.view(),
                      .in_use = in_use.view(),
                      .written = written.view(),
                      .seed = MakeSeed(loaded_.nodes.view(), memory_)};
    HeedKernelOptions(loaded_.command_line, inputs);
    if (const Status planned = MakeBootPlan(inputs, plan_); !planned.ok()) {
      Problem problem = plan_.problems[0];
      NameKept(handovers_, problem);
      ending_.Refuse(problem);
    }
    time_.Mark("plan");
  }

  // All that is left to do is prepared in our own memory before anything else is written.
  void Prepare() {
    BootReport report;
    report.version = kVersion;
    report.shell = kShell;
    report.loader = loader_.name;
    report.dialect = handover_.dialect;
    report.generation = handover_.generation + 1;
    report.kept = kept_.view();
    report.mode = ModeName(plan_.mode);
    report.entry = "bzimage";
    report.map_before = loaded_.map.view();
    report.map_after = plan_.memory.view();
    report.closed_bytes = plan_.closed_bytes;
    report.kernel = plan_.slot.range;
    report.slot_index = plan_.slot.index;
    report.slot_count = plan_.slot.count;
    report.timestamps = time_.view();
    if (!handovers_.empty()) {
      const FoundHandover& first = handovers_[0];
      report.handover_address = first.option.range.start();
      report.handover_digest = first.option.digest;
      report.handover = first.tree->bytes();
    }
    ending_.Check(PrepareNodes(plan_, report, loaded_, g_storage), "report", loader_.stage);
    SayLine(consoles_.console(), SayMode, ModeName(plan_.mode), plan_.memory.size(), plan_.closed_bytes);
    SayLine(consoles_.console(), SayKernel, plan_.slot.range.start(), plan_.slot.index, plan_.slot.count);
  }

  void Execute() {
    ending_.Check(ExecutePlan(plan_, kept_, kernel_at_, loaded_), "plan");
    entry_ = PhysAddr(plan_.slot.range.start().raw() + kEntryOffset);
  }

 private:
  Timeline time_;
  Consoles consoles_;
  Ending ending_;
  LoaderContract loader_;
  PhysAddr entry_;
  PhysRange kernel_at_;

  ReadableMemory readable_{g_storage.readable};
  PhysMemory memory_ = readable_.memory();
  LoadedBoot loaded_{g_storage.params, g_storage.map};
  FoundHandovers handovers_;

  PreservedMap kept_{g_storage.kept};
  RangeSet scratch_{g_storage.scratch};
  RangeSet ram_{g_storage.ram};
  Handover handover_{kept_, scratch_, ram_};
  BootPlan plan_{g_storage.fenced_map, g_storage.avoid};
};

StartState Run(std::uint64_t jump_back_entry) {
  Boot boot;
  boot.ReadLoader();
  boot.VerifySegments();
  if (boot.PassesOn(jump_back_entry)) {
    return boot.start();
  }
  boot.ReadBootParams();
  boot.FindHandover();
  boot.SwitchTables();  // The handover may lie in memory that the old kernel had not mapped.
  boot.ReadHandover();
  boot.Decide();
  boot.Prepare();
  boot.Execute();  // Nothing is written outside our own memory before this, and nothing is found out after it.
  return boot.start();
}

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
}  // namespace holdfast::purgatory

extern "C" void PurgatoryMain(std::uint64_t jump_back_entry, holdfast::purgatory::StartState* start) {
  *start = holdfast::purgatory::Run(jump_back_entry);
}

extern "C" void HoldfastException(const holdfast::x86::ExceptionFrame* frame) {
  using holdfast::PhysAddr;
  using holdfast::PhysRange;
  auto* const ending = std::exchange(holdfast::purgatory::g_ending, nullptr);
  if (ending == nullptr) {
    holdfast::x86::ResetMachine();  // A fault while a fault was told of, or before there was a console.
  }
  holdfast::Problem problem{
      .code = holdfast::Errc::kFault, .where = frame->rip, .what = holdfast::purgatory::ExceptionName(frame->vector)};
  if (frame->vector == 14) {
    const auto at = PhysRange::FromStartSize(PhysAddr(holdfast::x86::ReadCr2()), 1);
    problem.range = at.ok() ? at.value() : PhysRange();
  }
  ending->Refuse(problem);
}
