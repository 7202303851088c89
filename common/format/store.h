// SPDX-License-Identifier: BSD-2-Clause
// The store's roots and its index, decoded and encoded.
//
// Layout: common/abi/store.h.  The reader gives one record after the other, as views into the index; it believes none
// of them before the rules of all that came before it hold.  The writer writes only what the reader takes.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/abi/store.h"
#include "common/base/bounded-vector.h"
#include "common/base/byte-reader.h"
#include "common/codec/sha256.h"
#include "common/mem/phys-range.h"
#include "common/mem/preserved-map.h"

namespace holdfast {

// A larger index is refused before it is read.
inline constexpr std::uint64_t kMaxStoreIndexSize = std::uint64_t{1} << 30;
// As many names as a handover has.
inline constexpr std::uint32_t kMaxStoreNodes = 1024;
// Linux's own limits: PATH_MAX, XATTR_NAME_MAX, XATTR_SIZE_MAX.
inline constexpr std::size_t kMaxStorePath = 4096;
inline constexpr std::size_t kMaxAttributeName = 255;
inline constexpr std::size_t kMaxAttributeValue = 65536;

struct StoreRoot {
  unsigned page_shift = 0;
  std::uint32_t slot = 0;
  std::uint64_t sequence = 0;
  std::uint64_t index_offset = 0;  // in the index file
  std::uint64_t index_size = 0;
  Digest index_digest{};
  FixedVector<PhysAddr, kMaxStoreIndexPages> pages;  // of the index file, in its order
  // What ChooseStoreRoot() did not take was a root, too, and is broken: it may have been the newer one.
  bool other_is_broken = false;
};

// Does a root begin here?  Only the magic is looked at.
bool BeginsStoreRoot(std::span<const std::byte> bytes);
// Errors (where: byte offset in the root): kTruncated; kBadMagic; kBadVersion (where: the version); kBadDigest (where:
// 0); kMalformed: a page size, slot or number of pages that cannot be, an index that is empty or not within the pages
// behind the roots, bytes behind the last page; kTooLarge (where: kMaxStoreIndexSize); kMisaligned, kOutOfBounds
// (where: the address): a page.  On error `out` is unspecified.
Status DecodeStoreRoot(std::span<const std::byte> bytes, Sha256BlocksFn blocks, StoreRoot& out);
// Of the roots in the first kStoreRootsSize bytes of an index file the sound one of the higher sequence, whose slot is
// where it lies.  Where none is sound: a root's kBadVersion before anything else, then the first one's error; two
// sound ones of one sequence are kMalformed (where: offset of the second one's sequence).
Status ChooseStoreRoot(std::span<const std::byte> roots, Sha256BlocksFn blocks, StoreRoot& out);
// Pre: what DecodeStoreRoot() takes; `out` has kStoreRootSize bytes.
void EncodeStoreRoot(const StoreRoot& root, std::span<std::byte> out);

// kBadDigest (where: the index's offset), kTruncated (where: the size of `index`).
Status VerifyStoreIndex(const StoreRoot& root, std::span<const std::byte> index, Sha256BlocksFn blocks);

// --- Records, as views ---

// Pages that are lost: such a run has a size alone.
constexpr bool IsLostRun(PhysRange run) { return run.start().raw() == kStoreNoPage; }

struct StoreFile {
  StoreFileKind kind{};
  unsigned page_shift = 0;
  std::string_view name{};
  std::span<const std::byte> runs{};  // StoredRun each, whole pages, at or below kPhysLimit; no two lost ones in a row

  std::size_t num_runs() const { return runs.size() / sizeof(StoredRun); }
  // Pre: i < num_runs().
  PhysRange run(std::size_t i) const;
  std::uint64_t size() const;  // bytes
};

struct StoreNode {
  std::string_view name{};  // one path component: [0-9A-Za-z,._+-]{1,31}
  std::uint64_t generation = 0;
  std::uint64_t time_seconds = 0;
  Fence fence = Fence::kReserved;
  std::uint32_t num_objects = 0;
};

struct StoreTime {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;

  constexpr bool operator==(const StoreTime&) const = default;
};

struct StoreObject {
  StoreObjectKind kind{};
  std::string_view path{};    // relative, of components that are none of "", "." and ".."
  std::string_view target{};  // of a symbolic link
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;  // of page data; below 2^63 together with byte data
  std::uint64_t byte_size = 0;
  StoreTime modified{};
  StoreTime accessed{};
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint32_t link = 0;
};

struct StoreAttribute {
  std::string_view name{};
  std::span<const std::byte> value{};
};

struct StoreExtent {
  StoreData data = StoreData::kPages;
  StoreEncoding encoding = StoreEncoding::kPlain;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t file = 0;
  std::uint64_t file_offset = 0;
  std::uint64_t stored_size = 0;
  std::optional<Digest> digest{};

