// SPDX-License-Identifier: BSD-2-Clause
// The image that runs.

#include "purgatory/image/stage-image.h"

#include "common/base/align.h"
#include "purgatory/image/work-area.h"

namespace holdfast::purgatory {

Status ReadStageImage(PhysAddr load, const StageImageRecord& record, StageImage& out) {
  if (record.magic.value() != kStageRecordMagic) {
    return Error{Errc::kBadMagic, kStageRecordOffset};
  }
  const std::uint64_t work_offset = record.work_offset.value();
  if (work_offset < kStageHeaderSize || !IsAligned(work_offset, kPageSize)) {
    return Error{Errc::kMalformed, kStageRecordOffset + offsetof(StageImageRecord, work_offset)};
  }
  if (record.work_size.value() != WORK_SIZE) {
    return Error{Errc::kMalformed, kStageRecordOffset + offsetof(StageImageRecord, work_size)};
  }
  if (!IsAligned(load.raw(), kPageSize)) {
    return Error{Errc::kMisaligned, load.raw()};
  }
  TRY_ASSIGN(const PhysRange file, PhysRange::FromStartSize(load, work_offset - kStageHeaderSize));
  TRY_ASSIGN(const PhysRange work, PhysRange::FromStartSize(file.end(), record.work_size.value()));
  TRY_ASSIGN(out.memory, PhysRange::FromStartEnd(file.start(), work.end()));
  out.boot_params_hint = PhysAddr(record.boot_params.value());
  const std::uint64_t payload_offset = record.payload_offset.value();
  if (payload_offset == 0) {
    return kDone;
  }
  if (payload_offset < kStageHeaderSize || payload_offset > work_offset ||
      record.payload_size.value() > work_offset - payload_offset) {
    return Error{Errc::kMalformed, kStageRecordOffset + offsetof(StageImageRecord, payload_offset)};
  }
  TRY_ASSIGN(out.payload, PhysRange::FromStartSize(PhysAddr(load.raw() + payload_offset - kStageHeaderSize),
                                                   record.payload_size.value()));
  return kDone;
}

}  // namespace holdfast::purgatory
