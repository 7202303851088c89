// SPDX-License-Identifier: BSD-2-Clause
// Tests of what KHO's clients hand over, but for LUO's.

#include "common/format/kho-clients.h"

#include <catch2/catch.hpp>

#include <string>

#include "tests/unit/format/kho-machine.h"

namespace holdfast {
namespace {

using test::Between;
using test::Block;
using test::BlockList;
using test::CheckError;
using test::KhoMachine;
using test::kTreeRoot;

constexpr std::uint64_t kBlob = 0x20000000;

// Notes what a sink is given.
template <typename T>
class Items {
 public:
  Sink<T> sink() { return Sink<T>(&Note, this); }
  std::vector<T> all;

 private:
  static Status Note(void* self, const T& item) {
    static_cast<Items*>(self)->all.push_back(item);
    return kDone;
  }
};

template <typename Stored, typename T>
void WriteNumber(FdtWriter& writer, const char* name, T value) {
  const Stored stored(value);
  writer.Bytes(name, std::as_bytes(std::span(&stored, 1)));
}

// A blob that is a tree, at kBlob.
template <typename Body>
KhoClient TreeClient(test::PageMemory& memory, Body body) {
  FdtWriter writer(memory.Add(kBlob, 1));
  writer.BeginNode("");
  body(writer);
  writer.EndNode();
  REQUIRE(writer.Finish().ok());
  return {.name = "client", .blob = PhysAddr(kBlob), .size = 0};
}

// --- The list ---

TEST_CASE("Clients are listed as their dialect names them", "[format][kho][clients]") {
  struct Case {
    KhoDialect dialect;
    std::uint64_t size;  // of the second one
  };
  const auto c = GENERATE(Case{KhoDialect::kV1, 0}, Case{KhoDialect::kV2, 0}, Case{KhoDialect::kV3, 32},
                          Case{KhoDialect::kV4, 32});
  KhoMachine machine;
  const std::array clients = {KhoClient{"memblock", PhysAddr(0x1000000), 4096},
                              KhoClient{"LUO", PhysAddr(0x2000000), 32}};
  machine.Write({.dialect = c.dialect, .blocks = {}, .scratch = machine.areas, .clients = clients});
  Items<KhoClient> found;
  REQUIRE(ListKhoClients(machine.record.fdt, machine.memory.memory(), found.sink()).ok());
  REQUIRE(found.all.size() == 2);
  CHECK(found.all[0].name == "memblock");
  CHECK(found.all[0].blob == PhysAddr(0x1000000));
  CHECK(found.all[1].name == "LUO");
  CHECK(found.all[1].size == c.size);
  CHECK(machine.Decode().ok());  // Clients are no part of the map.
}

TEST_CASE("A node without a blob is no client, and the series have none", "[format][kho][clients]") {
  KhoMachine machine;
  machine.WriteTree([](FdtWriter& writer) {
    writer.String("compatible", "kho-v4");
    writer.BeginNode("empty");
    writer.EndNode();
    writer.BeginNode("old");
    WriteNumber<Le64>(writer, "fdt", std::uint64_t{0x1000000});
    writer.EndNode();
  });
  Items<KhoClient> found;
  REQUIRE(ListKhoClients(Between(KhoMachine::kTree, KhoMachine::kMap), machine.memory.memory(), found.sink()).ok());
  CHECK(found.all.empty());

  machine.Write(KhoDialect::kSeriesMem, {Block(0x40000000, 0)});
  REQUIRE(ListKhoClients(machine.record.fdt, machine.memory.memory(), found.sink()).ok());
  CHECK(found.all.empty());
}

TEST_CASE("A list of clients that is broken is refused with its place", "[format][kho][clients]") {
  KhoMachine machine;
  Items<KhoClient> found;
  const auto list = [&] {
    return ListKhoClients(Between(KhoMachine::kTree, KhoMachine::kMap), machine.memory.memory(), found.sink());
  };
  SECTION("an address of four bytes") {
    machine.WriteTree([](FdtWriter& writer) {
      writer.String("compatible", "kho-v4");
      writer.BeginNode("a");
      WriteNumber<Le32>(writer, "preserved-data", std::uint32_t{1});
      writer.EndNode();
    });
    CheckError(list(), Errc::kMalformed, kTreeRoot + 8 + (12 + 8) + 8 + 12);
  }
  SECTION("no tree") { CheckError(list(), Errc::kNotFinalized, KhoMachine::kTree); }
  SECTION("a version that is not known") {
    machine.WriteTree([](FdtWriter& writer) { writer.String("compatible", "kho-v5"); });
    CheckError(list(), Errc::kUnknownCompatible, kTreeRoot + 8 + 12);
  }
  SECTION("what the sink refuses") {
    const std::array clients = {KhoClient{"LUO", PhysAddr(0x2000000), 32}};
    machine.Write({.dialect = KhoDialect::kV4, .blocks = {}, .scratch = machine.areas, .clients = clients});
    const Sink<KhoClient> full([](void*, const KhoClient&) -> Status { return Error{Errc::kTableFull, 1}; }, nullptr);
    CheckError(ListKhoClients(machine.record.fdt, machine.memory.memory(), full), Errc::kTableFull, 1);
  }
}

// --- kexec-metadata ---

KhoKexecMetadata Metadata(std::uint32_t version, std::string_view release, std::uint32_t count) {
  KhoKexecMetadata metadata{};
  metadata.version.Set(version);
  std::copy(release.begin(), release.end(), metadata.previous_release.begin());
  metadata.kexec_count.Set(count);
  return metadata;
}

TEST_CASE("The sender tells its release and how many came before", "[format][kho][clients]") {
  test::PageMemory memory;
  memory.Add(kBlob, 1);
  memory.Put(kBlob + 3, Metadata(1, "7.3.4-kho", 2));
  const auto sender = DecodeKhoSender({.name = "", .blob = PhysAddr(kBlob + 3), .size = 73}, memory.memory());
  REQUIRE(sender.ok());
  CHECK(sender.value().release == "7.3.4-kho");
  CHECK(sender.value().kexec_count == 2);
}

TEST_CASE("A sender's blob that is broken is refused", "[format][kho][clients]") {
  test::PageMemory memory;
  memory.Add(kBlob, 1);
  const KhoClient client{.name = "", .blob = PhysAddr(kBlob), .size = 73};
  memory.Put(kBlob, Metadata(2, "7.4", 0));
  CheckError(DecodeKhoSender(client, memory.memory()), Errc::kBadVersion, 2);
  memory.Put(kBlob, Metadata(1, std::string(65, 'x'), 0));
  CheckError(DecodeKhoSender(client, memory.memory()), Errc::kMalformed, kBlob + 4);
  CheckError(DecodeKhoSender({.name = "", .blob = PhysAddr(0x666000), .size = 73}, memory.memory()), Errc::kUnreadable,
             0x666000);
  CheckError(DecodeKhoSender({.name = "", .blob = PhysAddr(kPhysLimit), .size = 73}, memory.memory()),
             Errc::kOutOfBounds, kPhysLimit);
}

// --- memblock ---

void WriteArea(FdtWriter& writer, const char* name, std::uint64_t start, std::uint64_t size,
               const char* compatible = "reserve-mem-v1") {
  writer.BeginNode(name);
  writer.String("compatible", compatible);
  WriteNumber<Le64>(writer, "start", start);
  WriteNumber<Le64>(writer, "size", size);
  writer.EndNode();
}

Status ListAreas(const KhoClient& client, const test::PageMemory& memory, Items<KhoReservedArea>& found) {
  return ListKhoReservedAreas(client, memory.memory(), found.sink());
}

TEST_CASE("The areas of reserve_mem are listed", "[format][kho][clients]") {
  test::PageMemory memory;
  Items<KhoReservedArea> found;
  REQUIRE(ListAreas(TreeClient(memory,
                               [](FdtWriter& writer) {
                                 writer.String("compatible", "memblock-v1");
                                 WriteArea(writer, "trace", 0x40000000, 0x200000);
                                 WriteArea(writer, "oops", 0x100000000, 0x1000);
                               }),
                    memory, found)
              .ok());
  REQUIRE(found.all.size() == 2);
  CHECK(found.all[0].name == "trace");
  CHECK(found.all[0].range == Between(0x40000000, 0x40200000));
  CHECK(found.all[1].name == "oops");
  CHECK(found.all[1].range == Between(0x100000000, 0x100001000));
}

TEST_CASE("A tree of memblock's that is broken is refused with its place", "[format][kho][clients]") {
  test::PageMemory memory;
  Items<KhoReservedArea> found;
  // The root, its property of twelve bytes.
  constexpr std::uint64_t kArea = kTreeRoot + 8 + 12 + 12;
  SECTION("another version") {
    const auto client = TreeClient(memory, [](FdtWriter& writer) { writer.String("compatible", "memblock-v2"); });
    CheckError(ListAreas(client, memory, found), Errc::kUnknownCompatible, kTreeRoot + 8 + 12);
  }
  SECTION("another version of an area") {
    const auto client = TreeClient(memory, [](FdtWriter& writer) {
      writer.String("compatible", "memblock-v1");
      WriteArea(writer, "a", 0x40000000, 0x1000, "reserve-mem-v2");
    });
    CheckError(ListAreas(client, memory, found), Errc::kUnknownCompatible, kArea + 8 + 12);
  }
  SECTION("an area of no bytes") {
    const auto client = TreeClient(memory, [](FdtWriter& writer) {
      writer.String("compatible", "memblock-v1");
      WriteArea(writer, "a", 0x40000000, 0);
    });
    CheckError(ListAreas(client, memory, found), Errc::kMalformed, kArea);
  }
  SECTION("an area past the limit") {
    const auto client = TreeClient(memory, [](FdtWriter& writer) {
      writer.String("compatible", "memblock-v1");
      WriteArea(writer, "a", 0x40000000, kPhysLimit);
    });
    CheckError(ListAreas(client, memory, found), Errc::kOutOfBounds, 0x40000000);
  }
  SECTION("a blob that is no tree") {
    memory.Add(kBlob, 1);
    CheckError(ListAreas({.name = "", .blob = PhysAddr(kBlob), .size = 0}, memory, found), Errc::kBadMagic, 0);
  }
  SECTION("a blob of more than 256 KiB") {
    CheckError(ListAreas({.name = "", .blob = PhysAddr(kBlob), .size = 0x40001}, memory, found), Errc::kTooLarge,
               0x40000);
  }
}

// --- kho_test ---

struct TestTree {
  std::uint32_t magic = 0x4b484f21;
  std::uint32_t num_folios = 2;
  KhoVmalloc folios = {Le64(kBlob + kPageSize), Le32(1), Le16(1), Le16(0)};
  bool has_data = true;
};

KhoClient WriteTest(test::PageMemory& memory, const TestTree& tree) {
  // The area's chunk, and its page with an array of two.
  memory.Add(kBlob + kPageSize, 2);
  memory.Put(kBlob + kPageSize + 8, Le64(kBlob + 2 * kPageSize));
  memory.Put(kBlob + 2 * kPageSize, Le64(0x40000000));
  memory.Put(kBlob + 2 * kPageSize + 8, Le64(0x50000000 | 9));
  return TreeClient(memory, [&](FdtWriter& writer) {
    writer.String("compatible", "kho-test-v1");
    WriteNumber<Le32>(writer, "magic", tree.magic);
    if (tree.has_data) {
      writer.BeginNode("data");
      WriteNumber<Le32>(writer, "nr_folios", tree.num_folios);
      writer.Bytes("folios_info", std::as_bytes(std::span(&tree.folios, 1)));
      WriteNumber<Le32>(writer, "csum", std::uint32_t{0x1234});
      writer.EndNode();
    }
  });
}

TEST_CASE("The folios of the kernel's own test are listed", "[format][kho][clients]") {
  test::PageMemory memory;
  BlockList found;
  const auto facts = DecodeKhoTest(WriteTest(memory, {}), memory.memory(), found.sink());
  REQUIRE(facts.ok());
  CHECK(facts.value().num_folios == 2);
  CHECK(facts.value().checksum == 0x1234);
  CHECK(found.all() == std::vector{Block(0x40000000, 0), Block(0x50000000, 9)});
}

TEST_CASE("A test's tree that is broken is refused with its place", "[format][kho][clients]") {
  test::PageMemory memory;
  BlockList found;
  const auto decode = [&](const TestTree& tree) {
    return DecodeKhoTest(WriteTest(memory, tree), memory.memory(), found.sink());
  };
  constexpr std::uint64_t kMagic = kTreeRoot + 8 + (12 + 12) + 12;
  constexpr std::uint64_t kChunk = kBlob + kPageSize;
  SECTION("another magic") { CheckError(decode({.magic = 1}), Errc::kBadMagic, kMagic); }
  SECTION("no data") { CheckError(decode({.has_data = false}), Errc::kMalformed, kTreeRoot); }
  SECTION("more folios than the area holds") { CheckError(decode({.num_folios = 513}), Errc::kMalformed, kChunk); }
  SECTION("an area of more pages than its chunks name") {
    CheckError(decode({.folios = {Le64(kChunk), Le32(2), Le16(1), Le16(0)}}), Errc::kMalformed, kChunk);
  }
  SECTION("an area of fewer pages than its chunks name") {
    CheckError(decode({.num_folios = 0, .folios = {Le64(kChunk), Le32(0), Le16(1), Le16(0)}}), Errc::kMalformed,
               kChunk);
  }
  SECTION("an area of larger blocks than its size") {
    CheckError(decode({.folios = {Le64(kChunk), Le32(1), Le16(1), Le16(1)}}), Errc::kMalformed, kChunk);
  }
  SECTION("an area of more than 4 GiB") {
    CheckError(decode({.folios = {Le64(kChunk), Le32(0x100001), Le16(1), Le16(0)}}), Errc::kTooLarge,
               std::uint64_t{4} << 30);
  }
  SECTION("a chunk that follows itself") {
    WriteTest(memory, {});
    memory.Put(kChunk, Le64(kChunk));
    CheckError(DecodeKhoTest({.name = "", .blob = PhysAddr(kBlob), .size = 0}, memory.memory(), found.sink()),
               Errc::kCycle, kChunk);
  }
  SECTION("a page of the area that begins within one") {
    WriteTest(memory, {});
    memory.Put(kChunk + 8, Le64(kChunk + 0x1010));
    CheckError(DecodeKhoTest({.name = "", .blob = PhysAddr(kBlob), .size = 0}, memory.memory(), found.sink()),
               Errc::kMisaligned, kChunk + 0x1010);
  }
  SECTION("a folio of an order that is impossible") {
    WriteTest(memory, {});
    memory.Put(kChunk + kPageSize, Le64(0x40000000 | 40));
    CheckError(DecodeKhoTest({.name = "", .blob = PhysAddr(kBlob), .size = 0}, memory.memory(), found.sink()),
               Errc::kMalformed, kChunk + kPageSize);
  }
  SECTION("a folio that does not begin at its size") {
    WriteTest(memory, {});
    memory.Put(kChunk + kPageSize, Le64(0x40001000 | 1));
    CheckError(DecodeKhoTest({.name = "", .blob = PhysAddr(kBlob), .size = 0}, memory.memory(), found.sink()),
               Errc::kMisaligned, 0x40001000);
  }
}

}  // namespace
}  // namespace holdfast
