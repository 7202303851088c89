// SPDX-License-Identifier: BSD-2-Clause
// The stage as a kernel image: from its loader's jump to the inner kernel's.

#include "common/console/wording.h"
#include "common/format/boot-params.h"
#include "common/format/image-string.h"
#include "common/format/inner-kernel.h"
#include "common/plan/kernel-entry.h"
#include "common/plan/kernel-options.h"
#include "common/plan/mode.h"
#include "purgatory/boot-inputs.h"
#include "purgatory/boot.h"
#include "purgatory/execute.h"
#include "purgatory/image/carried-bundle.h"
#include "purgatory/image/stage-image.h"
#include "purgatory/image/work-area.h"
#include "purgatory/seed.h"

namespace holdfast::purgatory {
namespace {

constexpr std::string_view kShell = "image";
constexpr std::uint16_t kFirstSerialPort = 0x3f8;
constexpr std::byte kSecureBootEnabled{3};  // boot_params.secure_boot (arch/x86/include/uapi/asm/bootparam.h)
constexpr std::byte kVgaText{1};            // screen_info.orig_video_isVGA

static_assert(EARLY_TABLES * kPageSize + sizeof(Storage) + WORK_STACK_SIZE <= WORK_SIZE,
              "the work area holds everything");
static_assert(WORK_STACK_SPARE < sizeof(Storage));

constexpr std::string_view kUnpackedKernel = "unpacked kernel";
constexpr std::string_view kUnpackedInitrd = "unpacked initrd";

class ImageBoot : private Boot {
 public:
  explicit ImageBoot(Storage& storage) : Boot(storage, {.serial_base = kFirstSerialPort}) {}

  StartState Run(PhysAddr load, PhysAddr boot_params, PhysAddr loaders_stack) {
    RefuseConfidential();
    ReadLoader(load, boot_params, loaders_stack);
    ReadBundle();
    JoinCommandLines();
    FindAllHandovers();
    SwitchTables();  // A handover may lie in memory that the old kernel had not mapped.
    ReadHandovers();
    MakeRoom();
    UnpackParts();
    Decide();
    MakeBootParams();
    Prepare(kShell, loader_, image_.memory);
    // Nothing was written outside our own memory, and memory that the plan found free, before this; and nothing is
    // found out after it.
    return Execute();
  }

 private:
  void ReadLoader(PhysAddr load, PhysAddr boot_params, PhysAddr loaders_stack) {
    const auto* const record =
        reinterpret_cast<const StageImageRecord*>(load.raw() + kStageRecordOffset - kStageHeaderSize);
    ending_.Check(ReadStageImage(load, *record, image_), "stage image");
    ending_.Check(readable_.Add(image_.memory), "stage image", image_.memory);
    ReadBootParams(boot_params);
    loader_ = boot_params == image_.boot_params_hint ? "mkhandover" : LoaderName(loaded_.params);
    loaders_stack_ = loaders_stack;
    if (loaded_.params.screen_is_vga == kVgaText) {
      consoles_.AddVga();
    }
    const auto serial = FindSerialConsole(loaded_.command_line);
    if (serial && (serial->port != kFirstSerialPort || serial->baud != 0)) {
      consoles_.AddSerial(serial->port, serial->baud);
    }
    SayLine(SayHello, kShell, loader_);
  }

  void ReadBundle() {
    const Hasher hasher;
    std::string_view failed;
    std::uint64_t num_bytes = 0;
    const Status read = ReadCarriedBundle(image_, loaded_, memory_, hasher.blocks(), bundle_, num_bytes, failed);
    ending_.Check(read, failed, bundle_.at);
    SayLine(SayDigest, num_bytes, bundle_.bundle.parts.size());
    // Who has signed the image has not signed what lies beside it.
    if (!bundle_.in_image && loaded_.params.secure_boot == kSecureBootEnabled) {
      ending_.Refuse({.code = Errc::kUnsupported, .what = "bundle outside the image under Secure Boot"});
    }
    ending_.Check(ReadInnerKernel(bundle_.bundle, kernel_, failed), failed);
    time_.Mark("digest");
  }

