// SPDX-License-Identifier: BSD-2-Clause
// The stage's image as far as its header and its record go.

#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "common/abi/boot-params.h"
#include "common/abi/stage-image.h"

namespace holdfast::tool {

using Bytes = std::vector<std::byte>;

inline constexpr std::uint64_t kWorkSize = 0x600000;

inline void Put32(Bytes& bytes, std::size_t offset, std::uint32_t value) {
  const Le32 stored(value);
  std::memcpy(bytes.data() + offset, &stored, sizeof(stored));
}

inline std::uint32_t Get32(const Bytes& bytes, std::size_t offset) {
  Le32 stored;
  std::memcpy(&stored, bytes.data() + offset, sizeof(stored));
  return stored.value();
}

inline StageImageRecord RecordOf(const Bytes& bytes) {
  StageImageRecord record;
  std::memcpy(&record, bytes.data() + kStageRecordOffset, sizeof(record));
  return record;
}

// Three pages, of which one is the header, with the fields that the build gives them.
inline Bytes FakeStage(std::size_t size = 0x3000) {
  Bytes out(size, std::byte{0xcc});
  std::fill_n(out.begin(), 0x1000, std::byte{0});
  const auto code = static_cast<std::uint32_t>(size - 0x1000);
  Put32(out, 0x40, 0x4550);
  Put32(out, 0x5c, code);
  Put32(out, 0x90, static_cast<std::uint32_t>(size));
  Put32(out, 0x100, code);
  Put32(out, 0x108, code);
  Put32(out, 0x1f4, code / 16);
  Put32(out, 0x202, kSetupHeaderMagic);
  Put32(out, 0x260, static_cast<std::uint32_t>(code + kWorkSize));
  const StageImageRecord record{.magic = Le64(kStageRecordMagic),
                                .payload_offset = Le64(0),
                                .payload_size = Le64(0),
                                .work_offset = Le64(size),
                                .work_size = Le64(kWorkSize),
                                .boot_params = Le64(0)};
  std::memcpy(out.data() + kStageRecordOffset, &record, sizeof(record));
  return out;
}

}  // namespace holdfast::tool
