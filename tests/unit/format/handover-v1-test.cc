// SPDX-License-Identifier: BSD-2-Clause
// Tests of our own handover's codec.

#include "common/format/handover-v1.h"

#include <catch2/catch.hpp>

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::AlignedBytes;
using test::Between;
using test::CheckError;
using test::RuleOf;

// A handover and its tables.
struct TestHandover {
  std::array<KeptRange, 64> kept_storage{};
  std::array<PhysRange, 16> scratch_storage{};
  std::array<PhysRange, 16> ram_storage{};
  std::array<PhysRange, 16> released_storage{};
  PreservedMap kept{kept_storage};
  RangeSet scratch{scratch_storage};
  RangeSet ram{ram_storage};
  RangeSet released{released_storage};
  Handover handover{kept, scratch, ram, &released};
};

Digest FilledDigest(unsigned value) {
  Digest digest{};
  digest.fill(static_cast<std::byte>(value));
  return digest;
}

const std::vector<PhysRange> kGuest = {Between(0x40000000, 0x48000000), Between(0x50000000, 0x50001000)};
const std::vector<PhysRange> kCache = {Between(0x60000123, 0x60000456)};
const std::vector<PhysRange> kScratch = {Between(0x1000000, 0x2000000)};
const std::vector<PhysRange> kReleased = {Between(0x70000000, 0x70200000), Between(0x70400000, 0x70401000)};
const std::vector<PhysRange> kRam = {Between(0, 0x9f000), Between(0x100000, 0x80000000)};

AlignedBytes Encoded(const HandoverV1& handover) {
  AlignedBytes storage(4096);
  return AlignedBytes(EncodeHandoverV1(handover, storage.span()).value());
}

AlignedBytes SampleHandover() {
  const std::array nodes = {
      HandoverV1Node{.name = "guest0", .owner = "qemu", .fence = Fence::kReserved, .ranges = kGuest, .sha256 = {}},
      HandoverV1Node{
          .name = "cache", .owner = "", .fence = Fence::kPram, .ranges = kCache, .sha256 = FilledDigest(0x5e)}};
  return Encoded({.generation = 7,
                  .created_by = "mkhandover 0.1.0",
                  .policy = {.on_refusal = OnRefusal::kHalt,
                             .refusal_delay_seconds = 30,
                             .kaslr = false,
                             .mode = ModeWish::kNative,
                             .on_loss = OnLoss::kDrop,
                             .overwrite_request = OverwriteRequest::kClear,
                             .foreign_fence = Fence::kHeld},
                  .preserved = nodes,
                  .scratch = kScratch,
                  .ram = kRam,
                  .released = kReleased});
}

// A tree with a sound root whose other parts `write` adds.
AlignedBytes TreeWith(const std::function<void(FdtWriter&)>& write) {
  AlignedBytes storage(4096);
  FdtWriter writer(storage.span());
  writer.BeginNode("");
  writer.String("compatible", "holdfast,handover-v1");
  write(writer);
  writer.EndNode();
  return AlignedBytes(writer.Finish().value());
}

void WriteRanges(FdtWriter& writer, const std::vector<std::uint64_t>& numbers) {
  auto space = writer.Space("ranges", numbers.size() * 8);
  for (const std::uint64_t number : numbers) {
    const Be64 stored(number);
    std::memcpy(space.data(), &stored, sizeof(stored));
    space = space.subspan(sizeof(stored));
  }
}

// A tree with one name, whose properties `write` adds.
AlignedBytes TreeWithName(const char* name, const std::function<void(FdtWriter&)>& write) {
  return TreeWith([&](FdtWriter& writer) {
    writer.BeginNode("preserved");
    writer.BeginNode(name);
    write(writer);
    writer.EndNode();
    writer.EndNode();
  });
}

Status Decode(AlignedBytes& bytes, TestHandover& out, std::uint8_t source = 0, const ListReader& reader = NoLists()) {
  return DecodeHandoverV1(FdtView::Open(bytes.span()).value(), source, reader, out.handover);
}

