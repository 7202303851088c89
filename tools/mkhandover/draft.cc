// SPDX-License-Identifier: BSD-2-Clause
// A handover that is being put together.

#include "tools/mkhandover/draft.h"

#include <algorithm>

#include "common/base/version.h"
#include "common/format/range-list.h"
#include "common/plan/stage-limits.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/list-memory.h"
#include "tools/mkhandover/overlay.h"
#include "tools/mkhandover/range-lists.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// The index of a store that is not found by its name any more.
constexpr const char* kOtherStore = "other-store";

constexpr std::size_t kMaxNodeName = 31;

// A head, an order, a gap and a count.
constexpr std::size_t kMaxStoredRun = 2 + 2 * kMaxRunNumberSize;

// What the stage would refuse at the jump is not written.
void RequireThatStageReads(std::span<const std::byte> bytes, const ListReader& lists) {
  const auto tree = FdtView::Open(bytes);
  if (!tree.ok()) {
    FailToDecode("handover", tree.error());
  }
  if (const auto problem = FindStageProblem(tree.value(), lists)) {
    throw Failure({problem->code, problem->where},
                  Format("{}: the stage does not take that many: keep larger pages", DescribeRule(*problem)));
  }
}

std::vector<std::byte> EncodeList(const Draft::Node& node) {
  std::vector<PhysRange> ranges;
  for (const PhysRange& range : node.ranges) {
    ranges.push_back(range.RoundedOut(kPageSize));
  }
  SortAndJoin(ranges, /*overlapping=*/true);
  std::vector<BlockRun> runs;
  for (const PhysRange& range : ranges) {
    runs.push_back({.range = range});
  }
  std::vector<std::byte> storage(sizeof(StoredRangeListHeader) + runs.size() * kMaxStoredRun);
  const auto list = EncodeRangeList(runs, storage);
  if (!list.ok()) {
    FailToDecode(node.name, list.error());
  }
  return {list.value().begin(), list.value().end()};
}

RangeListPlace PlaceOf(std::span<const std::byte> list, PhysAddr start) {
  return {.range = PhysRange::FromStartSize(start, list.size()).value(), .digest = Sha256::Of(list)};
}

// Whether the handover has the index of a store in these pages.
bool HasIndexIn(const HandoverFile& file, std::span<const PhysRange> pages) {
  const std::vector<PhysRange> known(pages.begin(), pages.end());
  const auto& pieces = file.pieces();
  return std::any_of(pieces.begin(), pieces.end(), [&](const KeptPiece& piece) {
    return piece.owner == kStoreOwner && piece.name == kStoreNodeName && Minus({piece.range}, known).empty();
  });
}

}  // namespace

bool Draft::IsTaken(std::string_view name) const {
  return name == reserved_ ||
         std::any_of(nodes_.begin(), nodes_.end(), [name](const Node& node) { return node.name == name; });
}

std::string Draft::AddUnique(Node node) {
  const std::string wish = node.name;
  for (unsigned i = 2; IsTaken(node.name); ++i) {
    const std::string suffix = Format("-{}", i);
    node.name = wish.substr(0, kMaxNodeName - suffix.size()) + suffix;
  }
  nodes_.push_back(std::move(node));
  return nodes_.back().name;
}

void Draft::AddNamed(const PreserveOption& option) {
  const auto same =
      std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.name == option.name; });
  if (same != nodes_.end() && same->fence == option.fence && same->owner == option.owner && !same->sha256) {
    same->ranges.push_back(option.range);
    return;
  }
  if (IsTaken(option.name)) {
    throw Failure(ExitCode::kUsage,
                  Format("--preserve ...,name={}: that name is taken: choose another, or give the same fence and owner",
                         option.name));
  }
  nodes_.push_back({.name = option.name,
                    .owner = option.owner,
                    .fence = option.fence,
                    .ranges = {option.range},
                    .sha256 = std::nullopt});
}

