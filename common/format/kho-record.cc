// SPDX-License-Identifier: BSD-2-Clause
// KHO's carrier: the payload of the setup_data node.

#include <cstring>

#include "common/abi/kho.h"
#include "common/base/byte-reader.h"
#include "common/format/kho.h"

namespace holdfast {
namespace {

// The fixmap through which a receiver reads has 64 pages.
constexpr std::uint64_t kMaxSize = 256 * kKiB;
constexpr std::uint64_t kMaxSize2023 = 10 * kMiB;  // of the series' tree, as dt_max has it

Result<PhysRange> PartOf(Le64 address, Le64 size, std::uint64_t limit) {
  if (size.value() > limit) {
    return Error{Errc::kTooLarge, limit};
  }
  return PhysRange::FromStartSize(PhysAddr(address.value()), size.value());
}

Result<PhysRange> TreeOf(Le64 address, Le64 size, std::uint64_t limit) {
  if (size.value() == 0) {
    return Error{Errc::kMalformed, offsetof(KhoData, fdt_size)};
  }
  if (!IsAligned(address.value(), kPageSize)) {
    return Error{Errc::kMisaligned, address.value()};
  }
  return PartOf(address, size, limit);
}

// `where`: byte offset of the size.
Status CheckArraySize(Le64 size, std::uint64_t where) {
  if (size.value() % sizeof(KhoArea) != 0) {
    return Error{Errc::kMalformed, where};
  }
  return kDone;
}

Result<KhoRecord> DecodeData(const KhoData& data) {
  KhoRecord record;
  TRY_ASSIGN(record.fdt, TreeOf(data.fdt_addr, data.fdt_size, kMaxSize));
  if (data.scratch_size.value() == 0) {
    return Error{Errc::kMalformed, offsetof(KhoData, scratch_size)};
  }
  TRY(CheckArraySize(data.scratch_size, offsetof(KhoData, scratch_size)));
  TRY_ASSIGN(record.scratch, PartOf(data.scratch_addr, data.scratch_size, kMaxSize));
  return record;
}

Result<KhoRecord> DecodeData2023(const KhoData2023& data) {
  KhoRecord record;
  record.is_2023 = true;
  TRY_ASSIGN(record.fdt, TreeOf(data.dt_addr, data.dt_size, kMaxSize2023));
  if (data.scratch_size.value() == 0) {
    return Error{Errc::kMalformed, offsetof(KhoData2023, scratch_size)};
  }
  TRY_ASSIGN(record.scratch, PartOf(data.scratch_addr, data.scratch_size, kPhysLimit));
  TRY(CheckArraySize(data.mem_cache_size, offsetof(KhoData2023, mem_cache_size)));
  TRY_ASSIGN(record.mem_cache, PartOf(data.mem_cache_addr, data.mem_cache_size, kMaxSize2023));
  return record;
}

template <typename T>
std::span<const std::byte> Store(const T& data, std::span<std::byte, sizeof(KhoData2023)> storage) {
  std::memcpy(storage.data(), &data, sizeof(data));
  return storage.first(sizeof(data));
}

}  // namespace

std::string_view KhoDialectName(KhoDialect dialect) {
  switch (dialect) {
    case KhoDialect::kSeriesMem:
    case KhoDialect::kSeriesMetadata:
      return "kho-series";
    case KhoDialect::kV1:
      return "kho-v1";
    case KhoDialect::kV2:
      return "kho-v2";
    case KhoDialect::kV3:
      return "kho-v3";
    case KhoDialect::kV4:
      return "kho-v4";
  }
  Bug();
}

Result<KhoRecord> DecodeKhoRecord(std::span<const std::byte> payload) {
  ByteReader reader(payload);
  if (payload.size() == sizeof(KhoData)) {
    return DecodeData(reader.Read<KhoData>().value());
  }
  if (payload.size() == sizeof(KhoData2023)) {
    return DecodeData2023(reader.Read<KhoData2023>().value());
  }
  return Error{Errc::kMalformed, payload.size()};
}

std::span<const std::byte> EncodeKhoRecord(const KhoRecord& record, std::span<std::byte, 48> storage) {
  const auto start = [](PhysRange range) { return Le64(range.start().raw()); };
  const auto size = [](PhysRange range) { return Le64(range.size()); };
  if (!record.is_2023) {
    return Store(KhoData{start(record.fdt), size(record.fdt), start(record.scratch), size(record.scratch)}, storage);
  }
  return Store(KhoData2023{start(record.fdt), size(record.fdt), start(record.scratch), size(record.scratch),
                           start(record.mem_cache), size(record.mem_cache)},
               storage);
}

}  // namespace holdfast
