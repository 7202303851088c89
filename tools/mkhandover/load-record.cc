// SPDX-License-Identifier: BSD-2-Clause
// What the last `load --store` of this boot loaded, for whoever loads it again when /boot may be gone.

#include "tools/mkhandover/load-record.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecordName = "load.json";
constexpr std::string_view kFormat = "holdfast,load-v1";
constexpr std::size_t kMaxRecord = 64 * kKiB;

// A word of the options, which a record has by its name.
struct Word {
  std::string_view name;
  std::string& (*of)(LoadOptions&);
  std::array<std::string_view, 4> allowed{};  // none: any text
};
constexpr std::array<Word, 5> kWords = {
    {{"store", [](LoadOptions& options) -> std::string& { return options.store.folder; }, {}},
     {"mode", [](LoadOptions& options) -> std::string& { return options.mode; }, {"auto", "fence", "native"}},
     {"entry", [](LoadOptions& options) -> std::string& { return options.entry; }, {"auto", "vmlinux", "bzimage"}},
     {"via",
      [](LoadOptions& options) -> std::string& { return options.via; },
      {"auto", "segments", "file", "kexec-tools"}},
     {"kexec", [](LoadOptions& options) -> std::string& { return options.kexec; }, {}}}};
// What it has copies of.
constexpr std::array<std::string_view, 4> kCopies = {"stage", "kernel", "initrd", "cmdline"};

// What pads the words that are allowed is none of them.
bool IsAllowed(const Word& word, const std::string& text) {
  const auto& allowed = word.allowed;
  return allowed.front().empty() || (!text.empty() && std::find(allowed.begin(), allowed.end(), text) != allowed.end());
}

fs::path FolderBelow(const fs::path& root) { return root / kLoadFolder; }
fs::path RecordBelow(const fs::path& root) { return FolderBelow(root) / kRecordName; }

[[noreturn]] void FailForRecord(const fs::path& record, std::string_view what) {
  throw Failure(ExitCode::kBadInput, Format("{}: {}: load with --store once more", record.string(), what));
}

// One that no copy has yet.
std::uint64_t FreeNumber(const fs::path& folder) {
  for (std::uint64_t number = 1;; ++number) {
    if (std::none_of(kCopies.begin(), kCopies.end(),
                     [&](std::string_view copy) { return fs::exists(folder / Format("{}-{}", copy, number)); })) {
      return number;
    }
  }
}

// Whoever reads it stands elsewhere.  A word without a slash is looked for in PATH.
void MakeAbsolute(LoadOptions& options) {
  options.store.folder = fs::absolute(options.store.folder).string();
  if (options.kexec.find('/') != std::string::npos) {
    options.kexec = fs::absolute(options.kexec).string();
  }
}

Json ReadRecord(const fs::path& record) {
  const auto bytes = ReadFile(record.string(), kMaxRecord);
  Json json = Json::parse(AsText(bytes), /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("format") || json["format"] != kFormat) {
    FailForRecord(record, Format("is no record of the format {}", kFormat));
  }
  return json;
}

std::string TextIn(const Json& json, std::string_view name, const fs::path& record) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) {
    FailForRecord(record, Format("{} is missing", name));
  }
  return found->get<std::string>();
}

// The copy of that name, once its digest is right; empty where there is none.
fs::path CopyIn(const Json& json, std::string_view name, const fs::path& record) {
  const auto found = json.find(name);
  if (found != json.end() && found->is_null()) {
    return {};
  }
  if (found == json.end() || !found->is_object() || found->size() != 2) {
    FailForRecord(record, Format("{} is missing", name));
  }
  const std::string file = TextIn(*found, "file", record);
  if (!file.starts_with(name) || file.find('/') != std::string::npos) {
    FailForRecord(record, Format("{} has a file of another name", name));
  }
  const fs::path path = record.parent_path() / file;
  if (HexDigits(DigestOf(ReadFile(path.string()))) != TextIn(*found, "sha256", record)) {
    FailForRecord(record, Format("{} is not what its digest says", file));
  }
  return path;
}

std::span<const std::byte> PartOf(const Bundle& bundle, BundlePartKind kind) {
  const auto part = bundle.Find(kind);
  return part ? part->stored : std::span<const std::byte>();
}

