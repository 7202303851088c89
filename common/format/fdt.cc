// SPDX-License-Identifier: BSD-2-Clause
// Flattened device trees: the one wrapper around libfdt.

#include "common/format/fdt.h"

#include <libfdt.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "common/base/align.h"
#include "common/base/byte-reader.h"

namespace holdfast {
namespace {

// Devicetree Specification 0.4, 5.2.
struct Header {
  Be32 magic;              // 0
  Be32 totalsize;          // 4
  Be32 off_dt_struct;      // 8
  Be32 off_dt_strings;     // 12
  Be32 off_mem_rsvmap;     // 16
  Be32 version;            // 20
  Be32 last_comp_version;  // 24
  Be32 boot_cpuid_phys;    // 28
  Be32 size_dt_strings;    // 32
  Be32 size_dt_struct;     // 36
};
static_assert(sizeof(Header) == 40 && offsetof(Header, size_dt_struct) == 36);

constexpr std::uint32_t kMagic = 0xd00dfeed;
constexpr std::uint32_t kVersion = 17;  // the first with size_dt_struct
constexpr std::uint32_t kCompatibleFrom = 16;

// 5.4.1.
enum class Token : std::uint32_t { kBeginNode = 1, kEndNode = 2, kProp = 3, kNop = 4, kEnd = 9 };
constexpr std::size_t kTokenSize = sizeof(Be32);
constexpr std::uint32_t kPropertyHeader = 12;  // token, length, offset of the name

// A block of `size` bytes at `offset`; `field` is where the header says so.
Status CheckBlock(const Header& header, std::size_t field, std::uint32_t offset, std::uint32_t size) {
  const std::uint32_t total = header.totalsize.value();
  if (offset < sizeof(Header) || offset > total || size > total - offset) {
    return Error{Errc::kMalformed, field};
  }
  return kDone;
}

Status CheckHeader(std::span<const std::byte> bytes, const Header& header) {
  if (header.magic.value() != kMagic) {
    return Error{Errc::kBadMagic, offsetof(Header, magic)};
  }
  if (header.version.value() < kVersion) {
    return Error{Errc::kBadVersion, header.version.value()};
  }
  if (header.last_comp_version.value() != kCompatibleFrom) {
    return Error{Errc::kBadVersion, header.last_comp_version.value()};
  }
  if (!IsAligned(std::bit_cast<std::uintptr_t>(bytes.data()), 8)) {
    return Error{Errc::kMisaligned, 0};
  }
  const std::uint32_t total = header.totalsize.value();
  if (total < sizeof(Header) || total >= std::uint32_t{std::numeric_limits<std::int32_t>::max()}) {
    return Error{Errc::kMalformed, offsetof(Header, totalsize)};
  }
  if (total > bytes.size()) {
    return Error{Errc::kTruncated, bytes.size()};
  }
  const std::uint32_t structure = header.off_dt_struct.value();
  const std::uint32_t reserved = header.off_mem_rsvmap.value();
  if (!IsAligned(structure, kTokenSize)) {
    return Error{Errc::kMisaligned, structure};
  }
  if (!IsAligned(reserved, 8)) {
    return Error{Errc::kMisaligned, reserved};
  }
  TRY(CheckBlock(header, offsetof(Header, off_dt_struct), structure, header.size_dt_struct.value()));
  TRY(CheckBlock(header, offsetof(Header, off_dt_strings), header.off_dt_strings.value(),
                 header.size_dt_strings.value()));
  return CheckBlock(header, offsetof(Header, off_mem_rsvmap), reserved, 0);
}

// The length of the string at the start of `bytes`; nullopt when it is longer than kMaxFdtName or does not end.
std::optional<std::size_t> NameLength(std::span<const std::byte> bytes) {
  const std::size_t limit = std::min(bytes.size(), kMaxFdtName + 1);
  for (std::size_t i = 0; i < limit; ++i) {
    if (bytes[i] == std::byte{0}) {
      return i;
    }
  }
  return std::nullopt;
}

// Walks the structure block.  libfdt before 1.7 does not end on a property whose length wraps, and no libfdt minds
// names or depth without limit.
class StructureCheck {
 public:
  StructureCheck(std::span<const std::byte> tree, const Header& header)
      : block_(tree.first(std::size_t{header.off_dt_struct.value()} + header.size_dt_struct.value())),
        strings_(tree.subspan(header.off_dt_strings.value(), header.size_dt_strings.value())),
        reader_(block_) {
    Require(reader_.Seek(header.off_dt_struct.value()).ok());
  }

