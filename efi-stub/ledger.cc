// SPDX-License-Identifier: BSD-2-Clause
// Every page that the application has taken.

#include <algorithm>
#include <cstring>

#include "efi-stub/firmware.h"

namespace holdfast::efi {
namespace {

void* At(PhysRange range) { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(range.start().raw())); }

}  // namespace

Status Ledger::AllocateAt(PhysRange range, EFI_MEMORY_TYPE type) {
  // Room first: what is taken has to be in here.
  TRY(taken_.Append(range));
  const Status status = firmware_.AllocateAt(range, type);
  if (!status.ok()) {
    taken_.Truncate(taken_.size() - 1);
  }
  return status;
}

Result<PhysRange> Ledger::Allocate(std::uint64_t size, EFI_MEMORY_TYPE type, std::uint64_t limit) {
  TRY(taken_.Append(PhysRange()));
  const auto range = firmware_.Allocate(size, type, limit);
  if (range.ok()) {
    taken_.back() = range.value();
  } else {
    taken_.Truncate(taken_.size() - 1);
  }
  return range;
}

std::size_t Ledger::IndexOf(PhysRange range) const {
  const auto index = static_cast<std::size_t>(std::find(taken_.begin(), taken_.end(), range) - taken_.begin());
  Require(index < taken_.size());
  return index;
}

Status Ledger::Split(PhysRange range, PhysAddr at) {
  const std::size_t index = IndexOf(range);
  TRY(taken_.Append(range.From(at)));
  taken_[index] = range.UpTo(at);
  return kDone;
}

Status Ledger::Retype(PhysRange range, EFI_MEMORY_TYPE type, std::span<std::byte> bounce) {
  const std::size_t index = IndexOf(range);
  for (PhysRange rest = range; !rest.empty();) {
    const PhysRange piece = rest.UpTo(PhysAddr(rest.start().raw() + bounce.size()));
    std::memcpy(bounce.data(), At(piece), piece.size());
    firmware_.Free(piece);
    if (const Status taken = firmware_.AllocateAt(piece, type); !taken.ok()) {
      Drop(index, piece);
      return taken;
    }
    std::memcpy(At(piece), bounce.data(), piece.size());
    rest = rest.From(piece.end());
  }
  return kDone;
}

// It is firmware's again, or somebody else's.
void Ledger::Drop(std::size_t index, PhysRange part) {
  const PhysRange before = taken_[index].UpTo(part.start());
  const PhysRange after = taken_[index].From(part.end());
  taken_.Erase(index, index + 1);
  for (const PhysRange left : {before, after}) {
    // There may be no room for the second: the boot ends here, and these pages stay taken.
    if (!left.empty() && !taken_.Append(left).ok()) {
      break;
    }
  }
}

void Ledger::Free(PhysRange range) {
  const std::size_t index = IndexOf(range);
  firmware_.Free(range);
  taken_.Erase(index, index + 1);
}

void Ledger::FreeAll(const Room& room) {
  for (const PhysRange range : taken_) {
    if (room.bounce.empty()) {
      firmware_.Free(range);
    } else {
      FreeIntact(range, room);
    }
  }
  taken_.Clear();
}

void Ledger::FreeIntact(PhysRange range, const Room& room) const {
  for (PhysRange rest = range; !rest.empty();) {
    const PhysRange piece = rest.UpTo(PhysAddr(rest.start().raw() + room.bounce.size()));
    std::memcpy(room.bounce.data(), At(piece), piece.size());
    firmware_.Free(piece);
    // What became of the pages is firmware's matter, but for free ones.
    if (IsFree(piece, room)) {
      std::memcpy(At(piece), room.bounce.data(), piece.size());
    }
    rest = rest.From(piece.end());
  }
}

bool Ledger::IsFree(PhysRange range, const Room& room) const {
  StoredMap map;
  BoundedVector<FirmwareRange> owned(room.entries);
  if (!firmware_.ReadMap(room.map, map).ok() || !CollectFirmwareRanges(map.bytes, map.descriptor_size, owned).ok()) {
    return false;
  }
  return std::none_of(owned.begin(), owned.end(),
                      [range](const FirmwareRange& each) { return each.range.Overlaps(range); });
}

}  // namespace holdfast::efi
