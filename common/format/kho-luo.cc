// SPDX-License-Identifier: BSD-2-Clause
// What KHO's client LUO hands over: sessions, their files, and memfds among these.

#include "common/base/byte-reader.h"
#include "common/format/kho-clients.h"
#include "common/format/kho-text.h"
#include "common/format/kho-vmalloc.h"

namespace holdfast {
namespace {

// An entry of a list of kho_blocks: its layout, and where it lies.
template <typename T>
struct Entry {
  T stored;
  const StoredPage& page;
  std::size_t offset;

  Result<std::string_view> Text(std::size_t field, std::size_t size) const {
    return KhoTextIn(page.Bytes(offset + field, size), page.WhereOf(offset + field));
  }
};

// Gives every entry of a list of blocks to `visit`.  kMalformed (where: the field): more than a block holds.
template <typename T, typename Visit>
Status ForEachEntry(const PhysMemory& memory, PhysAddr first, Visit visit) {
  constexpr std::uint64_t kCapacity = (kPageSize - sizeof(KhoBlockHeader)) / sizeof(T);
  return ForEachListPage(memory, first, kKhoMaxBlocks, [&](const StoredPage& page) -> Status {
    const std::uint64_t count = page.Get<KhoBlockHeader>(0).count.value();
    if (count > kCapacity) {
      return Error{Errc::kMalformed, page.WhereOf(offsetof(KhoBlockHeader, count))};
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t offset = sizeof(KhoBlockHeader) + i * sizeof(T);
      TRY(visit(Entry<T>{page.Get<T>(offset), page, offset}));
    }
    return kDone;
  });
}

}  // namespace

Result<KhoLuoFacts> DecodeKhoLuo(const KhoClient& client, const PhysMemory& memory) {
  TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(client.blob, sizeof(KhoLuo)));
  TRY_ASSIGN(const auto bytes, memory.View(range));
  TRY_ASSIGN(const auto luo, ByteReader(bytes).Read<KhoLuo>());
  const auto compatible = KhoTextIn(bytes.first(sizeof(luo.compatible)), range.start().raw());
  if (!compatible.ok() || compatible.value() != kKhoLuoCompatible) {
    return Error{Errc::kUnknownCompatible, range.start().raw()};
  }
  return KhoLuoFacts{compatible.value(), luo.liveupdate_num.value(), PhysAddr(luo.sessions.value())};
}

Status ListKhoSessions(PhysAddr sessions, const PhysMemory& memory, const Sink<KhoSessionFacts>& sink) {
  return ForEachEntry<KhoLuoSession>(memory, sessions, [&](const Entry<KhoLuoSession>& entry) -> Status {
    TRY_ASSIGN(const auto name, entry.Text(offsetof(KhoLuoSession, name), sizeof(entry.stored.name)));
    return sink.Add({name, PhysAddr(entry.stored.files.value()), entry.stored.count.value()});
  });
}

Status ListKhoFiles(const KhoSessionFacts& session, const PhysMemory& memory, const Sink<KhoFileFacts>& sink) {
  std::uint64_t count = 0;
  TRY(ForEachEntry<KhoLuoFile>(memory, session.files, [&](const Entry<KhoLuoFile>& entry) -> Status {
    ++count;
    TRY_ASSIGN(const auto compatible, entry.Text(offsetof(KhoLuoFile, compatible), sizeof(entry.stored.compatible)));
    return sink.Add({compatible, PhysAddr(entry.stored.data.value()), entry.stored.token.value()});
  }));
  if (count != session.num_files) {
    return Error{Errc::kMalformed, session.files.raw()};
  }
  return kDone;
}

Result<KhoMemfdFacts> DecodeKhoMemfd(PhysAddr data, const PhysMemory& memory) {
  TRY_ASSIGN(const KhoMemfd memfd, ReadAt<KhoMemfd>(memory, data));
  return KhoMemfdFacts{.size = memfd.size.value(),
                       .seals = memfd.seals.value(),
                       .flags = memfd.flags.value(),
                       .num_folios = memfd.nr_folios.value(),
                       .folios = memfd.folios};
}

Status ListKhoMemfdFolios(const KhoMemfdFacts& memfd, const PhysMemory& memory, const Sink<KhoFolio>& sink) {
  const auto give = [&](const KhoMemfdFolio& folio, std::uint64_t) -> Status {
    const std::uint64_t word = folio.pfn_and_flags.value();
    TRY_ASSIGN(const PhysRange page, PhysRange::FromStartSize(AddressOfPfn(word & kKhoMemfdPfnMask), kPageSize));
    return sink.Add({.start = page.start(),
                     .index = folio.index.value(),
                     .is_dirty = (word & kKhoMemfdDirty) != 0,
                     .is_up_to_date = (word & kKhoMemfdUpToDate) != 0});
  };
  return ForEachKhoVmallocItem<KhoMemfdFolio>(memory, memfd.folios, memfd.num_folios, give);
}

}  // namespace holdfast