void Draft::Merge(const HandoverFile& file, std::span<const PhysRange> store) {
  const Handover& handover = file.handover();
  std::vector<Node> nodes;
  const bool skips_store = HasIndexIn(file, store);
  const bool is_another_store = !store.empty() || IsTaken(kStoreNodeName);
  for (const KeptPiece& piece : file.pieces()) {
    const bool is_list = file.tree() != nullptr && piece.kind == KeptKind::kStructure;
    if (is_list || (piece.name == kOwnName && piece.owner == kOwnPageOwner)) {
      continue;  // This handover has lists of its own, and a page.
    }
    if (skips_store && piece.owner == kStoreOwner) {
      continue;
    }
    const bool is_of_another = is_another_store && piece.owner == kStoreOwner;
    const std::string name = is_of_another && piece.name == kStoreNodeName ? kOtherStore : MakeNodeName(piece.name);
    const std::string owner = is_of_another ? std::string() : piece.owner;
    const auto same = std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return node.name == name; });
    if (same != nodes.end()) {
      same->ranges.push_back(piece.range);
    } else {
      nodes.push_back(
          {.name = name, .owner = owner, .fence = piece.fence, .ranges = {piece.range}, .sha256 = piece.sha256});
    }
  }
  // Names that are free come first, so that only the others change.
  std::stable_partition(nodes.begin(), nodes.end(), [this](const Node& node) { return !IsTaken(node.name); });
  for (Node& node : nodes) {
    AddUnique(std::move(node));
  }
  for (const PhysRange& range : handover.scratch.view()) {
    AddScratch(range);
  }
  for (const PhysRange& range : handover.ram.view()) {
    AddRam(range);
  }
  if (file.tree() == nullptr) {
    return;  // Only a tree of ours has a policy.
  }
  // The first handover's policy holds; a later one can only take KASLR away, as in the stage.
  if (!has_policy_) {
    policy = handover.policy;
    has_policy_ = true;
  }
  policy.kaslr = policy.kaslr && handover.policy.kaslr;
}

void Draft::Finish() {
  SortAndJoin(scratch_, /*overlapping=*/true);
  SortAndJoin(ram_, /*overlapping=*/true);
  std::vector<KeptRange> storage;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    SortAndJoin(nodes_[i].ranges, /*overlapping=*/false);
    for (const PhysRange& range : nodes_[i].ranges) {
      storage.push_back({.range = range, .node = static_cast<std::uint32_t>(i), .fence = nodes_[i].fence});
    }
  }
  const std::vector<KeptRange> all = storage;
  PreservedMap kept(storage);
  for (const KeptRange& each : all) {
    FailUnless(kept.Add(each), "kept ranges");
  }
  PreservedMap::Conflict conflict;
  if (const Status status = kept.Seal(&conflict); !status.ok()) {
    const Error error = status.error();
    throw Failure(error, DescribeRule({.code = error.code,
                                       .where = error.where,
                                       .what = nodes_[conflict.first.node].name,
                                       .range = conflict.first.range,
                                       .other = nodes_[conflict.second.node].name,
                                       .other_range = conflict.second.range}));
  }
  for (const PhysRange& range : scratch_) {
    if (const auto hit = kept.FirstOverlap(range)) {
      const Error error{Errc::kOverlap, range.Intersection(hit->range).start().raw()};
      throw Failure(error, DescribeRule({.code = error.code,
                                         .where = error.where,
                                         .what = "scratch",
                                         .range = range,
                                         .other = nodes_[hit->node].name,
                                         .other_range = hit->range,
                                         .kept = *hit}));
    }
  }
  FinishReleased(kept);
}

// Without a record of RAM the stage would release nothing.  Where there is more than it holds, the largest count.
void Draft::FinishReleased(const PreservedMap& kept) {
  if (ram_.empty()) {
    released_.clear();
  }
  std::vector<PhysRange> kept_pages;
  for (const KeptRange& each : kept.view()) {
    kept_pages.push_back(each.range);
  }
  SortAndJoin(released_, /*overlapping=*/true);
  released_ = Minus(released_, kept_pages);
  if (released_.size() > kMaxReleasedRanges) {
    std::sort(released_.begin(), released_.end(), [](PhysRange a, PhysRange b) { return a.size() > b.size(); });
    const std::uint64_t all = BytesIn(released_);
    released_.resize(kMaxReleasedRanges);
    still_fenced_ = all - BytesIn(released_);
    std::sort(released_.begin(), released_.end(), Ascends);
  }
}

