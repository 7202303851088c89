// SPDX-License-Identifier: BSD-2-Clause
// What there is to start.

#include "efi-stub/inputs.h"

#include <algorithm>

#include "common/format/input-text.h"
#include "common/plan/kernel-entry.h"
#include "efi-stub/bundle-file.h"
#include "efi-stub/explain.h"

namespace holdfast::efi {
namespace {

constexpr std::string_view kNoKernel = "kernel in the image or in \\EFI\\holdfast";
constexpr std::string_view kKernelName = "kernel";
constexpr std::string_view kLineName = "command line";
constexpr std::string_view kOptionsName = "loader's options";
constexpr std::string_view kEntryName = "holdfast.entry= on the command line";
constexpr std::string_view kBundleName = "bundle";

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Which source it is, and all of it that is text.
class Finder {
 public:
  Finder(const Firmware& firmware, const Self& self, const PeImage& own, bool is_secure, Storage& storage, Inputs& out,
         Problem& problem)
      : firmware_(firmware),
        self_(self),
        own_(own),
        is_secure_(is_secure),
        storage_(storage),
        room_(std::span(storage.command_line).first(storage.command_line.size() - 1)),
        out_(out),
        problem_(problem) {}

  Status Find() {
    out_.lines = {};
    if (!own_.BytesOf(".linux").empty()) {
      TRY(FindInSections());
    } else {
      TRY_ASSIGN(const bool has_kernel, HasFile(kKernelFile, kKernelName));
      TRY(has_kernel ? FindInFiles() : FindInBundle());
    }
    TRY(AddOptions());
    out_.command_line = {room_.data(), size_};
    room_.data()[size_] = '\0';
    return FindEntry();
  }

 private:
  Status FindInSections() {
    out_.source = InputSource::kSections;
    const std::string_view os_release = TextOf(own_.BytesOf(".osrel"));
    std::string_view uname = TextOf(own_.BytesOf(".uname"));
    while (!uname.empty() && (uname.back() == '\0' || uname.back() == '\n')) {
      uname.remove_suffix(1);
    }
    out_.os_name = FindPrettyName(os_release).value_or(uname);
    std::string_view line = TextOf(own_.BytesOf(".cmdline"));
    while (line.ends_with('\0')) {
      line.remove_suffix(1);
    }
    if (line.size() > room_.size()) {
      return Explain(problem_, {Errc::kTooLarge, room_.size()}, kLineName);
    }
    std::copy(line.begin(), line.end(), room_.begin());
    return TakeOwnLine(line.size(), kLineName);
  }

  Status FindInFiles() {
    out_.source = InputSource::kFiles;
    TRY_ASSIGN(const bool has_line, HasFile(kCommandLineFile, kLineName));
    if (!has_line) {
      return kDone;
    }
    if (is_secure_) {
      out_.ignores_line = true;
      return kDone;
    }
    const auto size = firmware_.FileSize(self_.device, kCommandLineFile);
    TRY(Check(problem_, size, kLineName));
    TRY(ReadLine(kCommandLineFile, size.value(), 0, kLineName));
    return TakeOwnLine(static_cast<std::size_t>(size.value()), kLineName);
  }

  Status FindInBundle() {
    out_.source = InputSource::kBundle;
    TRY_ASSIGN(const bool has_bundle, HasFile(kBundleFile, kBundleName));
    if (!has_bundle) {
      return Explain(problem_, {Errc::kNotFound, 0}, kNoKernel);
    }
    BundlePlace place;
    Bundle bundle;
    TRY(Check(problem_, ReadBundleTable(firmware_, self_.device, place, bundle), kBundleName));
    if (auto part = bundle.Find(BundlePartKind::kHandover)) {
      TRY(TakeHandover(place, *part));
    }
    const auto line = bundle.Find(BundlePartKind::kCommandLine);
    if (is_secure_) {
      out_.ignores_line = line.has_value();
      return kDone;
    }
    out_.entry = bundle.entry;
    out_.mode = bundle.mode;
    return line ? TakeBundlesLine(place, *line) : Status(kDone);
  }

  Status TakeBundlesLine(const BundlePlace& place, BundlePart part) {
    const std::string_view name = PartName(part.kind);
    TRY(ReadLine(kBundleFile, part.stored_size, place.offset + part.offset, name));
    part.stored = std::as_bytes(room_).first(static_cast<std::size_t>(part.stored_size));
    TRY(Check(problem_, VerifyPart(part, &Sha256Blocks), name));
    return TakeOwnLine(part.stored.size(), name);
  }

