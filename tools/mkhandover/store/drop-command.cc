// SPDX-License-Identifier: BSD-2-Clause
// mkhandover drop: forgets a node.

#include <algorithm>

#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// When memory of a node is the system's again.
struct FreeAt {
  std::string_view word;
  std::string_view text;
};
constexpr FreeAt kAtOnce{"once", "its memory is free"};
constexpr FreeAt kNextKexec{"next-kexec", "its memory is the system's again after the next kexec"};
// The map has another type for it, which loaders hand on until a handover says that it is not needed.
constexpr FreeAt kNextHandover{
    "next-kexec", "its memory is the system's again after the next kexec, if the handover is made with --store"};

FreeAt WhenFree(const StoreModel& model, const KeptNode& node) {
  const auto numbers = model.FilesOf(node);
  const bool is_carried = std::any_of(numbers.begin(), numbers.end(), [&](std::uint32_t number) {
    return model.files[number].kind == StoreFileKind::kCarried;
  });
  if (!is_carried) {
    return kAtOnce;
  }
  return node.fence == Fence::kHeld ? kNextKexec : kNextHandover;
}

}  // namespace

ExitCode RunDrop(const DropOptions& options, Output& output) {
  Store store(options.store, Store::For::kWriting);
  WarnOf(store, output);
  const FreeAt free_at = WhenFree(store.model(), store.Find(options.name));
  StoreModel model = store.model();
  model.Remove(options.name);
  store.Commit(std::move(model));
  if (output.json()) {
    Json out = JsonDocument();
    out["name"] = options.name;
    out["free_at"] = free_at.word;
    output.Line(ToText(out));
  } else {
    output.Line(Format("{}: forgotten; {}", options.name, free_at.text));
  }
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