Status Decode(AlignedBytes&& bytes) {
  TestHandover out;
  return Decode(bytes, out);
}

TEST_CASE("A handover that was encoded decodes to itself", "[format][handover-v1]") {
  AlignedBytes bytes = SampleHandover();
  TestHandover out;
  REQUIRE(Decode(bytes, out, 3).ok());
  const FdtView tree = FdtView::Open(bytes.span()).value();

  CHECK(out.handover.dialect.view() == kDialectHoldfast);
  CHECK(out.handover.generation == 7);
  CHECK(out.handover.policy.on_refusal == OnRefusal::kHalt);
  CHECK(out.handover.policy.refusal_delay_seconds == 30);
  CHECK_FALSE(out.handover.policy.kaslr);
  CHECK(out.handover.policy.mode == ModeWish::kNative);
  CHECK(out.handover.policy.on_loss == OnLoss::kDrop);
  CHECK(out.handover.policy.overwrite_request == OverwriteRequest::kClear);
  CHECK(out.handover.policy.foreign_fence == Fence::kHeld);
  CHECK(std::vector(out.scratch.view().begin(), out.scratch.view().end()) == kScratch);
  CHECK(std::vector(out.ram.view().begin(), out.ram.view().end()) == kRam);
  CHECK(std::vector(out.released.view().begin(), out.released.view().end()) == kReleased);

  const auto kept = out.kept.view();
  REQUIRE(kept.size() == 3);
  CHECK(kept[0].range == kGuest[0]);
  CHECK(kept[1].range == kGuest[1]);
  CHECK(kept[2].range == kCache[0]);
  CHECK(kept[0].fence == Fence::kReserved);
  CHECK(kept[2].fence == Fence::kPram);
  CHECK(kept[2].source == 3);
  CHECK(KeptName(tree, kept[1]) == "guest0");
  CHECK(KeptName(tree, kept[2]) == "cache");

  PreservedNode node;
  REQUIRE(DecodePreservedNode(tree, *tree.At(kept[0].node), node).ok());
  CHECK(node.owner == "qemu");
  CHECK_FALSE(node.sha256);
  CHECK(node.ranges.size() == 32);
  REQUIRE(DecodePreservedNode(tree, *tree.At(kept[2].node), node).ok());
  CHECK(node.owner.empty());
  CHECK(node.sha256->size() == 32);
  CHECK((*node.sha256)[31] == std::byte{0x5e});
}

TEST_CASE("An offset that leads nowhere has no name", "[format][handover-v1]") {
  AlignedBytes bytes = SampleHandover();
  const FdtView tree = FdtView::Open(bytes.span()).value();
  CHECK(KeptName(tree, {.range = kGuest[0], .node = 1}).empty());
  CHECK(KeptName(tree, {.range = kGuest[0], .node = 0xffffffff}).empty());
}

TEST_CASE("A handover may say nothing but what it is", "[format][handover-v1]") {
  TestHandover out;
  AlignedBytes bytes = TreeWith([](FdtWriter&) {});
  REQUIRE(Decode(bytes, out).ok());
  CHECK(out.kept.empty());
  CHECK(out.handover.generation == 0);
  CHECK(out.handover.policy.on_refusal == OnRefusal::kReset);
  CHECK(out.handover.policy.refusal_delay_seconds == 10);
  CHECK(out.handover.policy.kaslr);
  CHECK(out.handover.policy.mode == ModeWish::kAuto);
  CHECK(out.handover.policy.on_loss == OnLoss::kRefuse);
  CHECK(out.handover.policy.overwrite_request == OverwriteRequest::kKeep);
  CHECK(out.handover.policy.foreign_fence == Fence::kReserved);
  CHECK(Decode(TreeWith([](FdtWriter& writer) {
          writer.BeginNode("preserved");
          writer.EndNode();
        })).ok());
}

