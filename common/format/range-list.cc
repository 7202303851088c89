// SPDX-License-Identifier: BSD-2-Clause
// Our own list of many ranges, with their orders, in few bytes.

#include "common/format/range-list.h"

#include <algorithm>
#include <cstring>

#include "common/base/align.h"
#include "common/base/bounded-vector.h"
#include "common/base/byte-reader.h"

namespace holdfast {
namespace {

constexpr unsigned kPageShift = 12;
static_assert(kPageSize == 1u << kPageShift);

// Log2 of a block's bytes: a list has thousands of runs, and a division takes longer than the rest of a run.
constexpr unsigned BlockShift(std::int8_t order) {
  return kPageShift + (order == KeptBlock::kNoOrder ? 0u : static_cast<unsigned>(order));
}

// Where the next run begins if there is no gap, and what it would only go on with.
class Row {
 public:
  // Counted in blocks.
  std::uint64_t NextStart(unsigned shift) const { return (end_ + (std::uint64_t{1} << shift) - 1) >> shift; }
  std::uint64_t end() const { return end_; }
  bool GoesOnWith(const BlockRun& run) const {
    return has_run_ && run.range.start().raw() == end_ && run.order == order_;
  }
  void Append(const BlockRun& run) {
    end_ = run.range.end().raw();
    order_ = run.order;
    has_run_ = true;
  }

 private:
  std::uint64_t end_ = 0;
  std::int8_t order_ = KeptBlock::kNoOrder;
  bool has_run_ = false;
};

Result<std::uint64_t> ReadNumber(ByteReader& reader) {
  const std::size_t at = reader.position();
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < kMaxRunNumberSize; ++i) {
    TRY_ASSIGN(const auto byte, reader.Read<std::uint8_t>());
    out |= std::uint64_t{byte & 0x7fu} << (7 * i);
    if ((byte & 0x80) == 0) {
      return byte == 0 && i != 0 ? Result<std::uint64_t>(Error{Errc::kMalformed, at}) : out;
    }
  }
  return Error{Errc::kMalformed, at};
}

Result<std::int8_t> ReadOrder(ByteReader& reader, std::uint8_t head) {
  const std::uint8_t code = head & kRunOrderMask;
  if (code == kRunNoOrder) {
    return KeptBlock::kNoOrder;
  }
  if (code != kRunOrderFollows) {
    return static_cast<std::int8_t>(code);
  }
  const std::size_t at = reader.position();
  TRY_ASSIGN(const auto more, reader.Read<std::uint8_t>());
  if (more > kMaxRunOrder - kRunOrderFollows) {
    return Error{Errc::kMalformed, at};
  }
  return static_cast<std::int8_t>(kRunOrderFollows + more);
}

// Fills `out` in place: copies of whole runs take longer than the rest.
Status ReadRun(ByteReader& reader, const Row& row, BlockRun& out) {
  const std::size_t at = reader.position();
  TRY_ASSIGN(const auto head, reader.Read<std::uint8_t>());
  TRY_ASSIGN(out.order, ReadOrder(reader, head));
  std::uint64_t gap = 0;
  if ((head & kRunGapFollows) != 0) {
    TRY_ASSIGN(gap, ReadNumber(reader));
    ++gap;
  }
  std::uint64_t count = (head >> kRunCountShift & kRunCountMask) + 1u;
  if (count > kRunCountFollows) {
    TRY_ASSIGN(count, ReadNumber(reader));
    count += kRunCountFollows + 1;
  }

  // A block's size divides kPhysLimit, so rounding up stays within it.
  const unsigned shift = BlockShift(out.order);
  const std::uint64_t start = row.NextStart(shift);
  const std::uint64_t room = (kPhysLimit >> shift) - start;
  if (gap > room || count > room - gap) {
    return Error{Errc::kOutOfBounds, at};
  }
  out.range = PhysRange::All().From(PhysAddr((start + gap) << shift)).UpTo(PhysAddr((start + gap + count) << shift));
  return row.GoesOnWith(out) ? Status(Error{Errc::kMalformed, at}) : kDone;
}

Result<std::uint32_t> ReadHeader(ByteReader& reader, std::size_t size) {
  TRY_ASSIGN(const auto header, reader.Read<StoredRangeListHeader>());
  if (header.magic.value() != kRangeListMagic) {
    return Error{Errc::kBadMagic, 0};
  }
  if (header.version.value() != kRangeListVersion) {
    return Error{Errc::kBadVersion, header.version.value()};
  }
  if (header.num_runs.value() == 0) {
    return Error{Errc::kMalformed, offsetof(StoredRangeListHeader, num_runs)};
  }
  if (header.size.value() > size) {
    return Error{Errc::kTruncated, size};
  }
  if (header.size.value() < size) {
    return Error{Errc::kMalformed, offsetof(StoredRangeListHeader, size)};
  }
  return header.num_runs.value();
}

}  // namespace