  Status Run() {
    for (bool ended = false; !ended;) {  // Each turn takes a token.
      const std::size_t at = reader_.position();
      const auto token = reader_.Read<Be32>();
      if (!token.ok() || !Take(static_cast<Token>(token.value().value()), ended)) {
        return Error{Errc::kMalformed, at};
      }
    }
    return kDone;
  }

 private:
  bool Take(Token token, bool& ended) {
    switch (token) {
      case Token::kBeginNode:
        return BeginNode();
      case Token::kEndNode:
        --depth_;
        properties_may_follow_ = false;
        return depth_ >= 0;
      case Token::kProp:
        return properties_may_follow_ && Property();
      case Token::kNop:
        return depth_ > 0;  // The root is at offset 0, and only the end follows it.
      case Token::kEnd:
        ended = true;
        return begun_ && depth_ == 0;
    }
    return false;
  }

  bool BeginNode() {
    const bool is_root = !begun_;
    if (depth_ == kMaxFdtDepth || (depth_ == 0 && !is_root)) {
      return false;
    }
    const auto length = NameLength(block_.subspan(reader_.position()));
    if (!length || (*length == 0) != is_root) {
      return false;
    }
    begun_ = true;
    properties_may_follow_ = true;
    ++depth_;
    return Skip(*length + 1);
  }

  bool Property() {
    const auto size = reader_.Read<Be32>();
    const auto name = reader_.Read<Be32>();
    return size.ok() && name.ok() && name.value().value() < strings_.size() &&
           NameLength(strings_.subspan(name.value().value())).has_value() && Skip(size.value().value());
  }

  // Over `size` bytes and up to the next token.
  bool Skip(std::uint64_t size) { return reader_.Take(AlignUp(size, kTokenSize)).ok(); }