  // The bundle's line, then the loader's, as Linux does it with the one that is built into a kernel.
  void JoinCommandLines() {
    TextWriter line(std::span(storage_.command_line).first(storage_.command_line.size() - 1));
    if (const auto part = bundle_.bundle.Find(BundlePartKind::kCommandLine)) {
      bundles_line_ = {reinterpret_cast<const char*>(part->stored.data()), part->stored.size()};
      if (const std::size_t nul = bundles_line_.find('\0'); nul != std::string_view::npos) {
        ending_.Refuse({.code = Errc::kMalformed, .where = nul, .what = PartName(part->kind)});
      }
      line.Text(bundles_line_).Text(loaded_.command_line.empty() ? "" : " ");
    }
    line.Text(loaded_.command_line);
    command_line_ = line.view();
    const std::uint64_t limit = kernel_.image.header.cmdline_size.value();
    if (line.truncated() || command_line_.size() > limit) {
      ending_.Refuse({.code = Errc::kTooLarge, .where = limit, .what = "command line"});
    }
  }

  // A crash kernel runs in memory that was set aside for it, and reads the rest: nothing is fenced there.
  bool IsCrashKernel() const { return FindOption(command_line_, "elfcorehdr").has_value(); }

  void FindAllHandovers() {
    if (IsCrashKernel()) {
      // The map then shows all memory, the dump's too, and the command line alone what may be used of it.
      if (const auto option = FindOption(command_line_, "memmap"); option && option->value.starts_with("exactmap")) {
        ending_.Refuse({.code = Errc::kUnsupported, .what = "crash kernel with memmap=exactmap"});
      }
      SayLine(SayNotKept, "crash kernel");
      return;
    }
    FixedVector<TreePlace, 1> tree;
    if (const auto part = bundle_.bundle.Find(BundlePartKind::kHandover)) {
      ending_.Check(tree.Append({.option = {bundle_.RangeOf(*part), part->digest}}), "handover");
    }
    FindHandoversOn({bundles_line_, loaded_.command_line}, tree.view());
  }

  void AddSegment(std::string_view name, std::uint64_t size, std::optional<PhysRange> at, bool is_temporary = false) {
    ending_.Check(segments_.Append({.name = name, .size = size, .at = at, .is_temporary = is_temporary}), "segments");
  }

  // Is the initrd a part of the bundle that the kernel reads where it lies?
  bool HasStoredInitrd() const { return bundle_.bundle.Find(BundlePartKind::kInitrd) && !PackedInitrd(); }

  std::optional<Packed> PackedInitrd() const {
    const auto part = bundle_.bundle.Find(BundlePartKind::kInitrd);
    return part && part->encoding == BundleEncoding::kZstd ? std::optional(Packed{part->stored, part->size})
                                                           : std::nullopt;
  }

  // Everything that lies somewhere and is still needed, and the places of what has to be unpacked.
  void ListAllSegments() {
    segments_.Clear();
    AddSegment("stage", image_.memory.size(), image_.memory);
    if (!bundle_.in_image) {
      AddSegment("bundle", bundle_.at.size(), bundle_.at, /*is_temporary=*/!HasStoredInitrd());
    } else if (!loaded_.initrd.empty()) {
      AddSegment("initrd", loaded_.initrd.size(), loaded_.initrd);
    }
    for (const SetupDataNode& node : loaded_.nodes) {
      ending_.Check(
          segments_.Append({.name = "setup_data", .size = node.node.size(), .at = node.node, .needs_ram = false}),
          "segments");
    }
    if (has_vmlinux_ && kernel_.packed) {
      AddSegment(kUnpackedKernel, kernel_.packed->size, unpacked_kernel_, /*is_temporary=*/true);
    }
    if (const auto initrd = PackedInitrd()) {
      AddSegment(kUnpackedInitrd, initrd->size, unpacked_initrd_);
    }
  }

  void ListAllInUse() {
    in_use_.Clear();
    efi_.Clear();
    ending_.Check(ListInUse(loaded_, handovers_, memory_, efi_, in_use_, efi_facts_), "EFI memory map");
  }

  // What the loader has written: not needed any more, but what was kept there is lost.
  void ListWritten() {
    const auto add = [this](std::string_view name, PhysRange range) {
      ending_.Check(written_.Append({.name = name, .range = range.RoundedOut(kPageSize)}), "segments");
    };
    add("boot_params", loaded_.params_at);
    add("command line", loaded_.command_line_at);
    // A stack that is empty ends where its pointer points.
    if (loaders_stack_ != PhysAddr(0)) {
      const auto stack = PhysRange::FromStartSize(PhysAddr(loaders_stack_.raw() - 1), 1);
      ending_.Check(stack.ok() ? Status(kDone) : Status(stack.error()), "loader's stack");
      add("loader's stack", stack.value());
    }
  }

