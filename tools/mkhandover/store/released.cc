// SPDX-License-Identifier: BSD-2-Clause
// Memory that the kernel before this one kept, and that nobody needs any more.

#include "tools/mkhandover/store/released.h"

#include "common/plan/fence-map.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/range-lists.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kDevMem = "/dev/mem";
constexpr std::string_view kFirmwareShell = "efi";

using Ranges = std::vector<PhysRange>;

void Append(Ranges& to, std::span<const PhysRange> more) { to.insert(to.end(), more.begin(), more.end()); }

Ranges KeptBy(const BootReport& report) {
  Ranges out;
  for (const KeptRange& kept : report.kept) {
    out.push_back(kept.range);
  }
  SortAndJoin(out, /*overlapping=*/true);
  return out;
}

template <typename Accept>
Ranges RangesOf(std::span<const MemEntry> map, Accept accept) {
  Ranges out;
  for (const MemEntry& entry : map) {
    if (accept(entry.type)) {
      out.push_back(entry.range);
    }
  }
  return out;
}

// RAM between kept ranges that the stage gave up, so that the map had fewer entries.
Ranges ClosedBy(const BootReport& report) {
  if (report.closed_bytes == 0) {
    return {};
  }
  const Ranges before = RangesOf(report.map_before, IsRam);
  const Ranges after = RangesOf(report.map_after, IsFenceType);
  return Minus(Within(before, after), KeptBy(report));
}

// What of the handover's pieces `accept(piece)` takes, and the stage has kept.
template <typename Accept>
Ranges PiecesOf(const HandoverFile& handover, const BootReport& report, Accept accept) {
  Ranges out;
  for (const KeptPiece& piece : handover.pieces()) {
    if (accept(piece)) {
      out.push_back(piece.range);
    }
  }
  return Within(out, KeptBy(report));
}

bool IsOwnPage(const KeptPiece& piece) { return piece.name == kOwnPageName && piece.owner == kOwnPageOwner; }
bool IsStores(const KeptPiece& piece) { return piece.owner == kStoreOwner; }

Ranges FindReleased(const ReportFile& report, const ReleaseWish& wish) {
  const HandoverFile before(report.handover(), "the report's handover", kDevMem);
  before.RequireNoProblem();
  const Ranges stores = PiecesOf(before, report.report(), IsStores);
  Ranges out = PiecesOf(before, report.report(), IsOwnPage);
  // Firmware hands out memory anew: what was to be released on the way there may be its own by now.
  if (report.report().shell != kFirmwareShell) {
    Append(out, ClosedBy(report.report()));
    // Another handover of this boot may have kept what this one released.
    const auto more = before.handover().released->view();
    Append(out, Minus(Ranges(more.begin(), more.end()), KeptBy(report.report())));
  }
  if (wish.with_store) {
    Append(out, stores);
  } else {
    Append(out, Within(wish.handed_on, stores));
  }
  SortAndJoin(out, /*overlapping=*/true);
  if (wish.map == nullptr) {
    return out;
  }
  Ranges fenced = RangesOf(wish.map->view(), IsFenceType);
  SortAndJoin(fenced, /*overlapping=*/false);
  return Within(out, fenced);
}

}  // namespace

std::vector<PhysRange> ReleasedBy(const ReportFile& report, const ReleaseWish& wish, Output& output) {
  if (report.report().handover.empty()) {
    return {};
  }
  try {
    return FindReleased(report, wish);
  } catch (const std::exception& failure) {
    output.Warn(Format("what was kept before and is not any more stays fenced: {}", failure.what()));
    return {};
  }
}

}  // namespace holdfast::tool