TEST_CASE("What is unknown is carried along", "[format][handover-v1]") {
  TestHandover out;
  AlignedBytes bytes = TreeWith([](FdtWriter& writer) {
    writer.U32("unknown", 1);
    writer.BeginNode("preserved");
    writer.U32("unknown", 1);
    writer.BeginNode("a");
    writer.U32("unknown", 1);
    WriteRanges(writer, {0x1000, 0x1000});
    writer.BeginNode("unknown");
    writer.EndNode();
    writer.EndNode();
    writer.EndNode();
    writer.BeginNode("unknown");
    writer.BeginNode("preserved");
    writer.EndNode();
    writer.EndNode();
  });
  REQUIRE(Decode(bytes, out).ok());
  REQUIRE(out.kept.size() == 1);
  CHECK(out.kept.view()[0].fence == Fence::kReserved);
}

TEST_CASE("Another compatible is refused", "[format][handover-v1]") {
  AlignedBytes storage(512);
  const auto with = [&](std::optional<std::string_view> compatible) {
    FdtWriter writer(storage.span());
    writer.BeginNode("");
    if (compatible) {
      writer.String("compatible", *compatible);
    }
    writer.EndNode();
    return AlignedBytes(writer.Finish().value());
  };
  TestHandover out;
  CheckError(Decode(with("holdfast,handover-v2")), Errc::kUnknownCompatible, 64 + 8 + 12);
  CheckError(Decode(with("holdfast,handover-v11")), Errc::kUnknownCompatible, 64 + 8 + 12);
  CheckError(Decode(with("kho-v1")), Errc::kUnknownCompatible, 64 + 8 + 12);
  CheckError(Decode(with("")), Errc::kUnknownCompatible, 64 + 8 + 12);
  CheckError(Decode(with(std::nullopt)), Errc::kUnknownCompatible, 64);
  // A list, the most specific first, as anywhere in a device tree.
  CHECK(Decode(with(std::string_view("other,thing\0holdfast,handover-v1", 32))).ok());
}

TEST_CASE("Each property of a name is held to its rule", "[format][handover-v1]") {
  struct Case {
    const char* name;
    const char* broken;  // the property at which it is seen; "" for the node
    Errc code;
    std::uint64_t offset;  // within it
    std::function<void(FdtWriter&)> write;
  };
  const auto ranges = [](std::vector<std::uint64_t> numbers) {
    return [numbers](FdtWriter& writer) { WriteRanges(writer, numbers); };
  };
  const std::vector<Case> cases = {
      {"no ranges", "", Errc::kMalformed, 0, [](FdtWriter&) {}},
      {"empty ranges", "ranges", Errc::kMalformed, 0, ranges({})},
      {"half a pair", "ranges", Errc::kMalformed, 0, ranges({0x1000})},
      {"a pair and a half", "ranges", Errc::kMalformed, 0, ranges({0x1000, 0x1000, 0x3000})},
      {"a range without bytes", "ranges", Errc::kMalformed, 16, ranges({0x1000, 0x1000, 0x3000, 0})},
      {"an unknown fence", "fence", Errc::kMalformed, 0,
       [](FdtWriter& writer) {
         writer.String("fence", "soft-reserved");
         WriteRanges(writer, {0x1000, 0x1000});
       }},
      {"a fence that is no string", "fence", Errc::kMalformed, 0,
       [](FdtWriter& writer) {
         writer.U32("fence", 1);
         WriteRanges(writer, {0x1000, 0x1000});
       }},
      {"an owner that is no string", "owner", Errc::kMalformed, 0,
       [](FdtWriter& writer) {
         writer.Bytes("owner", {});
         WriteRanges(writer, {0x1000, 0x1000});
       }},
      {"a short digest", "sha256", Errc::kMalformed, 0,
       [](FdtWriter& writer) {
         writer.Space("sha256", 31);
         WriteRanges(writer, {0x1000, 0x1000});
       }},
      {"a long digest", "sha256", Errc::kMalformed, 0,
       [](FdtWriter& writer) {
         writer.Space("sha256", 33);
         WriteRanges(writer, {0x1000, 0x1000});
       }},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    AlignedBytes bytes = TreeWithName("a", c.write);
    const FdtView tree = FdtView::Open(bytes.span()).value();
    const FdtNode node = *tree.Child(*tree.Child(tree.root(), "preserved"), "a");
    TestHandover out;
    CheckError(Decode(bytes, out), c.code, tree.WhereOf(node, c.broken) + c.offset);
  }
}

