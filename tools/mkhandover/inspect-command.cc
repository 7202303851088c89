// SPDX-License-Identifier: BSD-2-Clause
// mkhandover inspect: what a handover, or a bundle, says.

#include <filesystem>
#include <memory>

#include "common/plan/kernel-entry.h"
#include "tools/mkhandover/bundle-file.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/inspect-efi.h"
#include "tools/mkhandover/inspect-foreign.h"
#include "tools/mkhandover/inspect-tree.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/kernel-file.h"
#include "tools/mkhandover/stage-file.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

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
    AddTreeJson(*texts.handover, out["handover"]);
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
    PrintTree(*texts.handover, output);
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
      AddTreeJson(file, out);
    } else {
      out = ForeignJson(file, output);
    }
    output.Line(ToText(out));
  } else if (file.tree() != nullptr) {
    PrintTree(file, output);
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
    if (EfiFile::Looks(bytes)) {
      return InspectEfi(EfiFile(std::move(bytes), name), choice.memory, output);
    }
    if (BeginsBundle(bytes)) {
      return InspectBundle(/*stage=*/nullptr, bytes, name, choice.memory, output);
    }
    return InspectHandover(HandoverFile(std::move(bytes), choice), output);
  }
  return InspectHandover(HandoverFile(choice), output);
}

}  // namespace holdfast::tool
