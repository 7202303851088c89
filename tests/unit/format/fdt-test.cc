// SPDX-License-Identifier: BSD-2-Clause
// Tests of the wrapper around libfdt.

#include "common/format/fdt.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::AlignedBytes;
using test::CheckError;

constexpr std::uint32_t kBegin = 1;
constexpr std::uint32_t kEndNode = 2;
constexpr std::uint32_t kProp = 3;
constexpr std::uint32_t kNop = 4;
constexpr std::uint32_t kEnd = 9;
constexpr std::uint32_t kNameA = 0x61000000;  // "a" and its padding
constexpr std::size_t kStructAt = 56;         // after the header and an empty reservation block
constexpr std::size_t kWrittenStructAt = 64;  // libfdt leaves a gap between the two

// A tree from the words of its structure block.
AlignedBytes TreeOf(const std::vector<std::uint32_t>& words, const std::string& strings) {
  const std::size_t strings_at = kStructAt + words.size() * 4;
  AlignedBytes tree(strings_at + strings.size());
  const std::uint32_t header[] = {0xd00dfeed,
                                  static_cast<std::uint32_t>(strings_at + strings.size()),
                                  kStructAt,
                                  static_cast<std::uint32_t>(strings_at),
                                  40,
                                  17,
                                  16,
                                  0,
                                  static_cast<std::uint32_t>(strings.size()),
                                  static_cast<std::uint32_t>(words.size() * 4)};
  std::size_t at = 0;
  for (const std::uint32_t word : header) {
    tree.Set32(at, word);
    at += 4;
  }
  at = kStructAt;
  for (const std::uint32_t word : words) {
    tree.Set32(at, word);
    at += 4;
  }
  for (const char c : strings) {
    tree.span()[at++] = static_cast<std::byte>(c);
  }
  return tree;
}

// A small tree with one of everything.
Result<std::span<const std::byte>> WriteSample(std::span<std::byte> storage) {
  FdtWriter writer(storage);
  writer.BeginNode("");
  writer.String("compatible", "holdfast,sample");
  writer.U32("u32", 0x01020304);
  writer.U64("u64", 0x0102030405060708);
  writer.BeginNode("first");
  writer.Bytes("empty", {});
  writer.BeginNode("inner");
  writer.EndNode();
  writer.EndNode();
  writer.BeginNode("second");
  writer.EndNode();
  writer.EndNode();
  return writer.Finish();
}

AlignedBytes SampleTree() {
  AlignedBytes storage(512);
  return AlignedBytes(WriteSample(storage.span()).value());
}

TEST_CASE("A tree that was written reads the same", "[format][fdt]") {
  AlignedBytes bytes = SampleTree();
  const FdtView tree = FdtView::Open(bytes.span()).value();
  const FdtNode root = tree.root();

  CHECK(tree.bytes().size() == bytes.span().size());
  CHECK(tree.Name(root).empty());
  CHECK(tree.String(root, "compatible").value() == "holdfast,sample");
  CHECK(tree.IsCompatible(root, "holdfast,sample"));
  CHECK_FALSE(tree.IsCompatible(root, "holdfast,sampl"));
  CHECK(tree.U32(root, "u32").value() == 0x01020304u);
  CHECK(tree.U64(root, "u64").value() == 0x0102030405060708u);

  const auto first = tree.FirstChild(root);
  REQUIRE(first);
  CHECK(tree.Name(*first) == "first");
  CHECK(tree.Property(*first, "empty")->empty());
  const auto second = tree.NextSibling(*first);
  REQUIRE(second);
  CHECK(tree.Name(*second) == "second");
  CHECK_FALSE(tree.NextSibling(*second));
  CHECK_FALSE(tree.FirstChild(*second));
  CHECK(tree.Child(root, "second")->offset() == second->offset());
  CHECK_FALSE(tree.Child(root, "inner"));
}

