// SPDX-License-Identifier: BSD-2-Clause

#include "efi-stub/handover-sources.h"

#include <catch2/catch.hpp>

#include <bit>
#include <cstring>

#include "common/abi/handover-fdt.h"
#include "common/abi/kho.h"
#include "common/abi/setup-data.h"
#include "common/format/handover-variable.h"
#include "common/format/read-handovers.h"
#include "tests/support/efi-inputs.h"
#include "tests/unit/format/expect.h"

namespace holdfast::efi {
namespace {

using test::ByteVector;
using test::CheckError;
using test::EfiApplication;
using test::TestSection;

constexpr EFI_GUID kVendorGuid = std::bit_cast<EFI_GUID>(kHoldfastVendorGuid);
constexpr std::uint32_t kAttributes =
    EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS;
constexpr std::string_view kVariableName = "HoldfastHandover variable";
constexpr std::string_view kStrangeVariable =
    "HoldfastHandover variable (mkhandover variable --clear, or firmware's setup, takes it away)";

ByteVector Tree(std::uint32_t generation = 1) {
  std::vector<std::uint64_t> storage(512);
  HandoverV1 handover;
  handover.generation = generation;
  const auto tree = EncodeHandoverV1(handover, std::as_writable_bytes(std::span(storage)));
  return {tree.value().begin(), tree.value().end()};
}

TestSection DtbSection(ByteVector bytes) {
  return {.name = ".dtb", .bytes = std::move(bytes), .virtual_size = 0, .virtual_address = 0};
}

Status Find(EfiApplication& app, HandoverSources& out, bool is_secure = false) {
  return FindHandoverSources(app.firmware, app.self(), app.own, is_secure, app.map, *app.storage, out, app.problem);
}

// What firmware has in memory, from a page of its own on.
PhysRange Place(EfiApplication& app, const ByteVector& bytes, std::uint64_t offset = 0x100000) {
  const PhysRange range = app.fake.memory.Part(offset, bytes.size());
  const auto pages = app.fake.memory.Bytes(range.RoundedOut(kPageSize));
  std::copy(bytes.begin(), bytes.end(), pages.begin());
  return range;
}

void SetVariable(EfiApplication& app, const HandoverVariable& variable, std::uint32_t attributes = kAttributes) {
  const StoredHandoverVariable stored = EncodeHandoverVariable(variable);
  const auto bytes = std::as_bytes(std::span(&stored, 1));
  app.fake.SetVariable(kHandoverVariable, kVendorGuid, attributes, {bytes.begin(), bytes.end()});
}

bool HasVariable(const EfiApplication& app) { return app.fake.FindVariable(kHandoverVariable, kVendorGuid) != nullptr; }

HandoverVariable VariableOf(PhysRange at, const ByteVector& bytes) {
  HandoverVariable variable;
  variable.at = at;
  variable.digest = Sha256::Of(bytes);
  return variable;
}

void CheckProblem(EfiApplication& app, const Status& status, Errc code, std::uint64_t where, std::string_view what) {
  CheckError(status, code, where);
  CHECK(ErrcName(app.problem.code) == ErrcName(code));
  CHECK(app.problem.where == where);
  CHECK(app.problem.what == what);
}

// The place is of exactly these bytes, and its digest is theirs.
void CheckPlace(const TreePlace& place, const ByteVector& bytes, bool is_outside) {
  CHECK(place.option.range.size() == bytes.size());
  CHECK(place.option.digest == Sha256::Of(bytes));
  CHECK(std::memcmp(reinterpret_cast<const void*>(place.option.range.start().raw()), bytes.data(), bytes.size()) == 0);
  CHECK(place.is_outside == is_outside);
}

TEST_CASE("Nothing is found where there is no handover", "[efi][handover-sources]") {
  EfiApplication app;
  HandoverSources out;
  REQUIRE(Find(app, out).ok());
  CHECK(out.trees.empty());
  CHECK(out.nodes.empty());
}

TEST_CASE("Handovers are found in their order, and only the section is from inside", "[efi][handover-sources]") {
  const bool is_secure = GENERATE(false, true);
  const ByteVector padded = [] {
    ByteVector bytes = Tree(1);
    bytes.resize(bytes.size() + 77);
    return bytes;
  }();
  EfiApplication app({DtbSection(padded)});
  app.fake.files[kHandoverFile] = Tree(2);
  const PhysRange named = Place(app, Tree(3));
  SetVariable(app, VariableOf(named, Tree(3)));
  const PhysRange listed = Place(app, Tree(4), 0x200000);
  app.fake.config_tables.push_back({kDeviceTreeGuid, reinterpret_cast<void*>(listed.start().raw())});
  app.fake.table()->ConfigurationTable = app.fake.config_tables.data();
  app.fake.table()->NumberOfTableEntries = 1;

  HandoverSources out;
  REQUIRE(Find(app, out, is_secure).ok());
  REQUIRE(out.trees.size() == 4);
  CheckPlace(out.trees[0], Tree(1), /*is_outside=*/false);
  CHECK(app.ImageRange().Contains(out.trees[0].option.range));
  CheckPlace(out.trees[1], Tree(2), is_secure);
  CheckPlace(out.trees[2], Tree(3), is_secure);
  CHECK(out.trees[2].option.range == named);
  CheckPlace(out.trees[3], Tree(4), is_secure);
  CHECK(out.trees[3].option.range == listed);
  CHECK(out.trees[3].is_listed);
  CHECK_FALSE(out.trees[2].is_listed);
  CHECK(out.nodes.empty());
}

TEST_CASE("A section or a file that is no tree is found as it is, for its reader to refuse",
          "[efi][handover-sources]") {
  const ByteVector bytes = test::Filled(100, 0xdd);
  EfiApplication app({DtbSection(bytes)});
  app.fake.files[kHandoverFile] = bytes;
  HandoverSources out;
  REQUIRE(Find(app, out).ok());
  REQUIRE(out.trees.size() == 2);
  CheckPlace(out.trees[0], bytes, false);
  CheckPlace(out.trees[1], bytes, false);
}

TEST_CASE("A handover that is too large is refused", "[efi][handover-sources]") {
  HandoverSources out;
  SECTION("as a section") {
    EfiApplication app({DtbSection(test::Filled(kMaxHandoverSize + 1, 1))});
    CheckProblem(app, Find(app, out), Errc::kTooLarge, kMaxHandoverSize, "section .dtb");
  }
  SECTION("as a file") {
    EfiApplication app;
    app.fake.files[kHandoverFile] = test::Filled(kMaxHandoverSize, 1);
    CHECK(Find(app, out).ok());
    app.fake.files[kHandoverFile] = test::Filled(kMaxHandoverSize + 1, 1);
    CheckProblem(app, Find(app, out), Errc::kTooLarge, kMaxHandoverSize, "\\EFI\\holdfast\\handover.dtb");
  }
  SECTION("as a node") {
    EfiApplication app;
    HandoverVariable variable = VariableOf(app.fake.memory.Part(0x100000, kMaxHandoverSize + 1), {});
    variable.kind = HandoverVariableKind::kKho;
    variable.scratch = app.fake.memory.Part(0, 16);
    SetVariable(app, variable);
    CheckProblem(app, Find(app, out), Errc::kTooLarge, kMaxHandoverSize, kVariableName);
  }
}

TEST_CASE("A file that cannot be read is refused", "[efi][handover-sources]") {
  EfiApplication app;
  app.fake.files[kHandoverFile] = Tree();
  app.fake.failing["Read"] = EFI_DEVICE_ERROR;
  HandoverSources out;
  CheckProblem(app, Find(app, out), Errc::kFirmware, EFI_DEVICE_ERROR, "\\EFI\\holdfast\\handover.dtb");
  CHECK(app.fake.num_open_files == 0);
}

TEST_CASE("A one-shot variable is deleted before it is believed", "[efi][handover-sources]") {
  EfiApplication app;
  HandoverSources out;
  HandoverVariable variable = VariableOf(Place(app, Tree()), Tree());
  SECTION("and found") {
    SetVariable(app, variable);
    REQUIRE(Find(app, out).ok());
    CHECK(out.trees.size() == 1);
    CHECK_FALSE(HasVariable(app));
  }
  SECTION("and can be set again, as it was") {
    SetVariable(app, variable);
    const auto before = *app.fake.FindVariable(kHandoverVariable, kVendorGuid);
    REQUIRE(Find(app, out).ok());
    app.fake.failing["SetVariable"] = EFI_OUT_OF_RESOURCES;
    CheckError(RestoreVariable(app.firmware, out), Errc::kFirmware, EFI_OUT_OF_RESOURCES);
    app.fake.failing.clear();
    REQUIRE(RestoreVariable(app.firmware, out).ok());
    REQUIRE(HasVariable(app));
    const auto& after = *app.fake.FindVariable(kHandoverVariable, kVendorGuid);
    CHECK(after.bytes == before.bytes);
    CHECK(after.attributes == before.attributes);
    const auto calls = app.fake.calls["SetVariable"];
    REQUIRE(RestoreVariable(app.firmware, out).ok());
    CHECK(app.fake.calls["SetVariable"] == calls);
  }
  SECTION("even where what it names is not there") {
    app.map.Clear();
    SetVariable(app, variable);
    CheckProblem(app, Find(app, out), Errc::kUnreadable, variable.at.start().raw(), kVariableName);
    CHECK_FALSE(HasVariable(app));
  }
  SECTION("or refused, where firmware does not") {
    SetVariable(app, variable);
    app.fake.failing["SetVariable"] = EFI_WRITE_PROTECTED;
    CheckProblem(app, Find(app, out), Errc::kFirmware, EFI_WRITE_PROTECTED, kVariableName);
    CHECK(out.trees.empty());
  }
  SECTION("unless it is for more") {
    variable.is_one_shot = false;
    SetVariable(app, variable);
    app.fake.failing["SetVariable"] = EFI_WRITE_PROTECTED;
    REQUIRE(Find(app, out).ok());
    CHECK(out.trees.size() == 1);
    CHECK(HasVariable(app));
    CHECK_FALSE(out.one_shot);
  }
}

TEST_CASE("A variable that does not decode is refused, and stays", "[efi][handover-sources]") {
  EfiApplication app;
  HandoverSources out;
  app.fake.SetVariable(kHandoverVariable, kVendorGuid, kAttributes, test::Filled(10, 0));
  CheckProblem(app, Find(app, out), Errc::kBadVersion, 0, kStrangeVariable);
  app.fake.SetVariable(kHandoverVariable, kVendorGuid, kAttributes, test::Filled(5000, 1));
  CheckProblem(app, Find(app, out), Errc::kTooLarge, 5000, kStrangeVariable);
  CHECK(HasVariable(app));
}

TEST_CASE("A variable of another vendor is another's", "[efi][handover-sources]") {
  EfiApplication app;
  HandoverSources out;
  app.fake.SetVariable(kHandoverVariable, kDeviceTreeGuid, kAttributes, test::Filled(10, 0));
  REQUIRE(Find(app, out).ok());
  CHECK(out.trees.empty());
}

TEST_CASE("A variable names memory that the last kernel had", "[efi][handover-sources]") {
  EfiApplication app;
  HandoverSources out;
  const PhysRange at = Place(app, Tree());
  const MemType type = GENERATE(MemType::kReserved, MemType::kAcpi, MemType::kNvs, MemType::kUnusable, MemType::kPmem);
  const PhysRange last_byte = at.From(PhysAddr(at.end().raw() - 1));
  REQUIRE(app.map.Overlay(last_byte, type).ok());
  SetVariable(app, VariableOf(at, Tree()));
  if (type == MemType::kPmem) {
    CHECK(Find(app, out).ok());
  } else {
    CheckProblem(app, Find(app, out), Errc::kUnreadable, last_byte.start().raw(), kVariableName);
  }
}

TEST_CASE("A variable leads to KHO as a node would", "[efi][handover-sources]") {
  EfiApplication app;
  HandoverSources out;
  const ByteVector tree = test::Filled(kPageSize, 0x5a);
  HandoverVariable variable = VariableOf(Place(app, tree), tree);
  variable.kind = HandoverVariableKind::kKho;
  variable.scratch = app.fake.memory.Part(0x300000, 2 * sizeof(KhoArea));

  SECTION("that has its record") {
    SetVariable(app, variable);
    REQUIRE(Find(app, out).ok());
    CHECK(out.trees.empty());
    REQUIRE(out.nodes.size() == 1);
    const SetupDataNode& node = out.nodes[0];
    CHECK(node.type == kSetupKexecKho);
    CHECK(node.node.start().raw() == reinterpret_cast<std::uintptr_t>(&out.kho));
    CHECK(node.node.size() == sizeof(SetupDataHeader) + sizeof(KhoData));
    CHECK(node.payload.start().raw() == reinterpret_cast<std::uintptr_t>(out.kho.record.data()));
    CHECK(node.payload.end() == node.node.end());
    CHECK(out.kho.header.type.value() == kSetupKexecKho);
    CHECK(out.kho.header.len.value() == sizeof(KhoData));
    CHECK(out.kho.header.next.value() == 0);
    REQUIRE(out.kho_tree.size() != 0);
    CHECK(reinterpret_cast<std::uintptr_t>(out.kho_tree.data()) ==
          DecodeKhoRecord(out.kho.record).value().fdt.start().raw());
    const auto record = DecodeKhoRecord(out.kho.record);
    REQUIRE(record.ok());
    CHECK(record.value().fdt == variable.at);
    CHECK(record.value().scratch == variable.scratch);
  }
  SECTION("unless its tree is another") {
    variable.digest[0] ^= std::byte{1};
    SetVariable(app, variable);
    CheckProblem(app, Find(app, out), Errc::kBadDigest, variable.at.start().raw(), kVariableName);
    CHECK(out.nodes.empty());
  }
  SECTION("unless its areas lie nowhere") {
    REQUIRE(app.map.Overlay(variable.scratch, MemType::kReserved).ok());
    SetVariable(app, variable);
    CheckProblem(app, Find(app, out), Errc::kUnreadable, variable.scratch.start().raw(), kVariableName);
  }
}

struct ListedApplication : EfiApplication {
  void List(std::uint64_t address) {
    fake.config_tables = {{kDeviceTreeGuid, reinterpret_cast<void*>(address)}};
    fake.table()->ConfigurationTable = fake.config_tables.data();
    fake.table()->NumberOfTableEntries = 1;
  }
  std::size_t CountFound() {
    HandoverSources out;
    REQUIRE(Find(*this, out).ok());
    return out.trees.size();
  }
};

TEST_CASE("A listed tree may lie in ACPI's memory, and is found there", "[efi][handover-sources]") {
  ListedApplication app;
  const PhysRange at = Place(app, Tree());
  app.List(at.start().raw());
  REQUIRE(app.map.Overlay(at.RoundedOut(kPageSize), MemType::kAcpi).ok());
  HandoverSources out;
  REQUIRE(Find(app, out).ok());
  REQUIRE(out.trees.size() == 1);
  FoundHandovers found;
  REQUIRE(FindHandovers({.trees = out.trees.view(), .lines = {}, .nodes = {}}, app.map, found, app.problem).ok());
  CHECK(found.size() == 1);
  // Anybody else's tree may not.
  out.trees[0].is_listed = false;
  CHECK_FALSE(FindHandovers({.trees = out.trees.view(), .lines = {}, .nodes = {}}, app.map, found, app.problem).ok());
}

TEST_CASE("A listed tree that is no handover is passed over", "[efi][handover-sources]") {
  ListedApplication app;
  ByteVector tree = Tree();
  SECTION("of another compatible") {
    const std::string_view ours = handover_fdt::kCompatible;
    const auto text = std::search(tree.begin(), tree.end(), ours.begin(), ours.end(),
                                  [](std::byte a, char b) { return a == static_cast<std::byte>(b); });
    REQUIRE(text != tree.end());
    *text = std::byte{'H'};
    app.List(Place(app, tree).start().raw());
  }
  SECTION("without its magic") {
    tree[0] = std::byte{0};
    app.List(Place(app, tree).start().raw());
  }
  SECTION("larger than any of ours") {
    test::Put(tree, 4, Be32(kMaxHandoverSize + 1));
    app.List(Place(app, tree).start().raw());
  }
  SECTION("in the middle of a word") { app.List(Place(app, tree).start().raw() + 4); }
  SECTION("at no address") { app.List(kPhysLimit - 4); }
  SECTION("beginning where nothing may be read") {
    const PhysRange at = Place(app, tree);
    REQUIRE(app.map.Overlay(at.UpTo(PhysAddr(at.start().raw() + 8)), MemType::kNvs).ok());
    app.List(at.start().raw());
  }
  SECTION("ending there") {
    const PhysRange at = Place(app, tree);
    REQUIRE(app.map.Overlay(at.From(PhysAddr(at.end().raw() - 1)), MemType::kUnusable).ok());
    app.List(at.start().raw());
  }
  CHECK(app.CountFound() == 0);
}

}  // namespace
}  // namespace holdfast::efi
