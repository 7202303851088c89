// SPDX-License-Identifier: BSD-2-Clause
// The handovers that only firmware can lead to.
//
// In this order: section .dtb of the image, \EFI\holdfast\handover.dtb on the volume it was started from, the EFI
// variable that points at one, the device-tree configuration table.  Those of the command line follow (FindHandovers).

#pragma once

#include <optional>

#include "common/format/find-handovers.h"
#include "common/format/handover-variable.h"
#include "common/format/pe-image.h"
#include "common/mem/phys-memory.h"
#include "efi-stub/firmware.h"
#include "efi-stub/storage.h"

namespace holdfast::efi {

inline constexpr const char16_t* kHandoverFile = u"\\EFI\\holdfast\\handover.dtb";

struct HandoverSources {
  FixedVector<TreePlace, 4> trees;
  // The variable's KHO, as the node that a kexec would have passed on: in `kho`.
  FixedVector<SetupDataNode, 1> nodes;
  struct KhoNode {
    SetupDataHeader header;
    std::array<std::byte, 32> record;
  };
  alignas(16) KhoNode kho{};
  std::span<const std::byte> kho_tree{};  // that it leads to
  // A one-shot variable as it was; it is deleted.
  struct OneShot {
    HandoverVariable variable;
    std::uint32_t attributes = 0;
  };
  std::optional<OneShot> one_shot{};
};

// A one-shot variable is deleted before what it points at is read; one that cannot be deleted is refused.  With
// `is_secure` everything but the section comes from outside.  A file is read into storage.handover_file.  A
// configuration table that is no handover-v1 tree is somebody else's, and passed over; everything else that does not
// read is refused: somebody waits for its memory.
// On error `problem` says why: DecodeHandoverVariable()'s errors, kTooLarge (a file above kMaxHandoverSize),
// kUnreadable (what the variable names is no memory by `map`), kFirmware.
Status FindHandoverSources(const Firmware& firmware, const Self& self, const PeImage& own, bool is_secure,
                           const MemoryMap& map, Storage& storage, HandoverSources& out, Problem& problem);
// Sets a one-shot variable again, as it was: nothing was started, and the next boot must not take what is still there
// for free.  Pre: what it points at was read, and its digest was right.  Firmware's errors.
Status RestoreVariable(const Firmware& firmware, HandoverSources& sources);

}  // namespace holdfast::efi
