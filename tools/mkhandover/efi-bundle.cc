// SPDX-License-Identifier: BSD-2-Clause
// The application with everything that it starts in its own sections.

#include "tools/mkhandover/efi-bundle.h"

#include <algorithm>
#include <deque>

#include "tools/mkhandover/bundle-file.h"
#include "tools/mkhandover/draft.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/kernel-file.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// Sections, and the bytes in them.
class SectionList {
 public:
  void Own(std::string_view name, std::vector<std::byte> bytes) {
    sections_.push_back({.name = name, .bytes = owned_.emplace_back(std::move(bytes))});
  }
  void Borrow(std::string_view name, std::string_view text) {
    sections_.push_back({.name = name, .bytes = AsBytes(text)});
  }
  std::span<const NewSection> view() const { return sections_; }

 private:
  std::deque<std::vector<std::byte>> owned_;
  std::vector<NewSection> sections_;
};

std::vector<std::byte> ReadHandover(const HandoverChoice& choice) {
  const HandoverFile file(choice);
  file.RequireNoProblem();
  return AsTree(file);
}

// In the result every section is what went in.
void CheckResult(std::span<const std::byte> bytes, std::span<const NewSection> sections) {
  constexpr const char* kName = "the image that was made";
  PeImage made;
  FailUnless(DecodePeImage(bytes, PeForm::kFile, made), kName);
  for (const NewSection& section : sections) {
    const auto found = made.Find(section.name);
    if (!found || !std::equal(found->begin(), found->end(), section.bytes.begin(), section.bytes.end())) {
      throw Failure(ExitCode::kBadInput, Format("{}: section {} came out changed", kName, section.name));
    }
  }
}

}  // namespace

void CheckEfiKernel(std::span<const std::byte> kernel, const std::string& name) {
  const KernelFile file({kernel.begin(), kernel.end()}, name);
  if (!EfiFile::Looks(kernel)) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: has no EFI stub: give a kernel that was built with CONFIG_EFI_STUB", name));
  }
}

std::vector<std::byte> BuildEfiBundle(const EfiBundleRequest& request) {
  CheckCommandLine(request.cmdline);
  const EfiFile stub(request.stub);
  SectionList sections;
  if (request.os_release) {
    sections.Own(kSectionOsRelease, ReadNonEmpty(*request.os_release, "--os-release"));
  }
  if (request.uname && !request.uname->empty()) {
    sections.Borrow(kSectionUname, *request.uname);
  }
  if (!request.cmdline.empty()) {
    sections.Borrow(kSectionCommandLine, request.cmdline);
  }
  if (request.handover.given()) {
    sections.Own(kSectionHandover, ReadHandover(request.handover));
  }
  if (!request.initrds.empty()) {
    sections.Own(kSectionInitrd, ReadInitrds(request.initrds));
  }
  std::vector<std::byte> kernel = ReadFile(request.kernel);
  CheckEfiKernel(kernel, FileName(request.kernel));
  // Last, as systemd's have it: an older kernel unpacks itself behind its own end.
  sections.Own(kSectionKernel, std::move(kernel));
  std::vector<std::byte> out = stub.WithSections(sections.view());
  CheckResult(out, sections.view());
  return out;
}

Json JsonSections(const PeImage& image) {
  Json out = Json::array();
  for (const PeSection& section : image.sections) {
    out.push_back({{"name", Printable(SectionName(section))},
                   {"address", JsonAddress(section.virtual_address.value())},
                   {"offset", section.raw_offset.value()},
                   {"stored_size", section.raw_size.value()},
                   {"size", section.virtual_size.value()}});
  }
  return out;
}

void PrintSections(const PeImage& image, Output& output) {
  for (const PeSection& section : image.sections) {
    output.Line(Format("  {:<10} at {:<10} {}", Printable(SectionName(section)), Hex(section.virtual_address.value()),
                       SizeText(section.virtual_size.value())));
  }
}

}  // namespace holdfast::tool
