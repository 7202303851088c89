// SPDX-License-Identifier: BSD-2-Clause
// mkhandover inspect: what a handover, or a bundle, says.

#include <filesystem>
#include <memory>

#include "common/console/wording.h"
#include "common/plan/kernel-entry.h"
#include "tools/mkhandover/bundle-file.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/inspect-foreign.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/kernel-file.h"
#include "tools/mkhandover/stage-file.h"
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

// Adds to `out` what the handover says.
void AddHandover(const HandoverFile& file, Json& out) {
  const Handover& handover = file.handover();
  out["dialect"] = DialectNameOf(handover.dialect.view());
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
  out["problems"] = JsonProblems(file.problems());
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
  output.Line(Format("handover   {}, generation {}{}", handover.dialect.view(), handover.generation,
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
  for (const Problem& problem : file.problems()) {
    output.Line(Format("problem    {}", DescribeRule(problem)));
  }
}

ExitCode StatusOf(const HandoverFile& file) {
  return file.problems().empty() ? ExitCode::kFine : ExitFor(file.problems().front().code);
}

// --- Bundles ------------------------------------------------------------------------------------------------------

// What a bundle has inside, as far as it is text or a tree.
struct BundleTexts {
  std::string cmdline;
  std::unique_ptr<HandoverFile> handover;
};

BundleTexts TextsOf(const Bundle& bundle, const std::string& name, const std::optional<std::string>& memory) {
  BundleTexts out;
  if (const auto part = bundle.Find(BundlePartKind::kCommandLine)) {
    out.cmdline = Printable(AsText(part->stored));
  }
  if (const auto part = bundle.Find(BundlePartKind::kHandover)) {
    out.handover =
        std::make_unique<HandoverFile>(std::vector<std::byte>(part->stored.begin(), part->stored.end()), name, memory);
  }
  return out;
}

Json BundleJson(const StageFile* stage, const Bundle& bundle, const BundleTexts& texts) {
  Json out = JsonDocument();
  if (stage != nullptr) {
    out["image"] = {{"size", stage->bytes().size()},
                    {"payload_offset", stage->payload().data() - stage->bytes().data()},
                    {"init_size", stage->init_size()},
                    {"signed", stage->is_signed()}};
  }
  out["bundle"] = {{"size", bundle.size},
                   {"entry", KernelEntryName(bundle.entry)},
                   {"mode", ModeWishName(bundle.mode)},
                   {"parts", JsonParts(bundle)}};
  out["cmdline"] = texts.cmdline;
  if (texts.handover != nullptr) {
    AddHandover(*texts.handover, out["handover"]);
  }
  out["problems"] = Json::array();
  return out;
}

void PrintBundle(const StageFile* stage, const Bundle& bundle, const BundleTexts& texts, Output& output) {
  if (stage != nullptr) {
    output.Line(Format("image      {}, needs {} from where it is loaded{}", SizeText(stage->bytes().size()),
                       SizeText(stage->init_size()), stage->is_signed() ? ", signed" : ""));
  }
  output.Line(Format("bundle     {}, entry {}, mode {}", SizeText(bundle.size), KernelEntryName(bundle.entry),
                     ModeWishName(bundle.mode)));
  PrintParts(bundle, output);
  output.Line(Format("cmdline    {}", texts.cmdline.empty() ? "none" : texts.cmdline));
  if (texts.handover != nullptr) {
    PrintText(*texts.handover, output);
  }
}

ExitCode InspectBundle(const StageFile* stage, std::span<const std::byte> bytes, const std::string& name,
                       const std::optional<std::string>& memory, Output& output) {
  Bundle bundle;
  ReadBundle(bytes, name, bundle);
  const BundleTexts texts = TextsOf(bundle, Format("{}: handover", name), memory);
  if (output.json()) {
    output.Line(ToText(BundleJson(stage, bundle, texts)));
  } else {
    PrintBundle(stage, bundle, texts, output);
  }
  return texts.handover != nullptr ? StatusOf(*texts.handover) : ExitCode::kFine;
}

ExitCode InspectStage(const StageFile& stage, const std::optional<std::string>& memory, Output& output) {
  if (stage.payload().empty()) {
    throw Failure(ExitCode::kFound, Format("{}: the stage, without a bundle", stage.name()));
  }
  return InspectBundle(&stage, stage.payload(), stage.name(), memory, output);
}

ExitCode InspectHandover(const HandoverFile& file, Output& output) {
  if (output.json()) {
    Json out = JsonDocument();
    if (file.tree() != nullptr) {
      AddHandover(file, out);
    } else {
      out = ForeignJson(file, output);
    }
    output.Line(ToText(out));
  } else if (file.tree() != nullptr) {
    PrintText(file, output);
  } else {
    PrintForeign(file, output);
  }
  return StatusOf(file);
}

}  // namespace

ExitCode RunInspect(const InspectOptions& options, Output& output) {
  const HandoverChoice& choice = options.file;
  ParseDialect(choice.dialect);  // A name that is none is refused before anything is read.
  if (choice.file == "-" || !std::filesystem::is_directory(choice.file)) {
    // Room for a bundle: a handover may not be that large.
    std::vector<std::byte> bytes = ReadFile(choice.file);
    const std::string name = FileName(choice.file);
    if (StageFile::Looks(bytes)) {
      return InspectStage(StageFile(std::move(bytes), name), choice.memory, output);
    }
    if (BeginsBundle(bytes)) {
      return InspectBundle(/*stage=*/nullptr, bytes, name, choice.memory, output);
    }
    return InspectHandover(HandoverFile(std::move(bytes), choice), output);
  }
  return InspectHandover(HandoverFile(choice), output);
}

}  // namespace holdfast::tool
