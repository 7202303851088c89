// SPDX-License-Identifier: BSD-2-Clause
// Tests of the bundle's decoder.

#include "common/format/bundle.h"

#include <catch2/catch.hpp>

#include <functional>
#include <string>

#include "tests/support/kernel-files.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::BuildBundle;
using test::ByteVector;
using test::CheckError;
using test::Filled;
using test::PartAt;
using test::Put;
using test::SealBundle;
using test::TestPart;

Status Decode(std::span<const std::byte> bytes, Bundle& out) { return DecodeBundle(bytes, &Sha256Blocks, out); }

Status Decode(std::span<const std::byte> bytes) {
  Bundle out;
  return Decode(bytes, out);
}

// One of each kind, in another order than the kinds' numbers.
std::vector<TestPart> AllParts() {
  return {{.kind = BundlePartKind::kVmlinux,
           .stored = Filled(300, 2),
           .encoding = BundleEncoding::kZstd,
           .size = std::uint64_t{1} << 30},
          {.kind = BundlePartKind::kKernel, .stored = Filled(4096, 1)},
          {.kind = BundlePartKind::kInitrd, .stored = Filled(4097, 3), .encoding = BundleEncoding::kZstd, .size = 1},
          {.kind = BundlePartKind::kHandover, .stored = Filled(64, 5)},
          {.kind = BundlePartKind::kCommandLine, .stored = Filled(1, 'x')}};
}

// The kernel is part 0, the vmlinux part 1.
ByteVector TwoParts() {
  return BuildBundle(
      {{.kind = BundlePartKind::kKernel, .stored = Filled(4096, 1)},
       {.kind = BundlePartKind::kVmlinux, .stored = Filled(100, 2), .encoding = BundleEncoding::kZstd, .size = 5000}});
}

TEST_CASE("A bundle's parts are found by their kinds", "[format][bundle]") {
  const ByteVector bytes = BuildBundle(AllParts(), KernelEntry::kBzImage);
  Bundle out;
  REQUIRE(Decode(bytes, out).ok());
  CHECK(out.entry == KernelEntry::kBzImage);
  CHECK(out.size == bytes.size());
  REQUIRE(out.parts.size() == 5);

  const auto vmlinux = out.Find(BundlePartKind::kVmlinux);
  REQUIRE(vmlinux.has_value());
  CHECK(vmlinux->encoding == BundleEncoding::kZstd);
  CHECK(vmlinux->offset == 0x1000);
  CHECK(vmlinux->size == std::uint64_t{1} << 30);
  CHECK(vmlinux->stored.data() == bytes.data() + 0x1000);
  CHECK(vmlinux->stored.size() == 300);

  const auto line = out.Find(BundlePartKind::kCommandLine);
  REQUIRE(line.has_value());
  CHECK(line->encoding == BundleEncoding::kStored);
  CHECK(line->size == 1);
  CHECK(line->stored[0] == std::byte{'x'});
}

TEST_CASE("A bundle without a part does not find it", "[format][bundle]") {
  Bundle out;
  const ByteVector bytes = BuildBundle({{.kind = BundlePartKind::kKernel, .stored = Filled(1, 1)}});
  REQUIRE(Decode(bytes, out).ok());
  CHECK(out.Find(BundlePartKind::kKernel).has_value());
  CHECK_FALSE(out.Find(BundlePartKind::kInitrd).has_value());
}

TEST_CASE("A bundle that is decoded again forgets the one before", "[format][bundle]") {
  Bundle out;
  const ByteVector all = BuildBundle(AllParts());
  const ByteVector one = BuildBundle({{.kind = BundlePartKind::kKernel, .stored = Filled(1, 1)}});
  REQUIRE(Decode(all, out).ok());
  REQUIRE(Decode(one, out).ok());
  CHECK(out.parts.size() == 1);
}

TEST_CASE("Bytes may go on behind a bundle", "[format][bundle]") {
  ByteVector bytes = TwoParts();
  const std::size_t size = bytes.size();
  bytes.resize(size + 5000, std::byte{0xee});
  Bundle out;
  REQUIRE(Decode(bytes, out).ok());
  CHECK(out.size == size);
}

TEST_CASE("A bundle begins with its magic", "[format][bundle]") {
  ByteVector bytes = TwoParts();
  CHECK(test::Get<Le64>(bytes, 0).value() == kBundleMagic);
  CHECK(std::memcmp(bytes.data(), "HFBUNDLE", 8) == 0);
  CHECK(BeginsBundle(bytes));
  CHECK(BeginsBundle(std::span(bytes).first(8)));
  CHECK_FALSE(BeginsBundle(std::span(bytes).first(7)));
  CHECK_FALSE(BeginsBundle({}));
  bytes[7] = std::byte{'X'};
  CHECK_FALSE(BeginsBundle(bytes));
  CheckError(Decode(bytes), Errc::kBadMagic, 0);
}

