// SPDX-License-Identifier: BSD-2-Clause
// The handovers that only firmware can lead to.

#include "efi-stub/handover-sources.h"

#include <bit>

#include "common/abi/handover-fdt.h"
#include "common/abi/kho.h"
#include "common/abi/setup-data.h"
#include "common/format/fdt.h"
#include "common/mem/phys-read.h"
#include "efi-stub/explain.h"

namespace holdfast::efi {
namespace {

constexpr std::string_view kSectionName = "section .dtb";
constexpr std::string_view kFileName = "\\EFI\\holdfast\\handover.dtb";
constexpr std::string_view kVariableName = "HoldfastHandover variable";
// It stays, and so does the refusal, until somebody takes it away.
constexpr std::string_view kStrangeVariable =
    "HoldfastHandover variable (mkhandover variable --clear, or firmware's setup, takes it away)";
constexpr EFI_GUID kVendorGuid = std::bit_cast<EFI_GUID>(kHoldfastVendorGuid);
// The record, and what a later version may have beside it.
constexpr std::size_t kMaxVariableSize = 1024;

// Memory that a variable from the last kernel may name.  Reserved memory of this boot is firmware's, or a device's,
// which is not to be read.
constexpr bool MayBeNamed(MemType type) { return IsRam(type) || type == MemType::kPmem; }

template <bool (*Accept)(MemType)>
const std::byte* ReadByMap(const void* backing, PhysRange range) {
  const auto& map = *static_cast<const MemoryMap*>(backing);
  return map.FirstNot(range, Accept) ? nullptr : reinterpret_cast<const std::byte*>(range.start().raw());
}

Result<PhysRange> RangeOf(std::span<const std::byte> bytes) {
  return PhysRange::FromStartSize(PhysAddr(reinterpret_cast<std::uintptr_t>(bytes.data())), bytes.size());
}

// The tree without what is behind it; all there is where it does not read, for ReadHandovers() to refuse.
std::span<const std::byte> TreeIn(std::span<const std::byte> bytes) {
  const auto tree = FdtView::Open(bytes);
  return tree.ok() ? tree.value().bytes() : bytes;
}

class Finder {
 public:
  Finder(const Firmware& firmware, const Self& self, const PeImage& own, bool is_secure, const MemoryMap& map,
         Storage& storage, HandoverSources& out, Problem& problem)
      : firmware_(firmware),
        self_(self),
        own_(own),
        is_secure_(is_secure),
        map_(map),
        storage_(storage),
        out_(out),
        problem_(problem) {}

  Status FindAll() {
    TRY(AddSection());
    TRY(AddFile());
    TRY(FollowVariable());
    return AddListed();
  }

 private:
  Status AddTree(std::span<const std::byte> bytes, std::string_view name, bool is_outside) {
    if (bytes.size() > kMaxHandoverSize) {
      return Explain(problem_, {Errc::kTooLarge, kMaxHandoverSize}, name);
    }
    const auto range = RangeOf(bytes);
    TRY(Check(problem_, range, name));
    return Check(problem_, out_.trees.Append({.option = {range.value(), Sha256::Of(bytes)}, .is_outside = is_outside}),
                 name);
  }

  Status AddSection() {
    const auto section = own_.Find(".dtb");
    return section ? AddTree(TreeIn(*section), kSectionName, /*is_outside=*/false) : Status(kDone);
  }

  Status AddFile() {
    const auto size = firmware_.FileSize(self_.device, kHandoverFile);
    if (!size.ok() && size.error().code == Errc::kNotFound) {
      return kDone;
    }
    TRY(Check(problem_, size, kFileName));
    if (size.value() > storage_.handover_file.size()) {
      return Explain(problem_, {Errc::kTooLarge, storage_.handover_file.size()}, kFileName);
    }
    const auto bytes = std::span(storage_.handover_file).first(static_cast<std::size_t>(size.value()));
    TRY(Check(problem_, firmware_.ReadFile(self_.device, kHandoverFile, bytes), kFileName));
    return AddTree(TreeIn(bytes), kFileName, is_secure_);
  }

  Status FollowVariable() {
    std::array<std::byte, kMaxVariableSize> storage{};
    std::uint32_t attributes = 0;
    const auto bytes = firmware_.GetVariable(kHandoverVariable, kVendorGuid, storage, &attributes);
    if (!bytes.ok() && bytes.error().code == Errc::kNotFound) {
      return kDone;
    }
    TRY(Check(problem_, bytes, kStrangeVariable));
    HandoverVariable variable;
    TRY(Check(problem_, DecodeHandoverVariable(bytes.value(), variable), kStrangeVariable));
    if (variable.is_one_shot) {
      // A boot that this very handover breaks would come back to it for ever.
      const Status deleted = firmware_.SetVariable(kHandoverVariable, kVendorGuid, attributes, {});
      TRY(Check(problem_, deleted, kVariableName));
      out_.one_shot = {variable, attributes};
    }
    TRY(CheckNamed(variable.at));
    TRY(CheckNamed(variable.scratch));
    if (variable.kind == HandoverVariableKind::kKho) {
      return AddKho(variable);
    }
    const TreePlace place{.option = {variable.at, variable.digest}, .is_outside = is_secure_};
    return Check(problem_, out_.trees.Append(place), kVariableName);
  }