Status DecodeRangeList(std::span<const std::byte> bytes, const BlockSink& sink) {
  if (bytes.size() > kMaxRangeListSize) {
    return Error{Errc::kTooLarge, kMaxRangeListSize};
  }
  ByteReader reader(bytes);
  TRY_ASSIGN(const std::uint32_t num_runs, ReadHeader(reader, bytes.size()));
  Row row;
  BlockRun run;
  for (std::uint32_t i = 0; i < num_runs; ++i) {
    TRY(ReadRun(reader, row, run));
    TRY(sink.Add({.range = run.range, .order = run.order}));
    row.Append(run);
  }
  if (!reader.done()) {
    return Error{Errc::kMalformed, reader.position()};
  }
  return kDone;
}

// --- The other way round ---

namespace {

using Bytes = BoundedVector<std::byte>;

Status WriteNumber(std::uint64_t value, Bytes& out) {
  for (; value > 0x7f; value >>= 7) {
    TRY(out.Append(static_cast<std::byte>((value & 0x7f) | 0x80)));
  }
  return out.Append(static_cast<std::byte>(value));
}

bool IsEncodable(const BlockRun& run, const Row& row) {
  if (run.order < KeptBlock::kNoOrder || run.order > kMaxRunOrder) {
    return false;
  }
  const std::uint64_t block = std::uint64_t{1} << BlockShift(run.order);
  return !run.range.empty() && IsAligned(run.range.start().raw(), block) && IsAligned(run.range.size(), block) &&
         run.range.start().raw() >= row.end() && !row.GoesOnWith(run);
}

// Pre: encodable.
Status WriteRun(const BlockRun& run, const Row& row, Bytes& out) {
  const unsigned shift = BlockShift(run.order);
  const std::uint64_t gap = (run.range.start().raw() >> shift) - row.NextStart(shift);
  const std::uint64_t count = run.range.size() >> shift;
  const bool order_follows = run.order >= kRunOrderFollows;
  const bool count_follows = count > kRunCountFollows;

  unsigned head = run.order == KeptBlock::kNoOrder ? kRunNoOrder
                  : order_follows                  ? kRunOrderFollows
                                                   : static_cast<unsigned>(run.order);
  head |= (count_follows ? kRunCountFollows : static_cast<unsigned>(count - 1)) << kRunCountShift;
  head |= gap != 0 ? kRunGapFollows : 0u;
  TRY(out.Append(static_cast<std::byte>(head)));
  if (order_follows) {
    TRY(out.Append(static_cast<std::byte>(run.order - kRunOrderFollows)));
  }
  if (gap != 0) {
    TRY(WriteNumber(gap - 1, out));
  }
  return count_follows ? WriteNumber(count - kRunCountFollows - 1, out) : Status(kDone);
}

}  // namespace

Result<std::span<const std::byte>> EncodeRangeList(std::span<const BlockRun> runs, std::span<std::byte> storage) {
  if (runs.empty()) {
    return Error{Errc::kMalformed, 0};
  }
  const std::size_t room = std::min<std::size_t>(storage.size(), kMaxRangeListSize);
  if (room < sizeof(StoredRangeListHeader)) {
    return Error{Errc::kTableFull, room};
  }
  Bytes out(storage.subspan(sizeof(StoredRangeListHeader), room - sizeof(StoredRangeListHeader)));
  Row row;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!IsEncodable(runs[i], row)) {
      return Error{Errc::kMalformed, i};
    }
    if (!WriteRun(runs[i], row, out).ok()) {
      return Error{Errc::kTableFull, room};
    }
    row.Append(runs[i]);
  }
  const std::size_t size = sizeof(StoredRangeListHeader) + out.size();
  const StoredRangeListHeader header{.magic = Le64(kRangeListMagic),
                                     .version = Le32(kRangeListVersion),
                                     .num_runs = Le32(static_cast<std::uint32_t>(runs.size())),
                                     .size = Le64(size)};
  std::memcpy(storage.data(), &header, sizeof(header));
  return std::span<const std::byte>(storage.first(size));
}

}  // namespace holdfast
