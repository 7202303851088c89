// SPDX-License-Identifier: BSD-2-Clause
// Tests of what KHO's client LUO hands over.

#include <catch2/catch.hpp>

#include "common/format/kho-clients.h"
#include "tests/unit/format/kho-machine.h"

namespace holdfast {
namespace {

using test::CheckError;

constexpr std::uint64_t PageAt(std::uint64_t i) { return 0x20000000 + i * kPageSize; }

template <typename T, std::size_t N>
void SetText(std::array<T, N>& field, std::string_view text) {
  field.fill('\0');
  std::copy(text.begin(), text.end(), field.begin());
}

// Pages 0 to 7: LUO, two blocks of sessions, a block of files, a memfd, its chunk, its two pages.
struct LuoMachine {
  LuoMachine() {
    memory.Add(PageAt(0), 8);
    KhoLuo luo{{}, Le64(3), Le64(PageAt(1)), Le64(0)};
    SetText(luo.compatible, "luo-v5");
    memory.Put(PageAt(0), luo);
    memory.Put(PageAt(1), KhoBlockHeader{Le64(PageAt(2)), Le64(2)});
    PutSession(PageAt(1) + 16, "first", PageAt(3), 2);
    PutSession(PageAt(1) + 16 + 80, "second", 0, 0);
    memory.Put(PageAt(2), KhoBlockHeader{Le64(0), Le64(1)});
    PutSession(PageAt(2) + 16, "third", 0, 0);

    memory.Put(PageAt(3), KhoBlockHeader{Le64(0), Le64(2)});
    PutFile(PageAt(3) + 16, "memfd-v2", PageAt(4), 7);
    PutFile(PageAt(3) + 16 + 64, "vfio-v1", 0x666000, 8);

    memory.Put(PageAt(4), KhoMemfd{Le64(0), Le64(0x101800), Le32(5), Le32(6), Le64(257),
                                   KhoVmalloc{Le64(PageAt(5)), Le32(2), Le16(1), Le16(0)}});
    memory.Put(PageAt(5) + 8, Le64(PageAt(6)));
    memory.Put(PageAt(5) + 16, Le64(PageAt(7)));
    for (std::uint64_t i = 0; i < 257; ++i) {
      memory.Put(PageAt(6) + 16 * i, KhoMemfdFolio{Le64(0x40000 + i), Le64(2 * i)});
    }
  }

  void PutSession(std::uint64_t at, std::string_view name, std::uint64_t list, std::uint64_t count) {
    KhoLuoSession session{{}, Le64(list), Le64(count)};
    SetText(session.name, name);
    memory.Put(at, session);
  }
  void PutFile(std::uint64_t at, std::string_view compatible, std::uint64_t data, std::uint64_t token) {
    KhoLuoFile file{{}, Le64(data), Le64(token)};
    SetText(file.compatible, compatible);
    memory.Put(at, file);
  }

  Result<KhoLuoFacts> Decode() {
    return DecodeKhoLuo({.name = "LUO", .blob = PhysAddr(PageAt(0)), .size = 32}, memory.memory());
  }
  template <typename T>
  static Status Note(void* items, const T& item) {
    static_cast<std::vector<T>*>(items)->push_back(item);
    return kDone;
  }
  Status Sessions() {
    sessions.clear();
    return ListKhoSessions(PhysAddr(PageAt(1)), memory.memory(), {&Note<KhoSessionFacts>, &sessions});
  }
  Status Files(std::uint64_t count = 2) {
    files.clear();
    return ListKhoFiles({"first", PhysAddr(PageAt(3)), count}, memory.memory(), {&Note<KhoFileFacts>, &files});
  }
  Status Folios() {
    folios.clear();
    const auto memfd = DecodeKhoMemfd(PhysAddr(PageAt(4)), memory.memory());
    REQUIRE(memfd.ok());
    return ListKhoMemfdFolios(memfd.value(), memory.memory(), {&Note<KhoFolio>, &folios});
  }