TEST_CASE("A kept range ends at or below the last address", "[format][handover-v1]") {
  const auto with = [](std::uint64_t start, std::uint64_t size) {
    return TreeWithName("a", [&](FdtWriter& writer) { WriteRanges(writer, {start, size}); });
  };
  CHECK(Decode(with(kPhysLimit - 1, 1)).ok());
  CheckError(Decode(with(kPhysLimit - 1, 2)), Errc::kOutOfBounds, kPhysLimit - 1);
  CheckError(Decode(with(0x1000, 0xffffffffffffffff)), Errc::kOutOfBounds, 0x1000);
  CheckError(Decode(with(0xffffffffffffffff, 0)), Errc::kOutOfBounds, 0xffffffffffffffff);
}

TEST_CASE("All four fences are read", "[format][handover-v1]") {
  struct Case {
    const char* word;
    Fence fence;
  };
  for (const Case& c : {Case{"reserved", Fence::kReserved}, Case{"held", Fence::kHeld}, Case{"pmem", Fence::kPmem},
                        Case{"pram", Fence::kPram}}) {
    INFO(c.word);
    TestHandover out;
    AlignedBytes bytes = TreeWithName("a", [&](FdtWriter& writer) {
      writer.String("fence", c.word);
      WriteRanges(writer, {0x1000, 0x1000});
    });
    REQUIRE(Decode(bytes, out).ok());
    CHECK(out.kept.view()[0].fence == c.fence);
    CHECK(FenceFromName(c.word) == c.fence);
  }
  CHECK_FALSE(FenceFromName(""));
  CHECK_FALSE(FenceFromName("Reserved"));
}

TEST_CASE("A name is one short path component", "[format][handover-v1]") {
  const auto decode = [](const std::string& name) {
    return Decode(TreeWithName(name.c_str(), [](FdtWriter& writer) { WriteRanges(writer, {0x1000, 0x1000}); }));
  };
  CHECK(decode("a").ok());
  CHECK(decode("09azAZ,._+-").ok());
  CHECK(decode(std::string(31, 'a')).ok());
  for (const std::string& bad :
       {std::string(32, 'a'), std::string("a@1"), std::string("a b"), std::string("a\x1b"), std::string("a/b")}) {
    INFO(bad);
    CHECK(RuleOf(decode(bad)) == ErrcName(Errc::kMalformed));
  }
}

TEST_CASE("A tree from outside only reserves memory", "[format][handover-v1]") {
  AlignedBytes bytes = SampleHandover();
  const FdtView tree = FdtView::Open(bytes.span()).value();
  TestHandover out;
  REQUIRE(DecodeHandoverV1(tree, 3, NoLists(), out.handover, {.is_outside = true}).ok());
  CHECK(out.handover.dialect.view() == kDialectHoldfast);
  CHECK(out.handover.generation == 0);
  CHECK_FALSE(out.handover.has_policy);
  CHECK(out.handover.policy.on_refusal == OnRefusal::kReset);
  CHECK(out.handover.policy.kaslr);
  CHECK(out.handover.policy.on_loss == OnLoss::kRefuse);
  CHECK(out.ram.view().empty());
  CHECK(out.released.view().empty());
  CHECK(std::vector(out.scratch.view().begin(), out.scratch.view().end()) == kScratch);
  REQUIRE(out.kept.size() == 3);
  for (const KeptRange& each : out.kept.view()) {
    CHECK(each.fence == Fence::kReserved);
  }

  // What comes from inside later has its say as if it were the first.
  AlignedBytes inside = Encoded(
      {.created_by = {}, .policy = {.on_refusal = OnRefusal::kHalt}, .preserved = {}, .scratch = {}, .ram = {}});
  REQUIRE(Decode(inside, out, 4).ok());
  CHECK(out.handover.has_policy);
  CHECK(out.handover.policy.on_refusal == OnRefusal::kHalt);
}

