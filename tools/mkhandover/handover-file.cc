// SPDX-License-Identifier: BSD-2-Clause
// A handover from a file: decoded, with the storage that it borrows, whichever dialect wrote it.

#include "tools/mkhandover/handover-file.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "common/abi/handover-fdt.h"
#include "common/base/byte-reader.h"
#include "common/format/kept-collector.h"
#include "common/plan/stage-limits.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/range-lists.h"
#include "tools/mkhandover/text.h"
#include "tools/mkhandover/tree-names.h"

namespace holdfast::tool {
namespace {

// What the stage calls it in a refusal.
constexpr std::string_view kStageTable = "handover";

// Room for a file on hugetlbfs, which is larger than the tree in it.
constexpr std::size_t kMaxHandoverFile = std::size_t{1} << 30;

// What is uncertain may fall apart where RAM and scratch do; a description of more pieces is not one.
constexpr std::size_t kMaxKeptRanges = std::size_t{1} << 22;

FdtView OpenTree(std::span<const std::byte> bytes, const std::string& name) {
  const auto tree = FdtView::Open(bytes);
  if (!tree.ok()) {
    FailToDecode(name, tree.error());
  }
  if (!tree.value().IsCompatible(tree.value().root(), handover_fdt::kCompatible)) {
    const Error error{Errc::kUnknownCompatible,
                      tree.value().WhereOf(tree.value().root(), handover_fdt::kPropCompatible)};
    const std::string found = CompatibleText(tree.value());
    throw Failure(error, Format("{}: {}: {}; this version reads {}", name, ErrcName(error.code),
                                found.empty() ? "the tree names no dialect" : Format("found \"{}\"", found),
                                handover_fdt::kCompatible));
  }
  return tree.value();
}

std::optional<Digest> DigestIn(const PreservedNode& node) {
  if (!node.sha256) {
    return std::nullopt;
  }
  return ByteReader(*node.sha256).Read<Digest>().value();
}

std::vector<FoundCarrier> OneCarrier(std::vector<std::byte> bytes, const std::string& path) {
  std::vector<FoundCarrier> out;
  if (IsLive(path)) {
    CheckWhole(bytes, path);
  }
  out.push_back(RecognizeFile(std::move(bytes)));
  return out;
}

std::vector<FoundCarrier> FindCarriers(const std::string& path) {
  return path != "-" && std::filesystem::is_directory(path) ? FindInDirectory(path)
                                                            : OneCarrier(ReadFile(path, kMaxHandoverFile), path);
}

// Room for every range that a handover has.  A pair of cells takes 16 bytes, so the tree's size bounds their number.
std::size_t CapacityFor(const FdtView* tree, const ForeignSet& foreign, const MemoryMap& map) {
  std::size_t capacity =
      tree != nullptr ? tree->bytes().size() / 16 + 1 + std::min(kMaxKeptRanges, MostRunsIn(*tree)) : 1;
  for (const ForeignHandover& each : foreign.list()) {
    const auto is_uncertain = [](const KeptBlock& block) { return block.kind == KeptKind::kUncertain; };
    const auto uncertain =
        static_cast<std::size_t>(std::count_if(each.blocks.begin(), each.blocks.end(), is_uncertain));
    capacity += each.blocks.size() + std::min(kMaxKeptRanges, uncertain * (map.size() + each.scratch.size() + 2));
  }
  return 2 * capacity;  // Each may cut what is uncertain in two.
}

std::optional<FdtView> TreeIn(const std::vector<std::byte>& bytes, bool is_foreign, const std::string& name) {
  return is_foreign ? std::nullopt : std::optional(OpenTree(bytes, name));
}

}  // namespace

std::optional<Problem> FindStageProblem(const FdtView& tree, const ListReader& lists) {
  if (tree.bytes().size() > kMaxHandoverSize) {
    return Problem{.code = Errc::kOutOfBounds, .where = kMaxHandoverSize, .what = kStageTable};
  }
  std::vector<KeptRange> kept_storage(kMaxKept);
  std::vector<PhysRange> scratch_storage(kMaxScratchRanges);
  std::vector<PhysRange> ram_storage(kMaxRamRanges);
  std::vector<PhysRange> released_storage(kMaxReleasedRanges);
  PreservedMap kept(kept_storage);
  RangeSet scratch(scratch_storage);
  RangeSet ram(ram_storage);
  RangeSet released(released_storage);
  Handover handover(kept, scratch, ram, &released);
  if (const Status status = DecodeHandoverV1(tree, /*source=*/0, lists, handover); !status.ok()) {
    return Problem{.code = status.error().code, .where = status.error().where, .what = kStageTable};
  }
  return std::nullopt;
}

HandoverFile::Origin HandoverFile::OriginOf(std::vector<FoundCarrier> found, const HandoverChoice& choice) {
  const DialectWish wish = ParseDialect(choice.dialect);
  Origin out{.name = FileName(choice.file)};
  auto* const other = std::get_if<OtherFile>(&found.front());
  if (other == nullptr) {
    out.foreign = ForeignSet(found, wish, {.capture = choice.memory, .is_live = IsLive(choice.file)}, out.name);
    return out;
  }
  out.bytes = std::move(other->bytes);
  out.memory = choice.memory;
  if (!out.bytes.empty() && IsText(out.bytes)) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: a text that says nothing of kept memory: give a handover, or a command line with pkram=, "
                         "pmpool=, prmem_meta=, badram= or memmap=",
                         out.name));
  }
  if (!wish.Takes(kNameHoldfast)) {
    OpenTree(out.bytes, out.name);
    throw Failure(ExitCode::kBadInput,
                  Format("{}: is {}, not {}, which --as says", out.name, kNameHoldfast, wish.given));
  }
  return out;
}

