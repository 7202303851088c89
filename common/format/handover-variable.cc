// SPDX-License-Identifier: BSD-2-Clause
// The EFI variable that says where the handover is.

#include "common/format/handover-variable.h"

#include <cstring>

#include "common/base/align.h"
#include "common/base/byte-reader.h"

namespace holdfast {
namespace {

Status CheckScratch(HandoverVariableKind kind, const StoredHandoverVariable& stored) {
  const bool has_scratch = kind == HandoverVariableKind::kKho;
  if (!has_scratch && stored.scratch_address.value() != 0) {
    return Error{Errc::kMalformed, offsetof(StoredHandoverVariable, scratch_address)};
  }
  if ((stored.scratch_size.value() != 0) != has_scratch) {
    return Error{Errc::kMalformed, offsetof(StoredHandoverVariable, scratch_size)};
  }
  return kDone;
}

}  // namespace

Status DecodeHandoverVariable(std::span<const std::byte> bytes, HandoverVariable& out) {
  // How the rest reads is for the version to say.
  TRY_ASSIGN(const Le32 version, ByteReader(bytes).Read<Le32>());
  if (version.value() != kHandoverVariableVersion) {
    return Error{Errc::kBadVersion, version.value()};
  }
  ByteReader reader(bytes);
  StoredHandoverVariable stored;
  TRY_ASSIGN(const auto all, reader.Take(sizeof(stored)));
  std::memcpy(&stored, all.data(), all.size());
  if (!reader.done()) {
    return Error{Errc::kMalformed, reader.position()};
  }
  if ((stored.flags.value() & ~kHandoverOneShot) != 0) {
    return Error{Errc::kMalformed, offsetof(StoredHandoverVariable, flags)};
  }
  const HandoverVariableKind kind{stored.kind.value()};
  if (kind != HandoverVariableKind::kTree && kind != HandoverVariableKind::kKho) {
    return Error{Errc::kUnsupported, stored.kind.value()};
  }
  if (stored.reserved.value() != 0) {
    return Error{Errc::kMalformed, offsetof(StoredHandoverVariable, reserved)};
  }
  if (stored.size.value() == 0) {
    return Error{Errc::kMalformed, offsetof(StoredHandoverVariable, size)};
  }
  // No handover lies that low, and page 0 may not even be read.
  if (stored.address.value() < kMiB) {
    return Error{Errc::kMalformed, offsetof(StoredHandoverVariable, address)};
  }
  TRY(CheckScratch(kind, stored));
  if (kind == HandoverVariableKind::kKho && stored.scratch_address.value() < kMiB) {
    return Error{Errc::kMalformed, offsetof(StoredHandoverVariable, scratch_address)};
  }
  out.kind = kind;
  out.is_one_shot = (stored.flags.value() & kHandoverOneShot) != 0;
  TRY_ASSIGN(out.at, PhysRange::FromStartSize(PhysAddr(stored.address.value()), stored.size.value()));
  TRY_ASSIGN(out.scratch,
             PhysRange::FromStartSize(PhysAddr(stored.scratch_address.value()), stored.scratch_size.value()));
  out.digest = stored.digest;
  return kDone;
}

StoredHandoverVariable EncodeHandoverVariable(const HandoverVariable& variable) {
  return {.version = Le32(kHandoverVariableVersion),
          .flags = Le32(variable.is_one_shot ? kHandoverOneShot : 0),
          .kind = Le32(static_cast<std::uint32_t>(variable.kind)),
          .reserved = Le32(0),
          .address = Le64(variable.at.start().raw()),
          .size = Le64(variable.at.size()),
          .scratch_address = Le64(variable.scratch.start().raw()),
          .scratch_size = Le64(variable.scratch.size()),
          .digest = variable.digest};
}

}  // namespace holdfast
