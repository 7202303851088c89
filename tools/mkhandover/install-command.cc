// SPDX-License-Identifier: BSD-2-Clause
// mkhandover install: the application and its files onto the ESP.

#include <algorithm>
#include <array>

#include "common/base/version.h"
#include "tools/mkhandover/bundle-file.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/draft.h"
#include "tools/mkhandover/efi-bundle.h"
#include "tools/mkhandover/esp.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/stage-file.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// Where the application looks for them, and where firmware and boot menus look for the application.
constexpr const char* kFolder = "EFI/holdfast";
constexpr const char* kApplication = "EFI/holdfast/holdfast.efi";
constexpr const char* kFallback = "EFI/BOOT/BOOTX64.EFI";
constexpr const char* kLoaderEntry = "loader/entries/holdfast.conf";

// What there is to start: only one kind of it is used, so only one kind stays.
constexpr std::array kInputs = {"linux", "initrd", "cmdline", "bundle"};

struct EspFile {
  std::filesystem::path path;  // on the ESP
  std::vector<std::byte> bytes;
};

std::vector<std::byte> BytesOf(std::string_view text) {
  const auto bytes = AsBytes(text);
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> ReadApplication(const InstallOptions& options) {
  const EfiFile file(options.image ? *options.image : options.stub.value_or(InstalledFile(kEfiStubName)));
  if (options.image && !file.image().Find(kSectionKernel)) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: has no section {}: make it with mkhandover bundle --efi", file.name(), kSectionKernel));
  }
  return {file.bytes().begin(), file.bytes().end()};
}

std::vector<std::byte> ReadBundleFile(const std::string& path) {
  std::vector<std::byte> bytes = ReadFile(path);
  const std::string name = FileName(path);
  Bundle bundle;
  if (StageFile::Looks(bytes)) {
    const StageFile stage(bytes, name);
    ReadBundle(stage.payload(), name, bundle);
  } else {
    ReadBundle(bytes, name, bundle);
  }
  return bytes;
}

// Everything is read and checked before anything is written.  The application comes last, and what leads to it behind
// it.
std::vector<EspFile> ReadAll(const InstallOptions& options) {
  const std::filesystem::path folder(kFolder);
  std::vector<EspFile> out;
  if (options.kernel) {
    std::vector<std::byte> kernel = ReadFile(*options.kernel);
    CheckEfiKernel(kernel, FileName(*options.kernel));
    out.push_back({folder / "linux", std::move(kernel)});
  }
  if (!options.initrds.empty()) {
    out.push_back({folder / "initrd", ReadInitrds(options.initrds)});
  }
  if (options.cmdline && !options.cmdline->empty()) {
    CheckCommandLine(*options.cmdline);
    out.push_back({folder / "cmdline", BytesOf(*options.cmdline)});
  }
  if (options.bundle) {
    out.push_back({folder / "bundle", ReadBundleFile(*options.bundle)});
  }
  if (options.handover.given()) {
    const HandoverFile file(options.handover);
    file.RequireNoProblem();
    out.push_back({folder / "handover.dtb", AsTree(file)});
  }
  out.push_back({kApplication, ReadApplication(options)});
  if (options.removable) {
    out.push_back({kFallback, out.back().bytes});
  }
  if (options.loader_entry) {
    if (options.entry_title.find_first_of("\r\n") != std::string::npos) {
      throw Failure(ExitCode::kUsage, "--entry-title: has a newline in it: give it as one line");
    }
    // Boot Loader Specification, "Type #1".  The command line is the application's own: options here come behind it.
    out.push_back({kLoaderEntry, BytesOf(Format("title        {}\nversion      {}\nsort-key     holdfast\n"
                                                "architecture x64\nefi          /{}\n",
                                                options.entry_title, kVersion, kApplication))});
  }
  return out;
}

// What lies there of another installation would be started in place of what comes now.
std::vector<std::string> RemoveOthers(const std::filesystem::path& esp, const std::vector<EspFile>& files) {
  std::vector<std::string> removed;
  for (const char* const name : kInputs) {
    const std::filesystem::path path = std::filesystem::path(kFolder) / name;
    const bool is_new =
        std::any_of(files.begin(), files.end(), [&path](const EspFile& file) { return file.path == path; });
    if (!is_new && RemoveOnEsp(esp / path)) {
      removed.push_back(path.string());
    }
  }
  return removed;
}

void Print(const std::filesystem::path& esp, const std::vector<EspFile>& files, const std::vector<std::string>& removed,
           Output& output) {
  if (output.json()) {
    Json out = JsonDocument();
    out["esp"] = esp.string();
    Json written = Json::array();
    for (const EspFile& file : files) {
      written.push_back({{"path", file.path.string()}, {"size", file.bytes.size()}});
    }
    out["files"] = std::move(written);
    out["removed"] = removed;
    output.Line(ToText(out));
    return;
  }
  for (const EspFile& file : files) {
    output.Line(Format("{:<28}  {}", file.path.string(), SizeText(file.bytes.size())));
  }
  for (const std::string& path : removed) {
    output.Line(Format("{:<28}  removed", path));
  }
}

}  // namespace

ExitCode RunInstall(const InstallOptions& options, Output& output) {
  const std::vector<EspFile> files = ReadAll(options);
  const std::filesystem::path esp = options.esp ? TakeEsp(*options.esp, output) : FindEsp(options.root);
  for (const EspFile& file : files) {
    WriteOnEsp(esp / file.path, file.bytes);
  }
  std::vector<std::string> removed;
  if (options.kernel || options.bundle || options.image) {
    removed = RemoveOthers(esp, files);
  }
  Print(esp, files, removed, output);
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
