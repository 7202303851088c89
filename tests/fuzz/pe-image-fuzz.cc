// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a PE image, as a file and as it was loaded: what is found in it is inside, and no other section's.

#include "common/format/pe-image.h"

#include "tests/fuzz/fuzz-input.h"

namespace holdfast {
namespace {

std::string_view NameOf(const PeSection& section) {
  const std::string_view all(section.name.data(), section.name.size());
  return all.substr(0, all.find('\0'));
}

void CheckInside(std::span<const std::byte> part, std::span<const std::byte> all) {
  if (!part.empty()) {
    fuzz::Check(part.data() >= all.data() && part.data() + part.size() <= all.data() + all.size(),
                "a section's bytes are inside");
    // For ASan to see.
    static_cast<void>(*static_cast<const volatile std::byte*>(&part.front()));
    static_cast<void>(*static_cast<const volatile std::byte*>(&part.back()));
  }
}

void CheckDisjoint(const PeImage& image) {
  for (std::size_t i = 0; i < image.sections.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      const auto range = [](const PeSection& section) {
        return PhysRange::FromStartSize(PhysAddr(section.virtual_address.value()), section.virtual_size.value())
            .value();
      };
      fuzz::Check(!range(image.sections[i]).Overlaps(range(image.sections[k])), "sections are disjoint in memory");
    }
  }
}

void Try(std::span<const std::byte> bytes, PeForm form) {
  PeImage image;
  const Status decoded = DecodePeImage(bytes, form, image);
  if (!decoded.ok()) {
    fuzz::Check(decoded.error().code != Errc::kTruncated || decoded.error().where == bytes.size(),
                "what is cut off is cut off at its end");
    return;
  }
  fuzz::Check(image.section_table + image.sections.size() * sizeof(PeSection) <= bytes.size(), "the table is inside");
  CheckDisjoint(image);
  for (const PeSection& section : image.sections) {
    const auto found = image.Find(NameOf(section));
    fuzz::Check(found.has_value(), "every section is found by its name");
    CheckInside(*found, bytes);
  }
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const fuzz::AlignedInput input(data, size);
  Try(input.bytes(), PeForm::kFile);
  Try(input.bytes(), PeForm::kLoaded);
  return 0;
}
