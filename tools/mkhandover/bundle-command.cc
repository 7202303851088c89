// SPDX-License-Identifier: BSD-2-Clause
// mkhandover bundle: one file with everything that the stage starts.

#include "common/plan/kernel-entry.h"
#include "tools/mkhandover/bundle-file.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/draft.h"
#include "tools/mkhandover/efi-bundle.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/kernel-file.h"
#include "tools/mkhandover/stage-file.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

Json ToJson(const BundleOptions& options, const BuiltBundle& built, const Bundle& bundle, std::size_t file_size) {
  Json out = JsonDocument();
  out["output"] = options.output;
  out["size"] = file_size;
  out["entry"] = KernelEntryName(built.entry);
  out["bundle_size"] = bundle.size;
  out["parts"] = JsonParts(bundle);
  return out;
}

void SayParts(const Bundle& bundle, Output& output) {
  for (const BundlePart& part : bundle.parts) {
    output.Note(Format("{}: {}{}", BundlePartName(part.kind), SizeText(part.size),
                       part.encoding == BundleEncoding::kStored
                           ? std::string()
                           : Format(", {} in {}", SizeText(part.stored.size()), BundleEncodingName(part.encoding))));
  }
}

ExitCode RunEfiBundle(const BundleOptions& options, Output& output) {
  const std::vector<std::byte> bytes = BuildEfiBundle({.stub = options.stub.value_or(InstalledFile(kEfiStubName)),
                                                       .kernel = options.kernel,
                                                       .initrds = options.initrds,
                                                       .cmdline = options.cmdline,
                                                       .handover = options.handover,
                                                       .os_release = options.os_release,
                                                       .uname = options.uname});
  WriteFile(options.output, bytes);
  const EfiFile made(bytes, options.output);
  for (const PeSection& section : made.image().sections) {
    output.Note(Format("{}: {}", SectionName(section), SizeText(section.virtual_size.value())));
  }
  output.Note(Format("{}: {}", options.output, SizeText(bytes.size())));
  if (output.json()) {
    Json out = JsonDocument();
    out["output"] = options.output;
    out["size"] = bytes.size();
    out["sections"] = JsonSections(made.image());
    output.Line(ToText(out));
  }
  return ExitCode::kFine;
}

// Whatever dialect it is, the stage will find a tree of ours.
std::vector<std::byte> ReadTree(const HandoverChoice& choice) {
  const HandoverFile file(choice);
  file.RequireNoProblem();
  return AsTree(file);
}

}  // namespace

ExitCode RunBundle(const BundleOptions& options, Output& output) {
  if (options.efi) {
    return RunEfiBundle(options, output);
  }
  const std::vector<std::byte> tree = options.handover.given() ? ReadTree(options.handover) : std::vector<std::byte>();
  const BuiltBundle built = BuildBundle({.kernel = options.kernel,
                                         .initrds = options.initrds,
                                         .cmdline = options.cmdline,
                                         .handover = tree,
                                         .mode = ParseMode(options.mode),
                                         .entry = ParseEntry(options.entry),
                                         .compress = options.compress},
                                        output);
  Bundle bundle;
  ReadBundle(built.bytes, "the bundle that was made", bundle);
  std::size_t file_size = built.bytes.size();
  if (options.image) {
    const std::vector<std::byte> image = StageFile(*options.image).WithBundle(built.bytes);
    file_size = image.size();
    WriteFile(options.output, image);
  } else {
    WriteFile(options.output, built.bytes);
  }
  SayParts(bundle, output);
  output.Note(Format("{}: {}, entry {}", options.output, SizeText(file_size), KernelEntryName(built.entry)));
  if (output.json()) {
    output.Line(ToText(ToJson(options, built, bundle, file_size)));
  }
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