  Status TakeHandover(const BundlePlace& place, BundlePart part) {
    const std::string_view name = PartName(part.kind);
    auto& room = storage_.bundles_handover;
    if (part.stored_size > room.size()) {
      return Explain(problem_, {Errc::kTooLarge, room.size()}, name);
    }
    const auto bytes = std::span(room).first(static_cast<std::size_t>(part.stored_size));
    TRY(Check(problem_, firmware_.ReadFile(self_.device, kBundleFile, bytes, place.offset + part.offset), name));
    part.stored = bytes;
    TRY(Check(problem_, VerifyPart(part, &Sha256Blocks), name));
    const PhysAddr start(reinterpret_cast<std::uintptr_t>(bytes.data()));
    const auto range = PhysRange::FromStartSize(start, bytes.size());
    TRY(Check(problem_, range, name));
    out_.bundles_tree = TreePlace{.option = {range.value(), part.digest}, .is_outside = is_secure_};
    return kDone;
  }

  Result<bool> HasFile(const char16_t* path, std::string_view name) {
    const auto size = firmware_.FileSize(self_.device, path);
    if (!size.ok() && size.error().code != Errc::kNotFound) {
      return Explain(problem_, size.error(), name);
    }
    return size.ok();
  }

  Status ReadLine(const char16_t* path, std::uint64_t size, std::uint64_t offset, std::string_view name) {
    if (size > room_.size()) {
      return Explain(problem_, {Errc::kTooLarge, room_.size()}, name);
    }
    const auto bytes = std::as_writable_bytes(room_).first(static_cast<std::size_t>(size));
    return Check(problem_, firmware_.ReadFile(self_.device, path, bytes, offset), name);
  }

  // Of the first `size` characters in the room.
  Status TakeOwnLine(std::size_t size, std::string_view name) {
    const auto cleaned = CleanLine(room_.first(size));
    if (!cleaned.ok()) {
      return Explain(problem_, cleaned.error(), name);
    }
    size_ = cleaned.value();
    out_.lines[0] = {room_.data(), size_};
    return kDone;
  }

  // Behind the source's own line, as Linux does it with the one that is built into a kernel.
  Status AddOptions() {
    if (self_.options.empty()) {
      return kDone;
    }
    if (is_secure_) {
      out_.ignores_line = true;
      return kDone;
    }
    BoundedVector<char> line(room_.subspan(size_));
    Status added = size_ == 0 ? Status(kDone) : line.Append(' ');
    const std::size_t gap = line.size();
    if (added.ok()) {
      added = AppendUtf8(self_.options, line);
    }
    if (!added.ok() && added.error().code == Errc::kTableFull) {
      return Explain(problem_, {Errc::kTooLarge, room_.size()}, kLineName);
    }
    TRY(Check(problem_, added, kOptionsName));
    const auto cleaned = CleanLine(line.span().subspan(gap));
    if (!cleaned.ok()) {
      return Explain(problem_, cleaned.error(), kOptionsName);
    }
    if (cleaned.value() != 0) {
      out_.lines[1] = {room_.data() + size_ + gap, cleaned.value()};
      size_ += gap + cleaned.value();
    }
    return kDone;
  }

  // The last one counts.  A "--" ends the options of its own line only.
  Status FindEntry() {
    for (const std::string_view line : out_.lines) {
      const auto option = FindLastOption(line, "holdfast.entry");
      if (!option) {
        continue;
      }
      constexpr std::array kEntries = {KernelEntry::kAuto, KernelEntry::kVmlinux, KernelEntry::kBzImage,
                                       KernelEntry::kEfiImage, KernelEntry::kEfiHandover};
      const auto* const entry = std::find_if(kEntries.begin(), kEntries.end(), [&option](KernelEntry each) {
        return KernelEntryName(each) == option->value;
      });
      if (entry == kEntries.end()) {
        const auto before = static_cast<std::size_t>(line.data() - out_.command_line.data());
        return Explain(problem_, {Errc::kMalformed, before + option->offset}, kEntryName);
      }
      out_.entry = *entry;
    }
    return kDone;
  }

  const Firmware& firmware_;
  const Self& self_;
  const PeImage& own_;
  bool is_secure_;
  Storage& storage_;
  std::span<char> room_;  // all but a NUL's
  std::size_t size_ = 0;  // of the line
  Inputs& out_;
  Problem& problem_;
};

}  // namespace

Status FindInputs(const Firmware& firmware, const Self& self, const PeImage& own, bool is_secure, Storage& storage,
                  Inputs& out, Problem& problem) {
  return Finder(firmware, self, own, is_secure, storage, out, problem).Find();
}

}  // namespace holdfast::efi
