// SPDX-License-Identifier: BSD-2-Clause
// Tests of the setup header's decoder.

#include "common/format/kernel-header.h"

#include <catch2/catch.hpp>

#include <vector>

#include "tests/support/kernel-files.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::CheckError;
using test::DebianHeader;
using test::KernelFile;

TEST_CASE("A kernel's facts are those of its header", "[format][kernel-header]") {
  const auto facts = DecodeKernelFacts(DebianHeader());
  REQUIRE(facts.ok());
  CHECK(facts.value().size == 0x3378000);
  CHECK(facts.value().alignment == 0x200000);
  CHECK(facts.value().min_address == 0x1000000);
  CHECK(facts.value().limit == std::uint64_t{1} << 46);
}

TEST_CASE("A kernel is as large as whole pages", "[format][kernel-header]") {
  SetupHeader header = DebianHeader();
  header.init_size.Set(0x3378001);
  CHECK(DecodeKernelFacts(header).value().size == 0x3379000);
}

TEST_CASE("A kernel that must lie low has 4 GiB for a limit", "[format][kernel-header]") {
  SetupHeader header = DebianHeader();
  header.xloadflags.Set(kXlfKernel64);
  CHECK(DecodeKernelFacts(header).value().limit == std::uint64_t{1} << 32);
}

TEST_CASE("What loaders change is not looked at", "[format][kernel-header]") {
  SetupHeader header = DebianHeader();
  header.boot_flag.Set(0x0055);
  header.loadflags = std::byte{0};
  CHECK(DecodeKernelFacts(header).ok());
}

TEST_CASE("Each field of the setup header is held to its rule", "[format][kernel-header]") {
  SetupHeader header = DebianHeader();
  SECTION("no magic") {
    header.header.Set(0x53726449);
    CheckError(DecodeKernelFacts(header), Errc::kBadMagic, 0x202);
  }
  SECTION("the oldest version") {
    header.version.Set(0x020c);
    CHECK(DecodeKernelFacts(header).ok());
  }
  SECTION("one older") {
    header.version.Set(0x020b);
    CheckError(DecodeKernelFacts(header), Errc::kBadVersion, 0x020b);
  }
  SECTION("no 64-bit entry") {
    header.xloadflags.Set(0x7e);
    CheckError(DecodeKernelFacts(header), Errc::kUnsupported, 0x7e);
  }
  SECTION("not relocatable") {
    header.relocatable_kernel = std::byte{0};
    CheckError(DecodeKernelFacts(header), Errc::kUnsupported, 0);
  }
  SECTION("init_size") {
    header.init_size.Set(0);
    CheckError(DecodeKernelFacts(header), Errc::kMalformed, 0x260);
    header.init_size.Set(1);
    CHECK(DecodeKernelFacts(header).ok());
    header.init_size.Set(0x40000000);
    CHECK(DecodeKernelFacts(header).ok());
    header.init_size.Set(0x40000001);
    CheckError(DecodeKernelFacts(header), Errc::kMalformed, 0x260);
  }
  SECTION("alignment") {
    for (const std::uint32_t good : {0x1000u, 0x200000u, 0x40000000u}) {
      header.kernel_alignment.Set(good);
      CHECK(DecodeKernelFacts(header).ok());
    }
    for (const std::uint32_t bad : {0u, 1u, 0x800u, 0x1001u, 0x3000u, 0x80000000u, 0xffffffffu}) {
      INFO(bad);
      header.kernel_alignment.Set(bad);
      CheckError(DecodeKernelFacts(header), Errc::kMalformed, 0x230);
    }
  }
  SECTION("pref_address") {
    header.init_size.Set(0x1000);
    header.pref_address.Set((std::uint64_t{1} << 46) - 0x1000);
    CHECK(DecodeKernelFacts(header).ok());
    header.pref_address.Set((std::uint64_t{1} << 46) - 0xfff);
    CheckError(DecodeKernelFacts(header), Errc::kMalformed, 0x258);
    header.pref_address.Set(0xffffffffffffffff);
    CheckError(DecodeKernelFacts(header), Errc::kMalformed, 0x258);
  }
}

TEST_CASE("A file's protected-mode part begins after its setup", "[format][kernel-header]") {
  KernelImage image;
  REQUIRE(DecodeKernelImage(KernelFile(DebianHeader(), 0x1000), image).ok());
  CHECK(image.protected_offset == 40 * 512);
  CHECK(image.protected_size == 0x1000);
  CHECK(image.facts.size == 0x3378000);
  CHECK(image.header.version.value() == 0x020f);
}

