// SPDX-License-Identifier: BSD-2-Clause
// Tests of the store's index: its records one by one, and one behind the other.

#include "common/format/store.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/store-index.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::CheckError;
using test::MakeExtent;
using test::MakeStoreIndex;

// Where the n-th record begins, and a field of it.
std::size_t RecordAt(const std::vector<std::byte>& index, std::size_t n) {
  std::size_t at = sizeof(StoredIndexHeader);
  for (; n > 0; --n) {
    StoredRecordHeader header;
    std::memcpy(&header, index.data() + at, sizeof(header));
    at += header.size.value();
  }
  return at;
}
constexpr std::uint64_t kLargest = 0x7fffffffffffffff;
constexpr std::size_t kBody = sizeof(StoredRecordHeader);

// The records of MakeStoreIndex().
enum : std::size_t {
  kTheFile,
  kTheNode,
  kFolder,
  kBig,
  kAttribute,
  kFirst,
  kPacked,
  kLink,
  kSame,
  kStream,
  kLarge,
  kBytes,
  kEmpty,
  kCount
};

Status DecodeAll(std::span<const std::byte> index, std::vector<StoreRecordKind>* kinds = nullptr) {
  StoreIndexReader reader;
  TRY(StoreIndexReader::Open(index, reader));
  while (!reader.done()) {
    StoreRecord record;
    TRY(reader.Next(record));
    if (kinds != nullptr) {
      kinds->push_back(record.kind);
    }
  }
  return kDone;
}

StoreRecord RecordIn(const std::vector<std::byte>& index, std::size_t n) {
  StoreIndexReader reader;
  REQUIRE(StoreIndexReader::Open(index, reader).ok());
  StoreRecord record;
  for (std::size_t i = 0; i <= n; ++i) {
    REQUIRE(reader.Next(record).ok());
  }
  return record;
}

template <typename T>
std::vector<std::byte> With(std::size_t n, std::size_t field, T value) {
  std::vector<std::byte> index = MakeStoreIndex();
  std::memcpy(index.data() + RecordAt(index, n) + kBody + field, &value, sizeof(value));
  return index;
}

TEST_CASE("An index decodes to what was encoded", "[format][store]") {
  const std::vector<std::byte> index = MakeStoreIndex();
  std::vector<StoreRecordKind> kinds;
  REQUIRE(DecodeAll(index, &kinds).ok());
  CHECK(kinds.size() == kCount);

  const StoreFile file = RecordIn(index, kTheFile).file;
  CHECK(file.kind == StoreFileKind::kOwn);
  CHECK(file.name == "data-1");
  CHECK(file.page_shift == 21);
  REQUIRE(file.num_runs() == 2);
  CHECK(file.run(0) == test::Between(0x40000000, 0x40400000));
  CHECK(file.run(1) == test::Between(0x20000000, 0x20200000));
  CHECK(file.size() == 0x600000);

  const StoreNode node = RecordIn(index, kTheNode).node;
  CHECK(node.name == "db");
  CHECK(node.generation == 3);
  CHECK(node.time_seconds == 1700000000);
  CHECK(node.fence == Fence::kPram);
  CHECK(node.num_objects == 5);

  const StoreObject big = RecordIn(index, kBig).object;
  CHECK(big.kind == StoreObjectKind::kFile);
  CHECK(big.path == "var/data");
  CHECK(big.mode == 04711);
  CHECK(big.uid == 1000);
  CHECK(big.gid == 100);
  CHECK(big.size == 0x500000);
  CHECK(big.modified == StoreTime{-5, 999'999'999});
  CHECK(big.accessed == StoreTime{1700000000, 0});

  const StoreAttribute attribute = RecordIn(index, kAttribute).attribute;
  CHECK(attribute.name == "user.origin");
  REQUIRE(attribute.value.size() == 3);
  CHECK(attribute.value[2] == std::byte{'y'});

  CHECK(RecordIn(index, kFirst).extent == MakeExtent(StoreData::kPages, 0, 0x200000, 0));
  const StoreExtent packed = RecordIn(index, kPacked).extent;
  CHECK(packed.encoding == StoreEncoding::kZstd);
  CHECK(packed.stored_size == 77);
  CHECK(RecordIn(index, kLink).object.target == "../outside");
  CHECK(RecordIn(index, kSame).object.link == 1);
  CHECK_FALSE(RecordIn(index, kLarge).extent.digest.has_value());
  CHECK(RecordIn(index, kBytes).extent.data == StoreData::kBytes);
  CHECK(RecordIn(index, kEmpty).node.num_objects == 0);
}

