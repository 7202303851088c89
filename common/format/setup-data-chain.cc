// SPDX-License-Identifier: BSD-2-Clause
// The setup_data chain: a linked list through physical memory.

#include "common/format/setup-data-chain.h"

#include <algorithm>

#include "common/mem/phys-read.h"

namespace holdfast {
namespace {

Result<PhysRange> IndirectTarget(const PhysMemory& memory, PhysRange payload) {
  if (payload.size() < sizeof(SetupIndirect)) {
    return Error{Errc::kTruncated, payload.end().raw()};
  }
  TRY_ASSIGN(const SetupIndirect indirect, ReadAt<SetupIndirect>(memory, payload.start()));
  if (indirect.type.value() == kSetupIndirect) {
    return PhysRange();
  }
  return PhysRange::FromStartSize(PhysAddr(indirect.addr.value()), indirect.len.value());
}

Result<PhysRange> ImaTarget(const PhysMemory& memory, PhysRange payload) {
  if (payload.size() < sizeof(SetupIma)) {
    return Error{Errc::kTruncated, payload.end().raw()};
  }
  TRY_ASSIGN(const SetupIma ima, ReadAt<SetupIma>(memory, payload.start()));
  return PhysRange::FromStartSize(PhysAddr(ima.addr.value()), ima.size.value());
}

}  // namespace

Status ReadSetupDataChain(const PhysMemory& memory, PhysAddr head, BoundedVector<SetupDataNode>& out) {
  out.Clear();
  for (PhysAddr at = head; at != PhysAddr(0);) {
    if (std::any_of(out.begin(), out.end(), [&](const SetupDataNode& seen) { return seen.node.start() == at; })) {
      return Error{Errc::kCycle, at.raw()};
    }
    if (out.size() == kMaxSetupDataNodes) {
      return Error{Errc::kTableFull, kMaxSetupDataNodes};
    }
    TRY_ASSIGN(const SetupDataHeader header, ReadAt<SetupDataHeader>(memory, at));
    SetupDataNode node;
    TRY_ASSIGN(node.node, PhysRange::FromStartSize(at, sizeof(header) + std::uint64_t{header.len.value()}));
    node.payload = node.node.From(PhysAddr(at.raw() + sizeof(header)));
    node.type = header.type.value();
    if (node.type == kSetupIndirect) {
      TRY_ASSIGN(node.indirect, IndirectTarget(memory, node.payload));
    } else if (node.type == kSetupIma) {
      TRY_ASSIGN(node.indirect, ImaTarget(memory, node.payload));
    }
    TRY(out.Append(node));
    at = PhysAddr(header.next.value());
  }
  return kDone;
}

}  // namespace holdfast