TEST_CASE("No setup sectors mean four", "[format][kernel-header]") {
  SetupHeader header = DebianHeader();
  header.setup_sects = std::byte{0};
  KernelImage image;
  REQUIRE(DecodeKernelImage(KernelFile(header, 0x1000), image).ok());
  CHECK(image.protected_offset == 5 * 512);
}

TEST_CASE("A file is long enough for what it says", "[format][kernel-header]") {
  KernelImage image;
  const auto file = KernelFile(DebianHeader(), 0x1000);
  for (const std::size_t size : {std::size_t{0}, std::size_t{0x1f1}, std::size_t{0x26b}}) {
    CheckError(DecodeKernelImage(std::span(file).first(size), image), Errc::kTruncated, size);
  }
  CheckError(DecodeKernelImage(std::span(file).first(0x26c), image), Errc::kTruncated, 0x26c);
  CheckError(DecodeKernelImage(std::span(file).first(file.size() - 1), image), Errc::kTruncated, file.size() - 1);

  SetupHeader header = DebianHeader();
  header.syssize.Set(0);
  CheckError(DecodeKernelImage(KernelFile(header, 0x200), image), Errc::kTruncated, 40 * 512 + 0x200);
  CHECK(DecodeKernelImage(KernelFile(header, 0x201), image).ok());
}

TEST_CASE("init_size covers the protected-mode part", "[format][kernel-header]") {
  SetupHeader header = DebianHeader();
  KernelImage image;
  header.init_size.Set(0x1000);
  CHECK(DecodeKernelImage(KernelFile(header, 0x1000), image).ok());
  CheckError(DecodeKernelImage(KernelFile(header, 0x1001), image), Errc::kMalformed, 0x260);
}

TEST_CASE("A zImage is not supported", "[format][kernel-header]") {
  SetupHeader header = DebianHeader();
  header.loadflags = std::byte{0x80};
  KernelImage image;
  CheckError(DecodeKernelImage(KernelFile(header, 0x1000), image), Errc::kUnsupported, 0x80);
}

TEST_CASE("A kernel may be cut off behind its setup sectors, and not before", "[format][kernel-header]") {
  const auto file = KernelFile(DebianHeader(), 0x1000);
  KernelImage image;
  for (const std::size_t size : {file.size(), std::size_t{40 * 512}}) {
    INFO(size);
    REQUIRE(DecodeKernelSetup(std::span(file).first(size), image).ok());
    CHECK(image.protected_offset == 40 * 512);
    CHECK(image.protected_size == 0);
    CHECK(image.facts.size == 0x3378000);
    CHECK(image.header.setup_sects == std::byte{39});
  }
  CheckError(DecodeKernelSetup(std::span(file).first(40 * 512 - 1), image), Errc::kTruncated, 40 * 512 - 1);
  CheckError(DecodeKernelSetup(std::span(file).first(0x26b), image), Errc::kTruncated, 0x26b);
  CheckError(DecodeKernelSetup({}, image), Errc::kTruncated, 0);

  SetupHeader header = DebianHeader();
  header.loadflags = std::byte{0};
  CheckError(DecodeKernelSetup(KernelFile(header, 0), image), Errc::kUnsupported, 0);
  header.header.Set(0);
  CheckError(DecodeKernelSetup(KernelFile(header, 0), image), Errc::kBadMagic, 0x202);
}

// --- Payload ------------------------------------------------------------------------------------------------------

struct PackedKernel {
  std::vector<std::byte> file;
  KernelImage image;

  auto Find() const { return FindKernelPayload(file, image); }
};

PackedKernel KernelWith(const std::vector<unsigned>& packed, std::uint32_t unpacked_size) {
  test::ByteVector bytes;
  for (const unsigned byte : packed) {
    bytes.push_back(static_cast<std::byte>(byte));
  }
  PackedKernel kernel{.file = test::KernelFileWith(bytes, unpacked_size), .image = {}};
  REQUIRE(DecodeKernelImage(kernel.file, kernel.image).ok());
  return kernel;
}

