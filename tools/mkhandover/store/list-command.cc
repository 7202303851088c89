// SPDX-License-Identifier: BSD-2-Clause
// mkhandover list: what is kept, before the kexec and after it.

#include "common/console/wording.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/range-lists.h"
#include "tools/mkhandover/report-file.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

std::string_view KindName(StoreObjectKind kind) {
  switch (kind) {
    case StoreObjectKind::kFile:
      return "file";
    case StoreObjectKind::kDirectory:
      return "directory";
    case StoreObjectKind::kSymlink:
      return "symlink";
    case StoreObjectKind::kHardLink:
      return "hard-link";
    case StoreObjectKind::kFifo:
      return "fifo";
    case StoreObjectKind::kCharDevice:
      return "char-device";
    case StoreObjectKind::kBlockDevice:
      return "block-device";
    case StoreObjectKind::kStream:
      return "stream";
  }
  Bug();
}

std::string_view KindName(StoreFileKind kind) {
  switch (kind) {
    case StoreFileKind::kOwn:
      return "own";
    case StoreFileKind::kDescribed:
      return "described";
    case StoreFileKind::kCarried:
      return "carried";
  }
  Bug();
}

std::string TargetOf(const KeptNode& node, const KeptObject& object) {
  return object.about.kind == StoreObjectKind::kHardLink ? node.objects.at(object.about.link).path : object.target;
}

// Pages that are lost take none.
std::uint64_t MemoryOf(const StoreModel& model, const KeptNode& node) {
  std::uint64_t sum = 0;
  for (const std::uint32_t number : model.FilesOf(node)) {
    sum += BytesIn(model.files[number].KeptRuns());
  }
  return sum;
}

Json ToJson(const KeptNode& node, const KeptObject& object) {
  Json out = {{"path", object.path}, {"kind", KindName(object.about.kind)}, {"size", object.about.size}};
  if (object.about.byte_size != 0) {
    out["byte_size"] = object.about.byte_size;
  }
  out["mode"] = Format("{:04o}", object.about.mode);
  out["uid"] = object.about.uid;
  out["gid"] = object.about.gid;
  if (const std::string target = TargetOf(node, object); !target.empty()) {
    out["target"] = target;
  }
  return out;
}

Json ToJson(const StoreModel& model, const KeptNode& node, bool with_objects) {
  Json out = {{"name", node.name},
              {"objects", node.objects.size()},
              {"bytes", node.bytes()},
              {"memory", MemoryOf(model, node)},
              {"fence", FenceName(node.fence)},
              {"generation", node.generation},
              {"time", node.time_seconds}};
  out["files"] = Json::array();
  for (const std::uint32_t number : model.FilesOf(node)) {
    const KeptFile& file = model.files[number];
    Json about = {{"name", file.name}, {"kind", KindName(file.kind)}, {"ranges", JsonRanges(file.KeptRuns())}};
    for (const FileStretch& lost : file.Lost()) {
      about["lost"].push_back({{"offset", lost.offset}, {"size", lost.size}});
    }
    out["files"].push_back(std::move(about));
  }
  if (with_objects) {
    out["contents"] = Json::array();
    for (const KeptObject& object : node.objects) {
      out["contents"].push_back(ToJson(node, object));
    }
  }
  return out;
}

void PrintObjects(const KeptNode& node, Output& output) {
  for (const KeptObject& object : node.objects) {
    const std::string target = TargetOf(node, object);
    output.Line(Format("  {:<12} {:04o} {:>5} {:>5} {:>10}  {}{}", KindName(object.about.kind), object.about.mode,
                       object.about.uid, object.about.gid, SizeText(object.about.size + object.about.byte_size),
                       Printable(object.path), target.empty() ? "" : Format(" -> {}", Printable(target))));
  }
}

// A kernel that was started without Holdfast does not know what the one before it kept, though it may still be there.
std::string NothingLine(const ListOptions& options) {
  const bool is_known = options.store.handover || ReadReportOfThisBoot("/") != nullptr;
  return is_known ? "nothing is kept"
                  : "nothing is kept in this boot, and no report says what was before it: if an earlier kernel kept "
                    "something, give its handover with --handover FILE";
}

}  // namespace

ExitCode RunList(const ListOptions& options, Output& output) {
  const Store store(options.store, Store::For::kReading);
  WarnOf(store, output);
  const StoreModel& model = store.model();
  if (options.name) {
    store.Find(*options.name);
  }
  Json nodes = Json::array();
  for (const KeptNode& node : model.nodes) {
    if (options.name && node.name != *options.name) {
      continue;
    }
    const bool with_objects = options.name || output.verbose();
    if (output.json()) {
      nodes.push_back(ToJson(model, node, with_objects));
      continue;
    }
    output.Line(Format("{:<31} {:>6} objects {:>10} in {:>10}  {}, generation {}", node.name, node.objects.size(),
                       SizeText(node.bytes()), SizeText(MemoryOf(model, node)), FenceName(node.fence),
                       node.generation));
    if (with_objects) {
      PrintObjects(node, output);
    }
  }
  if (output.json()) {
    Json out = JsonDocument();
    out["sequence"] = model.sequence;
    out["index"] = JsonRanges(store.IndexRuns());
    out["nodes"] = std::move(nodes);
    output.Line(ToText(out));
  } else if (model.nodes.empty()) {
    output.Line(NothingLine(options));
  }
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
