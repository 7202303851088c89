// SPDX-License-Identifier: BSD-2-Clause
// A handover from a file: decoded, with the storage that it borrows.

#include "tools/mkhandover/handover-file.h"

#include <algorithm>
#include <array>
#include <map>

#include "common/abi/handover-fdt.h"
#include "common/base/byte-reader.h"
#include "common/plan/stage-limits.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::string_view kReadName = "holdfast";
constexpr std::array<std::string_view, 10> kOtherNames = {"kho-v1", "kho-v1-512", "kho-v1-4096", "kho-v3",
                                                          "kho-v4", "kho-series", "pkram-pgt",   "pkram-regions",
                                                          "pmpool", "prmem"};

// What the stage calls it in a refusal.
constexpr std::string_view kStageTable = "handover";

// Room for a file on hugetlbfs, which is larger than the tree in it.
constexpr std::size_t kMaxHandoverFile = std::size_t{1} << 30;

// All strings of the root's compatible property: "a, b".
std::string CompatibleText(const FdtView& tree) {
  const auto bytes = tree.Property(tree.root(), handover_fdt::kPropCompatible);
  if (!bytes || bytes->empty()) {
    return {};
  }
  std::string text(AsText(*bytes));
  text.erase(std::find_if(text.rbegin(), text.rend(), [](char c) { return c != '\0'; }).base(), text.end());
  std::string out;
  for (const char c : text) {
    out += c == '\0' ? std::string(", ") : Printable({&c, 1});
  }
  return out;
}

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

}  // namespace

std::optional<Problem> FindStageProblem(const FdtView& tree) {
  if (tree.bytes().size() > kMaxHandoverSize) {
    return Problem{.code = Errc::kOutOfBounds, .where = kMaxHandoverSize, .what = kStageTable};
  }
  std::vector<KeptRange> kept_storage(kMaxKept);
  std::vector<PhysRange> scratch_storage(kMaxScratchRanges);
  std::vector<PhysRange> ram_storage(kMaxRamRanges);
  PreservedMap kept(kept_storage);
  RangeSet scratch(scratch_storage);
  RangeSet ram(ram_storage);
  Handover handover(kept, scratch, ram);
  if (const Status status = DecodeHandoverV1(tree, /*source=*/0, NoLists(), handover); !status.ok()) {
    return Problem{.code = status.error().code, .where = status.error().where, .what = kStageTable};
  }
  return std::nullopt;
}

void CheckDialectName(std::string_view dialect) {
  if (dialect == kReadName) {
    return;
  }
  if (std::find(kOtherNames.begin(), kOtherNames.end(), dialect) != kOtherNames.end()) {
    throw Failure(ExitCode::kBadInput,
                  Format("--as {}: this version does not read that dialect yet, only {}", dialect, kReadName));
  }
  throw Failure(ExitCode::kUsage,
                Format("--as {}: no such dialect; this version reads {}", Printable(dialect), kReadName));
}

std::string_view DialectNameOf(std::string_view compatible) {
  return compatible == kDialectHoldfast ? kReadName : compatible;
}

HandoverFile::HandoverFile(const std::string& path) : HandoverFile(ReadFile(path, kMaxHandoverFile), FileName(path)) {}

// A pair of cells takes 16 bytes, so the tree's size bounds the number of ranges.
HandoverFile::HandoverFile(std::vector<std::byte> bytes, std::string name)
    : name_(std::move(name)),
      bytes_(std::move(bytes)),
      tree_(OpenTree(bytes_, name_)),
      kept_storage_(tree_.bytes().size() / 16 + 1),
      scratch_storage_(kept_storage_.size()),
      ram_storage_(kept_storage_.size()),
      kept_(kept_storage_),
      scratch_(scratch_storage_),
      ram_(ram_storage_),
      handover_(kept_, scratch_, ram_) {
  FailUnless(DecodeHandoverV1(tree_, /*source=*/0, NoLists(), handover_), name_);
  CollectPieces();
  PreservedMap::Conflict conflict;
  if (const Status status = kept_.Seal(&conflict); !status.ok()) {
    const Error error = status.error();
    if (error.code != Errc::kKeptOverlap) {
      FailToDecode(name_, error);
    }
    problem_ = Problem{.code = error.code,
                       .where = error.where,
                       .what = NameOf(conflict.first),
                       .range = conflict.first.range,
                       .other = NameOf(conflict.second),
                       .other_range = conflict.second.range};
  }
}

void HandoverFile::RequireNoProblem() const {
  if (problem_) {
    throw Failure({problem_->code, problem_->where}, Format("{}: {}", name_, DescribeRule(*problem_)));
  }
}

std::string HandoverFile::created_by() const {
  const auto text = tree_.String(tree_.root(), handover_fdt::kPropCreatedBy);
  return text.ok() && text.value() ? Printable(*text.value()) : std::string();
}

std::string_view HandoverFile::NameOf(const KeptRange& kept) const { return KeptName(tree_, kept); }

void HandoverFile::NameKept(Problem& problem) const {
  if (problem.kept) {
    holdfast::NameKept(problem, NameOf(*problem.kept));
  }
}

void HandoverFile::CollectPieces() {
  // By node: to find one again is a walk through the tree.
  std::map<std::uint32_t, PreservedNode> nodes;
  for (const KeptRange& kept : kept_.view()) {
    const auto [known, is_new] = nodes.try_emplace(kept.node);
    if (is_new) {
      if (const auto node = tree_.At(kept.node)) {
        FailUnless(DecodePreservedNode(tree_, *node, known->second), name_);
      }
    }
    pieces_.push_back({.range = kept.range.RoundedOut(kPageSize),
                       .fence = kept.fence,
                       .name = Printable(known->second.name),
                       .owner = Printable(known->second.owner),
                       .sha256 = DigestIn(known->second)});
  }
  std::stable_sort(pieces_.begin(), pieces_.end(),
                   [](const KeptPiece& a, const KeptPiece& b) { return a.range.start() < b.range.start(); });
  PhysAddr free_from;
  for (KeptPiece& piece : pieces_) {
    piece.range = piece.range.From(free_from);
    free_from = std::max(free_from, piece.range.end());
  }
  std::erase_if(pieces_, [](const KeptPiece& piece) { return piece.range.empty(); });
}

}  // namespace holdfast::tool
