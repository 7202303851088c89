// SPDX-License-Identifier: BSD-2-Clause
// Any tree as KHO's, with the arrays of the series before kho-v1.
//
// The input is a byte that says which record leads to it, the number of elements of the mem cache, these, and the tree.

#include <algorithm>

#include "common/format/kho-clients.h"
#include "tests/fuzz/kho-checks.h"

namespace holdfast {
namespace {

constexpr std::uint64_t kTree = 0x7000000;
constexpr std::uint64_t kCache = 0x7800000;
constexpr std::uint64_t kArray = 0x8010000;
const KhoArea kScratch = {Le64(0x8000000), Le64(0x1000000)};

struct Input {
  Input(const std::uint8_t* data, std::size_t size)
      : Input(data, size, std::min<std::size_t>(data[1] * 16, size - 2)) {}
  Input(const std::uint8_t* data, std::size_t size, std::size_t cache_size)
      : is_2023(data[0] % 2 != 0),
        cache(data + 2, cache_size / 16 * 16),
        tree(data + 2 + cache_size, size - 2 - cache_size) {}

  KhoRecord record() const {
    const auto range = [](std::uint64_t start, std::size_t size) {
      return PhysRange::FromStartSize(PhysAddr(start), size).value();
    };
    return {.fdt = range(kTree, tree.bytes().size()),
            .scratch = is_2023 ? range(kScratch.addr.value(), kPageSize) : range(kArray, sizeof(KhoArea)),
            .mem_cache = is_2023 ? range(kCache, cache.bytes().size()) : PhysRange(),
            .is_2023 = is_2023};
  }

  static const std::byte* Read(const void* backing, PhysRange range) {
    const auto& self = *static_cast<const Input*>(backing);
    const auto within = [&](std::uint64_t start, std::span<const std::byte> bytes) {
      const auto all = PhysRange::FromStartSize(PhysAddr(start), bytes.size()).value();
      return all.Contains(range) ? bytes.data() + (range.start().raw() - start) : nullptr;
    };
    for (const std::byte* const found : {within(kTree, self.tree.bytes()), within(kCache, self.cache.bytes()),
                                         within(kArray, std::as_bytes(std::span(&kScratch, 1)))}) {
      if (found != nullptr) {
        return found;
      }
    }
    return nullptr;
  }

  bool is_2023;
  fuzz::AlignedInput cache;
  fuzz::AlignedInput tree;
};

void Decode(const Input& input) {
  const PhysMemory memory(&Input::Read, &input);
  std::array<PhysRange, 4> storage;
  RangeSet scratch(storage);
  fuzz::KhoBlockCheck blocks(/*with_orders=*/false);
  KhoFacts facts;
  const Status decoded = DecodeKho(input.record(), KhoBitmaps::kUnknown, memory, scratch, blocks.sink(), facts);
  if (decoded.ok()) {
    fuzz::Check(facts.dialect == KhoDialect::kSeriesMem, "no other map can be read here");
    fuzz::Check(facts.num_blocks == blocks.num_blocks(), "blocks are counted");
    fuzz::Check(scratch.view().size() == 1, "there is one area");
  }
  const Sink<KhoClient> clients(
      [](void*, const KhoClient& client) -> Status {
        fuzz::Check(client.name.size() <= kMaxFdtName, "a name ends");
        return kDone;
      },
      nullptr);
  const Status listed = ListKhoClients(input.record().fdt, memory, clients);
  fuzz::Check(listed.ok() || listed.error().code != Errc::kUnreadable || input.tree.bytes().empty(), "no blob is read");
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  if (size >= 2) {
    Decode(Input(data, size));
  }
  return 0;
}
