// SPDX-License-Identifier: BSD-2-Clause
// What an EFI application has in its sections.

#include "tools/mkhandover/inspect-efi.h"

#include <memory>

#include "tools/mkhandover/efi-bundle.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/inspect-tree.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// Empty where there is no such section.
std::string TextIn(const EfiFile& file, std::string_view section) {
  const auto bytes = file.image().Find(section);
  return bytes ? Printable(Trim(AsText(*bytes))) : std::string();
}

std::unique_ptr<HandoverFile> HandoverIn(const EfiFile& file, const std::optional<std::string>& memory) {
  const auto bytes = file.image().Find(kSectionHandover);
  return bytes ? std::make_unique<HandoverFile>(std::vector<std::byte>(bytes->begin(), bytes->end()),
                                                Format("{}: handover", file.name()), memory)
               : nullptr;
}

Json EfiJson(const EfiFile& file, const HandoverFile* handover) {
  Json out = JsonDocument();
  out["image"] = {{"size", file.bytes().size()},
                  {"init_size", file.image().optional_header.size_of_image.value()},
                  {"signed", file.image().is_signed},
                  {"sections", JsonSections(file.image())}};
  out["cmdline"] = TextIn(file, kSectionCommandLine);
  out["uname"] = TextIn(file, kSectionUname);
  if (handover != nullptr) {
    AddTreeJson(*handover, out["handover"]);
  }
  out["problems"] = Json::array();
  return out;
}

void PrintEfi(const EfiFile& file, const HandoverFile* handover, Output& output) {
  output.Line(Format("image      EFI application, {}{}", SizeText(file.bytes().size()),
                     file.image().is_signed ? ", signed" : ""));
  PrintSections(file.image(), output);
  const std::string cmdline = TextIn(file, kSectionCommandLine);
  output.Line(Format("cmdline    {}", cmdline.empty() ? "none" : cmdline));
  if (const std::string uname = TextIn(file, kSectionUname); !uname.empty()) {
    output.Line(Format("uname      {}", uname));
  }
  if (handover != nullptr) {
    PrintTree(*handover, output);
  }
}

}  // namespace

ExitCode InspectEfi(const EfiFile& file, const std::optional<std::string>& memory, Output& output) {
  const auto handover = HandoverIn(file, memory);
  if (output.json()) {
    output.Line(ToText(EfiJson(file, handover.get())));
  } else {
    PrintEfi(file, handover.get(), output);
  }
  return handover != nullptr ? StatusOf(*handover) : ExitCode::kFine;
}

}  // namespace holdfast::tool
