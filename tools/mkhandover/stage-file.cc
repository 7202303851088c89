// SPDX-License-Identifier: BSD-2-Clause
// The stage as a kernel image: read, and given a bundle.

#include "tools/mkhandover/stage-file.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "common/base/align.h"
#include "common/base/byte-reader.h"
#include "common/format/kernel-header.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// Fields of the one PE header that the stage has.  Source: PE Format (Microsoft), "Optional Header", "Section Table".
constexpr std::uint64_t kPeSizeOfCode = 0x58 + 4;
constexpr std::uint64_t kPeSizeOfImage = 0x58 + 56;
constexpr std::uint64_t kPeSignature = 0x58 + 112 + 4 * 8;  // the fifth directory: address and size
constexpr std::uint64_t kPeSection = 0xf8;
constexpr std::uint64_t kPeVirtualSize = kPeSection + 8;
constexpr std::uint64_t kPeSizeOfRawData = kPeSection + 16;
constexpr std::uint32_t kPeMagic = 0x00004550;  // "PE\0\0", at 0x40
constexpr std::uint64_t kPeHeader = 0x40;

constexpr std::uint64_t kWhereSyssize = kSetupHeaderOffset + offsetof(SetupHeader, syssize);
constexpr std::uint64_t kWhereInitSize = kSetupHeaderOffset + offsetof(SetupHeader, init_size);
constexpr std::uint64_t kParagraph = 16;

constexpr const char* kStageName = "holdfast.bzimage";

std::uint32_t Read32(std::span<const std::byte> bytes, std::uint64_t offset) {
  Le32 out;
  std::memcpy(&out, bytes.subspan(offset, sizeof(out)).data(), sizeof(out));
  return out.value();
}

void Write32(std::span<std::byte> bytes, std::uint64_t offset, std::uint64_t value) {
  const Le32 stored(static_cast<std::uint32_t>(value));
  std::memcpy(bytes.subspan(offset, sizeof(stored)).data(), &stored, sizeof(stored));
}

void WriteRecord(std::span<std::byte> bytes, std::uint64_t offset, const StageImageRecord& record) {
  std::memcpy(bytes.subspan(offset, sizeof(record)).data(), &record, sizeof(record));
}

// Is every place that the record names one that the file can have?
bool IsSound(const StageImageRecord& record, std::uint64_t file_size, bool is_signed) {
  const std::uint64_t work = record.work_offset.value();
  const std::uint64_t payload = record.payload_offset.value();
  constexpr std::uint64_t kLimit = std::numeric_limits<std::uint32_t>::max();
  return (work >= file_size || is_signed) && work >= kStageHeaderSize && work <= kLimit && IsAligned(work, kPageSize) &&
         record.work_size.value() <= kLimit && IsAligned(payload, kPageSize) && payload <= std::min(work, file_size) &&
         record.payload_size.value() <= std::min(work, file_size) - payload &&
         (payload == 0) == (record.payload_size.value() == 0);
}

}  // namespace

bool StageFile::Looks(std::span<const std::byte> bytes) {
  if (bytes.size() < kStageRecordOffset + sizeof(StageImageRecord)) {
    return false;
  }
  Le64 magic;
  std::memcpy(&magic, bytes.subspan(kStageRecordOffset).data(), sizeof(magic));
  return magic.value() == kStageRecordMagic;
}

StageFile::StageFile(std::vector<std::byte> bytes, std::string name)
    : name_(std::move(name)), bytes_(std::move(bytes)) {
  if (!Looks(bytes_)) {
    throw Failure(ExitCode::kBadInput, Format("{}: not the stage: give {}", name_, kStageName));
  }
  std::memcpy(&record_, bytes_.data() + kStageRecordOffset, sizeof(record_));
  std::memcpy(&header_, bytes_.data() + kSetupHeaderOffset, sizeof(header_));
  if (header_.header.value() != kSetupHeaderMagic || Read32(bytes_, kPeHeader) != kPeMagic ||
      !IsSound(record_, bytes_.size(), is_signed()) || header_.init_size.value() != init_size()) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: a stage whose header and record do not agree: build it anew", name_));
  }
}

StageFile::StageFile(const std::string& path) : StageFile(ReadFile(path), FileName(path)) {}

std::span<const std::byte> StageFile::payload() const {
  return bytes().subspan(record_.payload_offset.value(), record_.payload_size.value());
}

std::span<const std::byte> StageFile::loaded() const {
  return bytes().first(std::min<std::uint64_t>(bytes_.size(), record_.work_offset.value())).subspan(kStageHeaderSize);
}

bool StageFile::is_signed() const {
  return Read32(bytes_, kPeSignature) != 0 || Read32(bytes_, kPeSignature + sizeof(std::uint32_t)) != 0;
}

std::vector<std::byte> StageFile::WithBundle(std::span<const std::byte> bundle) const {
  if (!payload().empty()) {
    throw Failure(ExitCode::kBadInput, Format("{}: has a bundle already: give a stage without one", name_));
  }
  if (is_signed()) {
    throw Failure(ExitCode::kBadInput, Format("{}: is signed, which a bundle would break: sign the result", name_));
  }
  StageImageRecord record = record_;
  const std::uint64_t payload_offset = AlignUp(bytes_.size(), kPageSize);
  const std::uint64_t file_size = AlignUp(payload_offset + bundle.size(), kPageSize);
  record.payload_offset.Set(payload_offset);
  record.payload_size.Set(bundle.size());
  record.work_offset.Set(file_size);
  const std::uint64_t loaded_size = file_size - kStageHeaderSize;
  const std::uint64_t needed = loaded_size + record.work_size.value();
  if (needed > std::numeric_limits<std::uint32_t>::max()) {
    throw Failure(ExitCode::kBadInput, Format("{}: with a bundle of {} it would need more than 4 GiB: load the bundle "
                                              "beside the stage instead, as its initrd",
                                              name_, SizeText(bundle.size())));
  }
  std::vector<std::byte> out;
  out.reserve(file_size);
  out = bytes_;
  out.resize(payload_offset);
  out.insert(out.end(), bundle.begin(), bundle.end());
  out.resize(file_size);
  WriteRecord(out, kStageRecordOffset, record);
  Write32(out, kPeSizeOfCode, loaded_size);
  Write32(out, kPeSizeOfImage, file_size);
  Write32(out, kPeVirtualSize, loaded_size);
  Write32(out, kPeSizeOfRawData, loaded_size);
  Write32(out, kWhereSyssize, loaded_size / kParagraph);
  Write32(out, kWhereInitSize, needed);
  return out;
}

std::vector<std::byte> StageFile::LoadedWith(std::uint64_t boot_params) const {
  std::vector<std::byte> out(loaded().begin(), loaded().end());
  StageImageRecord record = record_;
  record.boot_params.Set(boot_params);
  WriteRecord(out, kStageRecordOffset - kStageHeaderSize, record);
  return out;
}

std::string DefaultStagePath() { return InstalledFile(kStageName); }

}  // namespace holdfast::tool