HandoverFile::HandoverFile(std::vector<std::byte> bytes, std::string name, const std::optional<std::string>& memory)
    : HandoverFile(Origin{.name = std::move(name), .bytes = std::move(bytes), .memory = memory}, /*map=*/nullptr) {}

HandoverFile::HandoverFile(const HandoverChoice& choice, const MemoryMap* map)
    : HandoverFile(OriginOf(FindCarriers(choice.file), choice), map) {}

HandoverFile::HandoverFile(std::vector<std::byte> bytes, const HandoverChoice& choice)
    : HandoverFile(OriginOf(OneCarrier(std::move(bytes), choice.file), choice), /*map=*/nullptr) {}

HandoverFile::HandoverFile(Origin origin, const MemoryMap* map)
    : name_(std::move(origin.name)),
      bytes_(std::move(origin.bytes)),
      foreign_(std::move(origin.foreign)),
      tree_(TreeIn(bytes_, !foreign_.list().empty(), name_)),
      lists_(tree(), bytes_, origin.memory),
      all_ram_(1),
      kept_storage_(CapacityFor(tree(), foreign_, map != nullptr ? *map : all_ram_.map())),
      scratch_storage_(kept_storage_.size()),
      ram_storage_(kept_storage_.size()),
      released_storage_(kept_storage_.size()),
      kept_(kept_storage_),
      scratch_(scratch_storage_),
      ram_(ram_storage_),
      released_(released_storage_),
      handover_(kept_, scratch_, ram_, &released_) {
  FailUnless(all_ram_.map().AppendAscending(PhysRange::All(), MemType::kUsable), name_);
  if (tree_) {
    AddTree();
  } else {
    AddForeign(map != nullptr ? *map : all_ram_.map());
  }
  Seal();
}

void HandoverFile::AddTree() {
  const Status decoded = DecodeHandoverV1(*tree_, /*source=*/0, lists(), handover_);
  if (!decoded.ok() && decoded.error().code == Errc::kUnreadable) {
    const Error error = decoded.error();
    throw Failure(error, Format("{}: {}: the range-list at {} is not in the file: add --memory CAPTURE, an ELF core of "
                                "that machine or a directory of files named by their address, or /dev/mem",
                                name_, ErrcName(error.code), Hex(error.where)));
  }
  // Of a list it is an address, and none lies that low.
  if (!decoded.ok() && decoded.error().where > kMaxHandoverSize) {
    FailToDecodeAt(name_, decoded.error());
  }
  FailUnless(decoded, name_);
  CollectTreePieces();
}

