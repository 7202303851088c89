// SPDX-License-Identifier: BSD-2-Clause
// Flattened device trees: the one wrapper around libfdt.
//
// Source: Devicetree Specification 0.4, chapter 5.  FdtView::Open() checks the whole tree once: first by itself
// what libfdt takes on trust (the alignment of the blocks, the lengths of properties and names, the depth), then
// with fdt_check_full.  So every later walk is within bounds.  An error's `where` is a byte offset in the tree.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/result.h"
#include "common/base/stored-int.h"

namespace holdfast {

// Nodes within nodes, the root being the first; the length of a name.  Deeper or longer is kMalformed.
inline constexpr int kMaxFdtDepth = 16;
inline constexpr std::size_t kMaxFdtName = 255;

// A node of one tree.
class FdtNode {
 public:
  // From the start of the structure block.
  constexpr int offset() const { return offset_; }

 private:
  friend class FdtView;
  constexpr explicit FdtNode(int offset) : offset_(offset) {}
  int offset_;
};

class FdtView {
 public:
  // `bytes` may be longer than the tree.  Errors: kTruncated, kBadMagic, kBadVersion (of either version field),
  // kMisaligned (start of `bytes` not a multiple of 8 in memory, where 0; or a block not a multiple of its
  // alignment, where the block), kMalformed (where: the field of the header, or the place in a block).
  static Result<FdtView> Open(std::span<const std::byte> bytes);

  // The tree alone: totalsize bytes.
  std::span<const std::byte> bytes() const { return bytes_; }

  FdtNode root() const { return FdtNode(0); }
  // The first child of exactly that name.
  std::optional<FdtNode> Child(FdtNode parent, const char* name) const;
  std::optional<FdtNode> FirstChild(FdtNode parent) const;
  std::optional<FdtNode> NextSibling(FdtNode node) const;
  // The node whose name stands next in the tree, at whatever depth: with root() as a beginning, every node.
  std::optional<FdtNode> NextNode(FdtNode node) const;
  std::string_view Name(FdtNode node) const;
  // A node from an offset that this tree gave earlier (KeptRange::node); nullopt when there is none.
  std::optional<FdtNode> At(std::uint32_t offset) const;

  // The first property of that name.
  std::optional<std::span<const std::byte>> Property(FdtNode node, const char* name) const;
  // Byte offset of a property's value in the tree, for an error's `where`; the node's own offset when absent.
  std::uint64_t WhereOf(FdtNode node, const char* name) const;
  // Byte offset of the node in the tree, for an error's `where`.
  std::uint64_t WhereOf(FdtNode node) const;
  // kMalformed (where: the second one) when there is more than one of that name: two readers could disagree.
  Status OnlyProperty(FdtNode node, const char* name) const;
  Status OnlyChild(FdtNode parent, const char* name) const;

  // Typed reads.  An absent property is nullopt; one of the wrong size or form is kMalformed.
  Result<std::optional<std::uint32_t>> U32(FdtNode node, const char* name) const;
  Result<std::optional<std::uint64_t>> U64(FdtNode node, const char* name) const;
  // One NUL-terminated string, without the NUL.
  Result<std::optional<std::string_view>> String(FdtNode node, const char* name) const;
  // True when `compatible` is one of the NUL-separated strings of the node's compatible property.
  bool IsCompatible(FdtNode node, const char* compatible) const;

 private:
  constexpr FdtView(std::span<const std::byte> bytes, std::uint32_t struct_offset)
      : bytes_(bytes), struct_offset_(struct_offset) {}
  // The property of that name after `skip` others of it; its offset in the structure block, negative for none.
  int FindProperty(FdtNode node, const char* name, int skip) const;

  std::span<const std::byte> bytes_;
  std::uint32_t struct_offset_;
};

// Writes a tree from front to back into `storage`.  The first error sticks: later calls do nothing, and
// Finish() reports it (kTableFull: the storage is too small).
class FdtWriter {
 public:
  // Pre: storage begins at a multiple of 8.  Post: all of it is zero, so that no stale byte gets into a gap.
  explicit FdtWriter(std::span<std::byte> storage);

  void BeginNode(const char* name);  // "" for the root
  // Pre: the name has at most kMaxFdtName characters, none of them NUL.
  void BeginNode(std::string_view name);
  void EndNode();
  // Properties come before the children of their node.
  void U32(const char* name, std::uint32_t value);
  void U64(const char* name, std::uint64_t value);
  void String(const char* name, std::string_view value);
  void Bytes(const char* name, std::span<const std::byte> value);
  // A property of `size` bytes for the caller to fill at once; empty after an error.
  std::span<std::byte> Space(const char* name, std::size_t size);

  // The finished tree, within the storage.
  Result<std::span<const std::byte>> Finish();

 private:
  void Note(int libfdt_error);

  std::span<std::byte> storage_;
  int error_ = 0;  // libfdt's, negative
};

}  // namespace holdfast
