// SPDX-License-Identifier: BSD-2-Clause
// A boot from firmware: the steps, in their order.
//
// The application allocates nothing before kept memory is known and its contents were looked at, and gives back
// whatever it has allocated where the boot does not go on.  See docs/holdfast-stage.7, FROM FIRMWARE.

#pragma once

#include <array>
#include <optional>

#include "common/arch/x86/readable-memory.h"
#include "common/codec/sha256.h"
#include "common/console/console.h"
#include "common/console/wording.h"
#include "common/format/boot-report.h"
#include "common/format/kept-contents.h"
#include "common/format/pe-image.h"
#include "common/format/read-handovers.h"
#include "common/plan/boot-plan.h"
#include "efi-stub/firmware-fence.h"
#include "efi-stub/firmware.h"
#include "efi-stub/handover-sources.h"
#include "efi-stub/inputs.h"
#include "efi-stub/measure.h"
#include "efi-stub/storage.h"

namespace holdfast::efi {

inline constexpr std::string_view kShell = "efi";  // in the first line and in the report

class Application {
 public:
  Application(const Firmware& firmware, Storage& storage);

  // Returns where no kernel runs: then nothing is allocated any more.
  EFI_STATUS Run();

 private:
  static constexpr std::size_t kMaxLost = 64;

  Status Boot();

  // What there is.
  void SayWho();
  Status ReadFirmware();
  Status ReadOwned(StoredMap& map);
  Status FindHandovers();
  Status ReadHandovers();
  void SayNotRead();

  // What is kept: decided, looked at, fenced.
  Status PlanFence();
  Status CheckContents();
  static Status NoteContent(void* self, const KeptContent& content);
  Status DropLost();
  Status Fence();

  // What is started.
  Status LoadKernel();
  Status UnpackKernel();
  bool NeedsUnpacked() const;
  Status Decide();
  void SayPlan();
  void SayOtherFences();

  // What is told of it.
  void Measure();
  Status MeasureAll(const Measurer& measurer) const;
  void HeedOverwriteRequest();
  BootReport Report() const;

  Status Start();
  Status StartImage();
  Status EnterHandover();
  Status EnterDirectly();
  void HideKho();

  EFI_STATUS Refuse(Error error);
  void RestoreVariable();
  void GiveBack();

  BootInputs PlanInputs(const KernelFacts& facts, const EntryFacts& entry);
  EntryFacts EntryFactsHere() const;
  std::uint64_t SeedFor(std::string_view purpose) const;
  Status ReadInUse();
  Status MakePlan(const BootInputs& inputs);
  Status Claim(const BootInputs& inputs);
  Status NameOwner(Error error);
  void Mark(std::string_view name);
  static Sha256BlocksFn Blocks();

  template <typename Say, typename... Args>
  void SayLine(Say say, Args... args) {
    LineBuffer line;
    say(line, args...);
    console_.Line(line.view());
  }

  const Firmware& firmware_;
  Storage& storage_;
  Console console_;
  Ledger ledger_;
  FirmwareFence fence_;
  Problem problem_;

  std::array<char, 32> vendor_text_{};
  std::string_view vendor_;
  Self self_;
  PeImage own_;
  bool is_secure_ = false;
  BoundedVector<FirmwareRange> owned_;
  MemoryMap map_;
  x86::ReadableMemory readable_;
  PhysMemory memory_ = readable_.memory();

  Inputs inputs_;
  HandoverSources sources_;
  FoundHandovers found_;
  PreservedMap kept_;
  RangeSet scratch_;
  RangeSet native_scratch_;
  RangeSet ram_;
  std::optional<Handover> handover_;

  FixedVector<KeptContent, kMaxLost> lost_;
  std::array<LostName, kMaxLost> lost_names_{};
  std::array<std::string_view, kMaxLost> lost_texts_{};
  std::uint64_t num_intact_ = 0;
  std::uint64_t num_without_digest_ = 0;

  std::optional<PhysRange> unpacked_;
  bool has_vmlinux_ = false;
  std::optional<bool> speaks_native_;
  BoundedVector<InUse> in_use_;
  std::uint64_t seed_ = 0;
  std::uint64_t virtual_seed_ = 0;
  bool kaslr_ = true;
  BootPlan plan_;

  std::string_view measured_;
  std::string_view overwrite_request_;
  FixedVector<Timestamp, 16> marks_;
  EFI_HANDLE kernel_image_ = nullptr;
  bool has_report_ = false;
  bool is_read_ = false;      // the handovers: their digests are right
  bool has_started_ = false;  // the kernel, whatever became of it
};

}  // namespace holdfast::efi
