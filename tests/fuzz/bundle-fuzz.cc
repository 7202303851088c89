// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a bundle, as they are and with a digest that fits: parts that are given lie where they may.

#include "common/format/bundle.h"

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

void Try(std::span<const std::byte> bytes) {
  Bundle bundle;
  if (DecodeBundle(bytes, &Sha256Blocks, bundle).ok()) {
    fuzz::Check(BeginsBundle(bytes), "what decodes begins as a bundle");
    CheckParts(bytes, bundle);
  }
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const fuzz::AlignedInput input(data, size);
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
