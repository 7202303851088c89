// SPDX-License-Identifier: BSD-2-Clause
// Seeds of the store: an index with a record of everything, one with lost pages, and two roots.

#include "common/format/store.h"

#include <limits>

#include "tests/fuzz/corpus/corpus.h"
#include "tests/support/store-index.h"

namespace holdfast::corpus {

void WriteStoreInputs() {
  const std::vector<std::byte> index = test::MakeStoreIndex();
  Write("store", "index", index);
  std::vector<std::byte> storage(sizeof(StoredIndexHeader));
  StoreIndexWriter writer;
  Require(StoreIndexWriter::Begin(storage, 0, 0, writer).ok());
  Write("store", "empty", writer.Finish().value());

  Write("store", "lost", test::MakeIndexOfLostPages());

  storage.resize(256);
  Require(StoreIndexWriter::Begin(storage, 0, 1, writer).ok());
  Require(writer.AddNode({.name = "n", .num_objects = 1}).ok());
  StoreObject largest;
  largest.kind = StoreObjectKind::kStream;
  largest.path = "largest";
  largest.size = std::numeric_limits<std::int64_t>::max() - 5;
  largest.byte_size = 5;
  Require(writer.AddObject(largest).ok());
  Write("store", "largest", writer.Finish().value());

  std::vector<std::byte> roots(kStoreRootsSize);
  for (std::uint32_t slot = 0; slot < kNumStoreRoots; ++slot) {
    StoreRoot root;
    root.page_shift = 21;
    root.slot = slot;
    root.sequence = 7 + slot;
    root.index_offset = kStoreRootsSize;
    root.index_size = index.size();
    root.index_digest = Sha256::Of(index);
    Require(root.pages.Append(PhysAddr(0x40000000)).ok());
    EncodeStoreRoot(root, std::span(roots).subspan(slot * kStoreRootSize, kStoreRootSize));
  }
  Write("store", "roots", roots);
}

}  // namespace holdfast::corpus
