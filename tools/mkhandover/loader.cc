// SPDX-License-Identifier: BSD-2-Clause
// One load of the stage and a kernel, with the kernel's own calls.

#include "tools/mkhandover/loader.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "common/plan/kernel-entry.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/kexec-call.h"
#include "tools/mkhandover/load-plan.h"
#include "tools/mkhandover/load-record.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::string_view kSegments = "segments";
constexpr std::string_view kFile = "file";
constexpr std::string_view kKexecTools = "kexec-tools";
constexpr std::string_view kAuto = "auto";

// What the kernel adds on its own where it places boot_params (arch/x86/kernel/kexec-bzimage64.c).
constexpr std::size_t kMaxFileCommandLine = kMaxCommandLine - 31;
constexpr std::uint64_t kEntry64 = 0x200;

// A screen has room for so many kept ranges.
constexpr std::size_t kMaxShownPieces = 12;

[[noreturn]] void FailToLoad(std::string_view call, int reason) {
  const std::string why = std::error_code(reason, std::generic_category()).message();
  std::string advice;
  if (reason == EPERM) {
    advice = ": run this as root; under lockdown only a signed stage is taken, with --via file";
  } else if (reason == ENOSYS) {
    advice = ": this kernel was built without it";
  }
  throw Failure(ExitCode::kSystem, Format("{}: {}{}", call, why, advice));
}

class Loader {
 public:
  Loader(const LoadOptions& options, Output& output) : options_(options), output_(output), plan_(options, output) {}

  ExitCode Run() {
    const Planned& planned = plan_.Plan(/*places=*/nullptr);
    if (!planned.ok()) {
      if (plan_.has_loaded_kernel() && !options_.again) {
        output_.Warn("what was loaded before stays loaded");
      }
      return Refuse(planned.problems(), output_.json());
    }
    CheckKho();
    Print(planned);
    if (!options_.dry_run) {
      Load();
      KeepRecord();
      if (!output_.json()) {
        output_.Line(Format("loaded     via {}", via_));
      }
    }
    if (output_.json()) {
      output_.Line(ToText(ToJson(planned)));
    }
    return options_.exec && !options_.dry_run ? Start() : ExitCode::kFine;
  }

 private:
  ExitCode Refuse(const std::vector<Problem>& problems, bool json) {
    for (const Problem& problem : problems) {
      output_.Complain(DescribeRule(problem));
    }
    const ExitCode exit = ExitFor(problems.front().code);
    if (json) {
      Json out = JsonDocument();
      out["verdict"] = "refused";
      out["exit"] = static_cast<int>(exit);
      out["problems"] = JsonProblems(problems);
      output_.Line(ToText(out));
    }
    return exit;
  }

  void Print(const Planned& planned) {
    if (output_.json()) {
      return;
    }
    output_.Line(Format("stage      {}, {} of memory", plan_.stage().name(), SizeText(plan_.stage().init_size())));
    output_.Line(Format("kernel     {}, entry {}, {} to choose from", options_.kernel,
                        KernelEntryName(planned.plan().entry), CountText(planned.plan().slot.count, "slot")));
    for (const std::string& initrd : options_.initrds) {
      output_.Line(Format("initrd     {}", initrd));
    }
    output_.Line(Format("cmdline    {}", plan_.cmdline().empty() ? "none" : Printable(plan_.cmdline())));
    PrintKept();
    output_.Line(Format("via        {}", ViaText()));
    if (IsPlacedByUs()) {
      for (const PlacedSegment& segment : planned.plan().segments) {
        output_.Line(Format("  {}  {}  {:>10}  {}", HexWide(segment.range.start().raw()),
                            HexWide(segment.range.end().raw()), SizeText(segment.range.size()), segment.name));
      }
    }
  }

  // kexec_load takes segments as they are: the kernel's own handover is not among them.
  void CheckKho() const {
    if (plan_.hands_over_by_kho() && (options_.via == kSegments || options_.via == kKexecTools)) {
      throw Failure(
          ExitCode::kFound,
          Format("this kernel hands memory over by KHO, which is lost with --via {}: use --via file", options_.via));
    }
  }

  std::string_view ViaText() const {
    if (options_.via != kAuto) {
      return options_.via;
    }
    return plan_.hands_over_by_kho() ? "file, by which KHO hands over" : "segments, or file where that is refused";
  }

  void PrintKept() {
    const HandoverFile* const handover = plan_.handover();
    if (handover == nullptr) {
      output_.Line("kept       nothing");
      return;
    }
    const auto& kept = handover->handover().kept;
    output_.Line(
        Format("kept       {}, {}, by {}", CountText(kept.size(), "range"), SizeText(kept.bytes()), handover->name()));
    const auto& pieces = handover->pieces();
    const std::size_t shown = output_.verbose() ? pieces.size() : std::min(pieces.size(), kMaxShownPieces);
    for (const KeptPiece& piece : std::span(pieces).first(shown)) {
      output_.Line(Format("  {}  {}  {:>10}  {}", HexWide(piece.range.start().raw()), HexWide(piece.range.end().raw()),
                          SizeText(piece.range.size()), piece.name));
    }
    if (shown < pieces.size()) {
      output_.Line(Format("  and {} more, which -v shows", pieces.size() - shown));
    }
  }

