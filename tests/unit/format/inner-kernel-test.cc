// SPDX-License-Identifier: BSD-2-Clause
// Tests of the kernel that the stage starts: where its packed and unpacked forms are.

#include "common/format/inner-kernel.h"

#include <catch2/catch.hpp>
#include <zstd.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/kernel-files.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::BuildBundle;
using test::ByteVector;
using test::CheckError;
using test::DebianHeader;
using test::Filled;
using test::KernelFileWith;
using test::kSetupSize;
using test::TestPart;

ByteVector Pack(const ByteVector& bytes) {
  ByteVector packed(ZSTD_compressBound(bytes.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 1));
  return packed;
}

const ByteVector kPacked = Pack(test::SmallVmlinux().Build());
const std::size_t kUnpackedSize = test::SmallVmlinux().Build().size();

ByteVector WholeKernel() { return KernelFileWith(kPacked, static_cast<std::uint32_t>(kUnpackedSize)); }
ByteVector SetupOf(ByteVector kernel) {
  kernel.resize(kSetupSize);
  return kernel;
}

void CheckPacked(const InnerKernel& kernel) {
  CHECK(kernel.has_vmlinux());
  REQUIRE(kernel.packed);
  CHECK(ByteVector(kernel.packed->bytes.begin(), kernel.packed->bytes.end()) == kPacked);
  CHECK(kernel.packed->size == kUnpackedSize);
  CHECK(kernel.unpacked.empty());
}

// A bundle's kernel, whose bytes stay in `storage`.
Status ReadBundle(const std::vector<TestPart>& parts, ByteVector& storage, InnerKernel& out, std::string& failed) {
  storage = BuildBundle(parts);
  Bundle bundle;
  REQUIRE(DecodeBundle(storage, &Sha256Blocks, bundle).ok());
  std::string_view name;
  const Status status = ReadInnerKernel(bundle, out, name);
  failed = name;
  return status;
}

}  // namespace

TEST_CASE("A whole bzImage is there in both forms", "[format][inner-kernel]") {
  const ByteVector file = WholeKernel();
  InnerKernel kernel;
  REQUIRE(ReadInnerKernel(file, kernel).ok());
  CHECK(kernel.has_bzimage);
  CHECK(kernel.file.data() == file.data());
  CHECK(kernel.file.size() == file.size());
  CHECK(kernel.image.protected_offset == kSetupSize);
  CHECK(kernel.image.facts.alignment == 0x200000);
  CheckPacked(kernel);

  const auto workspace = std::make_unique<ZstdWorkspace>();
  ByteVector out(kUnpackedSize);
  REQUIRE(Unpack(*kernel.packed, out, *workspace).ok());
  CHECK(out == test::SmallVmlinux().Build());
}

TEST_CASE("A bzImage whose payload is of no use here is one still", "[format][inner-kernel]") {
  struct Case {
    const char* name;
    ByteVector file;
    Error why;
  };
  ByteVector nameless = WholeKernel();
  SetupHeader header = DebianHeader();
  header.syssize.Set(0);
  test::Put(nameless, kSetupHeaderOffset, header);
  const auto c = GENERATE_COPY(
      values<Case>({{"no payload is named", nameless, {Errc::kUnsupported, 0}},
                    {"gzip",
                     KernelFileWith({std::byte{0x1f}, std::byte{0x8b}, std::byte{8}, std::byte{0}}, 1),
                     {Errc::kUnsupported, 0x88b1f}},
                    {"no known form", KernelFileWith(Filled(8, 0x7f), 1), {Errc::kUnsupported, 0x7f7f7f7f}},
                    {"too large", KernelFileWith(kPacked, 0xffffffff), {Errc::kTooLarge, 0xffffffff}}}));
  INFO(c.name);
  InnerKernel kernel;
  REQUIRE(ReadInnerKernel(c.file, kernel).ok());
  CHECK(kernel.has_bzimage);
  CHECK_FALSE(kernel.has_vmlinux());
  CHECK(ErrcName(kernel.why_no_vmlinux.code) == ErrcName(c.why.code));
  CHECK(kernel.why_no_vmlinux.where == c.why.where);
}

TEST_CASE("What is no whole bzImage is refused", "[format][inner-kernel]") {
  InnerKernel kernel;
  SECTION("no kernel") { CheckError(ReadInnerKernel(Filled(0x1000, 0), kernel), Errc::kBadMagic, 0x202); }
  SECTION("cut off in its setup") {
    CheckError(ReadInnerKernel(SetupOf(WholeKernel()), kernel), Errc::kTruncated, kSetupSize);
  }
  SECTION("too short for a header") { CheckError(ReadInnerKernel(Filled(0x100, 0), kernel), Errc::kTruncated, 0x100); }
  CHECK_FALSE(kernel.has_bzimage);
}

TEST_CASE("A bundle's kernel has its payload in it, or beside it", "[format][inner-kernel]") {
  ByteVector storage;
  std::string failed;
  InnerKernel kernel;
  SECTION("in it") {
    REQUIRE(ReadBundle({{.kind = BundlePartKind::kKernel, .stored = WholeKernel()}}, storage, kernel, failed).ok());
    CHECK(kernel.has_bzimage);
    CheckPacked(kernel);
  }
  SECTION("beside it, packed") {
    REQUIRE(ReadBundle({{.kind = BundlePartKind::kKernel, .stored = SetupOf(WholeKernel())},
                        {.kind = BundlePartKind::kVmlinux,
                         .stored = kPacked,
                         .encoding = BundleEncoding::kZstd,
                         .size = kUnpackedSize}},
                       storage, kernel, failed)
                .ok());
    CHECK_FALSE(kernel.has_bzimage);
    CHECK(kernel.image.facts.alignment == 0x200000);
    CheckPacked(kernel);
  }
  SECTION("beside a whole one, unpacked") {
    const ByteVector vmlinux = test::SmallVmlinux().Build();
    REQUIRE(ReadBundle({{.kind = BundlePartKind::kKernel, .stored = WholeKernel()},
                        {.kind = BundlePartKind::kVmlinux, .stored = vmlinux}},
                       storage, kernel, failed)
                .ok());
    CHECK(kernel.has_bzimage);
    CHECK(kernel.has_vmlinux());
    CHECK_FALSE(kernel.packed);
    CHECK(ByteVector(kernel.unpacked.begin(), kernel.unpacked.end()) == vmlinux);
  }
}

TEST_CASE("A bundle whose kernel is cut off with nothing beside it is refused by name", "[format][inner-kernel]") {
  ByteVector storage;
  std::string failed;
  InnerKernel kernel;
  CHECK_FALSE(
      ReadBundle({{.kind = BundlePartKind::kKernel, .stored = SetupOf(WholeKernel())}}, storage, kernel, failed).ok());
  CHECK(failed == "bundle's kernel");
}

TEST_CASE("What unpacks to less than was stated is malformed", "[format][inner-kernel]") {
  const auto workspace = std::make_unique<ZstdWorkspace>();
  ByteVector out(kUnpackedSize + 1);
  CheckError(Unpack({kPacked, kUnpackedSize + 1}, out, *workspace), Errc::kMalformed, kUnpackedSize);
  CheckError(Unpack({kPacked, kUnpackedSize}, std::span(out).first(1), *workspace), Errc::kTooLarge, 1);
}

}  // namespace holdfast
