// SPDX-License-Identifier: BSD-2-Clause
// The application, or any PE image: read, and given sections.
//
// Layout: common/abi/pe.h.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/format/pe-image.h"

namespace holdfast::tool {

struct NewSection {
  std::string_view name;  // at most 8 bytes
  std::span<const std::byte> bytes;
};

class EfiFile {
 public:
  // Ends in a Failure of bad input for what is no PE image of this processor.
  EfiFile(std::vector<std::byte> bytes, std::string name);
  explicit EfiFile(const std::string& path);
  EfiFile(const EfiFile&) = delete;
  EfiFile& operator=(const EfiFile&) = delete;

  // Begins as an executable does.  So does a kernel with an EFI stub.
  static bool Looks(std::span<const std::byte> bytes);

  const std::string& name() const { return name_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  const PeImage& image() const { return image_; }

  // The file with these sections behind its own, in this order, and every field that speaks of sizes set anew.  Ends in
  // a Failure for a signed image, one that has a section of such a name, one without room for their headers (table
  // full), and where the image would pass 4 GiB.
  std::vector<std::byte> WithSections(std::span<const NewSection> sections) const;

 private:
  void CheckRoom(std::span<const NewSection> sections) const;
  std::uint64_t EndInMemory() const;

  std::string name_;
  std::vector<std::byte> bytes_;
  PeImage image_;
};

// Without the NULs that pad it.
std::string_view SectionName(const PeSection& section);

}  // namespace holdfast::tool
