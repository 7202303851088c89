// SPDX-License-Identifier: BSD-2-Clause
// What brings a handover, found out by looking.

#include "tools/mkhandover/carriers.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "common/format/fdt.h"
#include "common/format/pmpool.h"
#include "tests/tool/scratch-folder.h"
#include "tests/unit/format/expect.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"

namespace holdfast::tool {
namespace {

using test::Between;

std::vector<std::byte> Text(std::string_view text) { return {AsBytes(text).begin(), AsBytes(text).end()}; }

std::vector<std::byte> TreeThatSays(std::string_view compatible) {
  test::AlignedBytes storage(4096);
  FdtWriter writer(storage.span());
  writer.BeginNode("");
  writer.String("compatible", compatible);
  writer.EndNode();
  const auto tree = writer.Finish().value();
  return {tree.begin(), tree.end()};
}

std::vector<std::byte> PoolTree() {
  test::AlignedBytes storage(4096);
  const auto tree =
      EncodePmpoolNode({.pool = Between(0x60000000, 0x61000000), .bitmap = Between(0x60000000, 0x60000200)},
                       storage.span())
          .value();
  return {tree.begin(), tree.end()};
}

template <typename Kind>
bool Is(std::vector<std::byte> bytes) {
  return std::holds_alternative<Kind>(RecognizeFile(std::move(bytes)));
}

void Put(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::filesystem::create_directories(path.parent_path());
  WriteFile(path.string(), bytes);
}

template <typename Make>
std::string MessageOf(const Make& make) {
  try {
    make();
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "no failure";
}

TEST_CASE("A file is known by what is in it", "[tool][carriers]") {
  CHECK(Is<KhoNode>(std::vector<std::byte>(32)));
  CHECK(Is<KhoNode>(std::vector<std::byte>(48)));
  CHECK(Is<OtherFile>(std::vector<std::byte>(40)));
  CHECK(Is<KhoTree>(TreeThatSays("kho-v4")));
  CHECK(Is<KhoTree>(TreeThatSays("kho-v99")));
  CHECK(Is<OtherFile>(TreeThatSays("holdfast,handover-v1")));
  CHECK(Is<PmpoolTree>(PoolTree()));
  CHECK(Is<OptionsText>(Text("root=/dev/sda1 pkram=0x1234")));
  CHECK(Is<OptionsText>(Text("prmem_meta=0x1000\n")));
  CHECK(Is<OptionsText>(Text("GRUB_BADRAM=\"0x1000,0xfffff000\"")));
  CHECK(Is<OtherFile>(Text("root=/dev/sda1 quiet")));
  // Text of the size of a record is no record.
  CHECK(Is<OtherFile>(Text("root=/dev/sda1 quiet splash ro x")));
  CHECK(Is<OtherFile>({}));
}

TEST_CASE("Of setup_data, nodes with a handover are taken in the order of the chain", "[tool][carriers]") {
  ScratchFolder folder;
  Put(folder.path() / "2" / "type", AsBytes("0x2\n"));
  Put(folder.path() / "2" / "data", PoolTree());
  Put(folder.path() / "10" / "type", AsBytes("0xa\n"));
  Put(folder.path() / "10" / "data", std::vector<std::byte>(32, std::byte{1}));
  Put(folder.path() / "11" / "type", AsBytes("0x48464b48\n"));  // which the stage has hidden
  Put(folder.path() / "11" / "data", std::vector<std::byte>(32, std::byte{2}));
  Put(folder.path() / "3" / "type", AsBytes("0x2\n"));
  Put(folder.path() / "3" / "data", TreeThatSays("acme,board"));
  const auto found = FindInDirectory(folder.path().string());
  REQUIRE(found.size() == 3);
  CHECK(std::holds_alternative<PmpoolTree>(found[0]));
  REQUIRE(std::holds_alternative<KhoNode>(found[1]));
  CHECK(std::get<KhoNode>(found[1]).payload == std::vector<std::byte>(32, std::byte{1}));
  REQUIRE(std::holds_alternative<KhoNode>(found[2]));
  CHECK(std::get<KhoNode>(found[2]).payload == std::vector<std::byte>(32, std::byte{2}));
}

TEST_CASE("Of KHO's debugfs, the tree is taken with the areas of scratch", "[tool][carriers]") {
  ScratchFolder folder;
  Put(folder.path() / "fdt", TreeThatSays("kho-v4"));
  auto found = FindInDirectory(folder.path().string());
  REQUIRE(found.size() == 1);
  CHECK(std::get<KhoTree>(found[0]).areas.empty());

  Put(folder.path() / "scratch_phys", AsBytes("0x8000000\n4G\n0x10000000\n"));
  Put(folder.path() / "scratch_len", AsBytes("0x1000000\n0x2000\n0\n"));
  found = FindInDirectory(folder.path().string());
  CHECK(std::get<KhoTree>(found[0]).areas ==
        std::vector{Between(0x8000000, 0x9000000), Between(0x100000000, 0x100002000)});

  const std::string name = folder.path().string();
  auto cut = TreeThatSays("kho-v4");
  const std::size_t size = cut.size();
  cut.pop_back();
  Put(folder.path() / "fdt", cut);
  CHECK(MessageOf([&] { FindInDirectory(name); })
            .starts_with(name + "/fdt: truncated: the kernel shows " + std::to_string(size - 1) + " of the tree's " +
                         std::to_string(size) + " bytes, the last 1 are missing: "));
  Put(folder.path() / "fdt", TreeThatSays("kho-v4"));

  Put(folder.path() / "scratch_len", AsBytes("0x1000000\n"));
  CHECK(MessageOf([&] { FindInDirectory(name); }) ==
        name + ": scratch_phys and scratch_len have different numbers of lines");
  Put(folder.path() / "scratch_len", AsBytes("much\n"));
  CHECK(MessageOf([&] { FindInDirectory(name); }) == name + "/scratch_len: not a number a line: much");
}

}  // namespace
}  // namespace holdfast::tool
