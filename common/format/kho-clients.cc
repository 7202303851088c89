// SPDX-License-Identifier: BSD-2-Clause
// What the clients of KHO hand over: the list of them, and those whose blob is small or a tree.

#include "common/format/kho-clients.h"

#include <cstring>

#include "common/base/byte-reader.h"
#include "common/format/kho-text.h"
#include "common/format/kho-tree.h"
#include "common/format/kho-vmalloc.h"

namespace holdfast {
namespace {

constexpr std::uint64_t kMaxBlobTree = 256 * kKiB;

// The property that holds a client's address.  Null: the dialect has no such clients.
const char* AddressProperty(KhoDialect dialect) {
  switch (dialect) {
    case KhoDialect::kSeriesMem:
    case KhoDialect::kSeriesMetadata:
      return nullptr;
    case KhoDialect::kV1:
      return kho_fdt::kPropFdt;
    case KhoDialect::kV2:
    case KhoDialect::kV3:
    case KhoDialect::kV4:
      return kho_fdt::kPropData;
  }
  Bug();
}

// A blob that is a tree, of a page where nothing says its size.
Result<FdtView> OpenBlob(const KhoClient& client, const char* compatible, const PhysMemory& memory) {
  if (client.size > kMaxBlobTree) {
    return Error{Errc::kTooLarge, kMaxBlobTree};
  }
  TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(client.blob, client.size != 0 ? client.size : kPageSize));
  TRY_ASSIGN(const auto bytes, memory.View(range));
  TRY_ASSIGN(const FdtView tree, FdtView::Open(bytes));
  TRY_ASSIGN(const auto found, ReadKhoString(tree, tree.root(), kho_fdt::kPropCompatible));
  if (found.value_or(std::string_view()) != compatible) {
    return Error{Errc::kUnknownCompatible, tree.WhereOf(tree.root(), kho_fdt::kPropCompatible)};
  }
  return tree;
}

Result<KhoReservedArea> ReservedAreaOf(const FdtView& tree, FdtNode node) {
  TRY_ASSIGN(const auto compatible, ReadKhoString(tree, node, kho_fdt::kPropCompatible));
  if (compatible.value_or(std::string_view()) != kho_memblock::kAreaCompatible) {
    return Error{Errc::kUnknownCompatible, tree.WhereOf(node, kho_fdt::kPropCompatible)};
  }
  TRY_ASSIGN(const auto start, ReadKhoU64(tree, node, kho_memblock::kPropStart));
  TRY_ASSIGN(const auto size, ReadKhoU64(tree, node, kho_memblock::kPropSize));
  if (!start || size.value_or(0) == 0) {
    return Error{Errc::kMalformed, tree.WhereOf(node)};
  }
  TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(PhysAddr(*start), *size));
  return KhoReservedArea{tree.Name(node), range};
}

// An element of kho_test's array: address | order.
Status GiveTestFolio(std::uint64_t entry, std::uint64_t where, const BlockSink& folios) {
  const std::uint64_t order = entry % kPageSize;
  if (order > kMaxKhoOrder) {
    return Error{Errc::kMalformed, where};
  }
  const std::uint64_t start = entry - order;
  if (!IsAligned(start, kPageSize << order)) {
    return Error{Errc::kMisaligned, start};
  }
  TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(PhysAddr(start), kPageSize << order));
  return folios.Add({.range = range, .kind = KeptKind::kMemory, .order = static_cast<std::int8_t>(order)});
}

}  // namespace

Status ListKhoClients(PhysRange fdt, const PhysMemory& memory, const Sink<KhoClient>& sink) {
  TRY_ASSIGN(const KhoTree tree, OpenKhoTree(fdt, /*is_2023=*/false, memory));
  const char* const address = AddressProperty(tree.dialect);
  if (address == nullptr) {
    return kDone;
  }
  for (auto node = tree.view.FirstChild(tree.view.root()); node; node = tree.view.NextSibling(*node)) {
    TRY_ASSIGN(const auto blob, ReadKhoU64(tree.view, *node, address));
    TRY_ASSIGN(const auto size, ReadKhoU64(tree.view, *node, kho_fdt::kPropSize));
    if (blob) {
      TRY(sink.Add({.name = tree.view.Name(*node), .blob = PhysAddr(*blob), .size = size.value_or(0)}));
    }
  }
  return kDone;
}

Result<KhoSender> DecodeKhoSender(const KhoClient& client, const PhysMemory& memory) {
  TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(client.blob, sizeof(KhoKexecMetadata)));
  TRY_ASSIGN(const auto bytes, memory.View(range));
  KhoKexecMetadata metadata;  // too large for a Result
  std::memcpy(&metadata, bytes.data(), sizeof(metadata));
  if (metadata.version.value() != kKhoKexecMetadataVersion) {
    return Error{Errc::kBadVersion, metadata.version.value()};
  }
  TRY_ASSIGN(const auto release,
             KhoTextIn(bytes.subspan(offsetof(KhoKexecMetadata, previous_release), sizeof(metadata.previous_release)),
                       range.start().raw() + offsetof(KhoKexecMetadata, previous_release)));
  return KhoSender{release, metadata.kexec_count.value()};
}

Status ListKhoReservedAreas(const KhoClient& client, const PhysMemory& memory, const Sink<KhoReservedArea>& sink) {
  TRY_ASSIGN(const FdtView tree, OpenBlob(client, kho_memblock::kCompatible, memory));
  for (auto node = tree.FirstChild(tree.root()); node; node = tree.NextSibling(*node)) {
    TRY_ASSIGN(const KhoReservedArea area, ReservedAreaOf(tree, *node));
    TRY(sink.Add(area));
  }
  return kDone;
}

Result<KhoTestFacts> DecodeKhoTest(const KhoClient& client, const PhysMemory& memory, const BlockSink& folios) {
  TRY_ASSIGN(const FdtView tree, OpenBlob(client, kho_test::kCompatible, memory));
  TRY_ASSIGN(const auto magic, ReadKhoU32(tree, tree.root(), kho_test::kPropMagic));
  if (magic != kho_test::kMagic) {
    return Error{Errc::kBadMagic, tree.WhereOf(tree.root(), kho_test::kPropMagic)};
  }
  const auto data = tree.Child(tree.root(), kho_test::kNodeData);
  if (!data) {
    return Error{Errc::kMalformed, tree.WhereOf(tree.root())};
  }
  TRY_ASSIGN(const auto num_folios, ReadKhoU32(tree, *data, kho_test::kPropNumFolios));
  TRY_ASSIGN(const auto checksum, ReadKhoU32(tree, *data, kho_test::kPropChecksum));
  TRY(tree.OnlyProperty(*data, kho_test::kPropFolios));
  const auto stored = tree.Property(*data, kho_test::kPropFolios);
  if (!num_folios || !stored || stored->size() != sizeof(KhoVmalloc)) {
    return Error{Errc::kMalformed, tree.WhereOf(*data, kho_test::kPropFolios)};
  }
  TRY_ASSIGN(const auto area, ByteReader(*stored).Read<KhoVmalloc>());
  TRY(ForEachKhoVmallocItem<Le64>(memory, area, *num_folios, [&](Le64 entry, std::uint64_t where) {
    return GiveTestFolio(entry.value(), where, folios);
  }));
  return KhoTestFacts{*num_folios, checksum.value_or(0)};
}

}  // namespace holdfast