// As the stage does it, so that both keep the same.
void HandoverFile::AddForeign(const MemoryMap& map) {
  std::vector<std::vector<PhysRange>> uncertain;
  for (const ForeignHandover& each : foreign_.list()) {
    const auto source = static_cast<std::uint8_t>(uncertain.size());
    std::vector<PhysRange> areas = each.scratch;
    RangeSet scratch(areas);
    for (const PhysRange& area : each.scratch) {
      FailUnless(scratch.Add(area), name_);
    }
    const std::size_t before = kept_.size();
    KeptCollector collector(kept_, source, each.fence, map, scratch);
    for (const KeptBlock& block : each.blocks) {
      FailUnless(collector.sink().Add(block), name_);
    }
    FailUnless(collector.Flush(), name_);
    auto& ranges = uncertain.emplace_back();
    for (const KeptRange& kept : kept_.view().subspan(before)) {
      if (kept.kind == KeptKind::kUncertain) {
        ranges.push_back(kept.range);
      }
    }
    SortAndJoin(ranges, /*overlapping=*/true);
    handover_.dialect.Add(each.dialect);
    AddNative(each, source);
    const std::vector<Problem> problems = ProblemsOf(each);
    problems_.insert(problems_.end(), problems.begin(), problems.end());
  }
  pieces_ = PiecesOf(foreign_.list(), uncertain);
}

void HandoverFile::AddNative(const ForeignHandover& foreign, std::uint8_t source) {
  if (!foreign.compatible.empty() && !foreign.scratch.empty() && !handover_.native) {
    handover_.native = NativeHandover{.source = source,
                                      .compatible = foreign.compatible,
                                      .is_ambiguous = foreign.is_ambiguous,
                                      .scratch = foreign.scratch};
  }
}

void HandoverFile::Seal() {
  PreservedMap::Conflict conflict;
  const Status status = kept_.Seal(&conflict);
  if (status.ok() || !problems_.empty()) {
    return;  // What overlaps in other dialects has been found already.
  }
  const Error error = status.error();
  if (error.code != Errc::kKeptOverlap) {
    FailToDecode(name_, error);
  }
  problems_.push_back({.code = error.code,
                       .where = error.where,
                       .what = NameOf(conflict.first),
                       .range = conflict.first.range,
                       .other = NameOf(conflict.second),
                       .other_range = conflict.second.range});
}

void HandoverFile::RequireNoProblem() const {
  if (!problems_.empty()) {
    const Problem& first = problems_.front();
    throw Failure({first.code, first.where}, Format("{}: {}", name_, DescribeRule(first)));
  }
}

std::string HandoverFile::created_by() const {
  if (!tree_) {
    return {};
  }
  const auto text = tree_->String(tree_->root(), handover_fdt::kPropCreatedBy);
  return text.ok() && text.value() ? Printable(*text.value()) : std::string();
}

std::string_view HandoverFile::NameOf(const KeptRange& kept) const {
  return tree_ ? KeptName(*tree_, kept) : NameOfBlock(foreign_.list()[kept.source], kept.kind);
}

void HandoverFile::NameKept(Problem& problem) const {
  if (problem.kept) {
    holdfast::NameKept(problem, NameOf(*problem.kept));
  }
}

void HandoverFile::CollectTreePieces() {
  // By node: to find one again is a walk through the tree.
  std::map<std::uint32_t, PreservedNode> nodes;
  std::vector<KeptPiece> lists;
  for (const KeptRange& kept : kept_.view()) {
    const auto [known, is_new] = nodes.try_emplace(kept.node);
    if (is_new) {
      if (const auto node = tree_->At(kept.node)) {
        FailUnless(DecodePreservedNode(*tree_, *node, known->second), name_);
      }
    }
    auto& pieces = kept.kind == KeptKind::kStructure ? lists : pieces_;
    pieces.push_back({.range = kept.range.RoundedOut(kPageSize),
                      .fence = kept.fence,
                      .name = Printable(known->second.name),
                      .owner = Printable(known->second.owner),
                      .sha256 = DigestIn(known->second),
                      .kind = kept.kind});
  }
  MakeDisjoint(pieces_);
  AddLayer(std::move(lists), pieces_);
}

}  // namespace holdfast::tool
