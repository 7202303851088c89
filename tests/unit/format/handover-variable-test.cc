// SPDX-License-Identifier: BSD-2-Clause
// Tests of the variable's decoder.

#include "common/format/handover-variable.h"

#include <catch2/catch.hpp>

#include "tests/support/kernel-files.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::Between;
using test::ByteVector;
using test::CheckError;
using test::Put;

HandoverVariable TreeVariable() {
  HandoverVariable variable;
  variable.at = Between(0x40000000, 0x40000123);
  variable.digest.fill(std::byte{0xab});
  return variable;
}

HandoverVariable KhoVariable() {
  HandoverVariable variable = TreeVariable();
  variable.kind = HandoverVariableKind::kKho;
  variable.is_one_shot = false;
  variable.scratch = Between(0x50000000, 0x50000020);
  return variable;
}

ByteVector Stored(const HandoverVariable& variable) {
  ByteVector bytes;
  test::Push(bytes, EncodeHandoverVariable(variable));
  return bytes;
}

Status Decode(std::span<const std::byte> bytes) {
  HandoverVariable out;
  return DecodeHandoverVariable(bytes, out);
}

template <typename T>
Status DecodeChanged(const HandoverVariable& variable, std::size_t at, T value) {
  ByteVector bytes = Stored(variable);
  Put(bytes, at, value);
  return Decode(bytes);
}

TEST_CASE("Nothing that lies below 1 MiB is followed", "[format][handover-variable]") {
  HandoverVariable variable = KhoVariable();
  variable.at = Between(0xfffff, 0x100fff);
  CheckError(Decode(Stored(variable)), Errc::kMalformed, offsetof(StoredHandoverVariable, address));
  variable.at = Between(0x100000, 0x101000);
  CHECK(Decode(Stored(variable)).ok());
  variable.scratch = Between(0, 0x20);
  CheckError(Decode(Stored(variable)), Errc::kMalformed, offsetof(StoredHandoverVariable, scratch_address));
}

TEST_CASE("A variable decodes to what was encoded", "[format][handover-variable]") {
  for (const HandoverVariable& variable : {TreeVariable(), KhoVariable()}) {
    HandoverVariable out;
    REQUIRE(DecodeHandoverVariable(Stored(variable), out).ok());
    CHECK(out.kind == variable.kind);
    CHECK(out.is_one_shot == variable.is_one_shot);
    CHECK(out.at == variable.at);
    CHECK(out.scratch == variable.scratch);
    CHECK(out.digest == variable.digest);
  }
}

TEST_CASE("A variable has its layout", "[format][handover-variable]") {
  const ByteVector bytes = Stored(TreeVariable());
  REQUIRE(bytes.size() == 80);
  CHECK(test::Get<Le32>(bytes, 0).value() == 1);
  CHECK(test::Get<Le32>(bytes, 4).value() == kHandoverOneShot);
  CHECK(test::Get<Le32>(bytes, 8).value() == 1);
  CHECK(test::Get<Le64>(bytes, 16).value() == 0x40000000);
  CHECK(test::Get<Le64>(bytes, 24).value() == 0x123);
  CHECK(bytes[48] == std::byte{0xab});
}

TEST_CASE("A variable that was cut off anywhere is truncated", "[format][handover-variable]") {
  const ByteVector bytes = Stored(KhoVariable());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CheckError(Decode(std::span(bytes).first(size)), Errc::kTruncated, size);
  }
}

TEST_CASE("A variable of another version says which, whatever its size", "[format][handover-variable]") {
  CheckError(DecodeChanged(TreeVariable(), 0, Le32(2)), Errc::kBadVersion, 2);
  CheckError(Decode(ByteVector(4)), Errc::kBadVersion, 0);
}

TEST_CASE("What a variable cannot say is refused", "[format][handover-variable]") {
  using Stored_ = StoredHandoverVariable;
  ByteVector longer = Stored(TreeVariable());
  longer.push_back(std::byte{0});
  CheckError(Decode(longer), Errc::kMalformed, 80);

  CheckError(DecodeChanged(TreeVariable(), offsetof(Stored_, flags), Le32(2)), Errc::kMalformed, 4);
  CheckError(DecodeChanged(TreeVariable(), offsetof(Stored_, kind), Le32(0)), Errc::kUnsupported, 0);
  CheckError(DecodeChanged(TreeVariable(), offsetof(Stored_, kind), Le32(3)), Errc::kUnsupported, 3);
  CheckError(DecodeChanged(TreeVariable(), offsetof(Stored_, reserved), Le32(1)), Errc::kMalformed, 12);
  CheckError(DecodeChanged(TreeVariable(), offsetof(Stored_, size), Le64(0)), Errc::kMalformed, 24);
}

TEST_CASE("A variable has scratch where its kind does", "[format][handover-variable]") {
  using Stored_ = StoredHandoverVariable;
  CheckError(DecodeChanged(TreeVariable(), offsetof(Stored_, scratch_address), Le64(0x1000)), Errc::kMalformed, 32);
  CheckError(DecodeChanged(TreeVariable(), offsetof(Stored_, scratch_size), Le64(16)), Errc::kMalformed, 40);
  CheckError(DecodeChanged(KhoVariable(), offsetof(Stored_, scratch_size), Le64(0)), Errc::kMalformed, 40);
}

TEST_CASE("A variable names nothing that no address can name", "[format][handover-variable]") {
  using Stored_ = StoredHandoverVariable;
  const HandoverVariable variable = KhoVariable();
  CheckError(DecodeChanged(variable, offsetof(Stored_, address), Le64(kPhysLimit - 1)), Errc::kOutOfBounds,
             kPhysLimit - 1);
  CheckError(DecodeChanged(variable, offsetof(Stored_, size), Le64(~std::uint64_t{0})), Errc::kOutOfBounds, 0x40000000);
  CheckError(DecodeChanged(variable, offsetof(Stored_, scratch_address), Le64(~std::uint64_t{0})), Errc::kOutOfBounds,
             ~std::uint64_t{0});
  CHECK(DecodeChanged(variable, offsetof(Stored_, address), Le64(kPhysLimit - 0x123)).ok());
}

}  // namespace
}  // namespace holdfast
