// SPDX-License-Identifier: BSD-2-Clause
// Starts the kernel without its EFI stub.
//
// What the kernel reads lies in loader's memory, which the new map calls RAM; that does no harm.  Before Linux
// allocates anything it has copied boot_params and the command line (copy_bootdata() in arch/x86/kernel/head64.c), and
// has reserved the initrd, every setup_data node (early_reserve_memory() in arch/x86/kernel/setup.c) and the EFI memory
// map (efi_memblock_x86_reserve_range()).  The decompressor, which runs before that, takes no memory but
// EfiConventionalMemory while it is shown an EFI map (arch/x86/boot/compressed/kaslr.c).  It is the same with what the
// kernel's own EFI stub leaves.

#include "efi-stub/direct-entry.h"

#include <cstring>
#include <new>

#include "common/console/console.h"
#include "common/console/wording.h"
#include "common/format/boot-params.h"
#include "efi-stub/enter-kernel.h"
#include "efi-stub/explain.h"
#include "efi-stub/processor.h"
#include "efi-stub/random.h"
#include "efi-stub/screen.h"
#include "efi-stub/setup-nodes.h"

namespace holdfast::efi {
namespace {

constexpr EFI_GUID kAcpi2Guid = ACPI_20_TABLE_GUID;
constexpr EFI_GUID kAcpi1Guid = ACPI_TABLE_GUID;
constexpr std::byte kSecureBootDisabled{2};  // enum efi_secureboot_mode: nobody else may come here
// The map changes when firmware's own handlers run at the end of boot services, which they do once.
constexpr int kMaxExits = 4;

// What the kernel is given.  Every kernel finds it below 4 GiB.
struct KernelInput {
  alignas(kPageSize) BootParams params;
  std::array<char, 4096> command_line;
  // Linux takes this since 6.0, so there is no need of a LINUX_EFI_RANDOM_SEED table.
  Node<Digest> seed;
  Node<std::array<E820Entry, kMaxExtension>> extension;
};

class DirectBoot {
 public:
  DirectBoot(const Firmware& firmware, Ledger& ledger, Storage& storage, const DirectStart& start, Problem& problem)
      : firmware_(firmware), ledger_(ledger), storage_(storage), start_(start), problem_(problem) {}

  Status Run() {
    TRY(Place());
    TRY(MakeInput());
    TRY(LeaveBootServices());
    const x86::StartState state = {.boot_params = reinterpret_cast<std::uintptr_t>(&input_->params),
                                   .entry = start_.plan.slot.range.start().raw() + entry_};
    EnterKernel(&state);
  }

 private:
  Status Place() {
    const PhysRange slot = start_.plan.slot.range;
    TRY(Check(problem_, CheckTarget(start_.kept, slot), "kernel", slot));
    // Code: newer firmware lets nobody run what lies in data.
    if (const Status taken = ledger_.AllocateAt(slot, EfiLoaderCode); !taken.ok()) {
      const Error error = taken.error();
      const bool is_taken = error.code == Errc::kNotFound;
      return Explain(problem_, is_taken ? Error{Errc::kFirmware, EFI_NOT_FOUND} : error, "kernel", slot);
    }
    entry_ = LoadKernel(start_.kernel, start_.plan.entry, start_.plan.virtual_delta,
                        {reinterpret_cast<std::byte*>(slot.start().raw()), static_cast<std::size_t>(slot.size())});
    return kDone;
  }

  Status MakeInput() {
    const auto place = ledger_.Allocate(sizeof(KernelInput), EfiLoaderData, 4 * kGiB);
    TRY(Check(problem_, place, "boot_params"));
    TRY(Check(problem_, CheckTarget(start_.kept, place.value()), "boot_params", place.value()));
    input_ = new (reinterpret_cast<void*>(place.value().start().raw())) KernelInput{};
    BootParams& params = input_->params;
    AdoptKernelHeader(start_.kernel, start_.plan.entry, start_.kaslr, params);
    TRY(CopyCommandLine());
    TRY(SetInitrdRange());
    TRY(LinkNodes());
    const ScreenInfo screen = ReadScreen(firmware_);
    std::memcpy(std::as_writable_bytes(std::span(&params, 1)).data(), &screen, sizeof(screen));
    const auto acpi2 = firmware_.ConfigTable(kAcpi2Guid);
    const auto acpi = acpi2 ? acpi2 : firmware_.ConfigTable(kAcpi1Guid);
    params.acpi_rsdp_addr.Set(acpi.value_or(PhysAddr(0)).raw());
    params.secure_boot = kSecureBootDisabled;
    return kDone;
  }

  Status CopyCommandLine() {
    const std::string_view line = start_.command_line;
    if (line.size() >= input_->command_line.size()) {
      return Explain(problem_, {Errc::kTooLarge, input_->command_line.size() - 1}, "command line");
    }
    if (!line.empty()) {
      std::memcpy(input_->command_line.data(), line.data(), line.size());
    }
    SetCommandLine(PhysAddr(reinterpret_cast<std::uintptr_t>(input_->command_line.data())), input_->params);
    return kDone;
  }

