// SPDX-License-Identifier: BSD-2-Clause
// The request to overwrite memory at the next reset.

#include "efi-stub/overwrite-request.h"

#include <array>

#include "common/base/result.h"

namespace holdfast::efi {
namespace {

constexpr const char16_t* kVariable = u"MemoryOverwriteRequestControl";
// The others say how the request is kept, and stay as they are.
constexpr std::byte kClearMemory{1};

struct StoredRequest {
  std::byte value{};
  std::uint32_t attributes = 0;
};

Result<StoredRequest> Read(const Firmware& firmware) {
  StoredRequest out;
  std::array<std::byte, 1> storage{};
  TRY_ASSIGN(const auto bytes, firmware.GetVariable(kVariable, kOverwriteRequestGuid, storage, &out.attributes));
  if (bytes.size() != storage.size()) {
    return Error{Errc::kMalformed, bytes.size()};
  }
  out.value = storage[0];
  return out;
}

OverwriteState StateOf(const Result<StoredRequest>& request) {
  if (!request.ok()) {
    return request.error().code == Errc::kNotFound ? OverwriteState::kNone : OverwriteState::kSet;
  }
  return (request.value().value & kClearMemory) != std::byte{} ? OverwriteState::kSet : OverwriteState::kClear;
}

}  // namespace

std::string_view OverwriteStateName(OverwriteState state) {
  switch (state) {
    case OverwriteState::kNone:
      return "none";
    case OverwriteState::kClear:
      return "clear";
    case OverwriteState::kSet:
      return "set";
    case OverwriteState::kCleared:
      return "cleared";
  }
  Bug();
}

OverwriteState ReadOverwriteRequest(const Firmware& firmware) { return StateOf(Read(firmware)); }

OverwriteState ClearOverwriteRequest(const Firmware& firmware) {
  const auto request = Read(firmware);
  const OverwriteState before = StateOf(request);
  if (before != OverwriteState::kSet || !request.ok()) {
    return before;
  }
  const std::array<std::byte, 1> cleared = {request.value().value & ~kClearMemory};
  static_cast<void>(firmware.SetVariable(kVariable, kOverwriteRequestGuid, request.value().attributes, cleared));
  // Where it is locked, some firmware takes it and does nothing.
  return ReadOverwriteRequest(firmware) == OverwriteState::kClear ? OverwriteState::kCleared : OverwriteState::kSet;
}

}  // namespace holdfast::efi
