// SPDX-License-Identifier: BSD-2-Clause
// What a tree of our own says, for people and for programs.

#include "tools/mkhandover/inspect-tree.h"

#include "common/console/wording.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

std::uint64_t BytesOf(const std::vector<KeptPiece>& pieces) {
  std::uint64_t sum = 0;
  for (const KeptPiece& piece : pieces) {
    sum += piece.range.size();
  }
  return sum;
}

std::string_view OnRefusalName(OnRefusal value) { return value == OnRefusal::kReset ? "reset" : "halt"; }

std::string_view OnLossName(OnLoss value) { return value == OnLoss::kDrop ? "drop" : "refuse"; }

std::string_view OverwriteRequestName(OverwriteRequest value) {
  return value == OverwriteRequest::kClear ? "clear" : "keep";
}

std::string SetText(const RangeSet& set) {
  return set.view().empty() ? std::string("none")
                            : Format("{}, {}", CountText(set.view().size(), "range"), SizeText(set.bytes()));
}

void PrintRanges(std::string_view title, const RangeSet& set, Output& output) {
  output.Line(Format("{:<11}{}", title, SetText(set)));
  for (const PhysRange& range : set.view()) {
    output.Line(
        Format("  {}  {}  {:>10}", HexWide(range.start().raw()), HexWide(range.end().raw()), SizeText(range.size())));
  }
}

}  // namespace

void AddTreeJson(const HandoverFile& file, Json& out) {
  const Handover& handover = file.handover();
  out["dialect"] = DialectNameOf(handover.dialect.view());
  out["generation"] = handover.generation;
  out["created_by"] = file.created_by();
  out["policy"] = {{"on_refusal", OnRefusalName(handover.policy.on_refusal)},
                   {"refusal_delay", handover.policy.refusal_delay_seconds},
                   {"kaslr", handover.policy.kaslr},
                   {"on_loss", OnLossName(handover.policy.on_loss)},
                   {"overwrite_request", OverwriteRequestName(handover.policy.overwrite_request)}};
  Json preserved = Json::array();
  for (const KeptPiece& piece : file.pieces()) {
    Json item = JsonStartSize(piece.range);
    item["name"] = piece.name;
    item["fence"] = FenceName(piece.fence);
    if (!piece.owner.empty()) {
      item["owner"] = piece.owner;
    }
    if (piece.sha256) {
      item["sha256"] = HexDigits(*piece.sha256);
    }
    preserved.push_back(std::move(item));
  }
  const std::uint64_t bytes = BytesOf(file.pieces());
  out["preserved"] = std::move(preserved);
  out["scratch"] = JsonRanges(handover.scratch.view());
  out["ram"] = JsonRanges(handover.ram.view());
  out["released"] = JsonRanges(handover.released->view());
  out["pages"] = bytes / kPageSize;
  out["bytes"] = bytes;
  out["problems"] = JsonProblems(file.problems());
}

void PrintTree(const HandoverFile& file, Output& output) {
  const Handover& handover = file.handover();
  const Policy& policy = handover.policy;
  const std::uint64_t bytes = BytesOf(file.pieces());
  const std::string maker = file.created_by();
  output.Line(Format("handover   {}, generation {}{}", handover.dialect.view(), handover.generation,
                     maker.empty() ? std::string() : Format(", created by {}", maker)));
  output.Line(Format(
      "policy     on refusal {}{}, kaslr {}{}{}", OnRefusalName(policy.on_refusal),
      policy.on_refusal == OnRefusal::kReset ? Format(" after {} s", policy.refusal_delay_seconds) : std::string(),
      policy.kaslr ? "on" : "off", policy.on_loss == OnLoss::kDrop ? ", on loss drop" : "",
      policy.overwrite_request == OverwriteRequest::kClear ? ", overwrite request clear" : ""));
  output.Line(Format("kept       {}, {}, {}", CountText(file.pieces().size(), "range"),
                     CountText(bytes / kPageSize, "page"), SizeText(bytes)));
  for (const KeptPiece& piece : file.pieces()) {
    output.Line(Format("  {}  {}  {:>10}  {:<8}  {}{}{}", HexWide(piece.range.start().raw()),
                       HexWide(piece.range.end().raw()), SizeText(piece.range.size()), FenceName(piece.fence),
                       piece.name, piece.owner.empty() ? std::string() : Format(" ({})", piece.owner),
                       piece.sha256 ? ", with a digest" : ""));
  }
  PrintRanges("scratch", handover.scratch, output);
  PrintRanges("ram", handover.ram, output);
  if (!handover.released->view().empty()) {
    PrintRanges("released", *handover.released, output);
  }
  for (const Problem& problem : file.problems()) {
    output.Line(Format("problem    {}", DescribeRule(problem)));
  }
}

ExitCode StatusOf(const HandoverFile& file) {
  return file.problems().empty() ? ExitCode::kFine : ExitFor(file.problems().front().code);
}

}  // namespace holdfast::tool
