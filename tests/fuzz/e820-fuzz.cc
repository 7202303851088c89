// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as an e820 table, and as an EFI memory map: what decodes is a sound map and survives a round trip.

#include <array>
#include <memory>

#include "common/format/e820.h"
#include "common/format/efi-memory-map.h"
#include "tests/fuzz/fuzz-input.h"

namespace holdfast {
namespace {

struct Map {
  std::array<MemEntry, 512> storage{};
  MemoryMap map{storage};
};

void CheckRoundTrip(const MemoryMap& map) {
  auto params = std::make_unique<BootParams>();
  std::array<E820Entry, 384> extension{};
  const auto extended = EncodeE820(map, *params, extension);
  fuzz::Check(extended.ok(), "what decodes can be encoded");
  Map again;
  fuzz::Check(DecodeE820Zeropage(*params, again.map).ok(), "and decodes again");
  fuzz::Check(DecodeE820(std::as_bytes(std::span(extension).first(extended.value())), again.map).ok(),
              "with its extension");
  fuzz::Check(fuzz::SameEntries(map.view(), again.map.view()), "to the same map");
}

// What firmware's own memory is, by the same bytes.
void CheckFirmwareRanges(std::span<const std::byte> map, std::uint32_t stride, const MemoryMap& decoded) {
  FixedVector<FirmwareRange, 256> owned;
  if (!CollectFirmwareRanges(map, stride, owned).ok()) {
    return;
  }
  const FirmwareRange* before = nullptr;
  for (const FirmwareRange& each : owned) {
    fuzz::Check(!each.range.empty() && each.type != EfiMemoryType::kConventional, "what is listed is somebody's");
    fuzz::Check(!EfiMemoryTypeName(each.type).empty(), "and has a name");
    fuzz::Check(!decoded.FirstNot(each.range, [](MemType) { return true; }), "it is memory by the map too");
    if (before != nullptr) {
      const bool touches = before->range.end() == each.range.start();
      fuzz::Check(before->range.end() <= each.range.start(), "it ascends");
      fuzz::Check(!touches || before->type != each.type, "and neighbours of one type are joined");
    }
    before = &each;
  }
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  if (size == 0) {
    return 0;
  }
  // The first byte says which: 0 is e820, anything else a stride.
  const fuzz::AlignedInput input(data + 1, size - 1);
  Map out;
  const Status status =
      data[0] == 0 ? DecodeE820(input.bytes(), out.map) : DecodeEfiMemoryMap(input.bytes(), data[0], out.map);
  if (data[0] != 0 && status.ok()) {
    fuzz::Check(DescribeEfiMap(input.bytes(), data[0]).ok(), "an EFI map that decodes can be described");
    CheckFirmwareRanges(input.bytes(), data[0], out.map);
  }
  if (status.ok()) {
    fuzz::CheckSorted(out.map.view());
    CheckRoundTrip(out.map);
  }
  return 0;
}
