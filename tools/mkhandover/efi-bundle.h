// SPDX-License-Identifier: BSD-2-Clause
// The application with everything that it starts in its own sections.
//
// Names of sections: systemd-stub(7), as common/format/pe-image.h has them.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/mkhandover/efi-file.h"
#include "tools/mkhandover/handover-choice.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/output.h"

namespace holdfast::tool {

inline constexpr const char* kEfiStubName = "holdfast.efi";

inline constexpr const char* kSectionKernel = ".linux";
inline constexpr const char* kSectionInitrd = ".initrd";
inline constexpr const char* kSectionCommandLine = ".cmdline";
inline constexpr const char* kSectionOsRelease = ".osrel";
inline constexpr const char* kSectionUname = ".uname";
inline constexpr const char* kSectionHandover = ".dtb";

struct EfiBundleRequest {
  std::string stub;                    // files
  std::string kernel;                  //
  std::vector<std::string> initrds{};  // one behind the other
  std::string cmdline{};
  HandoverChoice handover{};
  std::optional<std::string> os_release{};  // a file
  std::optional<std::string> uname{};
};

// Reads the files and checks them.  The same files make the same bytes.
std::vector<std::byte> BuildEfiBundle(const EfiBundleRequest& request);

// Ends in a Failure for what firmware could not start: a kernel is a bzImage with an EFI stub.
void CheckEfiKernel(std::span<const std::byte> kernel, const std::string& name);

// [{"name": "...", "address": "0x...", "offset": N, "stored_size": N, "size": N}]
Json JsonSections(const PeImage& image);
// One line a section.
void PrintSections(const PeImage& image, Output& output);

}  // namespace holdfast::tool