TEST_CASE("An index with a wrong header is refused", "[format][store]") {
  const std::vector<std::byte> sound = MakeStoreIndex();
  const auto with = [&](std::size_t offset, auto value) {
    std::vector<std::byte> index = sound;
    std::memcpy(index.data() + offset, &value, sizeof(value));
    return index;
  };
  CheckError(DecodeAll({}), Errc::kTruncated, 0);
  CheckError(DecodeAll(std::span(sound).first(31)), Errc::kTruncated, 31);
  CheckError(DecodeAll(with(0, Le64(0))), Errc::kBadMagic, 0);
  CheckError(DecodeAll(with(8, Le32(2))), Errc::kBadVersion, 2);
  CheckError(DecodeAll(with(12, Le32(1))), Errc::kMalformed, 12);
  CheckError(DecodeAll(std::span(sound).first(sound.size() - 8)), Errc::kTruncated, sound.size() - 8);
  CheckError(DecodeAll(with(16, Le64(sound.size() - 8))), Errc::kMalformed, 16);
  CheckError(DecodeAll(with(28, Le32(kMaxStoreNodes + 1))), Errc::kTableFull, kMaxStoreNodes);
  // One node more than there is, one less; one file more, one less.
  CheckError(DecodeAll(with(28, Le32(3))), Errc::kMalformed, sound.size());
  CheckError(DecodeAll(with(28, Le32(1))), Errc::kMalformed, RecordAt(sound, kEmpty));
  CheckError(DecodeAll(with(24, Le32(2))), Errc::kMalformed, RecordAt(sound, kTheNode));
  CheckError(DecodeAll(with(24, Le32(0))), Errc::kMalformed, RecordAt(sound, kTheFile));
}

TEST_CASE("Lost pages have a size and no address", "[format][store]") {
  const std::vector<std::byte> index = test::MakeIndexOfLostPages();
  REQUIRE(DecodeAll(index).ok());
  const StoreFile file = RecordIn(index, kTheFile).file;
  CHECK(IsLostRun(file.run(0)));
  CHECK_FALSE(IsLostRun(file.run(1)));
  CHECK(file.run(1) == test::Between(0x200000, 0x400000));
  CHECK(file.size() == 0x600000);
  // Two in a row are one run.
  std::vector<std::byte> split = index;
  const Le64 nowhere(kStoreNoPage);
  const std::size_t second = RecordAt(index, kTheFile) + kBody + sizeof(StoredFile) + sizeof(StoredRun);
  std::memcpy(split.data() + second, &nowhere, sizeof(nowhere));
  CheckError(DecodeAll(split), Errc::kMalformed, RecordAt(index, kTheFile));
}

TEST_CASE("An empty index is one", "[format][store]") {
  std::vector<std::byte> storage(sizeof(StoredIndexHeader));
  StoreIndexWriter writer;
  REQUIRE(StoreIndexWriter::Begin(storage, 0, 0, writer).ok());
  CHECK(DecodeAll(writer.Finish().value()).ok());
  // It announces a node that is not there.
  const Le32 one(1);
  std::memcpy(storage.data() + 28, &one, sizeof(one));
  CheckError(DecodeAll(storage), Errc::kMalformed, sizeof(StoredIndexHeader));
}