  std::span<const std::byte> block_;
  std::span<const std::byte> strings_;
  ByteReader reader_;
  int depth_ = 0;
  bool begun_ = false;
  bool properties_may_follow_ = false;
};

}  // namespace

// --- FdtView ---

Result<FdtView> FdtView::Open(std::span<const std::byte> bytes) {
  TRY_ASSIGN(const Header header, ByteReader(bytes).Read<Header>());
  TRY(CheckHeader(bytes, header));
  const auto tree = bytes.first(header.totalsize.value());
  TRY(StructureCheck(tree, header).Run());
  // What is left for it to find is a memory reservation block that does not end.
  if (fdt_check_full(tree.data(), tree.size()) != 0) {
    return Error{Errc::kMalformed, header.off_mem_rsvmap.value()};
  }
  return FdtView(tree, header.off_dt_struct.value());
}

std::optional<FdtNode> FdtView::FirstChild(FdtNode parent) const {
  const int offset = fdt_first_subnode(bytes_.data(), parent.offset());
  return offset < 0 ? std::nullopt : std::optional(FdtNode(offset));
}

std::optional<FdtNode> FdtView::NextSibling(FdtNode node) const {
  const int offset = fdt_next_subnode(bytes_.data(), node.offset());
  return offset < 0 ? std::nullopt : std::optional(FdtNode(offset));
}

std::optional<FdtNode> FdtView::NextNode(FdtNode node) const {
  const int offset = fdt_next_node(bytes_.data(), node.offset(), nullptr);
  return offset < 0 ? std::nullopt : std::optional(FdtNode(offset));
}

// Not fdt_subnode_offset(): it takes "name@1" for "name".
std::optional<FdtNode> FdtView::Child(FdtNode parent, const char* name) const {
  for (auto child = FirstChild(parent); child; child = NextSibling(*child)) {
    if (Name(*child) == name) {
      return child;
    }
  }
  return std::nullopt;
}

std::string_view FdtView::Name(FdtNode node) const {
  int length = 0;
  const char* name = fdt_get_name(bytes_.data(), node.offset(), &length);
  return name == nullptr ? std::string_view() : std::string_view(name, static_cast<std::size_t>(length));
}

std::optional<FdtNode> FdtView::At(std::uint32_t offset) const {
  // A walk: inside of a property's value something may look like a node.
  for (auto node = std::optional(root()); node; node = NextNode(*node)) {
    if (static_cast<std::uint32_t>(node->offset()) == offset) {
      return node;
    }
  }
  return std::nullopt;
}

int FdtView::FindProperty(FdtNode node, const char* name, int skip) const {
  for (int offset = fdt_first_property_offset(bytes_.data(), node.offset()); offset >= 0;
       offset = fdt_next_property_offset(bytes_.data(), offset)) {
    const char* found = nullptr;
    int size = 0;
    if (fdt_getprop_by_offset(bytes_.data(), offset, &found, &size) != nullptr && std::string_view(found) == name &&
        skip-- == 0) {
      return offset;
    }
  }
  return -1;
}

std::optional<std::span<const std::byte>> FdtView::Property(FdtNode node, const char* name) const {
  const int offset = FindProperty(node, name, /*skip=*/0);
  if (offset < 0) {
    return std::nullopt;
  }
  int size = 0;
  const void* value = fdt_getprop_by_offset(bytes_.data(), offset, nullptr, &size);
  Require(value != nullptr);
  return std::span(static_cast<const std::byte*>(value), static_cast<std::size_t>(size));
}

std::uint64_t FdtView::WhereOf(FdtNode node) const {
  return struct_offset_ + static_cast<std::uint32_t>(node.offset());
}

std::uint64_t FdtView::WhereOf(FdtNode node, const char* name) const {
  const int offset = FindProperty(node, name, /*skip=*/0);
  return offset < 0 ? WhereOf(node) : struct_offset_ + static_cast<std::uint32_t>(offset) + kPropertyHeader;
}

Status FdtView::OnlyProperty(FdtNode node, const char* name) const {
  const int second = FindProperty(node, name, /*skip=*/1);
  if (second >= 0) {
    return Error{Errc::kMalformed, struct_offset_ + static_cast<std::uint32_t>(second) + kPropertyHeader};
  }
  return kDone;
}

Status FdtView::OnlyChild(FdtNode parent, const char* name) const {
  const auto first = Child(parent, name);
  for (auto node = first ? NextSibling(*first) : first; node; node = NextSibling(*node)) {
    if (Name(*node) == name) {
      return Error{Errc::kMalformed, WhereOf(*node)};
    }
  }
  return kDone;
}

Result<std::optional<std::uint32_t>> FdtView::U32(FdtNode node, const char* name) const {
  const auto value = Property(node, name);
  if (!value) {
    return std::optional<std::uint32_t>();
  }
  ByteReader reader(*value);
  const auto read = reader.Read<Be32>();
  if (!read.ok() || !reader.done()) {
    return Error{Errc::kMalformed, WhereOf(node, name)};
  }
  return std::optional(read.value().value());
}

Result<std::optional<std::uint64_t>> FdtView::U64(FdtNode node, const char* name) const {
  const auto value = Property(node, name);
  if (!value) {
    return std::optional<std::uint64_t>();
  }
  ByteReader reader(*value);
  const auto read = reader.Read<Be64>();
  if (!read.ok() || !reader.done()) {
    return Error{Errc::kMalformed, WhereOf(node, name)};
  }
  return std::optional(read.value().value());
}

Result<std::optional<std::string_view>> FdtView::String(FdtNode node, const char* name) const {
  const auto value = Property(node, name);
  if (!value) {
    return std::optional<std::string_view>();
  }
  if (value->empty()) {
    return Error{Errc::kMalformed, WhereOf(node, name)};
  }
  const std::size_t length = value->size() - 1;
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(value->data())), length);
  if (value->back() != std::byte{0} || text.find('\0') != std::string_view::npos) {
    return Error{Errc::kMalformed, WhereOf(node, name)};
  }
  return std::optional(text);
}

