// SPDX-License-Identifier: BSD-2-Clause
// A store's index with one record of everything, for tests to spoil.

#pragma once

#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "common/format/store.h"

namespace holdfast::test {

struct StoreRuns {
  std::array<StoredRun, 2> stored = {StoredRun{Le64(0x40000000), Le64(0x400000)},
                                     StoredRun{Le64(0x20000000), Le64(0x200000)}};
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(stored)); }
};

inline StoreExtent MakeExtent(StoreData data, std::uint64_t offset, std::uint64_t size, std::uint64_t file_offset) {
  StoreExtent out;
  out.data = data;
  out.offset = offset;
  out.size = size;
  out.file_offset = file_offset;
  out.stored_size = size;
  out.digest = Digest{std::byte{1}};
  return out;
}

// A file, and two nodes: one with each kind of object, and one with nothing in it.
inline std::vector<std::byte> MakeStoreIndex() {
  std::vector<std::byte> storage(8192);
  StoreIndexWriter writer;
  const auto must = [](const Status& status) { Require(status.ok()); };
  must(StoreIndexWriter::Begin(storage, 1, 2, writer));
  const StoreRuns runs;
  StoreFile file;
  file.page_shift = 21;
  file.name = "data-1";
  file.runs = runs.bytes();
  must(writer.AddFile(file));
  StoreNode node;
  node.name = "db";
  node.generation = 3;
  node.time_seconds = 1700000000;
  node.fence = Fence::kPram;
  node.num_objects = 5;
  must(writer.AddNode(node));

  StoreObject object;
  object.kind = StoreObjectKind::kDirectory;
  object.path = "var";
  object.mode = 0755;
  must(writer.AddObject(object));
  object.kind = StoreObjectKind::kFile;
  object.path = "var/data";
  object.mode = 04711;
  object.uid = 1000;
  object.gid = 100;
  object.size = 0x500000;
  object.modified = {-5, 999'999'999};
  object.accessed = {1700000000, 0};
  must(writer.AddObject(object));
  const std::array value = {std::byte{'x'}, std::byte{0}, std::byte{'y'}};
  must(writer.AddAttribute({.name = "user.origin", .value = value}));
  must(writer.AddExtent(MakeExtent(StoreData::kPages, 0, 0x200000, 0)));
  StoreExtent packed = MakeExtent(StoreData::kPages, 0x400000, 0x100000, 0x200000);
  packed.encoding = StoreEncoding::kZstd;
  packed.stored_size = 77;
  must(writer.AddExtent(packed));
  object = {};
  object.kind = StoreObjectKind::kSymlink;
  object.path = "var/link";
  object.target = "../outside";
  object.mode = 0777;
  must(writer.AddObject(object));
  object = {};
  object.kind = StoreObjectKind::kHardLink;
  object.path = "var/same";
  object.link = 1;
  must(writer.AddObject(object));
  object = {};
  object.kind = StoreObjectKind::kStream;
  object.path = "stream";
  object.size = 0x600000;
  object.byte_size = 10;
  must(writer.AddObject(object));
  StoreExtent large = MakeExtent(StoreData::kPages, 0, 0x600000, 0);
  large.digest.reset();
  must(writer.AddExtent(large));
  must(writer.AddExtent(MakeExtent(StoreData::kBytes, 0, 10, 0x200100)));
  node = {};
  node.name = "empty";
  must(writer.AddNode(node));
  const auto index = writer.Finish().value();
  return {index.begin(), index.end()};
}

// A file without nodes, of whose pages the first and the third are lost.
inline std::vector<std::byte> MakeIndexOfLostPages() {
  const std::array runs = {StoredRun{Le64(kStoreNoPage), Le64(0x200000)}, StoredRun{Le64(0x200000), Le64(0x200000)},
                           StoredRun{Le64(kStoreNoPage), Le64(0x200000)}};
  std::vector<std::byte> storage(256);
  StoreIndexWriter writer;
  Require(StoreIndexWriter::Begin(storage, 1, 0, writer).ok());
  StoreFile file;
  file.kind = StoreFileKind::kDescribed;
  file.page_shift = 21;
  file.name = "/dev/hugepages/guest";
  file.runs = std::as_bytes(std::span(runs));
  Require(writer.AddFile(file).ok());
  const auto index = writer.Finish().value();
  return {index.begin(), index.end()};
}

}  // namespace holdfast::test
