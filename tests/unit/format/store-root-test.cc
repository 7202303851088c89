// SPDX-License-Identifier: BSD-2-Clause
// Tests of the store's roots.

#include <catch2/catch.hpp>

#include <cstring>
#include <vector>

#include "common/format/store.h"
#include "tests/unit/format/expect.h"

namespace holdfast {
namespace {

using test::CheckError;

constexpr std::uint64_t kHuge = 2 * kMiB;

void Fill(StoreRoot& root, std::uint32_t slot, std::uint64_t sequence) {
  root.page_shift = 21;
  root.slot = slot;
  root.sequence = sequence;
  root.index_offset = kStoreRootsSize;
  root.index_size = 320;
  root.pages.Clear();
  REQUIRE(root.pages.Append(PhysAddr(5 * kHuge)).ok());
  REQUIRE(root.pages.Append(PhysAddr(3 * kHuge)).ok());
}

std::vector<std::byte> Encoded(const StoreRoot& root) {
  std::vector<std::byte> out(kStoreRootSize);
  EncodeStoreRoot(root, out);
  return out;
}

std::vector<std::byte> EncodedOf(std::uint32_t slot, std::uint64_t sequence) {
  StoreRoot root;
  Fill(root, slot, sequence);
  return Encoded(root);
}

// Changes one value and seals the page again.
template <typename T>
std::vector<std::byte> With(std::size_t offset, T value) {
  std::vector<std::byte> page = EncodedOf(0, 7);
  std::memcpy(page.data() + offset, &value, sizeof(value));
  constexpr std::size_t kDigest = offsetof(StoredStoreRoot, digest);
  std::fill_n(page.begin() + kDigest, 32, std::byte{0});
  const Digest digest = Sha256::Of(page);
  std::memcpy(page.data() + kDigest, digest.data(), digest.size());
  return page;
}

Status Decode(std::span<const std::byte> bytes) {
  StoreRoot root;
  return DecodeStoreRoot(bytes, &Sha256Blocks, root);
}

TEST_CASE("A root decodes to what was encoded", "[format][store]") {
  StoreRoot root;
  Fill(root, 1, 9);
  root.index_digest[3] = std::byte{0x5a};
  StoreRoot out;
  REQUIRE(DecodeStoreRoot(Encoded(root), &Sha256Blocks, out).ok());
  CHECK(out.page_shift == 21);
  CHECK(out.slot == 1);
  CHECK(out.sequence == 9);
  CHECK(out.index_offset == kStoreRootsSize);
  CHECK(out.index_size == 320);
  CHECK(out.index_digest == root.index_digest);
  REQUIRE(out.pages.size() == 2);
  CHECK(out.pages[0] == PhysAddr(5 * kHuge));
  CHECK(out.pages[1] == PhysAddr(3 * kHuge));
}

TEST_CASE("A root that breaks a rule is refused", "[format][store]") {
  const std::vector<std::byte> sound = EncodedOf(0, 7);
  CHECK(Decode(sound).ok());
  CHECK(BeginsStoreRoot(sound));
  CheckError(Decode(std::span(sound).first(kStoreRootSize - 1)), Errc::kTruncated, kStoreRootSize - 1);
  std::vector<std::byte> flipped = sound;
  flipped[4095] ^= std::byte{1};
  CheckError(Decode(flipped), Errc::kBadDigest, 0);

  CheckError(Decode(With(0, Le64(1))), Errc::kBadMagic, 0);
  CheckError(Decode(With(offsetof(StoredStoreRoot, version), Le32(2))), Errc::kBadVersion, 2);
  CheckError(Decode(With(offsetof(StoredStoreRoot, page_shift), Le32(11))), Errc::kMalformed, 12);
  CheckError(Decode(With(offsetof(StoredStoreRoot, page_shift), Le32(31))), Errc::kMalformed, 12);
  CheckError(Decode(With(offsetof(StoredStoreRoot, slot), Le32(2))), Errc::kMalformed, 76);
  CheckError(Decode(With(offsetof(StoredStoreRoot, num_pages), Le32(0))), Errc::kMalformed, 72);
  CheckError(Decode(With(offsetof(StoredStoreRoot, num_pages), Le32(kMaxStoreIndexPages + 1))), Errc::kMalformed, 72);
  CheckError(Decode(With(offsetof(StoredStoreRoot, index_offset), Le64(kStoreRootSize))), Errc::kMalformed, 24);
  CheckError(Decode(With(offsetof(StoredStoreRoot, index_offset), Le64(kStoreRootsSize + 4))), Errc::kMalformed, 24);
  CheckError(Decode(With(offsetof(StoredStoreRoot, index_offset), Le64(2 * kHuge + 8))), Errc::kMalformed, 24);
  CheckError(Decode(With(offsetof(StoredStoreRoot, index_size), Le64(0))), Errc::kMalformed, 32);
  CheckError(Decode(With(offsetof(StoredStoreRoot, index_size), Le64(2 * kHuge - kStoreRootsSize + 1))),
             Errc::kMalformed, 32);
  CHECK(Decode(With(offsetof(StoredStoreRoot, index_size), Le64(2 * kHuge - kStoreRootsSize))).ok());
  CheckError(Decode(With(offsetof(StoredStoreRoot, index_size), Le64(kMaxStoreIndexSize + 1))), Errc::kTooLarge,
             kMaxStoreIndexSize);
  CheckError(Decode(With(sizeof(StoredStoreRoot), Le64(kHuge + kPageSize))), Errc::kMisaligned, kHuge + kPageSize);
  CheckError(Decode(With(sizeof(StoredStoreRoot), Le64(kPhysLimit))), Errc::kOutOfBounds, kPhysLimit);
  CheckError(Decode(With(sizeof(StoredStoreRoot) + 16, Le64(1))), Errc::kMalformed, sizeof(StoredStoreRoot) + 16);
}

// Two pages of roots and which of them is taken.
Status Choose(const std::vector<std::byte>& a, const std::vector<std::byte>& b, StoreRoot& out) {
  std::vector<std::byte> both = a;
  both.insert(both.end(), b.begin(), b.end());
  return ChooseStoreRoot(both, &Sha256Blocks, out);
}

TEST_CASE("Of two roots the newer one counts, and a broken one does not", "[format][store]") {
  StoreRoot out;
  REQUIRE(Choose(EncodedOf(0, 7), EncodedOf(1, 8), out).ok());
  CHECK(out.sequence == 8);
  REQUIRE(Choose(EncodedOf(0, 9), EncodedOf(1, 8), out).ok());
  CHECK(out.sequence == 9);

  // What an interrupted write leaves, at any byte of it.
  const std::vector<std::byte> old = EncodedOf(1, 6);
  const std::vector<std::byte> next = EncodedOf(1, 8);
  for (std::size_t written = 0; written < kStoreRootSize; written += 8) {
    std::vector<std::byte> torn = old;
    std::copy_n(next.begin(), written, torn.begin());
    REQUIRE(Choose(EncodedOf(0, 7), torn, out).ok());
    // The page behind the digest is the same in both: once all that differs is written, it is the next one.
    CHECK(out.sequence == (torn == next ? 8u : 7u));
    CHECK(out.other_is_broken == (torn != next && torn != old));
  }
  REQUIRE(Choose(EncodedOf(0, 7), std::vector<std::byte>(kStoreRootSize), out).ok());
  CHECK(out.sequence == 7);
  CHECK_FALSE(out.other_is_broken);
}

TEST_CASE("Without a root to believe, the reason is given", "[format][store]") {
  StoreRoot out;
  const std::vector<std::byte> nothing(kStoreRootSize);
  CheckError(Choose(nothing, nothing, out), Errc::kBadMagic, 0);
  CheckError(ChooseStoreRoot(nothing, &Sha256Blocks, out), Errc::kTruncated, kStoreRootSize);
  CheckError(Choose(EncodedOf(0, 7), EncodedOf(1, 7), out), Errc::kMalformed, kStoreRootSize + 16);
  // A root in the other one's place.
  CheckError(Choose(EncodedOf(1, 7), nothing, out), Errc::kMalformed, offsetof(StoredStoreRoot, slot));
  // A newer version is never taken for a broken one, behind which an older state would come up.
  CheckError(Choose(EncodedOf(0, 7), With(offsetof(StoredStoreRoot, version), Le32(2)), out), Errc::kBadVersion, 2);
  CheckError(Choose(nothing, With(offsetof(StoredStoreRoot, version), Le32(3)), out), Errc::kBadVersion, 3);
}

TEST_CASE("An index is verified against its root", "[format][store]") {
  std::vector<std::byte> index(320, std::byte{7});
  StoreRoot root;
  Fill(root, 0, 1);
  root.index_digest = Sha256::Of(index);
  CHECK(VerifyStoreIndex(root, index, &Sha256Blocks).ok());
  CheckError(VerifyStoreIndex(root, std::span(index).first(319), &Sha256Blocks), Errc::kTruncated, 319);
  index[100] ^= std::byte{1};
  CheckError(VerifyStoreIndex(root, index, &Sha256Blocks), Errc::kBadDigest, kStoreRootsSize);
}

}  // namespace
}  // namespace holdfast
