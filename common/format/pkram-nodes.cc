// SPDX-License-Identifier: BSD-2-Clause
// PKRAM's contents: named nodes, their objects, and the pages and bytes of each.

#include "common/format/pkram-nodes.h"

#include <algorithm>

#include "common/abi/pkram.h"
#include "common/format/pkram.h"
#include "common/mem/cycle-guard.h"
#include "common/mem/phys-read.h"

namespace holdfast {
namespace {

// An object, whichever form it was written in.
struct Object {
  PkramObject shown;
  PhysAddr pages;     // first link page
  PhysAddr bytes;     // first link page of the byte stream
  PhysAddr one_page;  // the byte stream of 2020
  PhysAddr next;
};

bool IsOf2020(PkramObjectForm form) { return form != PkramObjectForm::kStreams; }

// What all forms call by the same names.
template <typename Stored>
Object Begin(const StoredPage& page, PkramObjectForm form, const Stored& stored) {
  Object out;
  out.shown = {.at = page.at(), .form = form};
  out.shown.data_length = stored.data_len.value();
  out.next = AddressOfPfn(stored.obj_pfn.value());
  return out;
}

Object DecodeObject(const StoredPage& page, PkramObjectForm form) {
  if (form == PkramObjectForm::kStreams) {
    const auto stored = page.Get<PkramObjectStreams>(0);
    Object out = Begin(page, form, stored);
    out.pages = AddressOfPfn(stored.pages_head_pfn.value());
    out.bytes = AddressOfPfn(stored.bytes_head_pfn.value());
    return out;
  }
  // The two of 2020 differ in where their fields are.
  const auto decode = [&](const auto& stored, Le64 pages) {
    Object out = Begin(page, form, stored);
    out.pages = AddressOfPfn(pages.value());
    out.one_page = AddressOfPfn(stored.data_pfn.value());
    return out;
  };
  if (form == PkramObjectForm::kRfc2020) {
    const auto stored = page.Get<PkramObjectRfc>(0);
    return decode(stored, stored.link_pfn);
  }
  const auto stored = page.Get<PkramObjectIntel>(0);
  return decode(stored, stored.link_first_pfn);
}

// All pages of a node's name, the end included.
Result<std::string_view> NameOf(const StoredPage& page) {
  constexpr std::size_t kSize = std::tuple_size_v<decltype(PkramNodePage::name)>;
  const auto bytes = page.Bytes(offsetof(PkramNodePage, name), kSize);
  const auto end = std::find(bytes.begin(), bytes.end(), std::byte{0});
  if (end == bytes.end()) {
    return Error{Errc::kMalformed, page.at().raw()};
  }
  return std::string_view(static_cast<const char*>(static_cast<const void*>(bytes.data())),
                          static_cast<std::size_t>(end - bytes.begin()));
}

// With no sink it only finds out whether all is as the form says.
class Walker {
 public:
  Walker(const PhysMemory& memory, const PreservedMap& kept, PkramObjectForm form, const PkramSink* sink)
      : memory_(memory), kept_(kept), form_(form), sink_(sink) {}

  Status Walk(PhysAddr first_node) {
    CycleGuard guard;
    std::uint64_t count = 0;
    for (PhysAddr at = first_node; at != PhysAddr(0); ++count) {
      TRY(guard.Visit(at));
      if (count == kMaxPkramNodes) {
        return Error{Errc::kTooLarge, kMaxPkramNodes};
      }
      TRY_ASSIGN(const StoredPage page, KeptPage(at));
      TRY_ASSIGN(const std::string_view name, NameOf(page));
      const auto node = page.Get<PkramNodePage>(0);
      if ((node.flags.value() & (kPkramSaving | kPkramLoading)) != 0 || !IsNewName(first_node, at, name)) {
        return Error{Errc::kMalformed, at.raw()};
      }
      TRY(sink_ == nullptr ? Status(kDone) : sink_->Node({.at = at, .name = name}));
      TRY(WalkObjects(AddressOfPfn(node.obj_pfn.value())));
      at = AddressOfPfn(node.node_pfn.value());
    }
    return kDone;
  }

 private:
  // A page of PKRAM's own has to be kept as well.
  Result<StoredPage> KeptPage(PhysAddr at) const {
    TRY_ASSIGN(const StoredPage page, StoredPage::At(memory_, at));
    TRY(CheckKept(page.range()));
    return page;
  }

  Status CheckKept(PhysRange range) const {
    PhysRange rest = range;
    while (!rest.empty()) {
      const std::size_t i = kept_.FirstEndingAfter(rest.start());
      if (i == kept_.size() || !kept_.view()[i].range.Contains(rest.start())) {
        return Error{Errc::kMalformed, range.start().raw()};
      }
      rest = rest.From(kept_.view()[i].range.end());
    }
    return kDone;
  }