  bool IsPlacedByUs() const {
    return options_.via == kSegments || (options_.via == kAuto && !plan_.hands_over_by_kho());
  }

  Json ToJson(const Planned& planned) const {
    Json out = JsonDocument();
    out["verdict"] = "ok";
    out["loaded"] = !options_.dry_run;
    out["via"] = via_.empty() ? std::string_view(options_.via) : via_;
    out["stage"] = plan_.stage().name();
    out["entry"] = KernelEntryName(planned.plan().entry);
    out["cmdline"] = Printable(plan_.cmdline());
    out["slots"] = planned.plan().slot.count;
    Json preserved = Json::array();
    if (plan_.handover() != nullptr) {
      for (const KeptRange& kept : plan_.handover()->handover().kept.view()) {
        preserved.push_back(JsonStartEnd(kept.range));
      }
    }
    out["preserved"] = std::move(preserved);
    Json segments = Json::array();
    if (via_.empty() ? IsPlacedByUs() : via_ == kSegments) {
      for (const PlacedSegment& segment : planned.plan().segments) {
        Json item = {{"name", segment.name}};
        item.update(JsonStartEnd(segment.range));
        segments.push_back(std::move(item));
      }
    }
    out["segments"] = std::move(segments);
    out["problems"] = Json::array();
    return out;
  }

  void Load() {
    if (options_.via == kKexecTools) {
      LoadByKexecTools();
    } else if (!IsPlacedByUs()) {
      LoadByFile();
    } else {
      LoadBySegments();
    }
  }

  void LoadBySegments() {
    const int refused = KexecLoad(plan_.Segments(), plan_.places().stage.start().raw() + kEntry64);
    if (refused == 0) {
      via_ = kSegments;
    } else if (options_.via == kAuto && (refused == EPERM || refused == ENOSYS)) {
      output_.Note(Format("kexec_load: {}: trying kexec_file_load",
                          std::error_code(refused, std::generic_category()).message()));
      LoadByFile();
    } else {
      FailToLoad("kexec_load", refused);
    }
  }

  void WarnOfPlaces(std::string_view who) {
    if (plan_.keeps()) {
      output_.Warn(
          Format("{} chooses where the stage and the bundle go and does not know what is kept: should they "
                 "meet, the stage refuses, and what was kept there is lost",
                 who));
    }
  }

  void LoadByFile() {
    WarnOfPlaces("the kernel");
    if (plan_.cmdline().size() > kMaxFileCommandLine) {
      throw Failure(ExitCode::kUsage, Format("the command line has {} bytes, but with kexec_file_load it may have {}: "
                                             "shorten it",
                                             plan_.cmdline().size(), kMaxFileCommandLine));
    }
    const Descriptor stage(open(plan_.stage().name().c_str(), O_RDONLY | O_CLOEXEC));
    if (!stage.valid()) {
      FailWithErrno(plan_.stage().name());
    }
    const Descriptor bundle(MemoryFile("bundle", plan_.bundle().bytes));
    if (const int refused = KexecFileLoad(stage.get(), bundle.get(), plan_.cmdline()); refused != 0) {
      FailToLoad("kexec_file_load", refused);
    }
    via_ = kFile;
  }

  void LoadByKexecTools() {
    WarnOfPlaces("kexec-tools");
    const Descriptor bundle(MemoryFile("bundle", plan_.bundle().bytes));
    const int status = RunProgram({options_.kexec, "-l", plan_.stage().name(), "--initrd=" + PathOf(bundle),
                                   "--command-line=" + plan_.cmdline()});
    if (status != 0) {
      throw Failure(ExitCode::kSystem, Format("{}: ended with status {}", options_.kexec, status));
    }
    via_ = kKexecTools;
  }

  // Whoever loads again has to find what was loaded last, or nothing.
  void KeepRecord() {
    if (options_.again) {
      return;
    }
    try {
      if (options_.with_store && !options_.exec) {
        WriteLoadRecord(options_, plan_);
      } else {
        RemoveLoadRecord(options_.root);
      }
    } catch (...) {
      Unload(output_);
      RemoveLoadRecord(options_.root);
      throw;
    }
  }

  // What can move has had time to do so.  What is not fit to be started any more does not stay loaded either.
  ExitCode Start() {
    const ExitCode exit = CheckAgain();
    if (exit != ExitCode::kFine) {
      return exit;
    }
    output_.Flush();
    FailToLoad("reboot", StartLoadedKernel());
  }

  ExitCode CheckAgain() {
    const LoadPlaces places = plan_.places();
    try {
      const Planned& again = plan_.Plan(via_ == kSegments ? &places : nullptr);
      if (again.ok()) {
        return ExitCode::kFine;
      }
      Unload(output_);
      return Refuse(again.problems(), /*json=*/false);
    } catch (...) {
      Unload(output_);
      throw;
    }
  }

  const LoadOptions& options_;
  Output& output_;
  LoadPlan plan_;
  std::string_view via_;  // empty until something was loaded
};

}  // namespace

ExitCode LoadOnce(const LoadOptions& options, Output& output) { return Loader(options, output).Run(); }

void Unload(Output& output) {
  if (const int refused = UnloadKernel(); refused != 0) {
    output.Warn(
        Format("what was loaded stays loaded: {}", std::error_code(refused, std::generic_category()).message()));
  }
}

}  // namespace holdfast::tool