  BootInputs Inputs(const KernelFacts& kernel) {
    EntryFacts entry = EntryFactsHere(kernel_.image.header);
    entry.wanted = bundle_.bundle.entry;
    entry.has_vmlinux = has_vmlinux_;
    entry.has_bzimage = kernel_.has_bzimage;
    BootInputs inputs{.memory = map_,
                      .handover = handover_,
                      .kernel = kernel,
                      .entry = entry,
                      .efi = efi_facts_,
                      .command_line = command_line_,
                      .mode = bundle_.bundle.mode,
                      .speaks_native = speaks_native_,
                      .segments = segments_.view(),
                      .in_use = in_use_.view(),
                      .written = written_.view(),
                      .seed = seed_,
                      .virtual_seed = virtual_seed_};
    HeedKernelOptions(command_line_, inputs);
    return inputs;
  }

  // The decompressor alone knows how to switch memory encryption on.
  bool WantsEncryption() const {
    const auto option = FindOption(command_line_, "mem_encrypt");
    return option && option->value == "on";
  }

  // Whoever wants native mode wants no entry that cannot have it.
  bool MayFallBack() const {
    return bundle_.bundle.entry == KernelEntry::kAuto && kernel_.has_bzimage &&
           WishOf(bundle_.bundle.mode, handover_) != ModeWish::kNative;
  }

  // Can the boot be decided with this kernel, or, without a size, up to its slot?
  bool CanPlan(const KernelFacts& kernel) { return MakeBootPlan(Inputs(kernel), plan_).ok(); }

  void FallBackToBzImage() {
    has_vmlinux_ = false;
    ListAllSegments();
  }

  // The first half of the decision: all but the kernel's slot, for which the kernel must be unpacked.
  void MakeRoom() {
    if (bundle_.bundle.entry == KernelEntry::kVmlinux && !kernel_.has_vmlinux()) {
      ending_.Check(kernel_.why_no_vmlinux, "kernel's payload");
    }
    CheckInitrds();
    ListAllInUse();
    ListWritten();
    seed_ = MakeSeed(x86::kSlotSeed, loaded_.nodes.view(), memory_);
    virtual_seed_ = MakeSeed(x86::kVirtualSeed, loaded_.nodes.view(), memory_);
    has_vmlinux_ =
        kernel_.has_vmlinux() && bundle_.bundle.entry != KernelEntry::kBzImage && !(WantsEncryption() && MayFallBack());
    ListAllSegments();
    KernelFacts no_kernel;
    no_kernel.limit = kernel_.image.facts.limit;
    // Where there is no room to unpack, or the processor's mode is not for it, the kernel can do it all itself.
    if (has_vmlinux_ && MayFallBack() && (!CanPlan(no_kernel) || plan_.entry != KernelEntry::kVmlinux)) {
      FallBackToBzImage();
    }
    MakePlan(Inputs(no_kernel));
    for (const PlacedSegment& segment : plan_.segments) {
      if (segment.name == kUnpackedKernel) {
        unpacked_kernel_ = segment.range;
      } else if (segment.name == kUnpackedInitrd) {
        unpacked_initrd_ = segment.range;
      }
    }
    ListAllSegments();  // From here on they have their places.
  }

  // The loader's initrd goes to the kernel where the bundle in the image has none, and nowhere else.
  void CheckInitrds() {
    if (!bundle_.in_image || loaded_.initrd.empty()) {
      return;
    }
    const auto bytes = memory_.View(loaded_.initrd);
    const bool is_bundle = bytes.ok() && BeginsBundle(bytes.value());
    if (is_bundle || bundle_.bundle.Find(BundlePartKind::kInitrd)) {
      ending_.Refuse({.code = Errc::kUnsupported,
                      .what = is_bundle ? "bundle in the loader's initrd beside the image's own"
                                        : "loader's initrd beside the bundle's own",
                      .range = loaded_.initrd});
    }
  }

  std::span<std::byte> MemoryAt(PhysRange range) {
    ending_.Check(CheckTarget(kept_, range), "plan", range);
    return {reinterpret_cast<std::byte*>(range.start().raw()), static_cast<std::size_t>(range.size())};
  }