TEST_CASE("After the last generation comes no other", "[format][handover-v1]") {
  TestHandover out;
  CHECK(out.handover.next_generation() == 1);
  out.handover.generation = 0xfffffffe;
  CHECK(out.handover.next_generation() == 0xffffffff);
  out.handover.generation = 0xffffffff;
  CHECK(out.handover.next_generation() == 0xffffffff);
}

TEST_CASE("A tree from outside is held to every rule", "[format][handover-v1]") {
  AlignedBytes bytes = TreeWith([](FdtWriter& writer) {
    writer.BeginNode("policy");
    writer.String("kaslr", "maybe");
    writer.EndNode();
  });
  TestHandover out;
  const auto decoded =
      DecodeHandoverV1(FdtView::Open(bytes.span()).value(), 0, NoLists(), out.handover, {.is_outside = true});
  CHECK(RuleOf(decoded) == ErrcName(Errc::kMalformed));
}

TEST_CASE("What is lost is not kept, the same name of another handover is", "[format][handover-v1]") {
  AlignedBytes bytes = SampleHandover();
  const FdtView tree = FdtView::Open(bytes.span()).value();
  const FdtNode guest = *tree.Child(*tree.Child(tree.root(), "preserved"), "guest0");
  const std::array lost = {LostName{3, static_cast<std::uint32_t>(guest.offset())}};
  TestHandover out;
  REQUIRE(DecodeHandoverV1(tree, 3, NoLists(), out.handover, {.lost = lost}).ok());
  REQUIRE(out.kept.size() == 1);
  CHECK(out.kept.view()[0].range == kCache[0]);
  REQUIRE(DecodeHandoverV1(tree, 2, NoLists(), out.handover, {.lost = lost}).ok());
  CHECK(out.kept.size() == 1 + 3);
}

TEST_CASE("Each word and number of the policy is held to its rule", "[format][handover-v1]") {
  const auto with = [](const std::function<void(FdtWriter&)>& write) {
    return TreeWith([&](FdtWriter& writer) {
      writer.BeginNode("policy");
      write(writer);
      writer.EndNode();
    });
  };
  const auto check = [&](const char* property, const std::function<void(FdtWriter&)>& write) {
    INFO(property);
    AlignedBytes bytes = with(write);
    const FdtView tree = FdtView::Open(bytes.span()).value();
    TestHandover out;
    CheckError(Decode(bytes, out), Errc::kMalformed, tree.WhereOf(*tree.Child(tree.root(), "policy"), property));
  };
  check("on-refusal", [](FdtWriter& writer) { writer.String("on-refusal", "reboot"); });
  check("on-refusal", [](FdtWriter& writer) { writer.String("on-refusal", ""); });
  check("kaslr", [](FdtWriter& writer) { writer.String("kaslr", "yes"); });
  check("kaslr", [](FdtWriter& writer) { writer.U32("kaslr", 1); });
  check("mode", [](FdtWriter& writer) { writer.String("mode", "Native"); });
  check("on-loss", [](FdtWriter& writer) { writer.String("on-loss", "ignore"); });
  check("overwrite-request", [](FdtWriter& writer) { writer.String("overwrite-request", "set"); });
  check("foreign-fence", [](FdtWriter& writer) { writer.String("foreign-fence", "pmem"); });
  check("refusal-delay", [](FdtWriter& writer) { writer.U32("refusal-delay", kMaxRefusalDelay + 1); });
  check("refusal-delay", [](FdtWriter& writer) { writer.U64("refusal-delay", 1); });
  CHECK(Decode(with([](FdtWriter& writer) { writer.U32("refusal-delay", kMaxRefusalDelay); })).ok());
  CHECK(Decode(with([](FdtWriter& writer) { writer.U32("refusal-delay", 0); })).ok());
}

