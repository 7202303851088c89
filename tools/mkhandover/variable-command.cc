// SPDX-License-Identifier: BSD-2-Clause
// mkhandover variable: where the application finds the handover in memory.

#include "common/format/command-line.h"
#include "common/format/kho.h"
#include "tools/mkhandover/capture.h"
#include "tools/mkhandover/carriers.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/efi-variable.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kSetupData = "sys/kernel/boot_params/setup_data";

HandoverVariable FromOption(const std::string& text) {
  FixedVector<HandoverOption, kMaxHandoverOptions> options;
  if (!FindHandoverOptions(text, options).ok() || options.size() != 1) {
    throw Failure(
        ExitCode::kUsage,
        Format("--set {}: not holdfast=ADDR,SIZE,SHA256: give what mkhandover make has printed", Printable(text)));
  }
  return {.kind = HandoverVariableKind::kTree, .at = options[0].range, .scratch = {}, .digest = options[0].digest};
}

// Only a tree that is known is worth a boot: its digest is taken of what is in memory now.
HandoverVariable FromKho(const VariableOptions& options) {
  const std::string folder = (std::filesystem::path(options.root) / kSetupData).string();
  for (const FoundCarrier& found : FindInDirectory(folder)) {
    const auto* const node = std::get_if<KhoNode>(&found);
    if (node == nullptr) {
      continue;
    }
    const auto record = DecodeKhoRecord(node->payload);
    if (!record.ok()) {
      FailToDecode(folder, record.error());
    }
    if (record.value().is_2023) {
      throw Failure(ExitCode::kBadInput,
                    Format("{}: a record of 48 bytes, which the variable has no room for: keep the same memory by "
                           "mkhandover make --from {}",
                           folder, folder));
    }
    const Capture capture(options.memory ? std::vector<std::string>{*options.memory} : LiveMemory());
    const auto tree = capture.memory().View(record.value().fdt);
    if (!tree.ok()) {
      throw Failure(
          ExitCode::kSystem,
          Format("the KHO tree at {} cannot be read, and is not believed without its digest: run this as root "
                 "on a kernel that shows it in /proc/kcore or /dev/mem, or add --memory CAPTURE",
                 RangeText(record.value().fdt)));
    }
    return {.kind = HandoverVariableKind::kKho,
            .at = record.value().fdt,
            .scratch = record.value().scratch,
            .digest = DigestOf(tree.value())};
  }
  throw Failure(ExitCode::kFound, Format("{}: no KHO handover: none was handed to this kernel", folder));
}

std::string_view KindName(HandoverVariableKind kind) { return kind == HandoverVariableKind::kKho ? "kho" : "tree"; }

void Print(const HandoverVariable& variable, Output& output) {
  if (output.json()) {
    Json out = JsonDocument();
    out["kind"] = KindName(variable.kind);
    out["tree"] = JsonStartSize(variable.at);
    if (!variable.scratch.empty()) {
      out["scratch_areas"] = JsonStartSize(variable.scratch);
    }
    out["sha256"] = HexDigits(variable.digest);
    out["one_shot"] = variable.is_one_shot;
    output.Line(ToText(out));
    return;
  }
  output.Line(Format("handover   {} at {}, {} bytes, {}", KindName(variable.kind), Hex(variable.at.start().raw()),
                     variable.at.size(), variable.is_one_shot ? "for the next boot" : "for every boot"));
  if (!variable.scratch.empty()) {
    output.Line(
        Format("scratch    areas at {}, {} bytes", Hex(variable.scratch.start().raw()), variable.scratch.size()));
  }
  output.Line(Format("sha256     {}", HexDigits(variable.digest)));
}

ExitCode Show(const std::filesystem::path& file, Output& output) {
  const auto variable = ReadHandoverVariable(file);
  if (!variable) {
    throw Failure(ExitCode::kFound, "no variable: the next boot finds no handover by it");
  }
  Print(*variable, output);
  return ExitCode::kFine;
}

}  // namespace

ExitCode RunVariable(const VariableOptions& options, Output& output) {
  if (options.keep && !options.set && !options.set_kho) {
    throw Failure(ExitCode::kUsage, "--keep: goes with --set or --set-kho");
  }
  const std::filesystem::path file = HandoverVariableFile(options.root);
  if (options.clear) {
    if (!RemoveHandoverVariable(file)) {
      output.Note("no variable was set");
    }
    if (output.json()) {
      output.Line(ToText(JsonDocument()));
    }
    return ExitCode::kFine;
  }
  if (!options.set && !options.set_kho) {
    return Show(file, output);
  }
  HandoverVariable variable = options.set ? FromOption(*options.set) : FromKho(options);
  variable.is_one_shot = !options.keep;
  WriteHandoverVariable(file, variable);
  return Show(file, output);
}

}  // namespace holdfast::tool
