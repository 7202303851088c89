// SPDX-License-Identifier: BSD-2-Clause
// mkhandover inspect, of the dialects that are not ours.

#include "tools/mkhandover/inspect-foreign.h"

#include <algorithm>

#include "common/console/wording.h"
#include "tools/mkhandover/foreign-details.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

struct Sum {
  std::uint64_t pieces = 0;
  std::uint64_t bytes = 0;
};

Sum SumOf(const HandoverFile& file, KeptKind kind) {
  Sum sum;
  for (const KeptPiece& piece : file.pieces()) {
    if (piece.kind == kind) {
      ++sum.pieces;
      sum.bytes += piece.range.size();
    }
  }
  return sum;
}

Json PieceJson(const KeptPiece& piece) {
  Json out = JsonStartSize(piece.range);
  if (piece.order != KeptBlock::kNoOrder) {
    out["order"] = piece.order;
  }
  out["name"] = piece.name;
  out["fence"] = FenceName(piece.fence);
  return out;
}

// The ranges alone: whose they are, the dialect says.
Json RangesJson(const HandoverFile& file, KeptKind kind) {
  Json out = Json::array();
  for (const KeptPiece& piece : file.pieces()) {
    if (piece.kind == kind) {
      out.push_back(JsonStartSize(piece.range));
    }
  }
  return out;
}

bool HasKind(const ForeignHandover& foreign, KeptKind kind) {
  return std::any_of(foreign.blocks.begin(), foreign.blocks.end(),
                     [kind](const KeptBlock& block) { return block.kind == kind; });
}

void WarnOfUnread(const std::vector<UnreadDetail>& unread, Output& output) {
  for (const UnreadDetail& each : unread) {
    output.Warn(Format("{}: not shown: {}", Printable(each.name),
                       DescribeRule({.code = each.error.code, .where = each.error.where, .is_address = true})));
  }
}

void WarnOfAmbiguity(const HandoverFile& file, Output& output) {
  for (const ForeignHandover& foreign : file.foreign().list()) {
    if (foreign.kho && HasKind(foreign, KeptKind::kUncertain)) {
      output.Warn(
          Format("{}: nothing tells how large the bitmaps of {} are: add --as kho-v1-512 for Linux 6.16 and "
                 "6.17, or --as kho-v1-4096 from 6.18 on",
                 file.name(), foreign.dialect));
    }
  }
}

Json DetailsOf(const HandoverFile& file, Output& output) {
  Json out = Json::object();
  std::vector<UnreadDetail> unread;
  for (const ForeignHandover& foreign : file.foreign().list()) {
    AddDetails(foreign, file.foreign(), out, unread);
  }
  WarnOfUnread(unread, output);
  WarnOfAmbiguity(file, output);
  return out;
}

void PrintPieces(const HandoverFile& file, KeptKind kind, std::string_view title, Output& output) {
  const Sum sum = SumOf(file, kind);
  if (sum.pieces == 0) {
    return;
  }
  output.Line(Format("{:<11}{}, {}", title, CountText(sum.pieces, "range"), SizeText(sum.bytes)));
  for (const KeptPiece& piece : file.pieces()) {
    if (piece.kind == kind) {
      const std::string order =
          piece.order == KeptBlock::kNoOrder ? std::string() : Format("  order {}", int{piece.order});
      output.Line(Format("  {}  {}  {:>10}  {}{}", HexWide(piece.range.start().raw()), HexWide(piece.range.end().raw()),
                         SizeText(piece.range.size()), piece.name, order));
    }
  }
}

void PrintScratch(const HandoverFile& file, Output& output) {
  for (const ForeignHandover& foreign : file.foreign().list()) {
    if (foreign.scratch.empty()) {
      continue;
    }
    output.Line(Format("scratch    {} of {}", CountText(foreign.scratch.size(), "area"), foreign.dialect));
    for (const PhysRange& area : foreign.scratch) {
      output.Line(
          Format("  {}  {}  {:>10}", HexWide(area.start().raw()), HexWide(area.end().raw()), SizeText(area.size())));
    }
  }
}

// One member of the details, a line for each thing in it.
void PrintDetail(const std::string& title, const Json& value, Output& output) {
  const auto one_line = [](const Json& json) {
    return json.is_string() ? json.get<std::string>() : json.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  const auto line_of = [&](const Json& item) {
    if (!item.is_object()) {
      return Printable(one_line(item));
    }
    std::string line;
    for (const auto& [key, member] : item.items()) {
      line += Format("{}{} {}", line.empty() ? "" : ", ", key, Printable(one_line(member)));
    }
    return line;
  };
  if (!value.is_array()) {
    output.Line(Format("{:<11}{}", title, line_of(value)));
    return;
  }
  output.Line(Format("{:<11}{}", title, value.size()));
  for (const Json& item : value) {
    output.Line(Format("  {}", line_of(item)));
  }
}

}  // namespace

Json ForeignJson(const HandoverFile& file, Output& output) {
  Json out = JsonDocument();
  out["dialect"] = file.handover().dialect.view();
  Json preserved = Json::array();
  for (const KeptPiece& piece : file.pieces()) {
    if (piece.kind == KeptKind::kMemory) {
      preserved.push_back(PieceJson(piece));
    }
  }
  out["preserved"] = std::move(preserved);
  out["structures"] = RangesJson(file, KeptKind::kStructure);
  out["uncertain"] = RangesJson(file, KeptKind::kUncertain);
  Json scratch = Json::array();
  for (const ForeignHandover& foreign : file.foreign().list()) {
    for (const PhysRange& area : foreign.scratch) {
      scratch.push_back(JsonStartSize(area));
    }
  }
  out["scratch"] = std::move(scratch);
  const Sum sum = SumOf(file, KeptKind::kMemory);
  out["pages"] = sum.bytes / kPageSize;
  out["bytes"] = sum.bytes;
  out.update(DetailsOf(file, output));
  out["problems"] = JsonProblems(file.problems());
  return out;
}

void PrintForeign(const HandoverFile& file, Output& output) {
  output.Line(Format("handover   {}", file.handover().dialect.view()));
  PrintPieces(file, KeptKind::kMemory, "kept", output);
  PrintPieces(file, KeptKind::kStructure, "structures", output);
  PrintPieces(file, KeptKind::kUncertain, "uncertain", output);
  PrintScratch(file, output);
  const Json details = DetailsOf(file, output);
  for (const auto& [key, value] : details.items()) {
    PrintDetail(key, value, output);
  }
  for (const Problem& problem : file.problems()) {
    output.Line(Format("problem    {}", DescribeRule(problem)));
  }
}

}  // namespace holdfast::tool