TEST_CASE("Root properties are held to their form", "[format][handover-v1]") {
  CHECK(RuleOf(Decode(TreeWith([](FdtWriter& writer) { writer.U64("generation", 1); }))) == ErrcName(Errc::kMalformed));
  CHECK(RuleOf(Decode(TreeWith([](FdtWriter& writer) { writer.U32("created-by", 0x41414141); }))) ==
        ErrcName(Errc::kMalformed));
}

TEST_CASE("Scratch, RAM and what is released are held to the rules of ranges", "[format][handover-v1]") {
  for (const char* room : {"scratch", "ram", "released"}) {
    INFO(room);
    const auto with = [&](const std::vector<std::uint64_t>& numbers) {
      return TreeWith([&](FdtWriter& writer) {
        writer.BeginNode(room);
        WriteRanges(writer, numbers);
        writer.EndNode();
      });
    };
    CHECK(Decode(with({0x1000, 0x1000})).ok());
    CHECK(RuleOf(Decode(with({0x1000}))) == ErrcName(Errc::kMalformed));
    CHECK(RuleOf(Decode(with({}))) == ErrcName(Errc::kMalformed));
    CHECK(RuleOf(Decode(with({0x1000, 0}))) == ErrcName(Errc::kMalformed));
    CHECK(RuleOf(Decode(with({kPhysLimit, 1}))) == ErrcName(Errc::kOutOfBounds));
  }
}

TEST_CASE("What stands twice is malformed, where it stands again", "[format][handover-v1]") {
  // Two writers' properties of one name: a tree in which "owner", which is unknown at the root, is renamed.
  const auto twice = [](const char* name, const std::function<void(FdtWriter&)>& write) {
    AlignedBytes bytes = TreeWith(write);
    TestHandover out;
    INFO(name);
    CHECK(RuleOf(Decode(bytes, out)) == ErrcName(Errc::kMalformed));
  };
  twice("generation", [](FdtWriter& writer) {
    writer.U32("generation", 1);
    writer.U32("generation", 1);
  });
  twice("compatible", [](FdtWriter& writer) { writer.String("compatible", "holdfast,handover-v1"); });
  twice("created-by", [](FdtWriter& writer) {
    writer.String("created-by", "a");
    writer.String("created-by", "a");
  });
  for (const char* room : {"preserved", "policy", "scratch", "ram", "released"}) {
    twice(room, [&](FdtWriter& writer) {
      for (int i = 0; i < 2; ++i) {
        writer.BeginNode(room);
        WriteRanges(writer, {0x1000, 0x1000});
        writer.BeginNode("a");
        WriteRanges(writer, {0x1000, 0x1000});
        writer.EndNode();
        writer.EndNode();
      }
    });
  }
  twice("a name", [](FdtWriter& writer) {
    writer.BeginNode("preserved");
    for (const char* name : {"a", "b", "a"}) {
      writer.BeginNode(name);
      WriteRanges(writer, {0x1000, 0x1000});
      writer.EndNode();
    }
    writer.EndNode();
  });
  for (const char* property : {"ranges", "fence", "owner", "sha256"}) {
    twice(property, [&](FdtWriter& writer) {
      writer.BeginNode("preserved");
      writer.BeginNode("a");
      WriteRanges(writer, {0x1000, 0x1000});
      for (int i = 0; i < 2; ++i) {
        if (std::string_view(property) == "sha256") {
          writer.Space(property, 32);
        } else if (std::string_view(property) == "ranges") {
          WriteRanges(writer, {0x1000, 0x1000});
        } else {
          writer.String(property, "held");
        }
      }
      writer.EndNode();
      writer.EndNode();
    });
  }
}