  // Those before it were read already.
  bool IsNewName(PhysAddr first, PhysAddr node, std::string_view name) const {
    for (PhysAddr at = first; at != node;) {
      const auto page = StoredPage::At(memory_, at);
      if (!page.ok()) {
        return false;
      }
      const auto other = NameOf(page.value());
      if (!other.ok() || other.value() == name) {
        return false;
      }
      at = AddressOfPfn(page.value().U64(offsetof(PkramNodePage, node_pfn)));
    }
    return true;
  }

  Status CountPage() {
    if (num_links_ == kMaxPkramLinks) {
      return Error{Errc::kTooLarge, kMaxPkramLinks};
    }
    ++num_links_;
    return kDone;
  }

  Status WalkObjects(PhysAddr first) {
    CycleGuard guard;
    for (PhysAddr at = first; at != PhysAddr(0);) {
      TRY(guard.Visit(at));
      TRY(CountPage());
      TRY_ASSIGN(const StoredPage page, KeptPage(at));
      const Object object = DecodeObject(page, form_);
      TRY(sink_ == nullptr ? Status(kDone) : sink_->Object(object.shown));
      TRY(WalkLinks(object.pages, /*is_data=*/false));
      TRY(WalkData(object));
      at = object.next;
    }
    return kDone;
  }

  // A byte stream has the pages that its length asks for, no more.
  Status WalkData(const Object& object) {
    num_data_ = 0;
    if (!IsOf2020(form_)) {
      TRY(WalkLinks(object.bytes, /*is_data=*/true));
    } else if (object.one_page != PhysAddr(0)) {
      TRY(TakePage(object.one_page, {.is_data = true}));
    }
    const std::uint64_t length = object.shown.data_length;
    const std::uint64_t wanted = length / kPageSize + (length % kPageSize != 0 ? 1 : 0);
    return num_data_ == wanted ? Status(kDone) : Error{Errc::kMalformed, object.shown.at.raw()};
  }

  Status WalkLinks(PhysAddr first, bool is_data) {
    CycleGuard guard;
    for (PhysAddr at = first; at != PhysAddr(0);) {
      TRY(guard.Visit(at));
      TRY(CountPage());
      TRY_ASSIGN(const StoredPage link, KeptPage(at));
      std::uint64_t index = link.U64(offsetof(PkramLinkPage, index));
      for (std::size_t i = offsetof(PkramLinkPage, entries); i < kPageSize; i += sizeof(Le64)) {
        const std::uint64_t entry = link.U64(i);
        if (entry == 0) {
          break;
        }
        const auto order = static_cast<std::uint8_t>(entry & kPkramOrderMask);
        if (is_data && order != 0) {
          return Error{Errc::kMalformed, link.WhereOf(i)};
        }
        const auto flags = static_cast<std::uint8_t>(entry >> kPkramFlagsShift & kPkramFlagsMask);
        TRY(TakePage(PhysAddr(AlignDown(entry, kPageSize)),
                     {.is_data = is_data, .index = index, .order = order, .flags = flags}));
        index += std::uint64_t{1} << order;
      }
      at = AddressOfPfn(link.U64(offsetof(PkramLinkPage, link_pfn)));
    }
    return kDone;
  }

  Status TakePage(PhysAddr at, PkramPage page) {
    const std::uint64_t size = kPageSize << page.order;
    if (!IsAligned(at.raw(), size)) {
      return Error{Errc::kMisaligned, at.raw()};
    }
    TRY_ASSIGN(page.range, PhysRange::FromStartSize(at, size));
    TRY(CheckKept(page.range));
    num_data_ += page.is_data ? 1 : 0;
    return sink_ == nullptr ? Status(kDone) : sink_->Page(page);
  }

  const PhysMemory& memory_;
  const PreservedMap& kept_;
  PkramObjectForm form_;
  const PkramSink* sink_;
  std::uint64_t num_links_ = 0;
  std::uint64_t num_data_ = 0;  // of the object
};

}  // namespace

Status WalkPkramNodes(PhysAddr super_block, const PhysMemory& memory, const PreservedMap& kept, const PkramSink& sink) {
  TRY_ASSIGN(const PkramSuperBlock super, ReadPkramSuperBlock(super_block, memory));
  PkramObjectForm form = PkramObjectForm::kStreams;
  if (super.form == PkramForm::kPageTable) {
    form = PkramObjectForm::kRfc2020;
    // If neither fits, the error is that of the form that was posted.
    if (!Walker(memory, kept, form, nullptr).Walk(super.first_node).ok() &&
        Walker(memory, kept, PkramObjectForm::kIntel2020, nullptr).Walk(super.first_node).ok()) {
      form = PkramObjectForm::kIntel2020;
    }
  }
  return Walker(memory, kept, form, &sink).Walk(super.first_node);
}

}  // namespace holdfast
