// SPDX-License-Identifier: BSD-2-Clause
// mkhandover inspect: what a handover says.

#include "common/console/wording.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/json.h"
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

Json ToJson(const HandoverFile& file) {
  const Handover& handover = file.handover();
  Json out = JsonDocument();
  out["dialect"] = handover.dialect;
  out["generation"] = handover.generation;
  out["created_by"] = file.created_by();
  out["policy"] = {{"on_refusal", OnRefusalName(handover.policy.on_refusal)},
                   {"refusal_delay", handover.policy.refusal_delay_seconds},
                   {"kaslr", handover.policy.kaslr}};
  Json preserved = Json::array();
  for (const KeptPiece& piece : file.pieces()) {
    Json item = JsonStartSize(piece.range);
    item["name"] = piece.name;
    item["fence"] = FenceName(piece.fence);
    if (!piece.owner.empty()) {
      item["owner"] = piece.owner;
    }
    preserved.push_back(std::move(item));
  }
  const std::uint64_t bytes = BytesOf(file.pieces());
  out["preserved"] = std::move(preserved);
  out["scratch"] = JsonRanges(handover.scratch.view());
  out["ram"] = JsonRanges(handover.ram.view());
  out["pages"] = bytes / kPageSize;
  out["bytes"] = bytes;
  out["problems"] = file.problem() ? JsonProblems(std::span(&*file.problem(), 1)) : Json::array();
  return out;
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

void PrintText(const HandoverFile& file, Output& output) {
  const Handover& handover = file.handover();
  const Policy& policy = handover.policy;
  const std::uint64_t bytes = BytesOf(file.pieces());
  const std::string maker = file.created_by();
  output.Line(Format("handover   {}, generation {}{}", handover.dialect, handover.generation,
                     maker.empty() ? std::string() : Format(", created by {}", maker)));
  output.Line(Format(
      "policy     on refusal {}{}, kaslr {}", OnRefusalName(policy.on_refusal),
      policy.on_refusal == OnRefusal::kReset ? Format(" after {} s", policy.refusal_delay_seconds) : std::string(),
      policy.kaslr ? "on" : "off"));
  output.Line(Format("kept       {}, {}, {}", CountText(file.pieces().size(), "range"),
                     CountText(bytes / kPageSize, "page"), SizeText(bytes)));
  for (const KeptPiece& piece : file.pieces()) {
    output.Line(Format("  {}  {}  {:>10}  {:<8}  {}{}", HexWide(piece.range.start().raw()),
                       HexWide(piece.range.end().raw()), SizeText(piece.range.size()), FenceName(piece.fence),
                       piece.name, piece.owner.empty() ? std::string() : Format(" ({})", piece.owner)));
  }
  PrintRanges("scratch", handover.scratch, output);
  PrintRanges("ram", handover.ram, output);
  if (file.problem()) {
    output.Line(Format("problem    {}", DescribeRule(*file.problem())));
  }
}

}  // namespace

ExitCode RunInspect(const InspectOptions& options, Output& output) {
  if (!options.dialect.empty()) {
    CheckDialectName(options.dialect);
  }
  const HandoverFile file(options.file);
  if (output.json()) {
    output.Line(ToText(ToJson(file)));
  } else {
    PrintText(file, output);
  }
  return file.problem() ? ExitFor(file.problem()->code) : ExitCode::kFine;
}

}  // namespace holdfast::tool
