// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a bundle, as they are and with a digest that fits: parts that are given lie where they may.

#include "common/format/bundle.h"

#include <algorithm>

#include "tests/fuzz/fuzz-input.h"
#include "tests/support/kernel-files.h"

namespace holdfast {
namespace {

void CheckParts(std::span<const std::byte> bytes, const Bundle& bundle) {
  fuzz::Check(bundle.size <= bytes.size(), "a bundle is all there");
  std::uint64_t end = sizeof(StoredBundleHeader) + bundle.parts.size() * sizeof(StoredBundlePart);
  for (const BundlePart& part : bundle.parts) {
    fuzz::Check(part.offset >= end, "parts come in order, behind their table");
    fuzz::Check(IsAligned(part.offset, kBundleAlignment), "parts begin with a page");
    fuzz::Check(part.stored.data() == bytes.data() + part.offset && !part.stored.empty(), "a part lies at its offset");
    end = part.offset + part.stored.size();
    fuzz::Check(end <= bundle.size, "a part ends with the bundle or before");
    fuzz::Check(part.size > 0 && part.size <= kMaxBundlePartSize, "a part has a size that can be");
    fuzz::Check(part.encoding != BundleEncoding::kStored || part.size == part.stored.size(),
                "a part that is only stored is as large decoded");
    const auto found = bundle.Find(part.kind);
    fuzz::Check(found && found->offset == part.offset, "a kind stands there once");
    const bool intact = VerifyPart(part, &Sha256Blocks).ok();
    fuzz::Check(intact == (Sha256::Of(part.stored) == part.digest), "a part's digest is of its stored bytes");
  }
  fuzz::Check(end == bundle.size, "a bundle ends with its last part");
  fuzz::Check(bundle.Find(BundlePartKind::kKernel).has_value(), "there is a kernel");
}

// Of its head alone comes the same.
void CheckTable(std::span<const std::byte> bytes, const Status& status, const Bundle& bundle) {
  Bundle table;
  const auto head = bytes.first(std::min(bytes.size(), kMaxBundleTableSize));
  const Status decoded = DecodeBundleTable(head, bytes.size(), &Sha256Blocks, table);
  fuzz::Check(decoded.ok() == status.ok(), "a bundle is one by its head");
  if (!decoded.ok()) {
    fuzz::Check(decoded.error() == status.error(), "or is refused for the same");
    return;
  }
  fuzz::Check(table.size == bundle.size && table.parts.size() == bundle.parts.size(), "with the same parts");
  for (std::size_t i = 0; i < table.parts.size(); ++i) {
    fuzz::Check(table.parts[i].offset == bundle.parts[i].offset &&
                    table.parts[i].stored_size == bundle.parts[i].stored.size() && table.parts[i].stored.empty(),
                "each where it is, without its bytes");
  }
}

void TryFile(std::span<const std::byte> bytes) {
  const auto place = FindBundle(bytes.first(std::min(bytes.size(), kMaxBundleHeadSize)), bytes.size());
  fuzz::Check(!place.ok() || (place.value().offset <= bytes.size() &&
                              place.value().available <= bytes.size() - place.value().offset),
              "a bundle lies in its file");
}

void Try(std::span<const std::byte> bytes) {
  Bundle bundle;
  const Status status = DecodeBundle(bytes, &Sha256Blocks, bundle);
  CheckTable(bytes, status, bundle);
  if (status.ok()) {
    fuzz::Check(BeginsBundle(bytes), "what decodes begins as a bundle");
    CheckParts(bytes, bundle);
  }
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const fuzz::AlignedInput input(data, size);
  TryFile(input.bytes());
  Try(input.bytes());
  // No fuzzer finds a digest.
  if (size < sizeof(StoredBundleHeader)) {
    return 0;
  }
  std::vector<std::byte> sealed(input.bytes().begin(), input.bytes().end());
  const std::size_t num_parts = test::Get<Le32>(sealed, offsetof(StoredBundleHeader, num_parts)).value();
  if (num_parts <= kMaxBundleParts && test::PartAt(num_parts, 0) <= size) {
    test::SealBundle(sealed);
    Try(sealed);
  }
  return 0;
}
