// SPDX-License-Identifier: BSD-2-Clause
// A store's index as values: files with pages, nodes, objects.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/format/store.h"

namespace holdfast::tool {

// A row of pages, wherever each of them lies.
struct KeptFile {
  StoreFileKind kind = StoreFileKind::kOwn;
  unsigned page_shift = 21;
  std::string name;
  std::vector<PhysRange> runs;  // in the order of the file

  std::uint64_t page_size() const { return std::uint64_t{1} << page_shift; }
  std::uint64_t size() const;
};

struct KeptAttribute {
  std::string name;
  std::vector<std::byte> value;

  bool operator==(const KeptAttribute&) const = default;
};

struct KeptObject {
  StoreObject about;  // without its texts
  std::string path;
  std::string target;
  std::vector<KeptAttribute> attributes;
  std::vector<StoreExtent> extents;

  StoreObject View() const;
};

struct KeptNode {
  std::string name;
  std::uint64_t generation = 0;
  std::uint64_t time_seconds = 0;
  Fence fence = Fence::kReserved;
  std::vector<KeptObject> objects;

  std::uint64_t bytes() const;  // of page data and byte data, holes left out
};

struct StoreModel {
  std::uint64_t sequence = 0;
  std::vector<KeptFile> files;
  std::vector<KeptNode> nodes;

  const KeptNode* Find(std::string_view name) const;
  // Of the files, the numbers that the node's extents name; ascending.
  std::vector<std::uint32_t> FilesOf(const KeptNode& node) const;
  // Of the files that an earlier kernel left, where they lie; sorted and joined.
  std::vector<PhysRange> CarriedRuns() const;
  // Forgets a node, and the files that no other node names.
  void Remove(std::string_view name);
};

// Ends in a Failure for what StoreIndexReader refuses, names that stand twice, and extents that pass their file's end.
StoreModel DecodeStore(std::span<const std::byte> index, const std::string& name);
std::vector<std::byte> EncodeStore(const StoreModel& model);

}  // namespace holdfast::tool
