// SPDX-License-Identifier: BSD-2-Clause
// The tree of a KHO handover: which dialect it is, and its properties.

#include "common/format/kho-tree.h"

#include <array>

#include "common/abi/kho.h"
#include "common/base/byte-reader.h"

namespace holdfast {
namespace {

struct Version {
  std::string_view compatible;
  KhoDialect dialect;
};
constexpr std::array kVersions = {Version{"kho-v1", KhoDialect::kV1}, Version{"kho-v2", KhoDialect::kV2},
                                  Version{"kho-v3", KhoDialect::kV3}, Version{"kho-v4", KhoDialect::kV4}};

// The series of patches called themselves kho-v1 as well.
Result<KhoDialect> DialectOfV1(const FdtView& tree, bool is_2023) {
  const FdtNode root = tree.root();
  if (is_2023) {
    return KhoDialect::kSeriesMem;
  }
  if (tree.Property(root, kho_fdt::kPropMap)) {
    return KhoDialect::kV1;
  }
  for (auto node = tree.NextNode(root); node; node = tree.NextNode(*node)) {
    if (tree.Property(*node, kho_fdt::kPropMem)) {
      return KhoDialect::kSeriesMem;
    }
  }
  const auto preserved = tree.Child(root, kho_fdt::kNodePreserved);
  if (preserved && tree.Property(*preserved, kho_fdt::kPropMetadata)) {
    return KhoDialect::kSeriesMetadata;
  }
  return Error{Errc::kMalformed, tree.WhereOf(root)};
}

template <typename Stored>
Result<std::optional<Stored>> ReadNumber(const FdtView& tree, FdtNode node, const char* name) {
  TRY(tree.OnlyProperty(node, name));
  const auto value = tree.Property(node, name);
  if (!value) {
    return std::optional<Stored>();
  }
  ByteReader reader(*value);
  const auto read = reader.Read<Stored>();
  if (!read.ok() || !reader.done()) {
    return Error{Errc::kMalformed, tree.WhereOf(node, name)};
  }
  return std::optional(read.value());
}

}  // namespace

Result<KhoTree> OpenKhoTree(PhysRange fdt, bool is_2023, const PhysMemory& memory) {
  TRY_ASSIGN(const auto bytes, memory.View(fdt));
  const auto opened = FdtView::Open(bytes);
  // A sender up to 6.18 that was not told to finalize leaves a page without a tree.
  if (!opened.ok() && opened.error().code == Errc::kBadMagic) {
    return Error{Errc::kNotFinalized, fdt.start().raw()};
  }
  TRY_ASSIGN(const FdtView tree, opened);
  TRY_ASSIGN(const auto compatible, ReadKhoString(tree, tree.root(), kho_fdt::kPropCompatible));
  for (const Version& version : kVersions) {
    if (version.compatible != compatible.value_or(std::string_view())) {
      continue;
    }
    KhoDialect dialect = version.dialect;
    if (dialect == KhoDialect::kV1) {
      TRY_ASSIGN(dialect, DialectOfV1(tree, is_2023));
    } else if (is_2023) {
      break;
    }
    return KhoTree{tree, dialect, version.compatible};
  }
  return Error{Errc::kUnknownCompatible, tree.WhereOf(tree.root(), kho_fdt::kPropCompatible)};
}

Result<std::optional<std::uint64_t>> ReadKhoU64(const FdtView& tree, FdtNode node, const char* name) {
  TRY_ASSIGN(const auto read, ReadNumber<Le64>(tree, node, name));
  return read ? std::optional(read->value()) : std::nullopt;
}

Result<std::optional<std::uint32_t>> ReadKhoU32(const FdtView& tree, FdtNode node, const char* name) {
  TRY_ASSIGN(const auto read, ReadNumber<Le32>(tree, node, name));
  return read ? std::optional(read->value()) : std::nullopt;
}

Result<std::optional<std::string_view>> ReadKhoString(const FdtView& tree, FdtNode node, const char* name) {
  TRY(tree.OnlyProperty(node, name));
  return tree.String(node, name);
}

}  // namespace holdfast