TEST_CASE("A bundle that was cut off anywhere is truncated", "[format][bundle]") {
  const ByteVector bytes = TwoParts();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Status status = Decode(std::span(bytes).first(size));
    REQUIRE_FALSE(status.ok());
    REQUIRE(status.error() == Error{Errc::kTruncated, size});
  }
}

TEST_CASE("A bundle's table reads without its parts", "[format][bundle]") {
  const ByteVector bytes = BuildBundle(AllParts(), KernelEntry::kEfiHandover);
  const auto head = std::span(bytes).first(PartAt(5, 0));
  Bundle whole;
  Bundle table;
  REQUIRE(Decode(bytes, whole).ok());
  REQUIRE(DecodeBundleTable(head, bytes.size(), &Sha256Blocks, table).ok());
  CHECK(table.entry == KernelEntry::kEfiHandover);
  CHECK(table.size == bytes.size());
  REQUIRE(table.parts.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(table.parts[i].kind == whole.parts[i].kind);
    CHECK(table.parts[i].offset == whole.parts[i].offset);
    CHECK(table.parts[i].stored_size == whole.parts[i].stored.size());
    CHECK(table.parts[i].stored.empty());
  }
  CheckError(DecodeBundleTable(head.first(head.size() - 1), bytes.size(), &Sha256Blocks, table), Errc::kTruncated,
             head.size() - 1);
  CheckError(DecodeBundleTable(head, bytes.size() - 1, &Sha256Blocks, table), Errc::kTruncated, bytes.size() - 1);
}

TEST_CASE("A bundle is found alone and in a kernel image of ours", "[format][bundle]") {
  const ByteVector bundle = TwoParts();
  const auto find = [](const ByteVector& file) {
    return FindBundle(std::span(file).first(std::min(file.size(), kMaxBundleHeadSize)), file.size());
  };
  const auto alone = find(bundle);
  REQUIRE(alone.ok());
  CHECK(alone.value().offset == 0);
  CHECK(alone.value().available == bundle.size());

  constexpr std::uint64_t kPlace = kStageRecordOffset + offsetof(StageImageRecord, payload_offset);
  const auto image = [&](std::uint64_t offset, std::uint64_t size) {
    ByteVector file(0x2000);
    StageImageRecord record{};
    record.magic.Set(kStageRecordMagic);
    record.payload_offset.Set(offset);
    record.payload_size.Set(size);
    Put(file, kStageRecordOffset, record);
    test::Push(file, bundle);
    return file;
  };
  const auto carried = find(image(0x2000, bundle.size()));
  REQUIRE(carried.ok());
  CHECK(carried.value().offset == 0x2000);
  CHECK(carried.value().available == bundle.size());
  CheckError(find(image(0x2000, bundle.size() + 1)), Errc::kMalformed, kPlace);
  CheckError(find(image(0x2001 + bundle.size(), 0)), Errc::kMalformed, kPlace);
  CheckError(find(image(kStageHeaderSize - 1, 1)), Errc::kMalformed, kPlace);
  CheckError(find(image(~std::uint64_t{0}, 2)), Errc::kMalformed, kPlace);
}

TEST_CASE("What neither is nor carries a bundle has none", "[format][bundle]") {
  const ByteVector bundle = TwoParts();
  ByteVector image(kMaxBundleHeadSize);
  CheckError(FindBundle({}, 0), Errc::kBadMagic, 0);
  CheckError(FindBundle(std::span(bundle).first(7), 7), Errc::kBadMagic, 0);
  CheckError(FindBundle(image, image.size()), Errc::kBadMagic, 0);
  Put(image, kStageRecordOffset, Le64(kStageRecordMagic));  // a stage without a payload
  CheckError(FindBundle(image, image.size()), Errc::kBadMagic, 0);
  CheckError(FindBundle(std::span(image).first(image.size() - 1), image.size()), Errc::kBadMagic, 0);
}