  constexpr bool operator==(const StoreExtent&) const = default;
};

// The one of them that `kind` says.
struct StoreRecord {
  StoreRecordKind kind{};
  StoreFile file{};
  StoreNode node{};
  StoreObject object{};
  StoreAttribute attribute{};
  StoreExtent extent{};
};

// The rules that tie records together, the same for who reads and who writes.
class StoreGrammar {
 public:
  StoreGrammar() = default;
  constexpr StoreGrammar(std::uint32_t num_files, std::uint32_t num_nodes)
      : files_left_(num_files), nodes_left_(num_nodes) {}

  Status Take(const StoreRecord& record, std::uint64_t where);
  // Nothing that was announced is missing.
  bool is_complete() const { return files_left_ == 0 && nodes_left_ == 0 && objects_left_ == 0; }
  std::uint32_t num_files() const { return num_files_; }

 private:
  Status TakeFile(const StoreFile& file, std::uint64_t where);
  Status TakeNode(const StoreNode& node, std::uint64_t where);
  Status TakeObject(const StoreObject& object, std::uint64_t where);
  Status TakeAttribute(const StoreAttribute& attribute, std::uint64_t where);
  Status TakeExtent(const StoreExtent& extent, std::uint64_t where);

  std::uint32_t files_left_ = 0;
  std::uint32_t nodes_left_ = 0;
  std::uint32_t objects_left_ = 0;  // of the node
  std::uint32_t num_files_ = 0;
  std::uint32_t num_objects_ = 0;  // of the node, so far
  bool in_object_ = false;
  bool has_extents_ = false;    // of the object: no attribute follows
  StoreObject object_;          // the current one
  StoreData data_{};            // of its last extent
  std::uint64_t data_end_ = 0;  // where that ends
};

class StoreIndexReader {
 public:
  // Reads the header.  Errors (where: byte offset in the index): kTruncated; kBadMagic; kBadVersion (where: the
  // version); kMalformed: a size that is not that of `bytes`; kTooLarge (where: kMaxStoreIndexSize); kTableFull (where:
  // kMaxStoreNodes).
  static Status Open(std::span<const std::byte> bytes, StoreIndexReader& out);

  std::uint32_t num_files() const { return num_files_; }
  std::uint32_t num_nodes() const { return num_nodes_; }
  bool done() const { return reader_.done(); }

  // The next record.  Pre: not done().  Errors as above (where: offset of the record or its field): kTruncated;
  // kUnsupported (where: the number): a kind of record, file, object, data, encoding or fence that is not known;
  // kMalformed: a record out of its place, more or fewer of them than were announced, bytes between the texts and the
  // end of a record that are not zero, a name or path that is none, a file without pages, two runs of lost pages in
  // a row, a hard link to no earlier object, extents that descend, overlap, pass the end of their object, are empty,
  // name no file, are larger than kMaxStoreBlock and have a digest or an encoding, or differ in size without one; what
  // belongs to another kind of object.  kMisaligned, kOutOfBounds (where: the address): a run.  kTooLarge (where: the
  // limit): a text. What takes memory to find is the owner's: a name that stands twice, an extent that passes the end
  // of its file.
  Status Next(StoreRecord& out);

 private:
  ByteReader reader_{std::span<const std::byte>()};
  StoreGrammar grammar_;
  std::uint32_t num_files_ = 0;
  std::uint32_t num_nodes_ = 0;
};

// Puts an index together in borrowed storage.
class StoreIndexWriter {
 public:
  // kTableFull (where: bytes of storage), as everywhere below.
  static Status Begin(std::span<std::byte> storage, std::uint32_t num_files, std::uint32_t num_nodes,
                      StoreIndexWriter& out);
  // What StoreIndexReader::Next() would refuse is refused with its error (where: the record's offset).
  Status AddFile(const StoreFile& file);
  Status AddNode(const StoreNode& node);
  Status AddObject(const StoreObject& object);
  Status AddAttribute(const StoreAttribute& attribute);
  Status AddExtent(const StoreExtent& extent);
  // kMalformed (where: the size so far): less than was announced.
  Result<std::span<const std::byte>> Finish();

 private:
  Status Write(StoreRecordKind kind, std::span<const std::byte> head, std::span<const std::byte> first,
               std::span<const std::byte> second);

  std::span<std::byte> storage_;
  std::size_t size_ = 0;
  std::uint32_t num_files_ = 0;
  std::uint32_t num_nodes_ = 0;
  StoreGrammar grammar_;
};

}  // namespace holdfast
