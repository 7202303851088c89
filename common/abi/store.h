// SPDX-License-Identifier: BSD-2-Clause
// The store: what user space keeps in huge pages over a kexec, and the index of it.
//
// Layout only.  Ours: holdfast,store-v1.  PKRAM's vocabulary: a node has a name and holds objects; an object has page
// data and byte data.  All of it lies in kept files on hugetlbfs, each a row of huge pages, wherever these lie.
//
//   index file   | root A | root B | ... an index ... | ... the other index ... |
//   data files   | page data and byte data of one node |
//
// A root is a page.  It names one index by its place in the index file, and the pages that the index file is made of,
// so that whoever finds the root needs no file system to find the rest.  A new index is written where the current one
// is not, then the root that is not the current one: who stops in between leaves the old state.  The sound root of the
// higher sequence counts.
//
// The index is a header and records, each a multiple of 8 bytes with zeros behind its last text:
//
//   index  = header file* node*
//   node   = kNode object*
//   object = kObject kAttribute* kExtent*
//
// Extents name a file and an offset in it; only the files say where pages are.  So a page that has moved changes one
// record, and a store that is carried on keeps all others.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/stored-int.h"

namespace holdfast {

inline constexpr std::uint64_t kStoreRootMagic = 0x45524f5453534648;   // "HFSSTORE" as it lies in memory
inline constexpr std::uint64_t kStoreIndexMagic = 0x5845444e49534648;  // "HFSINDEX"
inline constexpr std::uint32_t kStoreVersion = 1;

inline constexpr std::size_t kStoreRootSize = 4096;
inline constexpr std::size_t kNumStoreRoots = 2;
inline constexpr std::uint64_t kStoreRootsSize = kStoreRootSize * kNumStoreRoots;
inline constexpr std::size_t kStoreRecordAlignment = 8;
inline constexpr unsigned kMinStorePageShift = 12;  // what tests use
inline constexpr unsigned kMaxStorePageShift = 30;  // 1 GiB
// An extent with a digest is at most that large, so that a flipped bit is found, and copied round, closely.
inline constexpr std::uint64_t kMaxStoreBlock = 2 * 1024 * 1024;

struct StoredStoreRoot {
  Le64 magic;
  Le32 version;
  Le32 page_shift;    // log2 of the bytes of a page of the index file
  Le64 sequence;      // of the index: one more for each that was written
  Le64 index_offset;  // in the index file
  Le64 index_size;
  std::array<std::byte, 32> index_digest;  // SHA-256
  Le32 num_pages;                          // of the index file; their addresses follow, a Le64 each, then zeros
  Le32 slot;                               // 0 for root A, 1 for root B
  std::array<std::byte, 32> digest;        // SHA-256 of the root, with this field zero
};
static_assert(sizeof(StoredStoreRoot) == 112 && alignof(StoredStoreRoot) == 1);
static_assert(offsetof(StoredStoreRoot, digest) == 80);
inline constexpr std::size_t kMaxStoreIndexPages = (kStoreRootSize - sizeof(StoredStoreRoot)) / sizeof(Le64);

struct StoredIndexHeader {
  Le64 magic;
  Le32 version;
  Le32 reserved;  // 0
  Le64 size;      // of the index, this header included
  Le32 num_files;
  Le32 num_nodes;
};
static_assert(sizeof(StoredIndexHeader) == 32 && alignof(StoredIndexHeader) == 1);

enum class StoreRecordKind : std::uint32_t { kFile = 1, kNode = 2, kObject = 3, kAttribute = 4, kExtent = 5 };

struct StoredRecordHeader {
  Le32 kind;
  Le32 size;  // of the record, this header included: a multiple of kStoreRecordAlignment
};
static_assert(sizeof(StoredRecordHeader) == 8);

// Who has the pages.
enum class StoreFileKind : std::uint32_t {
  kOwn = 0,        // a file of the store's folder; name: the file's, in the folder
  kDescribed = 1,  // somebody's file, described and not moved; name: its path
  kCarried = 2,    // no file any more: kept since an earlier kernel; name: what it was
};

// num_runs runs follow, then the name.  Pages come in the order in which they lie in the file.
struct StoredFile {
  Le32 kind;
  Le32 page_shift;
  Le32 num_runs;
  Le32 name_size;
};
static_assert(sizeof(StoredFile) == 16);

// Instead of the address of pages that the kernel has put aside for memory failure: nothing is there any more, and they
// are not handed over.  The page at 0 is no page of hugetlbfs, as Linux never gives it to anybody.
inline constexpr std::uint64_t kStoreNoPage = 0;

struct StoredRun {
  Le64 start;  // physical address, or kStoreNoPage
  Le64 size;   // whole pages
};
static_assert(sizeof(StoredRun) == 16);

// The name follows.
struct StoredNode {
  Le64 generation;    // the kexecs since cold boot when it was saved
  Le64 time_seconds;  // when it was saved, since 1970
  Le32 fence;         // a Fence
  Le32 num_objects;
  Le32 name_size;
  Le32 reserved;  // 0
};
static_assert(sizeof(StoredNode) == 32);

enum class StoreObjectKind : std::uint32_t {
  kFile = 1,
  kDirectory = 2,
  kSymlink = 3,   // target: where it leads
  kHardLink = 4,  // link: the object of the same node whose other name this is
  kFifo = 5,
  kCharDevice = 6,
  kBlockDevice = 7,
  kStream = 8,  // no file: what came from standard input, or what a program saved
};

// The path follows, then the target.
struct StoredObject {
  Le32 kind;
  Le32 mode;  // permissions, set-user-id and the like: 07777
  Le32 uid;
  Le32 gid;
  Le64 size;         // bytes of page data, holes included
  Le64 byte_size;    // bytes of byte data
  Le64 modified;     // seconds since 1970, signed
  Le64 accessed;     // the same
  Le32 modified_ns;  // below 10^9
  Le32 accessed_ns;
  Le32 device_major;  // of a device
  Le32 device_minor;
  Le32 link;  // of a hard link: number of an earlier object of the node, from 0
  Le32 path_size;
  Le32 target_size;
  Le32 reserved;  // 0
};
static_assert(sizeof(StoredObject) == 80);

// An extended attribute; the name follows, then the value.
struct StoredAttribute {
  Le32 name_size;
  Le32 value_size;
};
static_assert(sizeof(StoredAttribute) == 8);

enum class StoreData : std::uint32_t { kPages = 0, kBytes = 1 };
enum class StoreEncoding : std::uint32_t { kPlain = 0, kZstd = 1 };

inline constexpr std::uint32_t kExtentHasDigest = 1;

// What no extent covers is a hole.
struct StoredExtent {
  Le32 data;         // a StoreData: which of the two
  Le32 encoding;     // a StoreEncoding
  Le64 offset;       // in the page data or the byte data
  Le64 size;         // decoded
  Le32 file;         // number of the file, from 0
  Le32 flags;        // kExtentHasDigest
  Le64 file_offset;  // in the file
  Le64 stored_size;
  std::array<std::byte, 32> digest;  // SHA-256 of the stored bytes; zeros without one
};
static_assert(sizeof(StoredExtent) == 80 && alignof(StoredExtent) == 1);

}  // namespace holdfast
