// SPDX-License-Identifier: BSD-2-Clause
// Tests of the setup header's decoder.

#include "common/format/kernel-header.h"

#include <catch2/catch.hpp>

#include <vector>

#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::CheckError;

// As in Debian's 6.1 cloud kernel.
SetupHeader DebianHeader() {
  SetupHeader header{};
  header.setup_sects = std::byte{39};
  header.syssize.Set(0x100);
  header.boot_flag.Set(0xaa55);
  header.header.Set(kSetupHeaderMagic);
  header.version.Set(0x020f);
  header.loadflags = std::byte{1};
  header.kernel_alignment.Set(0x200000);
  header.relocatable_kernel = std::byte{1};
  header.xloadflags.Set(0x7f);
  header.pref_address.Set(0x1000000);
  header.init_size.Set(0x3378000);
  return header;
}

// A file with that header and so many bytes after its setup.
std::vector<std::byte> FileOf(const SetupHeader& header, std::size_t protected_size) {
  std::vector<std::byte> file(40 * 512 + protected_size);
  std::memcpy(file.data() + kSetupHeaderOffset, &header, sizeof(header));
  return file;
}

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
  REQUIRE(DecodeKernelImage(FileOf(DebianHeader(), 0x1000), image).ok());
  CHECK(image.protected_offset == 40 * 512);
  CHECK(image.protected_size == 0x1000);
  CHECK(image.facts.size == 0x3378000);
  CHECK(image.header.version.value() == 0x020f);
}

TEST_CASE("No setup sectors mean four", "[format][kernel-header]") {
  SetupHeader header = DebianHeader();
  header.setup_sects = std::byte{0};
  KernelImage image;
  REQUIRE(DecodeKernelImage(FileOf(header, 0x1000), image).ok());
  CHECK(image.protected_offset == 5 * 512);
}

TEST_CASE("A file is long enough for what it says", "[format][kernel-header]") {
  KernelImage image;
  const auto file = FileOf(DebianHeader(), 0x1000);
  for (const std::size_t size : {std::size_t{0}, std::size_t{0x1f1}, std::size_t{0x26b}}) {
    CheckError(DecodeKernelImage(std::span(file).first(size), image), Errc::kTruncated, size);
  }
  CheckError(DecodeKernelImage(std::span(file).first(0x26c), image), Errc::kTruncated, 0x26c);
  CheckError(DecodeKernelImage(std::span(file).first(file.size() - 1), image), Errc::kTruncated, file.size() - 1);

  SetupHeader header = DebianHeader();
  header.syssize.Set(0);
  CheckError(DecodeKernelImage(FileOf(header, 0x200), image), Errc::kTruncated, 40 * 512 + 0x200);
  CHECK(DecodeKernelImage(FileOf(header, 0x201), image).ok());
}

TEST_CASE("init_size covers the protected-mode part", "[format][kernel-header]") {
  SetupHeader header = DebianHeader();
  KernelImage image;
  header.init_size.Set(0x1000);
  CHECK(DecodeKernelImage(FileOf(header, 0x1000), image).ok());
  CheckError(DecodeKernelImage(FileOf(header, 0x1001), image), Errc::kMalformed, 0x260);
}

TEST_CASE("A zImage is not supported", "[format][kernel-header]") {
  SetupHeader header = DebianHeader();
  header.loadflags = std::byte{0x80};
  KernelImage image;
  CheckError(DecodeKernelImage(FileOf(header, 0x1000), image), Errc::kUnsupported, 0x80);
}

}  // namespace
}  // namespace holdfast