std::vector<std::byte> Draft::EncodeWith(const ListPlaces& lists) const {
  const std::string maker = Format("mkhandover {}", kVersion);
  std::vector<HandoverV1Node> nodes;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    nodes.push_back({.name = node.name,
                     .owner = node.owner,
                     .fence = node.fence,
                     .ranges = lists[i] ? std::span<const PhysRange>() : node.ranges,
                     .sha256 = node.sha256,
                     .range_list = lists[i]});
  }
  const HandoverV1 handover{.generation = generation,
                            .created_by = maker,
                            .policy = policy,
                            .preserved = nodes,
                            .scratch = scratch_,
                            .ram = ram_,
                            .released = released_};
  std::vector<std::byte> storage(kMaxHandoverSize);
  const auto tree = EncodeHandoverV1(handover, storage);
  if (!tree.ok()) {
    const Error error = tree.error();
    if (error.code != Errc::kTableFull) {
      FailToDecode("handover", error);
    }
    throw Failure(error,
                  Format("{}: {} in {} do not fit into a handover, which takes {} and {}: keep larger pages",
                         ErrcName(error.code), CountText(num_ranges(), "range"), CountText(nodes_.size(), "name"),
                         SizeText(kMaxHandoverSize), CountText(kMaxPreservedNames, "name")));
  }
  return {tree.value().begin(), tree.value().end()};
}

std::vector<std::byte> Draft::Encode() const {
  std::vector<std::byte> tree = EncodeWith(ListPlaces(nodes_.size()));
  RequireThatStageReads(tree, NoLists());
  return tree;
}

Draft::InPlace Draft::EncodeAt(PhysRange page, std::size_t most) const {
  InPlace out;
  std::vector<std::vector<std::byte>> lists(nodes_.size());
  ListPlaces places(nodes_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].name != kOwnName && nodes_[i].ranges.size() > most) {
      lists[i] = EncodeList(nodes_[i]);
      places[i] = PlaceOf(lists[i], page.start());
      ++out.num_lists;
    }
  }
  // Where the lists are does not change the size of the tree, behind which they are.
  out.tree_size = EncodeWith(places).size();
  std::vector<std::byte> behind;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (places[i]) {
      places[i] = PlaceOf(lists[i], PhysAddr(page.start().raw() + out.tree_size + behind.size()));
      behind.insert(behind.end(), lists[i].begin(), lists[i].end());
    }
  }
  out.bytes = EncodeWith(places);
  out.bytes.insert(out.bytes.end(), behind.begin(), behind.end());
  if (out.bytes.size() > page.size()) {
    throw Failure({Errc::kTableFull, page.size()},
                  Format("{}: {} do not fit into a page of {}: keep larger pages", ErrcName(Errc::kTableFull),
                         CountText(num_ranges(), "range"), SizeText(page.size())));
  }
  Overlay memory(NoLists().memory);
  memory.Put(page.start(), out.bytes);
  RequireThatStageReads(std::span(out.bytes).first(out.tree_size), {.memory = memory.memory()});
  return out;
}

std::size_t Draft::num_ranges() const {
  std::size_t sum = 0;
  for (const Node& node : nodes_) {
    sum += node.ranges.size();
  }
  return sum;
}

std::uint64_t Draft::bytes() const {
  std::uint64_t sum = 0;
  for (const Node& node : nodes_) {
    for (const PhysRange& range : node.ranges) {
      sum += range.size();
    }
  }
  return sum;
}

std::vector<std::byte> AsTree(const HandoverFile& file) {
  if (const FdtView* const tree = file.tree(); tree != nullptr) {
    return {tree->bytes().begin(), tree->bytes().end()};
  }
  Draft draft;
  draft.Merge(file);
  draft.Finish();
  return draft.Encode();
}

}  // namespace holdfast::tool