  test::PageMemory memory;
  std::vector<KhoSessionFacts> sessions;
  std::vector<KhoFileFacts> files;
  std::vector<KhoFolio> folios;
};

TEST_CASE("LUO says its number and where its sessions are", "[format][kho][luo]") {
  LuoMachine machine;
  const auto luo = machine.Decode();
  REQUIRE(luo.ok());
  CHECK(luo.value().compatible == "luo-v5");
  CHECK(luo.value().number == 3);
  CHECK(luo.value().sessions == PhysAddr(PageAt(1)));
}

TEST_CASE("Another version of LUO is refused", "[format][kho][luo]") {
  LuoMachine machine;
  const std::string_view version = GENERATE("luo-v4", "luo-v6", "luo-v50", "luo-v5xx");
  machine.memory.Put(PageAt(0), [&] {
    std::array<char, 8> field{};
    SetText(field, version);
    return field;
  }());
  CheckError(machine.Decode(), Errc::kUnknownCompatible, PageAt(0));
}

TEST_CASE("Sessions are listed over every block, files with them", "[format][kho][luo]") {
  LuoMachine machine;
  REQUIRE(machine.Sessions().ok());
  REQUIRE(machine.sessions.size() == 3);
  CHECK(machine.sessions[0].name == "first");
  CHECK(machine.sessions[0].files == PhysAddr(PageAt(3)));
  CHECK(machine.sessions[0].num_files == 2);
  CHECK(machine.sessions[1].name == "second");
  CHECK(machine.sessions[2].name == "third");

  REQUIRE(machine.Files().ok());
  REQUIRE(machine.files.size() == 2);
  CHECK(machine.files[0].compatible == "memfd-v2");
  CHECK(machine.files[0].data == PhysAddr(PageAt(4)));
  CHECK(machine.files[0].token == 7);
  CHECK(machine.files[1].compatible == "vfio-v1");
}

TEST_CASE("No sessions and no files are lists of none", "[format][kho][luo]") {
  LuoMachine machine;
  CHECK(ListKhoSessions(PhysAddr(0), machine.memory.memory(), {&LuoMachine::Note<KhoSessionFacts>, &machine.sessions})
            .ok());
  CHECK(ListKhoFiles({"second", PhysAddr(0), 0}, machine.memory.memory(),
                     {&LuoMachine::Note<KhoFileFacts>, &machine.files})
            .ok());
  CHECK(machine.sessions.empty());
  CHECK(machine.files.empty());
}

TEST_CASE("A list of LUO's that is broken is refused with its place", "[format][kho][luo]") {
  LuoMachine machine;
  SECTION("a block of more sessions than it holds") {
    machine.memory.Put(PageAt(1) + 8, Le64(52));
    CheckError(machine.Sessions(), Errc::kMalformed, PageAt(1) + 8);
  }
  SECTION("a block of more files than it holds") {
    machine.memory.Put(PageAt(3) + 8, Le64(64));
    CheckError(machine.Files(), Errc::kMalformed, PageAt(3) + 8);
  }
  SECTION("more files than the session says") { CheckError(machine.Files(1), Errc::kMalformed, PageAt(3)); }
  SECTION("fewer files than the session says") { CheckError(machine.Files(3), Errc::kMalformed, PageAt(3)); }
  SECTION("a block that follows itself") {
    machine.memory.Put(PageAt(2), Le64(PageAt(2)));
    CheckError(machine.Sessions(), Errc::kCycle, PageAt(2));
  }
  SECTION("a block that does not begin at a page") {
    machine.memory.Put(PageAt(1), Le64(PageAt(2) + 8));
    CheckError(machine.Sessions(), Errc::kMisaligned, PageAt(2) + 8);
  }
  SECTION("a block that is nowhere") {
    machine.memory.Put(PageAt(1), Le64(0x666000));
    CheckError(machine.Sessions(), Errc::kUnreadable, 0x666000);
  }
  SECTION("a name that does not end") {
    std::array<char, 64> name;
    name.fill('x');
    machine.memory.Put(PageAt(1) + 16 + 80, name);
    CheckError(machine.Sessions(), Errc::kMalformed, PageAt(1) + 16 + 80);
  }
  SECTION("a file's name that does not end") {
    std::array<char, 48> name;
    name.fill('x');
    machine.memory.Put(PageAt(3) + 16, name);
    CheckError(machine.Files(), Errc::kMalformed, PageAt(3) + 16);
  }
}

TEST_CASE("More blocks than LUO may have are refused", "[format][kho][luo]") {
  test::PageMemory memory;
  constexpr std::uint64_t kBlocks = 10001;
  memory.Add(PageAt(0), kBlocks);
  for (std::uint64_t i = 0; i + 1 < kBlocks; ++i) {
    memory.Put(PageAt(i), Le64(PageAt(i + 1)));
  }
  std::vector<KhoSessionFacts> found;
  const Sink<KhoSessionFacts> sink(&LuoMachine::Note<KhoSessionFacts>, &found);
  CheckError(ListKhoSessions(PhysAddr(PageAt(0)), memory.memory(), sink), Errc::kTooLarge, 10000 * kPageSize);
  CHECK(ListKhoSessions(PhysAddr(PageAt(1)), memory.memory(), sink).ok());
}

TEST_CASE("A memfd says its size, its seals and its folios", "[format][kho][luo]") {
  LuoMachine machine;
  const auto memfd = DecodeKhoMemfd(PhysAddr(PageAt(4)), machine.memory.memory());
  REQUIRE(memfd.ok());
  CHECK(memfd.value().size == 0x101800);
  CHECK(memfd.value().seals == 5);
  CHECK(memfd.value().flags == 6);
  CHECK(memfd.value().num_folios == 257);

  machine.memory.Put(PageAt(6), KhoMemfdFolio{Le64(kKhoMemfdDirty | 0x12345), Le64(9)});
  machine.memory.Put(PageAt(6) + 16, KhoMemfdFolio{Le64(kKhoMemfdUpToDate | 0x54321), Le64(10)});
  REQUIRE(machine.Folios().ok());
  REQUIRE(machine.folios.size() == 257);
  CHECK(machine.folios[0].start == PhysAddr(0x12345000));
  CHECK(machine.folios[0].index == 9);
  CHECK(machine.folios[0].is_dirty);
  CHECK_FALSE(machine.folios[0].is_up_to_date);
  CHECK(machine.folios[1].start == PhysAddr(0x54321000));
  CHECK_FALSE(machine.folios[1].is_dirty);
  CHECK(machine.folios[1].is_up_to_date);
  CHECK(machine.folios[256].start == PhysAddr(0x40100000));
  CHECK(machine.folios[256].index == 512);
}

TEST_CASE("A memfd that is broken is refused with its place", "[format][kho][luo]") {
  LuoMachine machine;
  SECTION("more folios than its area holds") {
    machine.memory.Put(PageAt(4) + 24, Le64(513));
    CheckError(machine.Folios(), Errc::kMalformed, PageAt(5));
  }
  SECTION("a folio past the limit") {
    machine.memory.Put(PageAt(6), Le64(std::uint64_t{1} << 40));
    CheckError(machine.Folios(), Errc::kOutOfBounds, kPhysLimit);
  }
  SECTION("a page of its area that is nowhere") {
    machine.memory.Put(PageAt(5) + 16, Le64(0x666000));
    CheckError(machine.Folios(), Errc::kUnreadable, 0x666000);
  }
  SECTION("no record") {
    CheckError(DecodeKhoMemfd(PhysAddr(0x666000), machine.memory.memory()), Errc::kUnreadable, 0x666000);
  }
}

}  // namespace
}  // namespace holdfast
