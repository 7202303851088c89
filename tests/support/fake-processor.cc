// SPDX-License-Identifier: BSD-2-Clause
// In the place of efi-stub/processor.cc.

#include "tests/support/fake-processor.h"

namespace holdfast::test {
namespace {

constinit std::uint64_t g_scopes = 0;

}  // namespace

DebugPort& FakeDebugPort() {
  static DebugPort port;
  return port;
}

std::function<void(const efi::HandoverCall&)>& FakeHandoverEntry() {
  static std::function<void(const efi::HandoverCall&)> entry;
  return entry;
}

bool IsInVectorScope() { return g_scopes != 0; }

}  // namespace holdfast::test

namespace holdfast::efi {

std::optional<ConsoleSink> OpenDebugPort() {
  test::DebugPort& port = test::FakeDebugPort();
  if (!port.is_there) {
    return std::nullopt;
  }
  return ConsoleSink{[](void* device, std::string_view text) {
                       static_cast<std::string*>(device)->append(text);
                       return true;
                     },
                     &port.text};
}
bool Is5Levels() { return false; }
bool IsConfidentialGuest() { return false; }

VectorScope::VectorScope() : before_(test::g_scopes) { ++test::g_scopes; }
VectorScope::~VectorScope() { test::g_scopes = before_; }

void CallHandoverEntry(const HandoverCall& call) {
  if (test::FakeHandoverEntry()) {
    test::FakeHandoverEntry()(call);
  }
}

void Halt() { throw test::StoppedMachine{}; }
void ResetAfter(std::uint32_t seconds) { throw test::StoppedMachine{seconds}; }

}  // namespace holdfast::efi
