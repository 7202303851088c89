// SPDX-License-Identifier: BSD-2-Clause
// What there is to start.
//
// The first of these that has a kernel: the sections of the image (.linux .initrd .cmdline .osrel .uname, as
// systemd-stub(7) and ukify have them), the files linux, initrd and cmdline in \EFI\holdfast\ on the volume that the
// image was started from, the file bundle there (docs/holdfast-bundle.5, alone or in a kernel image that carries it).
// Sources are not mixed: an initrd comes from where its kernel does.
//
// Under Secure Boot a kernel from a file is verified by who starts it, its initrd by nobody, as everywhere; but no text
// from outside the image counts: neither a loader's options, nor the file cmdline, nor what a bundle says beside its
// kernel and its initrd, whose handover is from outside.

#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "common/codec/sha256.h"
#include "common/format/bundle.h"
#include "common/format/find-handovers.h"
#include "common/format/inner-kernel.h"
#include "common/format/pe-image.h"
#include "common/mem/problem.h"
#include "efi-stub/firmware.h"
#include "efi-stub/storage.h"

namespace holdfast::efi {

inline constexpr const char16_t* kKernelFile = u"\\EFI\\holdfast\\linux";
inline constexpr const char16_t* kInitrdFile = u"\\EFI\\holdfast\\initrd";
inline constexpr const char16_t* kCommandLineFile = u"\\EFI\\holdfast\\cmdline";
inline constexpr const char16_t* kBundleFile = u"\\EFI\\holdfast\\bundle";

enum class InputSource : std::uint8_t { kSections, kFiles, kBundle };

struct Inputs {
  InputSource source = InputSource::kSections;
  std::string_view command_line;  // of the kernel, in storage.command_line, with a NUL behind it
  // What it is made of, for FindHandovers(): the source's own, and what the loader said.
  std::array<std::string_view, kMaxCommandLines> lines;
  bool ignores_line = false;               // there is another, from outside, under Secure Boot
  std::string_view os_name;                // PRETTY_NAME of .osrel, else .uname's text, else empty
  std::optional<TreePlace> bundles_tree;   // a handover in the bundle
  KernelEntry entry = KernelEntry::kAuto;  // holdfast.entry= on the command line, else the bundle's
  ModeWish mode = ModeWish::kAuto;         // the bundle's
  // Once they are loaded:
  InnerKernel kernel;
  std::span<const std::byte> initrd;
};

// Which source it is, and its command line with the loader's own options behind it, which are taken whole: an EFI Shell
// puts the application's name before them, which Linux makes an argument of init's.  Takes no memory: what is read of
// files is small enough for storage.
// On error `problem` says why: kNotFound (what: "kernel in the image or in \EFI\holdfast"); kTooLarge: a command line
// that storage does not hold, a handover above kMaxHandoverSize; kMalformed (where: byte offset in it): a NUL inside a
// line, options that are no UTF-16 text, holdfast.entry= with another word; those of DecodeBundleTable() and
// FindBundle(); kBadDigest: of a bundle's part; kFirmware.
Status FindInputs(const Firmware& firmware, const Self& self, const PeImage& own, bool is_secure, Storage& storage,
                  Inputs& out, Problem& problem);

// Reads kernel and initrd; files into memory of the ledger.  Pre: what is kept is fenced.
// The kernel is a bzImage with an EFI stub, or a bundle of one; it is not verified here: who starts it does that, or
// has firmware do it.  Pre: `inout` is as FindInputs() left it.  Errors of the decoders, with `problem` filled;
// kTooLarge (where: the kernel's limit): of the command line.
Status LoadInputs(const Firmware& firmware, const Self& self, const PeImage& own, Ledger& ledger, Storage& storage,
                  Inputs& inout, Problem& problem);

}  // namespace holdfast::efi