TEST_CASE("What is absent is not an error", "[format][fdt]") {
  AlignedBytes bytes = SampleTree();
  const FdtView tree = FdtView::Open(bytes.span()).value();
  CHECK_FALSE(tree.U32(tree.root(), "none").value());
  CHECK_FALSE(tree.U64(tree.root(), "none").value());
  CHECK_FALSE(tree.String(tree.root(), "none").value());
  CHECK_FALSE(tree.Property(tree.root(), "none"));
  CHECK_FALSE(tree.IsCompatible(*tree.Child(tree.root(), "first"), "holdfast,sample"));
}

TEST_CASE("A value of the wrong size or form is malformed, where it stands", "[format][fdt]") {
  AlignedBytes storage(512);
  FdtWriter writer(storage.span());
  const auto bytes_of = [](std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); };
  writer.BeginNode("");
  writer.Bytes("three", bytes_of("abc"));
  writer.Bytes("five", bytes_of("abcde"));
  writer.Bytes("seven", bytes_of("abcdefg"));
  writer.Bytes("nine", bytes_of("abcdefghi"));
  writer.Bytes("nothing", {});
  writer.Bytes("two-strings", bytes_of(std::string_view("a\0b\0", 4)));
  writer.EndNode();
  const FdtView tree = FdtView::Open(writer.Finish().value()).value();
  const FdtNode root = tree.root();

  for (const char* name : {"three", "five", "nothing"}) {
    INFO(name);
    CheckError(tree.U32(root, name), Errc::kMalformed, tree.WhereOf(root, name));
  }
  for (const char* name : {"seven", "nine", "nothing"}) {
    INFO(name);
    CheckError(tree.U64(root, name), Errc::kMalformed, tree.WhereOf(root, name));
  }
  for (const char* name : {"three", "nothing", "two-strings"}) {
    INFO(name);
    CheckError(tree.String(root, name), Errc::kMalformed, tree.WhereOf(root, name));
  }
}

TEST_CASE("WhereOf leads to the value, and to the node where there is none", "[format][fdt]") {
  AlignedBytes bytes = SampleTree();
  const FdtView tree = FdtView::Open(bytes.span()).value();
  CHECK(bytes.Get32(static_cast<std::size_t>(tree.WhereOf(tree.root(), "u32"))) == 0x01020304);
  const FdtNode second = *tree.Child(tree.root(), "second");
  CHECK(tree.WhereOf(second, "none") == tree.WhereOf(second));
  CHECK(bytes.Get32(static_cast<std::size_t>(tree.WhereOf(second))) == kBegin);
}

TEST_CASE("An offset leads back to its node, and only a node's does", "[format][fdt]") {
  AlignedBytes bytes = SampleTree();
  const FdtView tree = FdtView::Open(bytes.span()).value();
  const FdtNode second = *tree.Child(tree.root(), "second");
  const auto offset = static_cast<std::uint32_t>(second.offset());
  CHECK(tree.Name(*tree.At(offset)) == "second");
  CHECK(tree.At(0)->offset() == 0);
  CHECK_FALSE(tree.At(offset + 4));
  CHECK_FALSE(tree.At(offset + 1));
  CHECK_FALSE(tree.At(0x7fffffff));
  CHECK_FALSE(tree.At(0xffffffff));
}

TEST_CASE("A child is found by its whole name", "[format][fdt]") {
  AlignedBytes storage(256);
  FdtWriter writer(storage.span());
  writer.BeginNode("");
  writer.BeginNode("name@1");
  writer.EndNode();
  writer.EndNode();
  const FdtView tree = FdtView::Open(writer.Finish().value()).value();
  CHECK_FALSE(tree.Child(tree.root(), "name"));
  CHECK(tree.Child(tree.root(), "name@1"));
}

