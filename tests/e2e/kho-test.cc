// SPDX-License-Identifier: BSD-2-Clause
// A real sender and a real receiver: a kernel that speaks KHO hands over, to itself and to kernels that do not.

#include <catch2/catch.hpp>

#include "tests/e2e/image-scenario.h"
#include "tests/e2e/kho-scenario.h"

namespace holdfast::e2e {
namespace {

void LoadWithKernelsLoader(Guest& guest, const std::string& kernel, std::string_view append) {
  LoadKernel(guest, {.kernel = kernel, .append = std::string(append), .kexec = "kexec-stock", .flags = "-s -l"});
}

}  // namespace

TEST_CASE("Without Holdfast the KHO kernel gives itself folios and a session", "[e2e][kho][harness]") {
  GuestOptions options = KhoGuest();
  options.carried = {std::string(kKhoKernel)};
  Guest guest(options);
  KeptPages kept = KeepInSession(guest, "16M");
  CHECK(CountDifferent(guest, kept) == 0);
  for (int hop = 1; hop <= 2; ++hop) {
    INFO(hop);
    LoadWithKernelsLoader(guest, std::string(kKhoKernel), kKhoOptions);
    guest.Kexec("kexec-stock -e");
    guest.Expect("KHO: exec from: " + guest.kernel_release() + " (count " + std::to_string(hop) + ")");
    // The kernel's own test takes back what the last kernel kept, or else keeps something for the next one.
    if (hop % 2 == 1) guest.Expect("test_kho: KHO restore succeeded");
    guest.Expect("init: up ");
    kept = KeepOnInSession(guest, kept);
  }
}

}  // namespace holdfast::e2e
