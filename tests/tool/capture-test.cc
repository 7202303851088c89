// SPDX-License-Identifier: BSD-2-Clause
// Captured memory in each of its forms.

#include "tools/mkhandover/capture.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/support/core-files.h"
#include "tests/tool/scratch-folder.h"
#include "tests/unit/format/expect.h"
#include "tools/mkhandover/failure.h"

namespace holdfast::tool {
namespace {

using test::Between;
using test::CheckError;
using test::CorePiece;
using test::Filled;

std::string Put(const ScratchFolder& folder, const std::string& name, const std::vector<std::byte>& bytes) {
  const auto path = folder.path() / name;
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return path.string();
}

// Pages whose bytes tell where they are.
std::vector<std::byte> Numbered(std::size_t size) {
  std::vector<std::byte> out(size);
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<std::byte>(i ^ i >> 8);
  }
  return out;
}

void CheckReads(const Capture& capture, PhysRange range, std::span<const std::byte> wanted) {
  const auto bytes = capture.memory().View(range);
  REQUIRE(bytes.ok());
  CHECK(std::equal(bytes.value().begin(), bytes.value().end(), wanted.begin(), wanted.end()));
  CHECK(reinterpret_cast<std::uintptr_t>(bytes.value().data()) % 8 == range.start().raw() % 8);
}

template <typename Make>
std::string MessageOf(const Make& make) {
  try {
    make();
  } catch (const Failure& failure) {
    CHECK(failure.code() == ExitCode::kBadInput);
    return failure.what();
  }
  return "no failure";
}

TEST_CASE("A core is read across its segments, and not beyond them", "[tool][capture]") {
  ScratchFolder folder;
  const auto bytes = Numbered(0x5000);
  const std::span all(bytes);
  const std::vector<std::byte> low(all.begin(), all.begin() + 0x2800);
  const std::vector<std::byte> high(all.begin() + 0x2800, all.end());
  const Capture capture(Put(folder, "core",
                            test::CoreFile(std::array{CorePiece{.physical_address = 0x102800, .bytes = high},
                                                      CorePiece{.physical_address = 0x100000, .bytes = low}})));
  CheckReads(capture, Between(0x100000, 0x105000), all);
  CheckReads(capture, Between(0x101ff8, 0x102008), all.subspan(0x1ff8, 0x10));
  CheckReads(capture, Between(0x1027f9, 0x102801), all.subspan(0x27f9, 8));
  CheckReads(capture, Between(0x104ff0, 0x105000), all.subspan(0x4ff0, 0x10));
  CheckError(capture.memory().View(Between(0x104ff0, 0x105001)), Errc::kUnreadable, 0x104ff0);
  CheckError(capture.memory().View(Between(0xfffff, 0x100001)), Errc::kUnreadable, 0xfffff);
}

TEST_CASE("What was read stays where it is", "[tool][capture]") {
  ScratchFolder folder;
  const auto bytes = Numbered(64 * kPageSize);
  const Capture capture(
      Put(folder, "core", test::CoreFile(std::array{CorePiece{.physical_address = 0x200000, .bytes = bytes}})));
  const auto first = capture.memory().View(Between(0x200010, 0x200020));
  for (std::uint64_t at = 0x201000; at < 0x240000; at += kPageSize) {
    CheckReads(capture, Between(at, at + 16), std::span(bytes).subspan(at - 0x200000, 16));
  }
  const auto again = capture.memory().View(Between(0x200010, 0x200020));
  CHECK(again.value().data() == first.value().data());
}

TEST_CASE("A segment that ends within a page is read up to its end", "[tool][capture]") {
  ScratchFolder folder;
  const auto bytes = Numbered(0x9fc00 - 0x9f000);
  const Capture capture(
      Put(folder, "core", test::CoreFile(std::array{CorePiece{.physical_address = 0x9f000, .bytes = bytes}})));
  CheckReads(capture, Between(0x9fbf8, 0x9fc00), std::span(bytes).last(8));
  CheckError(capture.memory().View(Between(0x9fbf8, 0x9fc01)), Errc::kUnreadable, 0x9fbf8);
}

TEST_CASE("A directory of files named by address is memory", "[tool][capture]") {
  ScratchFolder folder;
  const auto bytes = Numbered(0x3000);
  Put(folder, "0x100000.bin", bytes);
  Put(folder, "0x103000", bytes);
  Put(folder, "README", Filled(8, 'x'));
  const Capture capture(folder.path().string());
  CheckReads(capture, Between(0x100000, 0x103000), bytes);
  CheckReads(capture, Between(0x102ff0, 0x103000), std::span(bytes).last(0x10));
  CheckReads(capture, Between(0x103000, 0x103010), std::span(bytes).first(0x10));
  CHECK(capture.pieces().size() == 2);

  Put(folder, "0x102fff.bin", bytes);
  CHECK(MessageOf([&] { Capture broken(folder.path().string()); }) ==
        folder.path().string() + ": two files hold what is at 0x102fff: leave one of them away");
}

TEST_CASE("Of two captures the first one that has a byte is read", "[tool][capture]") {
  ScratchFolder folder;
  const std::string first = Put(
      folder, "first", test::CoreFile(std::array{CorePiece{.physical_address = 0x1000, .bytes = Filled(0x1000, 'a')}}));
  const std::string second =
      Put(folder, "second",
          test::CoreFile(std::array{CorePiece{.physical_address = 0x1000, .bytes = Filled(0x2000, 'b')}}));
  const Capture capture(std::vector{first, second});
  auto wanted = Filled(0x1000, 'a');
  test::Push(wanted, Filled(0x1000, 'b'));
  CheckReads(capture, Between(0x1000, 0x3000), wanted);
}

TEST_CASE("What is no captured memory is refused by name", "[tool][capture]") {
  ScratchFolder folder;
  CHECK(MessageOf([&] { Capture capture(Put(folder, "text", Filled(10, 'x'))); }) ==
        (folder.path() / "text").string() + ": no captured memory: neither an ELF core, nor a directory, nor a device");
  CHECK(MessageOf([&] { Capture capture(Put(folder, "long", Filled(100, 'x'))); }) ==
        (folder.path() / "long").string() + ": read as an ELF core: bad-magic: wrong magic at byte 0");
  auto cut = test::CoreFile(std::array{CorePiece{.physical_address = 0x1000, .bytes = Filled(0x1000, 'a')}});
  cut.pop_back();
  CHECK(MessageOf([&] { Capture capture(Put(folder, "cut", cut)); }) ==
        (folder.path() / "cut").string() + ": truncated: cut off at byte 4215");
  std::filesystem::create_directory(folder.path() / "empty");
  const std::string empty = (folder.path() / "empty").string();
  CHECK(MessageOf([&] { Capture capture(empty); }) ==
        empty + ": no captured memory: its files are to be named by their address, as 0x100000.bin");
}

}  // namespace
}  // namespace holdfast::tool
