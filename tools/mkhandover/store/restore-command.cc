// SPDX-License-Identifier: BSD-2-Clause
// mkhandover restore: what was kept, as files again.

#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/store/restorer.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

std::string WhatIsLeft(const DamagedObject& lost) {
  return lost.ending.empty() ? "; nothing is left of it" : "; what is left of it ends in " + lost.ending;
}

}  // namespace

ExitCode RunRestore(const RestoreOptions& options, Output& output) {
  const bool to_output = options.folder == "-";
  if (to_output && output.json()) {
    throw Failure(ExitCode::kUsage, "-C -: standard output takes either the contents or --json");
  }
  Store store(options.store, Store::For::kReading);
  WarnOf(store, output);
  const auto kept = store.snapshot();
  const KeptNode& node = kept->Find(options.name);
  Restored restored;
  {
    Progress progress(node.name, node.bytes(), output);
    restored = to_output ? RestoreToOutput(*kept, node, progress)
                         : RestoreFiles(*kept, node, options.folder, progress, output);
  }
  for (const DamagedObject& lost : restored.lost) {
    output.Complain(DescribeLost(node, lost) + (to_output ? "" : WhatIsLeft(lost)));
  }
  const ExitCode exit = restored.lost.empty() && restored.is_complete ? ExitCode::kFine : ExitCode::kFound;
  if (output.json()) {
    Json out = JsonDocument();
    out["name"] = node.name;
    out["objects"] = restored.objects;
    out["bytes"] = restored.bytes;
    out["exit"] = static_cast<int>(exit);
    out["lost"] = Json::array();
    for (const DamagedObject& lost : restored.lost) {
      out["lost"].push_back({{"path", lost.path}, {"offset", lost.error.where}});
    }
    output.Line(ToText(out));
  } else if (!to_output) {
    output.Line(
        Format("{}: {}, {} restored", node.name, CountText(restored.objects, "object"), SizeText(restored.bytes)));
  }
  return exit;
}

}  // namespace holdfast::tool