TEST_CASE("Every byte of header and table is under the digest", "[format][bundle]") {
  ByteVector bytes = TwoParts();
  for (std::size_t i = 0; i < PartAt(2, 0); ++i) {
    bytes[i] ^= std::byte{0x80};
    INFO(i);
    const Status status = Decode(bytes);
    REQUIRE_FALSE(status.ok());
    // Magic, version and the number of parts say how the rest is to be read.
    const Errc expected = i < 8    ? Errc::kBadMagic
                          : i < 12 ? Errc::kBadVersion
                          : i < 16 ? Errc::kTableFull
                                   : Errc::kBadDigest;
    REQUIRE(ErrcName(status.error().code) == ErrcName(expected));
    bytes[i] ^= std::byte{0x80};
  }
  CHECK(Decode(bytes).ok());
  bytes[PartAt(1, offsetof(StoredBundlePart, size))] ^= std::byte{1};
  CheckError(Decode(bytes), Errc::kBadDigest, 0);
}

TEST_CASE("A bundle of another version says which", "[format][bundle]") {
  ByteVector bytes = TwoParts();
  Put(bytes, offsetof(StoredBundleHeader, version), Le32(2));
  SealBundle(bytes);
  CheckError(Decode(bytes), Errc::kBadVersion, 2);
}

TEST_CASE("A bundle has at most eight parts", "[format][bundle]") {
  ByteVector bytes = TwoParts();
  Put(bytes, offsetof(StoredBundleHeader, num_parts), Le32(9));
  SealBundle(bytes);
  CheckError(Decode(bytes), Errc::kTableFull, 8);
  // Eight are read; what lies there is no part.
  Put(bytes, offsetof(StoredBundleHeader, num_parts), Le32(8));
  SealBundle(bytes);
  CheckError(Decode(bytes), Errc::kUnsupported, 0);
}

TEST_CASE("Each field of a bundle's header is held to its rule", "[format][bundle]") {
  ByteVector bytes = TwoParts();
  SECTION("an entry that is none") {
    Put(bytes, offsetof(StoredBundleHeader, entry), Le32(5));
    SealBundle(bytes);
    CheckError(Decode(bytes), Errc::kMalformed, 24);
  }
  SECTION("a mode that is none") {
    Put(bytes, offsetof(StoredBundleHeader, mode), Le32(3));
    SealBundle(bytes);
    CheckError(Decode(bytes), Errc::kMalformed, 28);
  }
  SECTION("a size behind the last part's end") {
    Put(bytes, offsetof(StoredBundleHeader, size), Le64(bytes.size() + 1));
    SealBundle(bytes);
    bytes.resize(bytes.size() + 1);
    CheckError(Decode(bytes), Errc::kMalformed, 16);
  }
  SECTION("a size before the last part's end") {
    Put(bytes, offsetof(StoredBundleHeader, size), Le64(bytes.size() - 1));
    SealBundle(bytes);
    CheckError(Decode(bytes), Errc::kMalformed, PartAt(1, offsetof(StoredBundlePart, stored_size)));
  }
  SECTION("a size smaller than the header") {
    Put(bytes, offsetof(StoredBundleHeader, size), Le64(0));
    SealBundle(bytes);
    CheckError(Decode(bytes), Errc::kMalformed, PartAt(0, offsetof(StoredBundlePart, offset)));
  }
  SECTION("a size larger than what is there") {
    Put(bytes, offsetof(StoredBundleHeader, size), Le64(0xffffffffffffffff));
    SealBundle(bytes);
    CheckError(Decode(bytes), Errc::kTruncated, bytes.size());
  }
}

