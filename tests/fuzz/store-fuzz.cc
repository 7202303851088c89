// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a store's index and as its roots: what decodes keeps the rules, and encodes to the same bytes.

#include "common/format/store.h"

#include <algorithm>

#include "tests/fuzz/fuzz-input.h"

namespace holdfast {
namespace {

constexpr std::uint64_t kNoSize = std::uint64_t{1} << 63;

void CheckPath(std::string_view path) {
  fuzz::Check(!path.empty() && path.front() != '/' && path.back() != '/', "a path is relative");
  fuzz::Check(path.find("//") == std::string_view::npos, "no component is empty");
  fuzz::Check(
      path != ".." && !path.starts_with("../") && !path.ends_with("/..") && path.find("/../") == std::string_view::npos,
      "a path leads nowhere else");
}

Status Copy(const StoreRecord& record, StoreIndexWriter& writer) {
  switch (record.kind) {
    case StoreRecordKind::kFile:
      for (std::size_t i = 0; i < record.file.num_runs(); ++i) {
        fuzz::Check(!record.file.run(i).empty(), "no run is empty");
        fuzz::Check(i == 0 || !IsLostRun(record.file.run(i)) || !IsLostRun(record.file.run(i - 1)),
                    "lost pages in a row are one run");
      }
      fuzz::Check(record.file.size() <= kPhysLimit, "a file is no larger than memory can be");
      return writer.AddFile(record.file);
    case StoreRecordKind::kNode:
      return writer.AddNode(record.node);
    case StoreRecordKind::kObject:
      CheckPath(record.object.path);
      fuzz::Check(record.object.byte_size < kNoSize && record.object.size < kNoSize - record.object.byte_size,
                  "an object is no larger than a file can be");
      return writer.AddObject(record.object);
    case StoreRecordKind::kAttribute:
      return writer.AddAttribute(record.attribute);
    case StoreRecordKind::kExtent:
      fuzz::Check(!record.extent.digest || record.extent.size <= kMaxStoreBlock, "a digest is of a block");
      return writer.AddExtent(record.extent);
  }
  Bug();
}

void TryIndex(std::span<const std::byte> bytes) {
  StoreIndexReader reader;
  if (!StoreIndexReader::Open(bytes, reader).ok()) {
    return;
  }
  std::vector<std::byte> storage(bytes.size());
  StoreIndexWriter writer;
  fuzz::Check(StoreIndexWriter::Begin(storage, reader.num_files(), reader.num_nodes(), writer).ok(), "it begins");
  while (!reader.done()) {
    StoreRecord record;
    const Status status = reader.Next(record);
    if (!status.ok()) {
      fuzz::Check(status.error().code != Errc::kTruncated || status.error().where <= bytes.size(),
                  "what is missing lies at the end");
      return;
    }
    fuzz::Check(Copy(record, writer).ok(), "what was read can be written");
  }
  const auto again = writer.Finish();
  fuzz::Check(again.ok() && std::equal(again.value().begin(), again.value().end(), bytes.begin(), bytes.end()),
              "there is one encoding of an index");
}

void TryRoots(std::span<const std::byte> bytes) {
  StoreRoot root;
  if (!ChooseStoreRoot(bytes, &Sha256Blocks, root).ok()) {
    return;
  }
  std::vector<std::byte> page(kStoreRootSize);
  EncodeStoreRoot(root, page);
  fuzz::Check(std::equal(page.begin(), page.end(), bytes.begin() + root.slot * kStoreRootSize),
              "there is one encoding of a root");
}

// No fuzzer finds a digest.
std::vector<std::byte> Sealed(std::span<const std::byte> bytes) {
  std::vector<std::byte> out(bytes.begin(), bytes.end());
  for (std::size_t at = 0; at + kStoreRootSize <= out.size() && at < kStoreRootsSize; at += kStoreRootSize) {
    const auto page = std::span(out).subspan(at, kStoreRootSize);
    const auto digest = page.subspan(offsetof(StoredStoreRoot, digest), sizeof(Digest));
    std::fill(digest.begin(), digest.end(), std::byte{0});
    const Digest sum = Sha256::Of(page);
    std::copy(sum.begin(), sum.end(), digest.begin());
  }
  return out;
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const fuzz::AlignedInput input(data, size);
  TryIndex(input.bytes());
  TryRoots(input.bytes());
  TryRoots(Sealed(input.bytes()));
  return 0;
}
