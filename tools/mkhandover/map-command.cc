// SPDX-License-Identifier: BSD-2-Clause
// mkhandover map: a picture of memory.

#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/picture.h"
#include "tools/mkhandover/stretches.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

Json ToJson(std::span<const Stretch> stretches) {
  Json out = JsonDocument();
  Json list = Json::array();
  for (const Stretch& stretch : stretches) {
    if (stretch.is_hole()) {
      continue;
    }
    Json item = JsonStartEnd(stretch.range);
    if (stretch.type) {
      item["type"] = static_cast<std::uint32_t>(*stretch.type);
    }
    if (stretch.kept != nullptr) {
      item["kept"] = stretch.kept->name;
    }
    list.push_back(std::move(item));
  }
  out["map"] = std::move(list);
  out["memory_bytes"] = MemoryBytes(stretches);
  out["bytes"] = KeptBytes(stretches);
  return out;
}

}  // namespace

ExitCode RunMap(const MapOptions& options, Output& output) {
  const auto map = ReadMap(options.map.where, options.map.efi_descriptor_size);
  std::optional<HandoverFile> file;
  std::span<const KeptPiece> pieces;
  if (options.handover.given()) {
    file.emplace(options.handover, &map->map());
    pieces = file->pieces();
    for (const Problem& problem : file->problems()) {
      output.Warn(Format("{}: {}", file->name(), DescribeRule(problem)));
    }
  }
  const std::vector<Stretch> stretches = CutIntoStretches(map->map(), pieces);
  if (options.svg) {
    WriteFile(*options.svg, AsBytes(DrawAsSvg(stretches)));
    output.Note(Format("{}: written", *options.svg));
    if (*options.svg == "-") {
      return ExitCode::kFine;
    }
  }
  if (output.json()) {
    output.Line(ToText(ToJson(stretches)));
  } else {
    DrawInTerminal(stretches, output);
  }
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
