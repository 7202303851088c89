// SPDX-License-Identifier: BSD-2-Clause
// Lists of memory on a command line that people write by hand, or that a memory test prints: badram= and memmap=.

#include "common/format/memory-lists.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "common/format/command-line.h"

namespace holdfast {
namespace {

constexpr std::uint64_t kAddressBits = (kPhysLimit - 1) & ~(kPageSize - 1);
constexpr std::uint64_t kHighHalf = std::uint64_t{std::numeric_limits<std::uint32_t>::max()} << 32;

// Words between commas, each with its place.
class Words {
 public:
  explicit Words(std::string_view list) : rest_(list), size_(list.size()) {}

  bool done() const { return done_; }
  std::size_t offset() const { return size_ - rest_.size(); }  // of the next word
  std::string_view Next() {
    const std::size_t comma = std::min(rest_.find(','), rest_.size());
    const std::string_view word(rest_.data(), comma);
    done_ = comma == rest_.size();
    rest_.remove_prefix(done_ ? comma : comma + 1);
    return word;
  }

 private:
  std::string_view rest_;
  std::size_t size_;
  bool done_ = false;
};

// Counts through the bits of `free`, which lie anywhere: the next number that has no others.
constexpr std::uint64_t NextWithin(std::uint64_t value, std::uint64_t free) { return (value - free) & free; }

// `where` is the pair's place in the list.
Status AddBadPages(std::uint64_t address, std::uint64_t mask, std::uint64_t where, BoundedVector<ListedRange>& out) {
  if (address >= kPhysLimit) {
    return Error{Errc::kOutOfBounds, where};
  }
  const std::uint64_t checked = ((mask & kHighHalf) == 0 ? mask | kHighHalf : mask) & kAddressBits;
  if ((mask & kAddressBits) == 0) {
    return Error{Errc::kMalformed, where};
  }
  // The bits below the lowest one that is checked make a range of pages; any others that are free make several.
  const std::uint64_t size = std::uint64_t{1} << std::countr_zero(checked);
  const std::uint64_t free = kAddressBits & ~checked & ~(size - 1);
  if (std::popcount(free) > std::countr_zero(kMaxBadRamRanges)) {
    return Error{Errc::kTooLarge, where};
  }
  std::uint64_t varied = 0;
  do {
    TRY_ASSIGN(const PhysRange range, PhysRange::FromStartSize(PhysAddr((address & checked) | varied), size));
    TRY(out.Append({.range = range}));
    varied = NextWithin(varied, free);
  } while (varied != 0);
  return kDone;
}

// One word of memmap=, which stands at `where`.
Status AddMemmap(std::string_view word, std::uint64_t where, BoundedVector<ListedRange>& out) {
  const std::size_t at = word.find_first_of("$!@#%");
  const std::string_view size_text(word.data(), std::min(at, word.size()));
  const auto size = ParseMemSize(size_text);
  if (word == "exactmap" || (size && at == std::string_view::npos)) {
    return kDone;
  }
  if (!size || *size == 0) {
    return Error{Errc::kMalformed, where};
  }
  const char kind = word[at];
  if (kind != '$' && kind != '!') {
    return kDone;
  }
  word.remove_prefix(at + 1);
  const auto start = ParseMemSize(word);
  if (!start) {
    return Error{Errc::kMalformed, where};
  }
  const auto range = PhysRange::FromStartSize(PhysAddr(*start), *size);
  if (!range.ok()) {
    return Error{Errc::kOutOfBounds, where};
  }
  return out.Append({.range = range.value(), .fence = kind == '!' ? Fence::kPram : Fence::kReserved});
}

}  // namespace

Status DecodeBadRam(std::string_view list, BoundedVector<ListedRange>& out) {
  for (Words words(list); !words.done();) {
    const std::size_t where = words.offset();
    const auto address = ParseMemSize(words.Next());
    if (!address || words.done()) {
      return Error{Errc::kMalformed, where};
    }
    const auto mask = ParseMemSize(words.Next());
    if (!mask) {
      return Error{Errc::kMalformed, where};
    }
    TRY(AddBadPages(*address, *mask, where, out));
  }
  return kDone;
}

Status DecodeMemmapList(std::string_view list, BoundedVector<ListedRange>& out) {
  for (Words words(list); !words.done();) {
    const std::size_t where = words.offset();
    TRY(AddMemmap(words.Next(), where, out));
  }
  return kDone;
}

}  // namespace holdfast
