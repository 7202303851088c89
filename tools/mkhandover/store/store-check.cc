// SPDX-License-Identifier: BSD-2-Clause
// Whether a store's pages lie where its index and a handover say.

#include "tools/mkhandover/store/store-check.h"

#include <algorithm>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/range-lists.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kIndexFile = "index";

// Offset in the file at which the two differ first.  Pre: they have the same size.
std::optional<std::uint64_t> FirstDifference(const std::vector<PhysRange>& a, const std::vector<PhysRange>& b) {
  std::uint64_t offset = 0;
  std::size_t i = 0;
  std::size_t j = 0;
  PhysRange left;
  PhysRange right;
  for (;;) {
    if (left.empty() && i < a.size()) {
      left = a[i++];
    }
    if (right.empty() && j < b.size()) {
      right = b[j++];
    }
    if (left.empty() || right.empty()) {
      return std::nullopt;
    }
    if (left.start() != right.start()) {
      return offset;
    }
    const std::uint64_t length = std::min(left.size(), right.size());
    left = left.From(PhysAddr(left.start().raw() + length));
    right = right.From(PhysAddr(right.start().raw() + length));
    offset += length;
  }
}

// Offset in the file of its first byte outside `kept`.
std::optional<std::uint64_t> FirstOutside(const std::vector<PhysRange>& runs, const std::vector<PhysRange>& kept) {
  std::uint64_t offset = 0;
  for (const PhysRange& run : runs) {
    if (const auto missing = Minus({run}, kept); !missing.empty()) {
      return offset + (missing.front().start().raw() - run.start().raw());
    }
    offset += run.size();
  }
  return std::nullopt;
}

// What lies at that offset, and behind it in the same run.
PhysRange At(const std::vector<PhysRange>& runs, std::uint64_t offset) {
  for (const PhysRange& run : runs) {
    if (offset < run.size()) {
      return run.From(PhysAddr(run.start().raw() + offset));
    }
    offset -= run.size();
  }
  return {};
}

}  // namespace

std::vector<FilePlace> PlacesOf(const Store& store) {
  std::vector<FilePlace> out;
  out.push_back({.node = std::string(kStoreNodeName),
                 .file = kIndexFile,
                 .recorded = store.RecordedIndexRuns(),
                 .now = store.IndexRuns()});
  if (out.front().recorded.empty()) {
    throw Failure(ExitCode::kFound,
                  Format("{}: has no index of this boot: make a handover with --store first", store.folder()));
  }
  const StoreModel& model = store.model();
  for (const KeptNode& node : model.nodes) {
    for (const std::uint32_t number : model.FilesOf(node)) {
      const KeptFile& file = model.files[number];
      out.push_back({.node = node.name, .file = file.name, .recorded = file.runs, .now = store.RunsNow(file)});
    }
  }
  return out;
}

KeptByName::KeptByName(std::span<const KeptPiece> pieces) {
  for (const KeptPiece& piece : pieces) {
    ranges_[piece.name].push_back(piece.range);
  }
  for (auto& [name, ranges] : ranges_) {
    SortAndJoin(ranges, /*overlapping=*/true);
  }
}

const std::vector<PhysRange>& KeptByName::Of(std::string_view name) const {
  static const std::vector<PhysRange> kNone;
  const auto found = ranges_.find(name);
  return found == ranges_.end() ? kNone : found->second;
}

std::optional<MovedFile> FindMoved(const FilePlace& place, const KeptByName& kept) {
  MovedFile out;
  out.node = place.node;
  out.file = place.file;
  out.size_recorded = BytesIn(place.recorded);
  if (const std::uint64_t size = BytesIn(place.now); size != out.size_recorded) {
    out.size_now = size;
    return out;
  }
  const auto elsewhere = FirstDifference(place.recorded, place.now);
  const auto outside = FirstOutside(place.now, kept.Of(place.node));
  if (!elsewhere && !outside) {
    return std::nullopt;
  }
  out.offset = std::min(elsewhere.value_or(UINT64_MAX), outside.value_or(UINT64_MAX));
  out.to = At(place.now, out.offset);
  if (elsewhere == out.offset) {
    out.from = At(place.recorded, out.offset).start();
  }
  out.is_kept = outside != out.offset;
  return out;
}

std::vector<MovedFile> FindMoved(std::span<const FilePlace> places, const KeptByName& kept) {
  std::vector<MovedFile> out;
  for (const FilePlace& place : places) {
    if (auto moved = FindMoved(place, kept)) {
      out.push_back(std::move(*moved));
    }
  }
  return out;
}

std::string DescribeMoved(const MovedFile& moved) {
  if (moved.size_now) {
    return Format("resized: {}: {} was {} when it was kept and is {} now", moved.node, Printable(moved.file),
                  SizeText(moved.size_recorded), SizeText(*moved.size_now));
  }
  return Format("moved: {}: {} from offset {} on {}lies at {}{}", moved.node, Printable(moved.file), Hex(moved.offset),
                moved.from ? Format("was at {} and ", Hex(moved.from->raw())) : "", RangeText(moved.to),
                moved.is_kept ? "" : ", which the handover does not keep");
}

}  // namespace holdfast::tool
