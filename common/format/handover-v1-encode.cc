// SPDX-License-Identifier: BSD-2-Clause
// Our own handover, the other way round: from values to the tree.

#include <algorithm>
#include <cstring>

#include "common/abi/handover-fdt.h"
#include "common/format/handover-v1-layout.h"
#include "common/format/handover-v1.h"
#include "common/format/range-list.h"

namespace holdfast {
namespace {

using namespace handover_fdt;
using namespace handover_v1;

Status CheckRanges(std::span<const PhysRange> ranges, std::size_t index) {
  if (std::any_of(ranges.begin(), ranges.end(), [](PhysRange range) { return range.empty(); })) {
    return Error{Errc::kMalformed, index};
  }
  return kDone;
}

Status CheckEncodable(const HandoverV1& handover) {
  const auto preserved = handover.preserved;
  if (handover.policy.refusal_delay_seconds > kMaxRefusalDelay) {
    return Error{Errc::kMalformed, handover.policy.refusal_delay_seconds};
  }
  if (handover.policy.foreign_fence != Fence::kReserved && handover.policy.foreign_fence != Fence::kHeld) {
    return Error{Errc::kMalformed, static_cast<std::uint64_t>(handover.policy.foreign_fence)};
  }
  if (preserved.size() > kMaxPreservedNames) {
    return Error{Errc::kTableFull, kMaxPreservedNames};
  }
  for (std::size_t i = 0; i < preserved.size(); ++i) {
    const auto before = preserved.first(i);
    const bool stands_twice = std::any_of(before.begin(), before.end(),
                                          [&](const HandoverV1Node& node) { return node.name == preserved[i].name; });
    const bool owner_has_nul = preserved[i].owner.find('\0') != std::string_view::npos;
    const bool says_where = preserved[i].ranges.empty() == preserved[i].range_list.has_value();
    if (!IsPathComponent(preserved[i].name) || stands_twice || owner_has_nul || !says_where) {
      return Error{Errc::kMalformed, i};
    }
    TRY(CheckRanges(preserved[i].ranges, i));
    const auto& list = preserved[i].range_list;
    if (list && (list->range.empty() || list->range.size() > kMaxRangeListSize)) {
      return Error{Errc::kMalformed, i};
    }
  }
  TRY(CheckRanges(handover.scratch, preserved.size()));
  TRY(CheckRanges(handover.ram, preserved.size()));
  return CheckRanges(handover.released, preserved.size());
}

void WriteRanges(FdtWriter& writer, std::span<const PhysRange> ranges) {
  auto space = writer.Space(kPropRanges, ranges.size() * sizeof(StoredRange));
  if (space.empty()) {
    return;
  }
  for (const PhysRange& range : ranges) {
    const StoredRange stored = {Be64(range.start().raw()), Be64(range.size())};
    std::memcpy(space.data(), &stored, sizeof(stored));
    space = space.subspan(sizeof(stored));
  }
}

void WriteListPlace(FdtWriter& writer, const RangeListPlace& list) {
  const StoredListPlace stored = {Be64(list.range.start().raw()), Be64(list.range.size()), list.digest};
  writer.Bytes(kPropRangeList, std::as_bytes(std::span(&stored, 1)));
}

void WriteRoom(FdtWriter& writer, const char* name, std::span<const PhysRange> ranges) {
  if (!ranges.empty()) {
    writer.BeginNode(name);
    WriteRanges(writer, ranges);
    writer.EndNode();
  }
}

void WritePolicy(FdtWriter& writer, const Policy& policy) {
  writer.BeginNode(kNodePolicy);
  writer.String(kPropOnRefusal, TextOf(kOnRefusals, policy.on_refusal));
  writer.U32(kPropRefusalDelay, policy.refusal_delay_seconds);
  writer.String(kPropKaslr, TextOf(kSwitches, policy.kaslr));
  if (policy.mode != ModeWish::kAuto) {
    writer.String(kPropMode, TextOf(kModes, policy.mode));
  }
  if (policy.on_loss != OnLoss::kRefuse) {
    writer.String(kPropOnLoss, TextOf(kOnLosses, policy.on_loss));
  }
  if (policy.overwrite_request != OverwriteRequest::kKeep) {
    writer.String(kPropOverwrite, TextOf(kOverwriteRequests, policy.overwrite_request));
  }
  if (policy.foreign_fence != Fence::kReserved) {
    writer.String(kPropForeignFence, TextOf(kForeignFences, policy.foreign_fence));
  }
  writer.EndNode();
}

void WritePreserved(FdtWriter& writer, std::span<const HandoverV1Node> nodes) {
  writer.BeginNode(kNodePreserved);
  for (const HandoverV1Node& node : nodes) {
    writer.BeginNode(node.name);
    writer.String(kPropFence, TextOf(kFences, node.fence));
    if (!node.owner.empty()) {
      writer.String(kPropOwner, node.owner);
    }
    if (node.sha256) {
      writer.Bytes(kPropSha256, *node.sha256);
    }
    if (node.range_list) {
      WriteListPlace(writer, *node.range_list);
    } else {
      WriteRanges(writer, node.ranges);
    }
    writer.EndNode();
  }
  writer.EndNode();
}

}  // namespace

Result<std::span<const std::byte>> EncodeHandoverV1(const HandoverV1& handover, std::span<std::byte> storage) {
  TRY(CheckEncodable(handover));
  FdtWriter writer(storage.first(std::min<std::size_t>(storage.size(), kMaxHandoverSize)));
  writer.BeginNode("");
  writer.String(kPropCompatible, kCompatible);
  writer.U32(kPropGeneration, handover.generation);
  if (!handover.created_by.empty()) {
    writer.String(kPropCreatedBy, handover.created_by);
  }
  WritePolicy(writer, handover.policy);
  WritePreserved(writer, handover.preserved);
  WriteRoom(writer, kNodeScratch, handover.scratch);
  WriteRoom(writer, kNodeRam, handover.ram);
  WriteRoom(writer, kNodeReleased, handover.released);
  writer.EndNode();
  return writer.Finish();
}

}  // namespace holdfast