TEST_CASE("A name that stands twice is found", "[format][fdt]") {
  AlignedBytes tree_bytes =
      TreeOf({kBegin, 0, kProp, 0, 0, kProp, 0, 0, kBegin, kNameA, kEndNode, kBegin, kNameA, kEndNode, kEndNode, kEnd},
             std::string("p\0q\0", 4));
  const FdtView tree = FdtView::Open(tree_bytes.span()).value();
  CheckError(tree.OnlyProperty(tree.root(), "p"), Errc::kMalformed, kStructAt + 8 * 4);
  CHECK(tree.OnlyProperty(tree.root(), "q").ok());
  CheckError(tree.OnlyChild(tree.root(), "a"), Errc::kMalformed, kStructAt + 11 * 4);
  CHECK(tree.OnlyChild(tree.root(), "b").ok());
}

TEST_CASE("Each field of the header is held to its rule", "[format][fdt]") {
  AlignedBytes good = SampleTree();
  const auto size = static_cast<std::uint32_t>(good.span().size());
  struct Case {
    const char* name;
    std::size_t field;
    std::uint32_t value;
    Errc code;
    std::uint64_t where;
  };
  const auto c = GENERATE_REF(
      Case{"magic", 0, 0xd00dfeec, Errc::kBadMagic, 0}, Case{"version 16", 20, 16, Errc::kBadVersion, 16},
      Case{"version 0", 20, 0, Errc::kBadVersion, 0}, Case{"last_comp_version 15", 24, 15, Errc::kBadVersion, 15},
      Case{"last_comp_version 17", 24, 17, Errc::kBadVersion, 17},
      Case{"totalsize below the header", 4, 39, Errc::kMalformed, 4},
      Case{"totalsize of 2 GiB", 4, 0x7fffffff, Errc::kMalformed, 4},
      Case{"totalsize one too large", 4, size + 1, Errc::kTruncated, size},
      Case{"structure block unaligned", 8, 57, Errc::kMisaligned, 57},
      Case{"structure block half aligned", 8, 58, Errc::kMisaligned, 58},
      Case{"structure block in the header", 8, 36, Errc::kMalformed, 8},
      Case{"structure block past the end", 8, 0xfffffffc, Errc::kMalformed, 8},
      Case{"structure block too long", 36, size, Errc::kMalformed, 8},
      Case{"structure block so long that it wraps", 36, 0xffffffff, Errc::kMalformed, 8},
      Case{"structure block empty", 36, 0, Errc::kMalformed, kWrittenStructAt},
      Case{"strings in the header", 12, 39, Errc::kMalformed, 12},
      Case{"strings past the end", 12, size + 1, Errc::kMalformed, 12},
      Case{"strings too long", 32, size, Errc::kMalformed, 12},
      Case{"reservations unaligned", 16, 44, Errc::kMisaligned, 44},
      Case{"reservations in the header", 16, 32, Errc::kMalformed, 16},
      Case{"reservations past the end", 16, 0xfffffff8, Errc::kMalformed, 16});

  INFO(c.name);
  AlignedBytes bad(good.span());
  bad.Set32(c.field, c.value);
  CheckError(FdtView::Open(bad.span()), c.code, c.where);
}

TEST_CASE("Reservations that do not end are malformed", "[format][fdt]") {
  AlignedBytes tree = SampleTree();
  // The last 8-aligned place from which no whole terminator fits any more.
  const auto late = static_cast<std::uint32_t>((tree.span().size() - 8) & ~std::size_t{7});
  tree.Set32(16, late);
  CheckError(FdtView::Open(tree.span()), Errc::kMalformed, late);
}

TEST_CASE("A later version is read when it says that it is compatible", "[format][fdt]") {
  AlignedBytes tree = SampleTree();
  tree.Set32(20, 18);
  CHECK(FdtView::Open(tree.span()).ok());
}

TEST_CASE("A tree that does not begin at a multiple of 8 is misaligned", "[format][fdt]") {
  AlignedBytes good = SampleTree();
  AlignedBytes moved(good.span().size());
  std::memcpy(moved.unaligned().data(), good.span().data(), good.span().size());
  CheckError(FdtView::Open(moved.unaligned()), Errc::kMisaligned, 0);
}