bool FdtView::IsCompatible(FdtNode node, const char* compatible) const {
  const auto value = Property(node, "compatible");
  return value && fdt_stringlist_contains(static_cast<const char*>(static_cast<const void*>(value->data())),
                                          static_cast<int>(value->size()), compatible) != 0;
}

// --- FdtWriter ---

FdtWriter::FdtWriter(std::span<std::byte> storage)
    : storage_(storage.first(std::min<std::size_t>(storage.size(), std::numeric_limits<std::int32_t>::max() - 1))) {
  Require(IsAligned(std::bit_cast<std::uintptr_t>(storage.data()), 8));
  if (!storage.empty()) {
    std::memset(storage.data(), 0, storage.size());
  }
  Note(fdt_create(storage_.data(), static_cast<int>(storage_.size())));
  if (error_ == 0) {
    Note(fdt_finish_reservemap(storage_.data()));
  }
}

void FdtWriter::BeginNode(const char* name) {
  if (error_ == 0) {
    Note(fdt_begin_node(storage_.data(), name));
  }
}

void FdtWriter::BeginNode(std::string_view name) {
  std::array<char, kMaxFdtName + 1> terminated{};
  Require(name.size() < terminated.size());
  std::copy(name.begin(), name.end(), terminated.begin());
  BeginNode(terminated.data());
}

void FdtWriter::EndNode() {
  if (error_ == 0) {
    Note(fdt_end_node(storage_.data()));
  }
}

void FdtWriter::U32(const char* name, std::uint32_t value) {
  const Be32 stored(value);
  Bytes(name, std::as_bytes(std::span(&stored, 1)));
}

void FdtWriter::U64(const char* name, std::uint64_t value) {
  const Be64 stored(value);
  Bytes(name, std::as_bytes(std::span(&stored, 1)));
}

void FdtWriter::String(const char* name, std::string_view value) {
  const auto space = Space(name, value.size() + 1);
  if (!space.empty() && !value.empty()) {
    std::memcpy(space.data(), value.data(), value.size());
  }
}

void FdtWriter::Bytes(const char* name, std::span<const std::byte> value) {
  const auto space = Space(name, value.size());
  if (!space.empty()) {
    std::memcpy(space.data(), value.data(), value.size());
  }
}

std::span<std::byte> FdtWriter::Space(const char* name, std::size_t size) {
  if (error_ != 0) {
    return {};
  }
  if (size > storage_.size()) {
    Note(-FDT_ERR_NOSPACE);
    return {};
  }
  void* value = nullptr;
  Note(fdt_property_placeholder(storage_.data(), name, static_cast<int>(size), &value));
  return error_ != 0 ? std::span<std::byte>() : std::span(static_cast<std::byte*>(value), size);
}

Result<std::span<const std::byte>> FdtWriter::Finish() {
  if (error_ == 0) {
    Note(fdt_finish(storage_.data()));
  }
  if (error_ != 0) {
    return Error{Errc::kTableFull, storage_.size()};
  }
  ByteReader reader(storage_);
  const auto header = reader.Read<Header>();
  return std::span<const std::byte>(storage_.first(header.value().totalsize.value()));
}

void FdtWriter::Note(int libfdt_error) {
  // All other errors are calls in the wrong order.
  Require(libfdt_error == 0 || libfdt_error == -FDT_ERR_NOSPACE);
  error_ = libfdt_error;
}

}  // namespace holdfast