  void UnpackParts() {
    if (const auto initrd = PackedInitrd()) {
      ending_.Check(Unpack(*initrd, MemoryAt(*unpacked_initrd_), storage_.zstd), PartName(BundlePartKind::kInitrd));
    }
    if (has_vmlinux_) {
      const Status unpacked = UnpackKernel();
      if (!unpacked.ok() && MayFallBack()) {
        FallBackToBzImage();
      } else {
        ending_.Check(unpacked, "unpacked kernel");
      }
    }
    time_.Mark("unpack");
  }

  Status UnpackKernel() {
    std::span<const std::byte> bytes = kernel_.unpacked;
    if (kernel_.packed) {
      const auto out = MemoryAt(*unpacked_kernel_);
      TRY(Unpack(*kernel_.packed, out, storage_.zstd));
      bytes = out;
    }
    if (handover_.native) {
      speaks_native_ = CarriesString(bytes, handover_.native->compatible);
    }
    return DecodeVmlinux(bytes, kernel_.image.header.pref_address.value(), kernel_.vmlinux);
  }

  void Decide() {
    if (has_vmlinux_ && MayFallBack() && !CanPlan(VmlinuxFacts(kernel_.image.facts, kernel_.vmlinux))) {
      FallBackToBzImage();
    }
    const KernelFacts facts = has_vmlinux_ ? VmlinuxFacts(kernel_.image.facts, kernel_.vmlinux) : kernel_.image.facts;
    const BootInputs inputs = Inputs(facts);
    kaslr_ = inputs.kaslr;
    MakePlan(inputs);
    // The slot is of the size that this very entry needs.
    Require((plan_.entry == KernelEntry::kVmlinux) == has_vmlinux_);
    time_.Mark("plan");
  }

  PhysRange Initrd() const {
    if (unpacked_initrd_) {
      return *unpacked_initrd_;
    }
    const auto part = bundle_.bundle.Find(BundlePartKind::kInitrd);
    return part ? bundle_.RangeOf(*part) : bundle_.in_image ? loaded_.initrd : PhysRange();
  }

  // The inner kernel's boot_params, made of the loader's.
  void MakeBootParams() {
    AdoptKernelHeader(kernel_, plan_.entry, kaslr_, loaded_.params);
    SetCommandLine(PhysAddr(reinterpret_cast<std::uintptr_t>(storage_.command_line.data())), loaded_.params);
    SetInitrd(Initrd(), loaded_.params);
  }

  StartState Execute() {
    const PhysRange slot = plan_.slot.range;
    const auto memory = MemoryAt(slot);
    ending_.Check(RelinkNodes(plan_, kept_, loaded_), "plan");
    const std::uint64_t params = reinterpret_cast<std::uintptr_t>(&loaded_.params);
    const std::uint64_t entry = LoadKernel(kernel_, plan_.entry, plan_.virtual_delta, memory);
    return {params, slot.start().raw() + entry};
  }

  StageImage image_;
  std::string_view loader_;
  PhysAddr loaders_stack_;
  CarriedBundle bundle_;
  InnerKernel kernel_;
  std::string_view bundles_line_;
  std::string_view command_line_;  // both
  FixedVector<SegmentRequest, kMaxSegments> segments_;
  FixedVector<InUse, 8> written_;
  BoundedVector<InUse> in_use_{storage_.in_use};
  RangeSet efi_{storage_.efi};
  EfiFacts efi_facts_;
  std::uint64_t seed_ = 0;
  std::uint64_t virtual_seed_ = 0;
  bool has_vmlinux_ = false;
  std::optional<bool> speaks_native_;
  bool kaslr_ = false;
  std::optional<PhysRange> unpacked_kernel_;
  std::optional<PhysRange> unpacked_initrd_;
};

// It lies on the stack, and leaves room for what it calls.
static_assert(sizeof(ImageBoot) <= WORK_STACK_SIZE / 2);

}  // namespace
}  // namespace holdfast::purgatory

// entry.S.  `storage` is zero.
extern "C" void ImageMain(holdfast::purgatory::StartState* start, std::uint64_t load, std::uint64_t boot_params,
                          holdfast::purgatory::Storage* storage, std::uint64_t loaders_stack) {
  using holdfast::PhysAddr;
  holdfast::purgatory::ImageBoot boot(*storage);
  *start = boot.Run(PhysAddr(load), PhysAddr(boot_params), PhysAddr(loaders_stack));
}
