// SPDX-License-Identifier: BSD-2-Clause
// What shim asks of an application before it starts it: section .sbat.
//
// Source: shim's SBAT.md.  Lines of six fields: component, its generation, vendor, package, version, address.  The
// first names the format; the generation goes up with each fix of what would let Secure Boot be got round.

#include <algorithm>
#include <array>
#include <string_view>

#include "common/base/version.h"

namespace holdfast::efi {
namespace {

constexpr std::string_view kBefore =
    "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
    "holdfast,1,Holdfast,holdfast,";
constexpr std::string_view kBehind = ",man:holdfast-stage(7)\n";

constexpr auto Join() {
  std::array<char, kBefore.size() + kVersion.size() + kBehind.size()> out{};
  auto* end = out.begin();
  for (const std::string_view part : {kBefore, kVersion, kBehind}) {
    end = std::copy(part.begin(), part.end(), end);
  }
  return out;
}

[[gnu::section(".sbat"), gnu::used]] constinit const auto kSbat = Join();

}  // namespace
}  // namespace holdfast::efi