TEST_CASE("A record that breaks a rule is refused", "[format][store]") {
  const std::vector<std::byte> sound = MakeStoreIndex();
  struct Case {
    std::string what;
    std::vector<std::byte> index;
    std::size_t record;
  };
  const std::vector<Case> cases = {
      {"a page size that is none", With(kTheFile, offsetof(StoredFile, page_shift), Le32(31)), kTheFile},
      {"more runs than there is room for", With(kTheFile, offsetof(StoredFile, num_runs), Le32(3)), kTheFile},
      {"no runs", With(kTheFile, offsetof(StoredFile, num_runs), Le32(0)), kTheFile},
      {"a name without an end", With(kTheFile, offsetof(StoredFile, name_size), Le32(9)), kTheFile},
      {"a name that leads elsewhere", With(kTheFile, sizeof(StoredFile) + 32, '/'), kTheFile},
      {"bytes behind the name", With(kTheFile, sizeof(StoredFile) + 32 + 7, 'x'), kTheFile},
      {"an empty run", With(kTheFile, sizeof(StoredFile) + 8, Le64(0)), kTheFile},
      {"a reserved word of a node", With(kTheNode, offsetof(StoredNode, reserved), Le32(1)), kTheNode},
      {"a name that is no component", With(kTheNode, sizeof(StoredNode), '/'), kTheNode},
      {"more objects than there are", With(kTheNode, offsetof(StoredNode, num_objects), Le32(6)), kEmpty},
      {"fewer objects than there are", With(kTheNode, offsetof(StoredNode, num_objects), Le32(4)), kStream},
      {"a file type among permissions", With(kFolder, offsetof(StoredObject, mode), Le32(040755)), kFolder},
      {"a folder with a size", With(kFolder, offsetof(StoredObject, size), Le64(1)), kFolder},
      {"a size that no file has", With(kBig, offsetof(StoredObject, size), Le64(kLargest + 1)), kBig},
      {"sizes that none has together", With(kStream, offsetof(StoredObject, byte_size), Le64(kLargest - 0x5fffff)),
       kStream},
      {"sizes that wrap", With(kStream, offsetof(StoredObject, byte_size), Le64(~std::uint64_t{0x5fffff})), kStream},
      {"a folder with a device", With(kFolder, offsetof(StoredObject, device_minor), Le32(1)), kFolder},
      {"a reserved word of an object", With(kFolder, offsetof(StoredObject, reserved), Le32(1)), kFolder},
      {"a second of too many parts", With(kBig, offsetof(StoredObject, modified_ns), Le32(1'000'000'000)), kBig},
      {"the same of the other time", With(kBig, offsetof(StoredObject, accessed_ns), Le32(1'000'000'000)), kBig},
      {"an absolute path", With(kBig, sizeof(StoredObject), '/'), kBig},
      {"an empty component", With(kBig, sizeof(StoredObject) + 4, '/'), kBig},
      {"a NUL in a path", With(kBig, sizeof(StoredObject) + 1, '\0'), kBig},
      {"a NUL in a target", With(kLink, sizeof(StoredObject) + 9, '\0'), kLink},
      {"a file with a target", With(kBig, offsetof(StoredObject, kind), Le32(3)), kBig},
      {"a link that is its own", With(kSame, offsetof(StoredObject, link), Le32(3)), kSame},
      {"a name of no text", With(kAttribute, sizeof(StoredAttribute), '\0'), kAttribute},
      {"an extent of nothing", With(kFirst, offsetof(StoredExtent, size), Le64(0)), kFirst},
      {"an extent of two sizes", With(kFirst, offsetof(StoredExtent, stored_size), Le64(1)), kFirst},
      {"an extent of no file", With(kFirst, offsetof(StoredExtent, file), Le32(1)), kFirst},
      {"an extent that overlaps", With(kPacked, offsetof(StoredExtent, offset), Le64(0x1fffff)), kPacked},
      {"an extent past the end", With(kPacked, offsetof(StoredExtent, offset), Le64(0x400001)), kPacked},
      {"an extent far past the end", With(kPacked, offsetof(StoredExtent, offset), Le64(~std::uint64_t{0})), kPacked},
      {"a block that is too large", With(kPacked, offsetof(StoredExtent, stored_size), Le64(0x200001)), kPacked},
      {"a large extent with a digest", With(kLarge, offsetof(StoredExtent, flags), Le32(1)), kLarge},
      {"a digest that there is not", With(kFirst, offsetof(StoredExtent, flags), Le32(0)), kFirst},
      {"byte data past its end", With(kBytes, offsetof(StoredExtent, offset), Le64(1)), kBytes},
      {"page data behind byte data", With(kLarge, offsetof(StoredExtent, data), Le32(1)), kLarge},
  };
  for (const Case& each : cases) {
    INFO(each.what);
    CheckError(DecodeAll(each.index), Errc::kMalformed, RecordAt(sound, each.record));
  }
  CheckError(DecodeAll(With(kTheFile, sizeof(StoredFile), Le64(0x40001000))), Errc::kMisaligned, 0x40001000);
  CheckError(DecodeAll(With(kTheFile, sizeof(StoredFile) + 8, Le64(0x201000))), Errc::kMisaligned, 0x40000000);
  CheckError(DecodeAll(With(kTheFile, sizeof(StoredFile), Le64(kPhysLimit))), Errc::kOutOfBounds, kPhysLimit);
}

TEST_CASE("Words that are not known are refused by their number", "[format][store]") {
  CheckError(DecodeAll(With(kTheFile, offsetof(StoredFile, kind), Le32(3))), Errc::kUnsupported, 3);
  CheckError(DecodeAll(With(kTheNode, offsetof(StoredNode, fence), Le32(4))), Errc::kUnsupported, 4);
  CheckError(DecodeAll(With(kFolder, offsetof(StoredObject, kind), Le32(0))), Errc::kUnsupported, 0);
  CheckError(DecodeAll(With(kFolder, offsetof(StoredObject, kind), Le32(9))), Errc::kUnsupported, 9);
  CheckError(DecodeAll(With(kFirst, offsetof(StoredExtent, data), Le32(2))), Errc::kUnsupported, 2);
  CheckError(DecodeAll(With(kFirst, offsetof(StoredExtent, encoding), Le32(2))), Errc::kUnsupported, 2);
  CheckError(DecodeAll(With(kFirst, offsetof(StoredExtent, flags), Le32(2))), Errc::kUnsupported, 2);
  std::vector<std::byte> index = MakeStoreIndex();
  const std::size_t at = RecordAt(index, kFirst);
  index[at] = std::byte{6};
  CheckError(DecodeAll(index), Errc::kUnsupported, 6);
  // Sizes that no record has.
  index = MakeStoreIndex();
  index[at + 4] = std::byte{4};
  CheckError(DecodeAll(index), Errc::kMalformed, at);
  index[at + 4] = std::byte{81};
  CheckError(DecodeAll(index), Errc::kMalformed, at);
}

TEST_CASE("Every cut of an index is an error", "[format][store]") {
  const std::vector<std::byte> sound = MakeStoreIndex();
  for (std::size_t size = sizeof(StoredIndexHeader); size < sound.size(); ++size) {
    std::vector<std::byte> cut(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(size));
    const Le64 stored(size);
    std::memcpy(cut.data() + 16, &stored, sizeof(stored));
    const Status status = DecodeAll(cut);
    REQUIRE_FALSE(status.ok());
    CHECK((status.error().code == Errc::kTruncated || status.error().code == Errc::kMalformed));
    CHECK(status.error().where <= size);
  }
}

TEST_CASE("What the reader would refuse is not written", "[format][store]") {
  std::vector<std::byte> storage(4096);
  StoreIndexWriter writer;
  REQUIRE(StoreIndexWriter::Begin(storage, 0, 1, writer).ok());
  CheckError(writer.AddObject({.kind = StoreObjectKind::kDirectory, .path = "a"}), Errc::kMalformed, 32);
  CheckError(writer.AddNode({.name = ""}), Errc::kMalformed, 32);
  REQUIRE(writer.AddNode({.name = "n", .num_objects = 1}).ok());
  CheckError(writer.Finish(), Errc::kMalformed, 80);
  const std::string long_path(kMaxStorePath + 1, 'x');
  for (const std::string_view path : {"", "/a", "a/", "a//b", "..", "a/../b", "./a", "a/."}) {
    INFO(path);
    CheckError(writer.AddObject({.kind = StoreObjectKind::kDirectory, .path = path}), Errc::kMalformed, 80);
  }
  CheckError(writer.AddObject({.kind = StoreObjectKind::kDirectory, .path = long_path}), Errc::kTooLarge,
             kMaxStorePath);
  REQUIRE(writer.AddObject({.kind = StoreObjectKind::kDirectory, .path = "..."}).ok());
  CheckError(writer.AddAttribute({.name = std::string_view(long_path).substr(0, 256), .value = {}}), Errc::kTooLarge,
             kMaxAttributeName);
  const std::vector<std::byte> value(kMaxAttributeValue + 1);
  CheckError(writer.AddAttribute({.name = "user.a", .value = value}), Errc::kTooLarge, kMaxAttributeValue);
  CHECK(writer.Finish().ok());
  CheckError(StoreIndexWriter::Begin(storage, 0, kMaxStoreNodes + 1, writer), Errc::kTableFull, kMaxStoreNodes);
  CheckError(StoreIndexWriter::Begin(std::span(storage).first(31), 0, 0, writer), Errc::kTableFull, 31);
  REQUIRE(StoreIndexWriter::Begin(std::span(storage).first(79), 0, 1, writer).ok());
  CheckError(writer.AddNode({.name = "n"}), Errc::kTableFull, 79);
}

}  // namespace
}  // namespace holdfast
