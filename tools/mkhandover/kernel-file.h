// SPDX-License-Identifier: BSD-2-Clause
// A kernel from a file: its bzImage, and what that unpacks to.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/abi/bundle.h"
#include "common/format/kernel-header.h"
#include "common/format/vmlinux.h"
#include "common/plan/boot-plan.h"
#include "tools/mkhandover/output.h"

namespace holdfast::tool {

// "auto", "vmlinux", "bzimage": one of these, as the command line has checked.
KernelEntry ParseEntry(std::string_view word);
// "auto", "fence", "native", in the same way.
ModeWish ParseMode(std::string_view word);
std::string_view ModeWishName(ModeWish mode);

class KernelFile {
 public:
  // `name` is for messages.  What is no bzImage ends in a Failure.
  KernelFile(std::vector<std::byte> bytes, std::string name);
  explicit KernelFile(const std::string& path);
  KernelFile(const KernelFile&) = delete;
  KernelFile& operator=(const KernelFile&) = delete;

  const std::string& name() const { return name_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  // All that lies before the protected-mode part.
  std::span<const std::byte> setup() const { return bytes().first(image_.protected_offset); }
  const KernelImage& image() const { return image_; }

 private:
  std::string name_;
  std::vector<std::byte> bytes_;
  KernelImage image_;
};

struct UnpackedKernel {
  PayloadCodec codec{};
  std::vector<std::byte> bytes;
  Vmlinux vmlinux;  // borrows from `bytes`
};

// The kernel's payload, unpacked and understood, or nothing where the bzImage entry is to be used: where that is
// wanted, and, with a note that says why, where kAuto is wanted of a kernel that is not understood.
// Ends in a Failure for a payload that is damaged or packed with LZO, and for kVmlinux where it is not understood.
std::unique_ptr<UnpackedKernel> UnpackFor(KernelEntry wanted, const KernelFile& kernel, Output& output);

// What a placement has to satisfy when `kernel` is entered as `unpacked`, or through its bzImage where that is null.
KernelFacts FactsFor(const KernelFile& kernel, const UnpackedKernel* unpacked);
// Does it carry what a native handover needs?  The stage looks into what it unpacked; a bzImage unpacks itself.
bool SpeaksNative(const Handover& handover, const UnpackedKernel* unpacked);
// How it can be entered.
EntryFacts EntryFactsFor(KernelEntry wanted, const KernelFile& kernel, const UnpackedKernel* unpacked);

}  // namespace holdfast::tool