TEST_CASE("Every shorter piece of a tree is truncated", "[format][fdt]") {
  AlignedBytes good = SampleTree();
  for (std::size_t size = 0; size < good.span().size(); ++size) {
    INFO(size);
    AlignedBytes piece(good.span().first(size));
    CheckError(FdtView::Open(piece.span()), Errc::kTruncated, size);
  }
}

TEST_CASE("Bytes after a tree are not part of it", "[format][fdt]") {
  AlignedBytes good = SampleTree();
  AlignedBytes longer(good.span().size() + 100);
  std::memcpy(longer.span().data(), good.span().data(), good.span().size());
  CHECK(FdtView::Open(longer.span()).value().bytes().size() == good.span().size());
}

TEST_CASE("Each rule of the structure block is held", "[format][fdt]") {
  const std::string strings("p\0open", 6);
  struct Case {
    const char* name;
    std::vector<std::uint32_t> words;
    std::uint64_t broken_word;  // index of the word at which it is seen
  };
  const std::vector<Case> cases = {
      {"no root", {kEnd}, 0},
      {"nothing before the root", {kNop, kBegin, 0, kEndNode, kEnd}, 0},
      {"a property before the root", {kProp, 0, 0, kBegin, 0, kEndNode, kEnd}, 0},
      {"a root with a name", {kBegin, kNameA, kEndNode, kEnd}, 0},
      {"a child without a name", {kBegin, 0, kBegin, 0, kEndNode, kEndNode, kEnd}, 2},
      {"a name that does not end", {kBegin, 0, kBegin, 0x61616161}, 2},
      {"two roots", {kBegin, 0, kEndNode, kBegin, 0, kEndNode, kEnd}, 3},
      {"a property after a child", {kBegin, 0, kBegin, kNameA, kEndNode, kProp, 0, 0, kEndNode, kEnd}, 5},
      {"a gap after the root", {kBegin, 0, kEndNode, kNop, kEnd}, 3},
      {"one end too many", {kBegin, 0, kEndNode, kEndNode, kEnd}, 3},
      {"one end too few", {kBegin, 0, kBegin, kNameA, kEndNode, kEnd}, 5},
      {"no last word", {kBegin, 0, kEndNode}, 3},
      {"an unknown word", {kBegin, 0, 5, kEndNode, kEnd}, 2},
      {"word 0", {kBegin, 0, 0, kEndNode, kEnd}, 2},
      {"a property cut off", {kBegin, 0, kProp, 0}, 2},
      {"a value past the end", {kBegin, 0, kProp, 13, 0, kEndNode, kEnd, 0}, 2},
      {"a length that wraps", {kBegin, 0, kProp, 0xffffffff, 0, kEndNode, kEnd}, 2},
      // libfdt before 1.7 comes back to the same property and never ends.
      {"a length that leads back to its property", {kBegin, 0, kProp, 0xfffffff4, 0, kEndNode, kEnd}, 2},
      {"a property name past the strings", {kBegin, 0, kProp, 0, 6, kEndNode, kEnd}, 2},
      {"a property name that does not end", {kBegin, 0, kProp, 0, 2, kEndNode, kEnd}, 2},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    AlignedBytes tree = TreeOf(c.words, strings);
    CheckError(FdtView::Open(tree.span()), Errc::kMalformed, kStructAt + 4 * c.broken_word);
  }
}

TEST_CASE("Gaps between words and bytes after the last one are taken", "[format][fdt]") {
  AlignedBytes tree = TreeOf({kBegin, 0, kNop, kProp, 4, 0, 7, kNop, kEndNode, kEnd, 0}, std::string("p\0", 2));
  const FdtView view = FdtView::Open(tree.span()).value();
  CHECK(view.U32(view.root(), "p").value() == 7u);
}

