// SPDX-License-Identifier: BSD-2-Clause
// mkhandover drop: forgets a node.

#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/store/give-back.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// What of a node's memory there is, by what becomes of it.
struct Parts {
  bool described = false;
  bool own = false;
  bool carried = false;
  Fence fence = Fence::kReserved;
};

Parts PartsOf(const StoreModel& model, const KeptNode& node) {
  Parts out;
  out.fence = node.fence;
  for (const std::uint32_t number : model.FilesOf(node)) {
    const StoreFileKind kind = model.files[number].kind;
    out.described = out.described || kind == StoreFileKind::kDescribed;
    out.own = out.own || kind == StoreFileKind::kOwn;
    out.carried = out.carried || kind == StoreFileKind::kCarried;
  }
  return out;
}

std::string_view FreeAt(const Parts& parts) {
  if (parts.carried) {
    return "next-kexec";
  }
  return parts.described && !parts.own ? "with-files" : "once";
}

std::string WhatBecomesOf(const Parts& parts, std::uint64_t given_back) {
  std::string out;
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
  if (given_back != 0) {
    add(Format("{} are the system's again", SizeText(given_back)));
  }
  if (parts.own && (parts.described || parts.carried)) {
    add("what was copied in this boot is free");
  }
  if (parts.described) {
    add("its files stay where they are");
  }
  if (parts.carried) {
    // Of other fences the map has another type, which loaders hand on until a handover says that it is not needed.
    add(Format("{} is the system's again after the next kexec{}", out.empty() ? "its memory" : "the rest",
               parts.fence == Fence::kHeld ? "" : ", if the handover is made with --store"));
  } else if (!parts.described) {
    add("its memory is free");
  }
  return out;
}

}  // namespace

ExitCode RunDrop(const DropOptions& options, Output& output) {
  Store store(options.store, Store::For::kWriting);
  WarnOf(store, output);
  const Parts parts = PartsOf(store.model(), store.Find(options.name));
  const GivenBack given = DropNode(store, options.name);
  for (const std::string& problem : given.problems) {
    output.Warn(problem);
  }
  if (output.json()) {
    Json out = JsonDocument();
    out["name"] = options.name;
    out["given_back"] = given.bytes;
    out["free_at"] = FreeAt(parts);
    output.Line(ToText(out));
  } else {
    output.Line(Format("{}: forgotten; {}", options.name, WhatBecomesOf(parts, given.bytes)));
  }
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
