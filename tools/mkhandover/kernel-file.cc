// SPDX-License-Identifier: BSD-2-Clause
// A kernel from a file: its bzImage, and what that unpacks to.

#include "tools/mkhandover/kernel-file.h"

#include "common/format/image-string.h"
#include "common/plan/kernel-entry.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/text.h"
#include "tools/mkhandover/unpack.h"

namespace holdfast::tool {
namespace {

std::string RuleOf(Error error) { return DescribeRule({.code = error.code, .where = error.where}); }

std::string PayloadComplaint(Error error) {
  if (error.code != Errc::kUnsupported) {
    return Format("its payload: {}", RuleOf(error));
  }
  return error.where == 0 ? "its header names no payload to unpack"
                          : Format("its payload begins with {:#010x}, which no known way of packing does", error.where);
}

}  // namespace

KernelEntry ParseEntry(std::string_view word) {
  return word == "vmlinux" ? KernelEntry::kVmlinux : word == "bzimage" ? KernelEntry::kBzImage : KernelEntry::kAuto;
}

ModeWish ParseMode(std::string_view word) {
  return word == "native" ? ModeWish::kNative : word == "fence" ? ModeWish::kFence : ModeWish::kAuto;
}

std::string_view ModeWishName(ModeWish mode) {
  switch (mode) {
    case ModeWish::kAuto:
      return "auto";
    case ModeWish::kFence:
      return "fence";
    case ModeWish::kNative:
      return "native";
  }
  return "unknown";
}

KernelFile::KernelFile(std::vector<std::byte> bytes, std::string name)
    : name_(std::move(name)), bytes_(std::move(bytes)) {
  if (const Status status = DecodeKernelImage(bytes_, image_); !status.ok()) {
    throw Failure(status.error(), Format("{}: no bzImage: {}", name_, RuleOf(status.error())));
  }
}

KernelFile::KernelFile(const std::string& path) : KernelFile(ReadFile(path), FileName(path)) {}

std::unique_ptr<UnpackedKernel> UnpackFor(KernelEntry wanted, const KernelFile& kernel, Output& output) {
  if (wanted == KernelEntry::kBzImage) {
    return nullptr;
  }
  const auto give_up = [&](Error error, const std::string& why) -> std::unique_ptr<UnpackedKernel> {
    if (wanted == KernelEntry::kVmlinux) {
      throw Failure(error, Format("{}: {}: use --entry bzimage", kernel.name(), why));
    }
    output.Note(Format("{}: {}: taken as it is", kernel.name(), why));
    return nullptr;
  };
  const auto payload = FindKernelPayload(kernel.bytes(), kernel.image());
  if (!payload.ok()) {
    if (payload.error().code == Errc::kTruncated) {
      throw Failure(payload.error(),
                    Format("{}: {}: is the file whole?", kernel.name(), PayloadComplaint(payload.error())));
    }
    return give_up(payload.error(), PayloadComplaint(payload.error()));
  }
  auto out = std::make_unique<UnpackedKernel>();
  out->codec = payload.value().codec;
  out->bytes = Unpack(payload.value(), kernel.name());
  if (const Status status = DecodeVmlinux(out->bytes, kernel.image().header.pref_address.value(), out->vmlinux);
      !status.ok()) {
    return give_up(status.error(), Format("what it unpacks to is not understood: {}", RuleOf(status.error())));
  }
  return out;
}

bool SpeaksNative(const Handover& handover, const UnpackedKernel* unpacked) {
  return handover.native && unpacked != nullptr && CarriesString(unpacked->bytes, handover.native->compatible);
}

EntryFacts EntryFactsFor(KernelEntry wanted, const KernelFile& kernel, const UnpackedKernel* unpacked) {
  EntryFacts facts = EntryFactsOf(kernel.image().header);
  facts.wanted = wanted;
  facts.has_vmlinux = unpacked != nullptr;
  return facts;
}

KernelFacts FactsFor(const KernelFile& kernel, const UnpackedKernel* unpacked) {
  const KernelFacts& facts = kernel.image().facts;
  return unpacked == nullptr ? facts : VmlinuxFacts(facts, unpacked->vmlinux);
}

}  // namespace holdfast::tool
