// SPDX-License-Identifier: BSD-2-Clause
// The decision.
//
// MakeBootPlan() answers, from values alone: is the handover believable, what does the memory map become,
// which slot does the kernel get, where does everything go.  The stage calls it at the jump, and
// `mkhandover plan` before it.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/abi/bundle.h"
#include "common/base/bounded-vector.h"
#include "common/format/handover.h"
#include "common/format/kernel-header.h"
#include "common/mem/memory-map.h"
#include "common/mem/placed-segment.h"
#include "common/mem/preserved-map.h"
#include "common/mem/problem.h"
#include "common/mem/range-set.h"

namespace holdfast {

enum class Mode : std::uint8_t { kFence, kNative };
std::string_view ModeName(Mode mode);

// Something that has to lie in RAM when the next kernel starts.
struct SegmentRequest {
  std::string_view name;  // "initrd", "boot_params": what a refusal calls it
  std::uint64_t size = 0;
  std::uint64_t alignment = kPageSize;
  std::optional<PhysRange> at{};  // where it lies already; without, the plan finds a place
  bool needs_ram = true;          // false for what a loader may also leave in other memory
  bool is_temporary = false;  // nobody needs it once the next kernel runs: it may lie outside scratch in native mode
};

// Something that must not be written, whoever it belongs to.
struct InUse {
  std::string_view name;
  PhysRange range;
  bool may_be_kept = false;  // for the handover's own pages, which are kept with the rest
};

// How the kernel can be entered, and what was asked for.
struct EntryFacts {
  KernelEntry wanted = KernelEntry::kAuto;
  bool has_vmlinux = true;        // its ELF file and relocations are at hand and understood
  bool has_bzimage = true;        // all of its bzImage is at hand
  bool supports_5_levels = true;  // XLF_5LEVEL: its decompressor takes them
  bool runs_5_levels = true;      // XLF_5LEVEL_ENABLED: so does the kernel itself
  bool is_5_levels = false;       // CR4.LA57: the stage never switches
  bool in_firmware = false;       // boot services are there: firmware can start an EFI image
  bool has_efi_image = false;     // the bzImage is a PE image
  bool has_efi_handover = false;  // XLF_EFI_HANDOVER_64
  bool is_secure = false;         // Secure Boot: only what firmware has verified may be entered
  bool is_confidential = false;   // a guest whose memory or registers its host may not see
};

// What firmware's tables say, as far as the decision needs it.
struct EfiFacts {
  bool has_info = false;         // efi_info carries a signature and a memory map
  bool has_node = false;         // the setup_data chain has a SETUP_EFI node
  bool is_virtual = false;       // some runtime descriptor has a virtual address: SetVirtualAddressMap was called
  bool has_free_memory = false;  // some descriptor is EfiConventionalMemory: Linux' KASLR would take slots from it
};

// Everything the decision depends on, as values.  Entropy is an input too.
struct BootInputs {
  const MemoryMap& memory;   // as firmware or the carrier gave it
  const Handover& handover;  // decoded, its kept map sealed, not yet believed
  // What the kernel needs of its place.  Without a size there is no kernel yet: then everything is decided but its
  // slot, so that the shell can unpack it into a segment of its own and ask again.
  KernelFacts kernel;
  EntryFacts entry{};
  EfiFacts efi{};
  std::string_view command_line{};  // the next kernel's
  ModeWish mode = ModeWish::kAuto;  // what the caller wants; handover.policy.mode counts where this is kAuto
  // Does the next kernel's unpacked image carry handover.native->compatible?  nullopt: not known, because there is no
  // kernel yet, or because it is its own decompressor that will unpack it.
  std::optional<bool> speaks_native{};
  std::optional<PhysRange> kernel_at{};        // where its bytes lie now, if a loader has placed them
  std::span<const SegmentRequest> segments{};  // everything else that the next kernel needs
  std::span<const InUse> in_use{};             // what must not be written: firmware's ranges, the handover
  // What a loader has written: it may be written again, but what was kept there is lost.
  std::span<const InUse> written{};
  std::uint64_t seed = 0;          // uniform over 64 bits
  std::uint64_t virtual_seed = 0;  // another one, independent of it
  bool kaslr = true;               // false: `nokaslr`; for the physical place the handover's policy may say so too
  std::size_t entry_budget = kDefaultEntryBudget;