TEST_CASE("A payload is known by its first bytes", "[format][kernel-header]") {
  struct Case {
    std::vector<unsigned> magic;
    PayloadCodec codec;
    const char* name;
    bool size_appended;
  };
  const auto c = GENERATE(values<Case>({{{0x28, 0xb5, 0x2f, 0xfd}, PayloadCodec::kZstd, "zstd", true},
                                        {{0x02, 0x21, 0x4c, 0x18}, PayloadCodec::kLz4Legacy, "lz4", true},
                                        {{0x1f, 0x8b, 0x08, 0x00}, PayloadCodec::kGzip, "gzip", false},
                                        {{0x1f, 0x8b, 0xff, 0xff}, PayloadCodec::kGzip, "gzip", false},
                                        {{0xfd, 0x37, 0x7a, 0x58}, PayloadCodec::kXz, "xz", true},
                                        {{0x5d, 0x00, 0x00, 0x80}, PayloadCodec::kLzma, "lzma", true},
                                        {{0x42, 0x5a, 0x68, 0x39}, PayloadCodec::kBzip2, "bzip2", true},
                                        {{0x89, 0x4c, 0x5a, 0x4f}, PayloadCodec::kLzo, "lzo", true}}));
  INFO(c.name);
  auto bytes = c.magic;
  bytes.insert(bytes.end(), 6, 0x77);
  const PackedKernel kernel = KernelWith(bytes, 0x12345);
  const auto payload = kernel.Find();
  REQUIRE(payload.ok());
  CHECK(payload.value().codec == c.codec);
  CHECK(PayloadCodecName(payload.value().codec) == c.name);
  CHECK(payload.value().unpacked_size == 0x12345);
  CHECK(payload.value().packed.data() == kernel.file.data() + 40 * 512 + test::kPayloadOffset);
  CHECK(payload.value().packed.size() == (c.size_appended ? 10 : 14));
}

TEST_CASE("A payload of another kind is not supported", "[format][kernel-header]") {
  const auto c = GENERATE(values<std::vector<unsigned>>({{0x28, 0xb5, 0x2f, 0xfc},
                                                         {0x02, 0x21, 0x4c, 0x19},
                                                         {0x04, 0x22, 0x4d, 0x18},
                                                         {0x1f, 0x9e, 0x08, 0x00},
                                                         {0xfd, 0x37, 0x7a, 0x00},
                                                         {0x5d, 0x00, 0x01, 0x00},
                                                         {0x42, 0x5a, 0x30, 0x39},
                                                         {0x7f, 0x45, 0x4c, 0x46},
                                                         {0x00, 0x00, 0x00, 0x00}}));
  CheckError(KernelWith(c, 1).Find(), Errc::kUnsupported, c[0] | c[1] << 8 | c[2] << 16 | c[3] << 24);
}

TEST_CASE("A kernel need not name its payload", "[format][kernel-header]") {
  PackedKernel kernel = KernelWith({0x28, 0xb5, 0x2f, 0xfd}, 1);
  SECTION("no offset") { kernel.image.header.payload_offset.Set(0); }
  SECTION("no length") { kernel.image.header.payload_length.Set(0); }
  CheckError(kernel.Find(), Errc::kUnsupported, 0);
}

TEST_CASE("A payload lies in the file", "[format][kernel-header]") {
  PackedKernel kernel = KernelWith({0x28, 0xb5, 0x2f, 0xfd}, 1);
  const std::size_t size = kernel.file.size();
  SECTION("one byte beyond") {
    kernel.image.header.payload_length.Set(9);
    CheckError(kernel.Find(), Errc::kTruncated, size);
  }
  SECTION("far beyond") {
    kernel.image.header.payload_offset.Set(0xffffffff);
    kernel.image.header.payload_length.Set(0xffffffff);
    CheckError(kernel.Find(), Errc::kTruncated, size);
  }
  SECTION("too short to be one") {
    kernel.image.header.payload_length.Set(7);
    CheckError(kernel.Find(), Errc::kTruncated, size - 1);
  }
}

TEST_CASE("A kernel unpacks to at most 1 GiB", "[format][kernel-header]") {
  CHECK(KernelWith({0x28, 0xb5, 0x2f, 0xfd}, 0x40000000).Find().value().unpacked_size == kGiB);
  CheckError(KernelWith({0x28, 0xb5, 0x2f, 0xfd}, 0x40000001).Find(), Errc::kTooLarge, 0x40000001);
}

}  // namespace
}  // namespace holdfast
