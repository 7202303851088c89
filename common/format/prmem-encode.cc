// SPDX-License-Identifier: BSD-2-Clause
// prmem, the other way round.

#include <algorithm>
#include <cstring>

#include "common/abi/prmem.h"
#include "common/format/prmem-lists.h"
#include "common/format/prmem.h"

namespace holdfast {
namespace {

// A place of links, and where it is to the sender.
struct Place {
  std::byte* bytes;
  std::uint64_t address;  // virtual
};

template <typename T>
void Put(std::byte* to, const T& value) {
  std::memcpy(to, &value, sizeof(T));
}

// Appends to a circle of links.
class ListWriter {
 public:
  explicit ListWriter(const Place& head) : head_(head), last_(head) { Link(head_, head_); }

  void Add(const Place& place) {
    Link(last_, place);
    Link(place, head_);
    last_ = place;
  }

 private:
  static void Link(const Place& from, const Place& to) {
    Put(from.bytes + offsetof(PrmemListHead, next), Le64(to.address));
    Put(to.bytes + offsetof(PrmemListHead, prev), Le64(from.address));
  }

  Place head_;
  Place last_;
};

template <std::size_t N>
Status PutText(std::array<char, N>& to, std::string_view text) {
  if (text.size() >= N) {
    return Error{Errc::kTooLarge, N - 1};
  }
  std::copy(text.begin(), text.end(), to.begin());
  return kDone;
}

class Writer {
 public:
  Writer(const PrmemImage& image, const PrmemVariant& variant, const PageArena::Page& page)
      : image_(image), variant_(variant), map_(image.direct_map), page_(page) {}

  void WriteRegions(const RegionHeads& heads) {
    ListWriter list(At(variant_.regions));
    for (const PhysRange& region : image_.regions) {
      PrmemRegion record{};
      record.pa.Set(region.start().raw());
      record.size.Set(region.size());
      record.chunk.Set(map_.ToVirtual(region.start()) + sizeof(record));
      std::byte* const bytes = heads.At(region);
      Put(bytes, record);
      list.Add({bytes, map_.ToVirtual(region.start())});
      size_ += region.size();
    }
  }

  Status WriteInstances(PageArena& arena) {
    if (variant_.instances == 0) {
      return image_.instances.empty() ? Status(kDone) : Error{Errc::kUnsupported, variant_.size};
    }
    ListWriter list(At(variant_.instances));
    for (const PrmemInstance& instance : image_.instances) {
      TRY_ASSIGN(const PageArena::Page page, arena.Take());
      PrmemInstanceRecord record{};
      TRY(PutText(record.subsystem, instance.subsystem));
      TRY(PutText(record.name, instance.name));
      record.data.Set(instance.data == PhysAddr(0) ? 0 : map_.ToVirtual(instance.data));
      record.size.Set(instance.size);
      Put(page.bytes, record);
      list.Add({page.bytes, map_.ToVirtual(page.at)});
    }
    return kDone;
  }

  PrmemOption Finish() {
    PrmemMetadataStart start{Le64(), Le64(page_.at.raw()), Le64(size_)};
    Put(page_.bytes, start);
    if (variant_.has_expansion) {
      Put(page_.bytes + sizeof(start), PrmemExpansion{Le64(size_), Le64(size_)});
    }
    std::uint64_t sum = 0;
    for (std::size_t offset = 0; offset < variant_.size; offset += sizeof(Le64)) {
      Le64 word;
      std::memcpy(&word, page_.bytes + offset, sizeof(word));
      sum += word.value();
    }
    start.checksum.Set(sum);
    Put(page_.bytes, start);
    return {.metadata = page_.at, .size = size_};
  }

 private:
  Place At(std::uint32_t offset) const {
    return {page_.bytes + offset, map_.ToVirtual(PhysAddr(page_.at.raw() + offset))};
  }

  const PrmemImage& image_;
  const PrmemVariant& variant_;
  DirectMap map_;
  PageArena::Page page_;
  std::uint64_t size_ = 0;
};

}  // namespace

Result<PrmemOption> EncodePrmem(const PrmemImage& image, const RegionHeads& heads, PageArena& arena) {
  const auto* const variant = std::find_if(kPrmemVariants.begin(), kPrmemVariants.end(),
                                           [&](const PrmemVariant& v) { return v.size == image.metadata_size; });
  if (variant == kPrmemVariants.end()) {
    return Error{Errc::kUnsupported, image.metadata_size};
  }
  TRY_ASSIGN(const PageArena::Page page, arena.Take());
  Writer writer(image, *variant, page);
  writer.WriteRegions(heads);
  TRY(writer.WriteInstances(arena));
  return writer.Finish();
}

}  // namespace holdfast