  // Debian's kernels take 3,200 entries (128 + 3 * MAX_NUMNODES), but kexec-tools, which has to hand the map on
  // at the next kexec, takes 2,048 (MAX_MEMORY_RANGES) and drops all that it knows of it beyond.
  static constexpr std::size_t kDefaultEntryBudget = 2000;
};

struct Slot {
  PhysRange range;          // where the kernel goes: KernelFacts::size bytes; empty where an EFI kernel places itself
  std::uint64_t index = 0;  // of all slots in ascending order of address
  std::uint64_t count = 0;
};

inline constexpr std::size_t kMaxSegments = 64;
inline constexpr std::size_t kMaxHeld = 96;      // SETUP_INDIRECT targets that every kernel from 6.1 takes
inline constexpr std::size_t kMaxProblems = 16;  // enough to see a pattern; the first one decides

struct BootPlan {
  // `map` and `avoid` are working storage of the shell's: the map that is handed on, and the set of places
  // where nothing may be put.
  BootPlan(std::span<MemEntry> map_storage, std::span<PhysRange> avoid_storage)
      : memory(map_storage), avoid(avoid_storage) {}

  void Clear();
  void ClearPlaces();  // all that follows from the choice of mode and entry

  Mode mode = Mode::kFence;
  KernelEntry entry = KernelEntry::kBzImage;  // never kAuto
  // Fence mode, and the next kernel may speak the dialect, or unpacks itself: it must not find its node.
  bool hides_native = false;
  // Why kAuto took the fence for a handover that a kernel can read by itself.
  std::optional<Problem> why_fence{};
  bool drops_efi = false;                 // efi_info and SETUP_EFI do not fit together: neither is passed on
  MemoryMap memory;                       // I1, I4
  FixedVector<PhysRange, kMaxHeld> held;  // to be held by SETUP_INDIRECT nodes
  Slot slot;                              // I5
  // How far above its link-time virtual address the kernel runs; 0 without KASLR, or where it cannot be moved.
  std::uint64_t virtual_delta = 0;
  // I6, in the order of the requests.  Whoever carries out the plan moves the kernel first: its old place may be
  // part of its new one, but of no segment's.
  FixedVector<PlacedSegment, kMaxSegments> segments;
  std::uint64_t closed_bytes = 0;               // RAM between kept ranges that was given up to the entry budget
  FixedVector<Problem, kMaxProblems> problems;  // why there is no plan; the first is what MakeBootPlan returns
  RangeSet avoid;
};

// Decides the whole boot.  Reads only `in`, writes only `plan`, and touches no memory that either of them does
// not own.  On error plan.problems says all that was found, and nothing else in `plan` may be used.
//
// Fence mode types kept memory by its fences.  Native mode leaves what in.handover.native keeps as it is, and puts
// everything that is still needed when the next kernel runs into scratch.  kAuto takes native mode where nothing is in
// its way and everything has its place in scratch, else fence mode, which never loses anything: why_fence says why.
// Without a kernel it is not known which it will be: then places do for both, in scratch while that has room; or for
// native mode alone, where the fence does not fit.  Where there is no handover that a kernel reads by itself there is
// nothing that native mode could keep: then a wish for it is no refusal.
//
// Errors: kKeptNotRam, kOverlap, kNotRam, kTableFull, kNoSlot; kConflict: an option of the command line would take
// kept memory away; kUnsupported, kUntrusted: no entry into the kernel is possible here (see ChooseEntry);
// kUnsupported: native mode is wanted and is not (see ObstacleToNative); kOutsideScratch: native mode is wanted, and a
// segment is in its way.
Status MakeBootPlan(const BootInputs& in, BootPlan& plan);

}  // namespace holdfast