TEST_CASE("Each field of a bundle's part is held to its rule", "[format][bundle]") {
  struct Case {
    const char* what;
    std::size_t part;
    std::function<void(StoredBundlePart&)> change;
    Error error;
  };
  constexpr auto kWhere = [](std::size_t part, std::size_t field) {
    return Error{Errc::kMalformed, PartAt(part, field)};
  };
  const std::size_t kEncoding = offsetof(StoredBundlePart, encoding);
  const std::size_t kOffset = offsetof(StoredBundlePart, offset);
  const std::size_t kStoredSize = offsetof(StoredBundlePart, stored_size);
  const std::size_t kSize = offsetof(StoredBundlePart, size);
  const std::vector<Case> cases = {
      {"no kind", 1, [](auto& part) { part.kind.Set(0); }, {Errc::kUnsupported, 0}},
      {"a kind that is not known", 1, [](auto& part) { part.kind.Set(6); }, {Errc::kUnsupported, 6}},
      {"the kind of the part before", 1,
       [](auto& part) {
         part.kind.Set(1);
         part.encoding.Set(0);
         part.size.Set(100);
       },
       kWhere(1, offsetof(StoredBundlePart, kind))},
      {"no encoding", 1, [](auto& part) { part.encoding.Set(2); }, kWhere(1, kEncoding)},
      {"a compressed kernel", 0, [](auto& part) { part.encoding.Set(1); }, kWhere(0, kEncoding)},
      {"a compressed command line", 1, [](auto& part) { part.kind.Set(4); }, kWhere(1, kEncoding)},
      {"a compressed handover", 1, [](auto& part) { part.kind.Set(5); }, kWhere(1, kEncoding)},
      {"two sizes without an encoding", 1, [](auto& part) { part.encoding.Set(0); }, kWhere(1, kSize)},
      {"nothing stored", 1, [](auto& part) { part.stored_size.Set(0); }, kWhere(1, kStoredSize)},
      {"nothing when decoded", 1, [](auto& part) { part.size.Set(0); }, kWhere(1, kSize)},
      {"an offset off a page", 1, [](auto& part) { part.offset.Set(0x2001); }, {Errc::kMisaligned, 0x2001}},
      {"an offset in the table", 0, [](auto& part) { part.offset.Set(0); }, kWhere(0, kOffset)},
      {"an offset in the part before", 1, [](auto& part) { part.offset.Set(0x1000); }, kWhere(1, kOffset)},
      {"an offset behind the bundle", 1, [](auto& part) { part.offset.Set(0x3000); }, kWhere(1, kOffset)},
      {"the highest offset", 1, [](auto& part) { part.offset.Set(0xfffffffffffff000); }, kWhere(1, kOffset)},
      {"an end behind the bundle", 1, [](auto& part) { part.stored_size.Set(101); }, kWhere(1, kStoredSize)},
      {"as much as a part may be, which is not there", 1, [](auto& part) { part.stored_size.Set(kMaxBundlePartSize); },
       kWhere(1, kStoredSize)},
      {"more than a part may be",
       1,
       [](auto& part) { part.stored_size.Set(kMaxBundlePartSize + 1); },
       {Errc::kTooLarge, kMaxBundlePartSize}},
      {"more when decoded than a part may be",
       1,
       [](auto& part) { part.size.Set(kMaxBundlePartSize + 1); },
       {Errc::kTooLarge, kMaxBundlePartSize}},
      {"an end before the bundle's",
       1,
       [](auto& part) { part.stored_size.Set(99); },
       {Errc::kMalformed, offsetof(StoredBundleHeader, size)}},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    ByteVector bytes = TwoParts();
    auto part = test::Get<StoredBundlePart>(bytes, PartAt(c.part, 0));
    c.change(part);
    Put(bytes, PartAt(c.part, 0), part);
    SealBundle(bytes);
    CheckError(Decode(bytes), c.error.code, c.error.where);
  }
}

TEST_CASE("A part may be as large as it likes when decoded, up to the limit", "[format][bundle]") {
  ByteVector bytes = TwoParts();
  Put(bytes, PartAt(1, offsetof(StoredBundlePart, size)), Le64(kMaxBundlePartSize));
  SealBundle(bytes);
  CHECK(Decode(bytes).ok());
}

TEST_CASE("A bundle has a kernel, whose bzImage may hold the vmlinux that is wanted", "[format][bundle]") {
  const TestPart kernel = {.kind = BundlePartKind::kKernel, .stored = Filled(10, 1)};
  const TestPart vmlinux = {.kind = BundlePartKind::kVmlinux, .stored = Filled(10, 1)};
  CheckError(Decode(BuildBundle({})), Errc::kMalformed, 12);
  CheckError(Decode(BuildBundle({vmlinux})), Errc::kMalformed, 12);
  CHECK(Decode(BuildBundle({kernel}, KernelEntry::kVmlinux)).ok());
  CHECK(Decode(BuildBundle({kernel}, KernelEntry::kBzImage)).ok());
  CHECK(Decode(BuildBundle({kernel}, KernelEntry::kAuto)).ok());
  CHECK(Decode(BuildBundle({kernel, vmlinux}, KernelEntry::kVmlinux)).ok());
}

TEST_CASE("A part is believed once its digest is", "[format][bundle]") {
  ByteVector bytes = TwoParts();
  Bundle out;
  REQUIRE(Decode(bytes, out).ok());
  CHECK(VerifyPart(out.parts[0], &Sha256Blocks).ok());
  CHECK(VerifyPart(out.parts[1], &Sha256Blocks).ok());
  bytes.back() ^= std::byte{1};
  CHECK(VerifyPart(out.parts[0], &Sha256Blocks).ok());
  CheckError(VerifyPart(out.parts[1], &Sha256Blocks), Errc::kBadDigest, 0x2000);
}

}  // namespace
}  // namespace holdfast