TEST_CASE("There are as many names as a limit", "[format][handover-v1]") {
  const auto with = [](std::size_t names) {
    AlignedBytes storage(128 * 1024);
    FdtWriter writer(storage.span());
    writer.BeginNode("");
    writer.String("compatible", "holdfast,handover-v1");
    writer.BeginNode("preserved");
    for (std::size_t i = 0; i < names; ++i) {
      writer.BeginNode(std::to_string(i).c_str());
      WriteRanges(writer, {i * 0x2000, 0x1000});
      writer.EndNode();
    }
    writer.EndNode();
    writer.EndNode();
    return AlignedBytes(writer.Finish().value());
  };
  std::vector<KeptRange> storage(2000);
  PreservedMap kept(storage);
  TestHandover tables;
  Handover out(kept, tables.scratch, tables.ram);
  AlignedBytes most = with(kMaxPreservedNames);
  REQUIRE(DecodeHandoverV1(FdtView::Open(most.span()).value(), 0, NoLists(), out).ok());
  CHECK(kept.size() == kMaxPreservedNames);
  kept.Clear();
  AlignedBytes more = with(kMaxPreservedNames + 1);
  CheckError(DecodeHandoverV1(FdtView::Open(more.span()).value(), 0, NoLists(), out), Errc::kTableFull,
             kMaxPreservedNames);
}

TEST_CASE("A full table is an error", "[format][handover-v1]") {
  AlignedBytes bytes = SampleHandover();
  const FdtView tree = FdtView::Open(bytes.span()).value();
  TestHandover tables;
  std::array<KeptRange, 2> two{};
  PreservedMap kept(two);
  Handover out(kept, tables.scratch, tables.ram);
  CheckError(DecodeHandoverV1(tree, 0, NoLists(), out), Errc::kTableFull, 2);
}

TEST_CASE("Released ranges have a table of their own, where anybody asks", "[format][handover-v1]") {
  AlignedBytes bytes = Encoded({.created_by = {}, .policy = {}, .preserved = {}, .scratch = {}, .ram = kRam,
                                .released = kReleased});
  const FdtView tree = FdtView::Open(bytes.span()).value();
  TestHandover tables;
  std::array<PhysRange, 1> one{};
  RangeSet released(one);
  Handover full(tables.kept, tables.scratch, tables.ram, &released);
  CheckError(DecodeHandoverV1(tree, 0, NoLists(), full), Errc::kTableFull, 1);

  Handover unasked(tables.kept, tables.scratch, tables.ram);
  CHECK(DecodeHandoverV1(tree, 0, NoLists(), unasked).ok());
  const std::vector<PhysRange> empty = {PhysRange()};
  AlignedBytes storage(4096);
  HandoverV1 bad;
  bad.released = empty;
  CheckError(EncodeHandoverV1(bad, storage.span()), Errc::kMalformed, 0);
}

TEST_CASE("A handover has a largest size", "[format][handover-v1]") {
  AlignedBytes good = SampleHandover();
  AlignedBytes large(kMaxHandoverSize + 8);
  std::memcpy(large.span().data(), good.span().data(), good.span().size());
  TestHandover out;
  large.Set32(4, kMaxHandoverSize);
  CHECK(Decode(large, out).ok());
  TestHandover again;
  large.Set32(4, kMaxHandoverSize + 1);
  CheckError(Decode(large, again), Errc::kOutOfBounds, kMaxHandoverSize + 1);
}

TEST_CASE("Several handovers make one, and the last hides nothing of the first", "[format][handover-v1]") {
  const std::array first_nodes = {
      HandoverV1Node{.name = "a", .owner = "", .fence = Fence::kHeld, .ranges = kGuest, .sha256 = {}}};
  AlignedBytes first = Encoded({.generation = 5,
                                .created_by = "",
                                .policy = {.on_refusal = OnRefusal::kHalt, .refusal_delay_seconds = 1, .kaslr = true},
                                .preserved = first_nodes,
                                .scratch = kScratch,
                                .ram = {}});
  const std::array second_nodes = {
      HandoverV1Node{.name = "a", .owner = "", .fence = Fence::kReserved, .ranges = kCache, .sha256 = {}}};
  AlignedBytes second =
      Encoded({.generation = 2,
               .created_by = "",
               .policy = {.on_refusal = OnRefusal::kReset, .refusal_delay_seconds = 99, .kaslr = false},
               .preserved = second_nodes,
               .scratch = {},
               .ram = kRam});
  TestHandover out;
  REQUIRE(Decode(first, out, 0).ok());
  REQUIRE(Decode(second, out, 1).ok());
  CHECK(out.kept.size() == 3);
  CHECK(out.kept.view()[2].source == 1);
  CHECK(out.handover.generation == 5);
  CHECK(out.handover.policy.on_refusal == OnRefusal::kHalt);
  CHECK(out.handover.policy.refusal_delay_seconds == 1);
  CHECK_FALSE(out.handover.policy.kaslr);
  CHECK(out.scratch.view().size() == 1);
  CHECK(out.ram.view().size() == 2);
}

