// SPDX-License-Identifier: BSD-2-Clause
// mkhandover drop: forgets a node.

#include <algorithm>

#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {

ExitCode RunDrop(const DropOptions& options, Output& output) {
  Store store(options.store, Store::For::kWriting);
  WarnOf(store, output);
  const KeptNode& node = store.Find(options.name);
  const auto numbers = store.model().FilesOf(node);
  const bool is_carried = std::any_of(numbers.begin(), numbers.end(), [&](std::uint32_t number) {
    return store.model().files[number].kind == StoreFileKind::kCarried;
  });
  StoreModel model = store.model();
  model.Remove(options.name);
  store.Commit(std::move(model));
  if (output.json()) {
    Json out = JsonDocument();
    out["name"] = options.name;
    out["free_at"] = is_carried ? "next-kexec" : "once";
    output.Line(ToText(out));
  } else {
    output.Line(Format("{}: forgotten; {}", options.name,
                       is_carried ? "its memory is the system's again after the next kexec" : "its memory is free"));
  }
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
