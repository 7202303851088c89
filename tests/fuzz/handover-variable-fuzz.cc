// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as the variable that points at a handover: what decodes is sound, and encodes to the same bytes.

#include "common/format/handover-variable.h"

#include "tests/fuzz/fuzz-input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const fuzz::AlignedInput input(data, size);
  HandoverVariable variable;
  if (!DecodeHandoverVariable(input.bytes(), variable).ok()) {
    return 0;
  }
  fuzz::Check(!variable.at.empty(), "there is a tree");
  fuzz::Check(variable.scratch.empty() == (variable.kind == HandoverVariableKind::kTree), "KHO alone has areas");
  const StoredHandoverVariable again = EncodeHandoverVariable(variable);
  fuzz::Check(size == sizeof(again) && std::memcmp(data, &again, sizeof(again)) == 0, "it encodes to the same bytes");
  return 0;
}
