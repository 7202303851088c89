// SPDX-License-Identifier: BSD-2-Clause
// The stage's image, and a bundle put into it.

#include "tools/mkhandover/stage-file.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "tests/tool/fake-stage.h"
#include "tools/mkhandover/failure.h"

namespace holdfast::tool {
namespace {

std::string MessageOf(const Bytes& stage) {
  try {
    StageFile(stage, "stage").WithBundle(Bytes(10));
  } catch (const Failure& failure) {
    CHECK(failure.code() == ExitCode::kBadInput);
    return failure.what();
  }
  return "no failure";
}

TEST_CASE("A bundle in the image is a page behind it, and every size says so", "[tool][stage-file]") {
  const Bytes bundle(0x2001, std::byte{0xbb});
  const StageFile stage(FakeStage(), "stage");
  const Bytes image = stage.WithBundle(bundle);
  REQUIRE(image.size() == 0x6000);
  CHECK(std::equal(bundle.begin(), bundle.end(), image.begin() + 0x3000));
  CHECK(image[0x5001] == std::byte{0});
  for (const std::size_t field : {0x5cU, 0x100U, 0x108U}) {  // SizeOfCode, VirtualSize, SizeOfRawData
    CHECK(Get32(image, field) == 0x5000);
  }
  CHECK(Get32(image, 0x90) == 0x6000);
  CHECK(Get32(image, 0x1f4) == 0x500);
  CHECK(Get32(image, 0x260) == 0x5000 + kWorkSize);
  const StageImageRecord record = RecordOf(image);
  CHECK(record.payload_offset.value() == 0x3000);
  CHECK(record.payload_size.value() == 0x2001);
  CHECK(record.work_offset.value() == 0x6000);
  CHECK(record.work_size.value() == kWorkSize);
  CHECK(record.boot_params.value() == 0);

  const StageFile with(image, "image");
  CHECK(std::equal(bundle.begin(), bundle.end(), with.payload().begin(), with.payload().end()));
  CHECK(with.init_size() == 0x5000 + kWorkSize);
  // All else is as it was.
  Bytes before = FakeStage();
  Bytes after(image.begin(), image.begin() + 0x3000);
  for (const std::size_t field : {0x5cU, 0x90U, 0x100U, 0x108U, 0x1f4U, 0x260U}) {
    Put32(before, field, 0);
    Put32(after, field, 0);
  }
  std::fill_n(before.begin() + kStageRecordOffset, sizeof(record), std::byte{0});
  std::fill_n(after.begin() + kStageRecordOffset, sizeof(record), std::byte{0});
  CHECK(before == after);
}

TEST_CASE("A stage of odd size is filled up to a page first", "[tool][stage-file]") {
  Bytes odd = FakeStage();
  odd.resize(0x2801);  // its work area begins at 0x3000 all the same
  const Bytes image = StageFile(odd, "stage").WithBundle(Bytes(1, std::byte{1}));
  CHECK(RecordOf(image).payload_offset.value() == 0x3000);
  CHECK(image.size() == 0x4000);
}

TEST_CASE("A bundle is not put where one is, nor under a signature", "[tool][stage-file]") {
  const Bytes image = StageFile(FakeStage(), "stage").WithBundle(Bytes(1));
  CHECK(MessageOf(image) == "stage: has a bundle already: give a stage without one");
  Bytes is_signed = FakeStage();
  Put32(is_signed, 0xe8, 0x3000);  // the certificate table
  Put32(is_signed, 0xec, 0x200);
  is_signed.resize(0x3200);
  CHECK(MessageOf(is_signed) == "stage: is signed, which a bundle would break: sign the result");
  // A signature is not loaded.
  CHECK(StageFile(is_signed, "stage").loaded().size() == 0x2000);
}

TEST_CASE("An image of more than 4 GiB is refused", "[tool][stage-file]") {
  Bytes stage = FakeStage();
  StageImageRecord record = RecordOf(stage);
  record.work_size.Set(0xffff'd000);
  std::memcpy(stage.data() + kStageRecordOffset, &record, sizeof(record));
  Put32(stage, 0x260, 0xffff'f000);
  CHECK(MessageOf(stage) ==
        "stage: with a bundle of 10 B it would need more than 4 GiB: load the bundle beside the "
        "stage instead, as its initrd");
}

TEST_CASE("What is not the stage is refused", "[tool][stage-file]") {
  CHECK(MessageOf(Bytes(100)) == "stage: not the stage: give holdfast.bzimage");
  CHECK(MessageOf(Bytes(0x3000)) == "stage: not the stage: give holdfast.bzimage");
  Bytes stage = FakeStage();
  const auto damage = [&stage](std::size_t offset, std::uint32_t value) {
    const Bytes before = stage;
    Put32(stage, offset, value);
    CHECK(MessageOf(stage) == "stage: a stage whose header and record do not agree: build it anew");
    stage = before;
  };
  damage(0x40, 0);                          // no PE header
  damage(0x202, 0);                         // no setup header
  damage(0x260, 0x1000);                    // init_size
  damage(kStageRecordOffset + 8, 0x1800);   // a payload that is not on a page
  damage(kStageRecordOffset + 8, 0x4000);   // beyond the file
  damage(kStageRecordOffset + 16, 0x10);    // a size without a place
  damage(kStageRecordOffset + 24, 0x2000);  // a work area inside the file
  damage(kStageRecordOffset + 28, 0x1);     // one beyond 4 GiB
  CHECK(MessageOf(stage) == "no failure");
}

TEST_CASE("A loader that sets no registers is known by the record", "[tool][stage-file]") {
  const StageFile stage(FakeStage(), "stage");
  const Bytes loaded = stage.LoadedWith(0x123456000);
  REQUIRE(loaded.size() == 0x2000);
  Bytes whole(0x1000);
  whole.insert(whole.end(), loaded.begin(), loaded.end());
  CHECK(RecordOf(whole).boot_params.value() == 0x123456000);
  CHECK(RecordOf(whole).work_offset.value() == 0x3000);
}

}  // namespace
}  // namespace holdfast::tool