// The bundle has all of it, or its header.
std::vector<std::byte> ReadKernelAgain(const std::string& path, const Bundle& bundle) {
  std::vector<std::byte> kernel = ReadFile(path);
  const auto loaded = PartOf(bundle, BundlePartKind::kKernel);
  if (kernel.size() < loaded.size() || !std::equal(loaded.begin(), loaded.end(), kernel.begin())) {
    throw Failure(ExitCode::kFound, Format("{}: was changed while it was loaded: run this again", path));
  }
  return kernel;
}

// Copies of which the record does not speak.
void RemoveStrays(const fs::path& folder, const Json& record) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool is_named =
        name == kRecordName || std::any_of(kCopies.begin(), kCopies.end(), [&](std::string_view copy) {
          const auto found = record.find(copy);
          return found != record.end() && found->is_object() && (*found)["file"] == name;
        });
    if (!is_named) {
      fs::remove(entry.path());
    }
  }
}

}  // namespace

bool HasLoadRecord(const fs::path& root) { return fs::exists(RecordBelow(root)); }

void WriteLoadRecord(const LoadOptions& options, const LoadPlan& plan) {
  const fs::path folder = FolderBelow(options.root);
  fs::create_directories(folder.parent_path());
  // An initrd may have secrets in it.
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    FailWithErrno(folder.string());
  }
  Bundle bundle;
  ReadBundle(plan.bundle().bytes, "the bundle that was loaded", bundle);
  const std::uint64_t number = FreeNumber(folder);
  Json record = JsonDocument();
  record["format"] = kFormat;
  LoadOptions words = options;
  MakeAbsolute(words);
  for (const Word& word : kWords) {
    record[word.name] = word.of(words);
  }
  const auto add = [&](std::string_view name, std::span<const std::byte> bytes) {
    if (bytes.empty()) {
      record[name] = nullptr;
      return;
    }
    const std::string file = Format("{}-{}", name, number);
    WriteFile((folder / file).string(), bytes);
    record[name] = {{"file", file}, {"sha256", HexDigits(DigestOf(bytes))}};
  };
  add("stage", plan.stage().bytes());
  add("kernel", ReadKernelAgain(options.kernel, bundle));
  add("initrd", PartOf(bundle, BundlePartKind::kInitrd));
  add("cmdline", AsBytes(plan.cmdline()));
  const std::string text = ToText(record);
  // What could not be read again is not written: a path may be no text.
  if (Json::parse(text) != record) {
    throw Failure(ExitCode::kUsage, Format("--store {}: is no UTF-8, as a record has to be", options.store.folder));
  }
  WriteFile(RecordBelow(options.root).string(), AsBytes(text));
  RemoveStrays(folder, record);
}

void RemoveLoadRecord(const fs::path& root) {
  if (fs::exists(FolderBelow(root))) {
    fs::remove(RecordBelow(root));  // first: copies alone say nothing
    fs::remove_all(FolderBelow(root));
  }
}

LoadOptions ReadLoadRecord(const fs::path& root) {
  const fs::path record = RecordBelow(root);
  const Json json = ReadRecord(record);
  if (json.size() != 2 + kWords.size() + kCopies.size()) {
    FailForRecord(record, Format("is no record of the format {}", kFormat));
  }
  LoadOptions out;
  out.root = root.string();
  out.with_store = true;
  for (const Word& word : kWords) {
    std::string& text = word.of(out);
    text = TextIn(json, word.name, record);
    if (!IsAllowed(word, text)) {
      FailForRecord(record, Format("{} is none that is known", word.name));
    }
  }
  const fs::path stage = CopyIn(json, "stage", record);
  const fs::path kernel = CopyIn(json, "kernel", record);
  if (stage.empty() || kernel.empty()) {
    FailForRecord(record, "stage or kernel is missing");
  }
  out.stage = stage.string();
  out.kernel = kernel.string();
  if (const fs::path initrd = CopyIn(json, "initrd", record); !initrd.empty()) {
    out.initrds = {initrd.string()};
  }
  if (const fs::path cmdline = CopyIn(json, "cmdline", record); !cmdline.empty()) {
    out.cmdline = AsText(ReadFile(cmdline.string()));
  }
  return out;
}

}  // namespace holdfast::tool
