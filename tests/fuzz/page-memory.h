// SPDX-License-Identifier: BSD-2-Clause
// A few pages of physical memory from a fuzzer's input, whose words lead mostly to one another.
//
// The input is a header and then stores, 12 bytes each: page, word (16 bits), kind, value (64 bits).  The kind makes an
// address, a page frame number or a virtual address of one of the pages of almost any value, so that cycles, shared
// pages and odd pointers are met as often as wild ones.

#pragma once

#include <array>
#include <vector>

#include "common/abi/prmem.h"
#include "common/base/byte-reader.h"
#include "common/mem/kept-block.h"
#include "common/mem/phys-memory.h"
#include "tests/fuzz/fuzz-input.h"

namespace holdfast::fuzz {

class PageMemory {
 public:
  static constexpr std::uint64_t kStart = 0x10000000;
  static constexpr std::uint64_t kPages = 32;
  static constexpr std::uint64_t kSize = kPages * kPageSize;
  static constexpr std::size_t kWordsPerPage = kPageSize / sizeof(Le64);
  // What a target makes of it is its own.
  using Header = std::array<std::uint8_t, 8>;

  // One at a time.
  PageMemory(const std::uint8_t* data, std::size_t size) : bytes_(CleanPages()) {
    ByteReader input(std::as_bytes(std::span(data, size)));
    if (const auto header = input.Read<Header>(); header.ok()) {
      header_ = header.value();
    }
    for (auto store = input.Read<Store>(); store.ok(); store = input.Read<Store>()) {
      Apply(store.value());
    }
  }

  const Header& header() const { return header_; }
  std::uint64_t header_word(std::size_t first) const {
    return header_[first] | std::uint64_t{header_[first + 1]} << 8 | std::uint64_t{header_[first + 2]} << 16;
  }
  static PhysAddr PageAt(std::uint64_t i) { return PhysAddr(kStart + i % kPages * kPageSize); }
  std::span<std::byte> bytes() { return bytes_; }
  PhysMemory memory() const { return PhysMemory(&Read, this); }

  // The input that makes `bytes`, which lie at kStart.
  static std::vector<std::byte> InputOf(const Header& header, std::span<const std::byte> bytes) {
    std::vector<std::byte> out;
    Append(out, header);
    for (std::size_t i = 0; i < bytes.size() / sizeof(Le64); ++i) {
      Le64 word;
      std::memcpy(&word, bytes.data() + i * sizeof(word), sizeof(word));
      if (word.value() != 0) {
        Append(out, StoreOf(i, word.value()));
      }
    }
    return out;
  }

 private:
  enum Kind : std::uint8_t { kRaw, kAddress, kPfn, kVirtual4, kVirtual5, kFill, kNumKinds };
  struct Store {
    std::uint8_t page;
    Le16 word;
    std::uint8_t kind;
    Le64 value;
  };
  static_assert(sizeof(Store) == 12);

  // A walk that reads so much is only slow.
  static constexpr std::uint64_t kMaxViews = 20000;

  // To map new ones for each input would take most of the time.
  static std::span<std::byte> CleanPages() {
    static std::vector<std::byte> pages(kSize);
    std::memset(pages.data(), 0, pages.size());
    return pages;
  }

  template <typename T>
  static void Append(std::vector<std::byte>& out, const T& value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }

  static Store StoreOf(std::size_t i, std::uint64_t value) {
    Store store{static_cast<std::uint8_t>(i / kWordsPerPage), Le16(static_cast<std::uint16_t>(i % kWordsPerPage)), kRaw,
                Le64(value)};
    const auto relative = [&](Kind kind, std::uint64_t base) {
      if (value >= base && value - base < kSize) {
        store.kind = kind;
        store.value.Set(value - base);
      }
    };
    relative(kAddress, kStart);
    relative(kVirtual4, kDirectMap4Level + kStart);
    relative(kVirtual5, kDirectMap5Level + kStart);
    if (value >= kStart / kPageSize && value < kStart / kPageSize + kPages) {
      store.kind = kPfn;
      store.value.Set(value - kStart / kPageSize);
    }
    return store;
  }

  void Apply(const Store& store) {
    const std::uint64_t value = store.value.value();
    const std::size_t at = (store.page % kPages * kWordsPerPage + store.word.value() % kWordsPerPage) * sizeof(Le64);
    switch (store.kind % kNumKinds) {
      case kAddress:
        return Put(at, kStart + value % kSize);
      case kPfn:
        return Put(at, kStart / kPageSize + value % kPages);
      case kVirtual4:
        return Put(at, kDirectMap4Level + kStart + value % kSize);
      case kVirtual5:
        return Put(at, kDirectMap5Level + kStart + value % kSize);
      case kFill:  // Many entries that lead to one page.
        for (std::size_t i = 0; i < kWordsPerPage && at + i * sizeof(Le64) < bytes_.size(); ++i) {
          Put(at + i * sizeof(Le64), kStart + value % kSize);
        }
        return;
      default:
        return Put(at, value);
    }
  }
  void Put(std::size_t at, std::uint64_t value) {
    const Le64 stored(value);
    std::memcpy(bytes_.data() + at, &stored, sizeof(stored));
  }

  static const std::byte* Read(const void* backing, PhysRange range) {
    const auto& self = *static_cast<const PageMemory*>(backing);
    const auto all = PhysRange::FromStartSize(PhysAddr(kStart), kSize).value();
    if (!all.Contains(range) || ++self.views_ > kMaxViews) {
      return nullptr;
    }
    return self.bytes_.data() + (range.start().raw() - kStart);
  }

  Header header_{};
  std::span<std::byte> bytes_;
  mutable std::uint64_t views_ = 0;
};

// Takes blocks of pages below the limit; the first error ends the walk, as in the stage.
class BlockCheck {
 public:
  explicit BlockCheck(PreservedMap& kept) : kept_(kept) {}

  BlockSink sink() { return BlockSink(&Add, this); }

 private:
  static Status Add(void* self, const KeptBlock& block) {
    Check(!block.range.empty(), "no block is empty");
    Check(block.range == block.range.RoundedOut(kPageSize), "a block is made of pages");
    Check(block.range.end() <= PhysAddr(kPhysLimit), "a block ends at or below the limit");
    return static_cast<BlockCheck*>(self)->kept_.Add({.range = block.range, .kind = block.kind});
  }

  PreservedMap& kept_;
};

}  // namespace holdfast::fuzz