TEST_CASE("Nodes are nested to a limit", "[format][fdt]") {
  const auto nested = [](int depth) {
    std::vector<std::uint32_t> words = {kBegin, 0};
    for (int i = 1; i < depth; ++i) {
      words.insert(words.end(), {kBegin, kNameA});
    }
    words.insert(words.end(), static_cast<std::size_t>(depth), kEndNode);
    words.push_back(kEnd);
    return TreeOf(words, "");
  };
  CHECK(FdtView::Open(nested(kMaxFdtDepth).span()).ok());
  CheckError(FdtView::Open(nested(kMaxFdtDepth + 1).span()), Errc::kMalformed, kStructAt + 8 * kMaxFdtDepth);
}

TEST_CASE("Names are as long as a limit", "[format][fdt]") {
  const auto with_property = [](std::size_t length) {
    return TreeOf({kBegin, 0, kProp, 0, 0, kEndNode, kEnd}, std::string(length, 'p') + std::string(1, '\0'));
  };
  CHECK(FdtView::Open(with_property(kMaxFdtName).span()).ok());
  CheckError(FdtView::Open(with_property(kMaxFdtName + 1).span()), Errc::kMalformed, kStructAt + 8);

  const auto with_child = [](std::size_t words) {
    std::vector<std::uint32_t> tree = {kBegin, 0, kBegin};
    tree.insert(tree.end(), words, 0x61616161);
    tree.insert(tree.end(), {0x61616100, kEndNode, kEndNode, kEnd});
    return TreeOf(tree, "");
  };
  CHECK(FdtView::Open(with_child(63).span()).ok());  // 63 * 4 + 3 = 255
  CheckError(FdtView::Open(with_child(64).span()), Errc::kMalformed, kStructAt + 8);
}

TEST_CASE("No flipped byte leads a walk astray", "[format][fdt]") {
  AlignedBytes good = SampleTree();
  for (std::size_t at = 0; at < good.span().size(); ++at) {
    for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
      AlignedBytes bad(good.span());
      bad.span()[at] ^= static_cast<std::byte>(flip);
      const auto tree = FdtView::Open(bad.span());
      if (!tree.ok()) {
        continue;
      }
      std::size_t nodes = 0;
      for (auto node = tree.value().FirstChild(tree.value().root()); node; node = tree.value().NextSibling(*node)) {
        nodes += 1 + tree.value().Name(*node).size();
      }
      CHECK(nodes < bad.span().size());
    }
  }
}

TEST_CASE("A writer whose storage is too small says so at the end", "[format][fdt]") {
  const std::size_t needed = SampleTree().span().size();
  for (std::size_t size = 0; size < needed; ++size) {
    INFO(size);
    AlignedBytes storage(size);
    const auto result = WriteSample(storage.span());
    if (!result.ok()) {
      CheckError(result, Errc::kTableFull, size);
    }
  }
  AlignedBytes storage(64);
  FdtWriter writer(storage.span());
  writer.BeginNode("");
  CHECK(writer.Space("large", std::size_t{1} << 32).empty());
  writer.EndNode();
  CheckError(writer.Finish(), Errc::kTableFull, 64);
}

TEST_CASE("A tree holds nothing of what lay in its storage", "[format][fdt]") {
  const auto written_over = [](std::byte stale) {
    AlignedBytes storage(512);
    std::memset(storage.span().data(), std::to_integer<int>(stale), storage.span().size());
    FdtWriter writer(storage.span());
    writer.BeginNode("");
    writer.String("a", "x");
    writer.Space("b", 3);
    writer.BeginNode(std::string_view("cd", 1));
    writer.EndNode();
    writer.EndNode();
    const auto tree = writer.Finish().value();
    return std::vector(tree.begin(), tree.end());
  };
  CHECK(written_over(std::byte{0xff}) == written_over(std::byte{0}));
}

}  // namespace
}  // namespace holdfast
