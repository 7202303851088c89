// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a report: what decodes is sorted and survives a round trip.

#include <algorithm>
#include <vector>

#include "common/format/boot-report.h"
#include "tests/fuzz/fuzz-input.h"

namespace holdfast {
namespace {

struct Decoded {
  FixedVector<KeptRange, 128> kept;
  FixedVector<MemEntry, 128> map_before;
  FixedVector<MemEntry, 128> map_after;
  FixedVector<Timestamp, 32> timestamps;
  FixedVector<PhysRange, 32> scratch;
  FixedVector<PlacedSegment, 32> placed;
  FixedVector<std::string_view, 32> lost;
  BootReport report;

  bool From(std::span<const std::byte> bytes) {
    const auto tree = FdtView::Open(bytes);
    return tree.ok() &&
           DecodeBootReport(tree.value(), {kept, map_before, map_after, timestamps, scratch, placed, lost}, report)
               .ok();
  }
};

bool Same(const BootReport& a, const BootReport& b) {
  const auto same_timestamp = [](const Timestamp& x, const Timestamp& y) { return x.name == y.name && x.tsc == y.tsc; };
  const auto same_place = [](const PlacedSegment& x, const PlacedSegment& y) {
    return x.name == y.name && x.range == y.range;
  };
  return a.version == b.version && a.shell == b.shell && a.loader == b.loader && a.dialect == b.dialect &&
         a.handover_address == b.handover_address && a.handover_digest == b.handover_digest &&
         a.generation == b.generation && a.mode == b.mode && a.entry == b.entry && a.closed_bytes == b.closed_bytes &&
         a.kernel == b.kernel && a.slot_index == b.slot_index && a.slot_count == b.slot_count &&
         fuzz::SameEntries(a.map_before, b.map_before) && fuzz::SameEntries(a.map_after, b.map_after) &&
         std::equal(a.kept.begin(), a.kept.end(), b.kept.begin(), b.kept.end()) &&
         std::equal(a.timestamps.begin(), a.timestamps.end(), b.timestamps.begin(), b.timestamps.end(),
                    same_timestamp) &&
         std::equal(a.scratch.begin(), a.scratch.end(), b.scratch.begin(), b.scratch.end()) &&
         std::equal(a.placed.begin(), a.placed.end(), b.placed.begin(), b.placed.end(), same_place) &&
         std::equal(a.lost.begin(), a.lost.end(), b.lost.begin(), b.lost.end()) && a.measured == b.measured &&
         a.overwrite_request == b.overwrite_request && a.left_out == b.left_out &&
         a.report_address == b.report_address &&
         std::equal(a.handover.begin(), a.handover.end(), b.handover.begin(), b.handover.end());
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const fuzz::AlignedInput input(data, size);
  Decoded in;
  if (!in.From(input.bytes())) {
    return 0;
  }
  fuzz::CheckSorted(in.report.map_before);
  fuzz::CheckSorted(in.report.map_after);
  // A property may be absent from the input, and one byte may serve for many; the encoder writes all of them.
  std::vector<std::uint64_t> storage((size * 8 + 4096) / 8);
  const auto bytes = EncodeBootReport(in.report, std::as_writable_bytes(std::span(storage)));
  fuzz::Check(bytes.ok(), "what decodes can be encoded");
  Decoded again;
  fuzz::Check(again.From(bytes.value()), "and decodes again");
  fuzz::Check(Same(in.report, again.report), "to the same report");
  return 0;
}