TEST_CASE("What would not decode is not encoded", "[format][handover-v1]") {
  AlignedBytes storage(4096);
  HandoverV1Node good = {.name = "a", .owner = "", .fence = Fence::kReserved, .ranges = kGuest, .sha256 = {}};
  const auto encode = [&](const std::vector<HandoverV1Node>& nodes) {
    HandoverV1 handover;
    handover.preserved = nodes;
    return EncodeHandoverV1(handover, storage.span());
  };
  CHECK(encode({good}).ok());

  HandoverV1Node bad = good;
  for (const std::string& name : {std::string(), std::string(32, 'a'), std::string("a/b"), std::string("a\0", 2)}) {
    bad.name = name;
    CheckError(encode({good, bad}), Errc::kMalformed, 1);
  }
  bad = good;
  CheckError(encode({good, bad}), Errc::kMalformed, 1);
  bad.name = "b";
  CHECK(encode({good, bad}).ok());
  bad.ranges = {};
  CheckError(encode({good, bad}), Errc::kMalformed, 1);
  const std::array empty = {PhysRange()};
  bad.ranges = empty;
  CheckError(encode({good, bad}), Errc::kMalformed, 1);
  bad = good;
  bad.name = "b";
  bad.owner = std::string_view("x\0y", 3);
  CheckError(encode({good, bad}), Errc::kMalformed, 1);

  HandoverV1 handover;
  handover.policy.refusal_delay_seconds = kMaxRefusalDelay + 1;
  CheckError(EncodeHandoverV1(handover, storage.span()), Errc::kMalformed, kMaxRefusalDelay + 1);
  handover.policy = {};
  handover.policy.foreign_fence = Fence::kPram;
  CheckError(EncodeHandoverV1(handover, storage.span()), Errc::kMalformed, static_cast<std::uint64_t>(Fence::kPram));
  CheckError(EncodeHandoverV1(HandoverV1{}, storage.span().first(64)), Errc::kTableFull, 64);
}

TEST_CASE("Every shorter piece of a handover is refused", "[format][handover-v1]") {
  AlignedBytes good = SampleHandover();
  for (std::size_t size = 0; size < good.span().size(); ++size) {
    AlignedBytes piece(good.span().first(size));
    CHECK(RuleOf(FdtView::Open(piece.span())) == ErrcName(Errc::kTruncated));
  }
}

TEST_CASE("Every flipped byte of a handover gives a handover or an error", "[format][handover-v1]") {
  AlignedBytes good = SampleHandover();
  std::size_t refused = 0;
  for (std::size_t at = 0; at < good.span().size(); ++at) {
    for (unsigned flip = 1; flip < 0x100; flip = flip * 2 + 1) {
      AlignedBytes bad(good.span());
      bad.span()[at] ^= static_cast<std::byte>(flip);
      const auto tree = FdtView::Open(bad.span());
      TestHandover out;
      if (!tree.ok() || !DecodeHandoverV1(tree.value(), 0, NoLists(), out.handover).ok()) {
        ++refused;
        continue;
      }
      for (const KeptRange& kept : out.kept.view()) {
        CHECK_FALSE(KeptName(tree.value(), kept).empty());
        CHECK_FALSE(kept.range.empty());
      }
    }
  }
  CHECK(refused > good.span().size());
}

}  // namespace
}  // namespace holdfast
