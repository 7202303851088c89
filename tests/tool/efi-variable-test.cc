// SPDX-License-Identifier: BSD-2-Clause
// The variable as efivarfs shows it.

#include "tools/mkhandover/efi-variable.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/tool/scratch-folder.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"

namespace holdfast::tool {
namespace {

// A machine with one variable of somebody else's.
std::filesystem::path MakeVariables(const ScratchFolder& root) {
  const auto folder = root.path() / "sys/firmware/efi/efivars";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c") << "\7\0\0\0";
  return folder;
}

HandoverVariable Some() {
  HandoverVariable out;
  out.at = PhysRange::FromStartSize(PhysAddr(0x40000000), 593).value();
  out.digest.fill(std::byte{0x5e});
  return out;
}

TEST_CASE("The variable is 84 bytes, the attributes first", "[tool][efi-variable]") {
  ScratchFolder root;
  const auto folder = MakeVariables(root);
  const auto file = HandoverVariableFile(root.path());
  CHECK(file == folder / "HoldfastHandover-8c2a3d50-5b0e-4f64-9d0c-6f1f2b7d4ae1");
  CHECK_FALSE(ReadHandoverVariable(file));
  WriteHandoverVariable(file, Some());
  const auto bytes = ReadFile(file.string());
  REQUIRE(bytes.size() == 4 + sizeof(StoredHandoverVariable));
  CHECK(bytes[0] == std::byte{7});
  CHECK(bytes[1] == std::byte{0});
  CHECK(bytes[4] == std::byte{1});  // version
  CHECK(bytes[8] == std::byte{1});  // one-shot
  const auto read = ReadHandoverVariable(file);
  REQUIRE(read);
  CHECK(read->is_one_shot);
  CHECK(read->at == Some().at);
  CHECK(read->digest == Some().digest);

  HandoverVariable other = Some();
  other.is_one_shot = false;
  other.kind = HandoverVariableKind::kKho;
  other.scratch = PhysRange::FromStartSize(PhysAddr(0x50000000), 32).value();
  WriteHandoverVariable(file, other);
  const auto again = ReadHandoverVariable(file);
  REQUIRE(again);
  CHECK_FALSE(again->is_one_shot);
  CHECK(again->kind == HandoverVariableKind::kKho);
  CHECK(again->scratch == other.scratch);
  CHECK(RemoveHandoverVariable(file));
  CHECK_FALSE(RemoveHandoverVariable(file));
}

TEST_CASE("A variable that does not decode is said", "[tool][efi-variable]") {
  ScratchFolder root;
  MakeVariables(root);
  const auto file = HandoverVariableFile(root.path());
  std::ofstream(file) << "abc";
  CHECK_THROWS_AS(ReadHandoverVariable(file), Failure);
  std::ofstream(file) << "abcdefgh";
  CHECK_THROWS_AS(ReadHandoverVariable(file), Failure);
}

TEST_CASE("Without variables of firmware there is nowhere to set one", "[tool][efi-variable]") {
  ScratchFolder root;
  CHECK_THROWS_AS(HandoverVariableFile(root.path()), Failure);
  std::filesystem::create_directories(root.path() / "sys/firmware/efi/efivars");
  CHECK_THROWS_AS(HandoverVariableFile(root.path()), Failure);  // not mounted
}

}  // namespace
}  // namespace holdfast::tool