  Status SetInitrdRange() {
    const PhysAddr at(reinterpret_cast<std::uintptr_t>(start_.initrd.data()));
    const auto range = PhysRange::FromStartSize(at, start_.initrd.size());
    TRY(Check(problem_, range, "initrd"));
    SetInitrd(range.value(), input_->params);
    return kDone;
  }

  Status LinkNodes() {
    const SetupNodes nodes{.report = start_.report, .held = start_.plan.held.view(), .passed = start_.nodes};
    const auto made = MakeSetupNodes(ledger_, storage_, nodes);
    TRY(Check(problem_, made, "setup_data"));
    NodeChain chain = made.value();
    x86::SeedMaker seed(x86::kKernelSeed);
    AddFirmwareRandom(firmware_, seed);
    input_->seed.payload = seed.Finish();
    chain.Prepend(input_->seed.header, kSetupRngSeed, input_->seed.payload.size());
    const Status encoded =
        PrependE820(start_.plan.memory, input_->params, input_->extension.header, input_->extension.payload, chain);
    TRY(Check(problem_, encoded, "memory map"));
    input_->params.hdr.setup_data.Set(chain.head());
    return kDone;
  }

  // From the first failed attempt on, firmware need not answer but for its map (UEFI 2.10, 7.4.6), and there is no boot
  // manager to go back to.
  Status LeaveBootServices() {
    for (int i = 0; i < kMaxExits; ++i) {
      StoredMap map;
      const Status ready = ReadLastMap(map);
      if (!ready.ok() && i == 0) {
        return ready;
      }
      if (!ready.ok()) {
        break;
      }
      const Status left = firmware_.ExitBootServices(map.key);
      if (left.ok()) {
        return kDone;
      }
      Explain(problem_, left.error(), "boot services");
    }
    End();
  }

  // By what needs no firmware.
  [[noreturn]] void End() {
    Console console;
    if (const auto sink = OpenDebugPort()) {
      console.AddSink(*sink);
    }
    LineBuffer line;
    SayRefused(line, problem_);
    console.Line(line.view());
    line.Clear();
    if (start_.policy.on_refusal == OnRefusal::kHalt) {
      SayHalted(line);
      console.Line(line.view());
      Halt();
    }
    SayReset(line, start_.policy.refusal_delay_seconds);
    console.Line(line.view());
    ResetAfter(start_.policy.refusal_delay_seconds);
  }

  Status ReadLastMap(StoredMap& map) {
    TRY(Check(problem_, firmware_.ReadMap(storage_.firmware_map, map), "firmware's memory map"));
    TRY(CheckMap(map));
    SetEfiInfo(map);
    return kDone;
  }

  // What firmware keeps for itself by now must not be RAM to the kernel.
  Status CheckMap(const StoredMap& map) {
    BoundedVector<FirmwareRange> owned(storage_.owned);
    TRY(Check(problem_, CollectFirmwareRanges(map.bytes, map.descriptor_size, owned), "firmware's memory map"));
    const auto entries = start_.plan.memory.view();
    for (const FirmwareRange& range : owned) {
      if (IsGivenBack(range.type)) {
        continue;
      }
      for (std::size_t i = start_.plan.memory.FirstEndingAfter(range.range.start());
           i < entries.size() && entries[i].range.start() < range.range.end(); ++i) {
        const PhysRange shared = entries[i].range.Intersection(range.range);
        if (IsRam(entries[i].type)) {
          return Explain(problem_, {Errc::kConflict, shared.start().raw()}, EfiMemoryTypeName(range.type), shared);
        }
      }
    }
    return kDone;
  }

  // When boot services are gone.
  static bool IsGivenBack(EfiMemoryType type) {
    return type == EfiMemoryType::kLoaderCode || type == EfiMemoryType::kLoaderData ||
           type == EfiMemoryType::kBootServicesCode || type == EfiMemoryType::kBootServicesData;
  }

  void SetEfiInfo(const StoredMap& map) {
    const std::uint64_t table = reinterpret_cast<std::uintptr_t>(firmware_.table());
    const std::uint64_t bytes = reinterpret_cast<std::uintptr_t>(map.bytes.data());
    EfiInfo& info = input_->params.efi_info;
    info.loader_signature.Set(kEfiSignature64);
    info.systab.Set(static_cast<std::uint32_t>(table));
    info.systab_hi.Set(static_cast<std::uint32_t>(table >> 32));
    info.memdesc_size.Set(map.descriptor_size);
    info.memdesc_version.Set(map.descriptor_version);
    info.memmap.Set(static_cast<std::uint32_t>(bytes));
    info.memmap_hi.Set(static_cast<std::uint32_t>(bytes >> 32));
    info.memmap_size.Set(static_cast<std::uint32_t>(map.bytes.size()));
  }

  const Firmware& firmware_;
  Ledger& ledger_;
  Storage& storage_;
  const DirectStart& start_;
  Problem& problem_;
  KernelInput* input_ = nullptr;
  std::uint64_t entry_ = 0;  // from the start of the slot
};

}  // namespace

Status StartDirectly(const Firmware& firmware, Ledger& ledger, Storage& storage, const DirectStart& start,
                     Problem& problem) {
  Require(start.plan.entry == KernelEntry::kVmlinux || start.plan.entry == KernelEntry::kBzImage);
  return DirectBoot(firmware, ledger, storage, start, problem).Run();
}

}  // namespace holdfast::efi