  Status CheckNamed(PhysRange range) {
    const auto gap = map_.FirstNot(range, MayBeNamed);
    return gap ? Status(Explain(problem_, {Errc::kUnreadable, gap->range.start().raw()}, kVariableName, range))
               : Status(kDone);
  }

  // Nodes have no digest: its tree is verified here.
  Status AddKho(const HandoverVariable& variable) {
    if (variable.at.size() > kMaxHandoverSize) {
      return Explain(problem_, {Errc::kTooLarge, kMaxHandoverSize}, kVariableName, variable.at);
    }
    const auto tree = PhysMemory(&ReadByMap<MayBeNamed>, &map_).View(variable.at);
    TRY(Check(problem_, tree, kVariableName, variable.at));
    if (Sha256::Of(tree.value()) != variable.digest) {
      return Explain(problem_, {Errc::kBadDigest, variable.at.start().raw()}, kVariableName, variable.at);
    }
    out_.kho_tree = tree.value();
    out_.kho = {.header = {.next = Le64(0), .type = Le32(kSetupKexecKho), .len = Le32(sizeof(KhoData))},
                .record = std::bit_cast<std::array<std::byte, sizeof(KhoData)>>(
                    KhoData{.fdt_addr = Le64(variable.at.start().raw()),
                            .fdt_size = Le64(variable.at.size()),
                            .scratch_addr = Le64(variable.scratch.start().raw()),
                            .scratch_size = Le64(variable.scratch.size())})};
    const auto node = RangeOf(std::as_bytes(std::span(&out_.kho, 1)));
    TRY(Check(problem_, node, kVariableName));
    const PhysAddr payload(node.value().start().raw() + sizeof(SetupDataHeader));
    return Check(
        problem_,
        out_.nodes.Append(
            {.node = node.value(), .payload = node.value().From(payload), .type = kSetupKexecKho, .indirect = {}}),
        kVariableName);
  }

  // As any boot loader may describe the machine with such a table, one that is not ours is of no concern.
  Status AddListed() {
    const auto tree = ListedTree();
    if (!tree) {
      return kDone;
    }
    TRY(AddTree(tree->bytes(), "device-tree configuration table", is_secure_));
    out_.trees.back().is_listed = true;
    return kDone;
  }

  // nullopt: there is none, or it is not a handover.
  std::optional<FdtView> ListedTree() const {
    const auto start = firmware_.ConfigTable(kDeviceTreeGuid);
    if (!start || !IsAligned(start->raw(), sizeof(std::uint64_t))) {
      return std::nullopt;
    }
    const PhysMemory memory(&ReadByMap<MayHoldListedTree>, &map_);
    // Of any tree the first words are its magic and its size (Devicetree Specification 0.4, 5.2).
    struct Beginning {
      Be32 magic;
      Be32 total_size;
    };
    const auto beginning = ReadAt<Beginning>(memory, *start);
    if (!beginning.ok()) {
      return std::nullopt;
    }
    const auto range = PhysRange::FromStartSize(*start, beginning.value().total_size.value());
    if (!range.ok() || range.value().size() > kMaxHandoverSize) {
      return std::nullopt;
    }
    const auto bytes = memory.View(range.value());
    const auto tree = bytes.ok() ? FdtView::Open(bytes.value()) : Result<FdtView>(bytes.error());
    const bool is_ours = tree.ok() && tree.value().IsCompatible(tree.value().root(), handover_fdt::kCompatible);
    return is_ours ? std::optional(tree.value()) : std::nullopt;
  }

  const Firmware& firmware_;
  const Self& self_;
  const PeImage& own_;
  bool is_secure_;
  const MemoryMap& map_;
  Storage& storage_;
  HandoverSources& out_;
  Problem& problem_;
};

}  // namespace

Status FindHandoverSources(const Firmware& firmware, const Self& self, const PeImage& own, bool is_secure,
                           const MemoryMap& map, Storage& storage, HandoverSources& out, Problem& problem) {
  return Finder(firmware, self, own, is_secure, map, storage, out, problem).FindAll();
}

Status RestoreVariable(const Firmware& firmware, HandoverSources& sources) {
  if (!sources.one_shot) {
    return kDone;
  }
  const StoredHandoverVariable stored = EncodeHandoverVariable(sources.one_shot->variable);
  TRY(firmware.SetVariable(kHandoverVariable, kVendorGuid, sources.one_shot->attributes,
                           std::as_bytes(std::span(&stored, 1))));
  sources.one_shot.reset();
  return kDone;
}

}  // namespace holdfast::efi
