// SPDX-License-Identifier: BSD-2-Clause
// What is about to be loaded, read from files and from this machine, and where it would go.

#include "tools/mkhandover/load-plan.h"

#include <algorithm>

#include "common/base/align.h"
#include "common/format/command-line.h"
#include "common/plan/kernel-options.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/draft.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/kernel-file.h"
#include "tools/mkhandover/page-map.h"
#include "tools/mkhandover/report-file.h"
#include "tools/mkhandover/reused-cmdline.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kCmdline = "proc/cmdline";
constexpr std::array<std::string_view, 3> kSegmentNames = {"stage", "bundle", "boot_params"};

// The line goes to the stage as its loader's, so that the stage's consoles are those of the kernel.
std::string CommandLineFor(const LoadOptions& options, const std::filesystem::path& root) {
  std::string line = options.reuse_cmdline
                         ? ReuseCommandLine(ReadTextFile((root / kCmdline).string()), !options.handover.given())
                         : options.cmdline;
  CheckCommandLine(line);
  return line;
}

StageFile ReadStage(const LoadOptions& options) {
  StageFile stage(options.stage.value_or(DefaultStagePath()));
  if (!stage.payload().empty()) {
    throw Failure(ExitCode::kBadInput, Format("{}: has a bundle already: load it with kexec -l", stage.name()));
  }
  return stage;
}

// As it goes into the bundle: whatever dialect it is, the stage will find a tree of ours.
std::unique_ptr<HandoverFile> ReadAsTree(const HandoverChoice& choice) {
  auto file = std::make_unique<HandoverFile>(choice);
  file->RequireNoProblem();
  return file->tree() != nullptr ? std::move(file) : std::make_unique<HandoverFile>(AsTree(*file), file->name());
}

PhysRange RangeAt(PhysAddr start, std::uint64_t size) {
  const auto range = PhysRange::FromStartSize(start, size);
  if (!range.ok()) {
    FailToDecode("segment", range.error());
  }
  return range.value();
}

}  // namespace

void CheckOwnPages(std::span<const PhysRange> pages, const HandoverFile& handover) {
  std::vector<PhysRange> storage(handover.handover().kept.size() + 1);
  RangeSet kept(storage);
  for (const KeptRange& each : handover.handover().kept.view()) {
    FailUnless(kept.Add(each.range), handover.name());
  }
  for (const PhysRange& page : pages) {
    if (const auto missing = kept.FirstMissing(page)) {
      throw Failure(ExitCode::kFound, Format("{}: its page {} is not among what it keeps: make the handover again",
                                             handover.name(), RangeText(*missing)));
    }
  }
}

LoadPlan::LoadPlan(const LoadOptions& options, Output& output)
    : options_(options),
      output_(output),
      root_(options.root),
      stage_(ReadStage(options)),
      cmdline_(CommandLineFor(options, root_)),
      bundle_(BuildBundle({.kernel = options.kernel,
                           .initrds = options.initrds,
                           .cmdline = {},
                           .handover = options.handover,
                           .mode = ParseMode(options.mode),
                           .entry = ParseEntry(options.entry),
                           .compress = false},
                          output)),
      seed_(RandomSeed()) {
  FindHandover();
}

// The file, or what holdfast= on the command line names: that lies in memory which nobody may read, but the stage
// left a copy of it in its report.
void LoadPlan::FindHandover() {
  FixedVector<HandoverOption, kMaxHandoverOptions> options;
  FailUnless(FindHandoverOptions(cmdline_, options), "the command line: holdfast=");
  if (options_.handover.given()) {
    handover_ = ReadAsTree(options_.handover);
  } else if (const auto report = options.empty() ? nullptr : ReadReportOfThisBoot(root_)) {
    if (const auto copy = report->handover(); !copy.empty() && DigestOf(copy) == options[0].digest) {
      handover_ = std::make_unique<HandoverFile>(copy, "the report's handover");
    }
  }
  if (handover_ != nullptr) {
    handover_->RequireNoProblem();
  }
  WarnOfUnknownHandovers(options.view());
}

void LoadPlan::WarnOfUnknownHandovers(std::span<const HandoverOption> options) {
  const auto is_known = [this](const HandoverOption& option) {
    return handover_ != nullptr && DigestOf(handover_->tree()->bytes()) == option.digest;
  };
  if (!std::all_of(options.begin(), options.end(), is_known)) {
    output_.Warn(
        "a handover that holdfast= names cannot be read, so nothing is placed with regard to what it keeps: "
        "give --handover FILE");
  }
}

void LoadPlan::CheckHandoverAgain() const {
  if (!options_.handover.given()) {
    return;
  }
  const auto now = ReadAsTree(options_.handover);
  const auto before = handover_->tree()->bytes();
  const auto after = now->tree()->bytes();
  if (!std::equal(before.begin(), before.end(), after.begin(), after.end())) {
    throw Failure(ExitCode::kFound,
                  Format("{}: was changed while it was put into the bundle: run this again", handover_->name()));
  }
  if (IsOnHugetlbfs(options_.handover.file)) {
    CheckOwnPages(PagesOfFile(options_.handover.file).extents, *handover_);
  }
}

// After a kexec firmware still runs in these, though e820 may call them RAM.
void LoadPlan::ListInUse() {
  in_use_.clear();
  if (machine_.efi == nullptr) {
    return;
  }
  for (const EfiMemoryDescriptor& descriptor : machine_.efi->runtime_map) {
    const std::uint64_t pages = descriptor.number_of_pages.value();
    const auto range = pages <= kPhysLimit / kPageSize
                           ? PhysRange::FromStartSize(PhysAddr(descriptor.physical_start.value()), pages * kPageSize)
                           : Result<PhysRange>(Error{Errc::kOutOfBounds, descriptor.physical_start.value()});
    if (!range.ok()) {
      FailToDecode("EFI memory map", range.error());
    }
    in_use_.push_back({.name = "EFI runtime services", .range = range.value()});
  }
}

const Planned& LoadPlan::Plan(const LoadPlaces* places) {
  CheckHandoverAgain();
  machine_ = ReadMachine(root_, output_);
  params_ = std::make_unique<ParamsBlock>(machine_, stage_.header(), cmdline_, seed_);
  ListInUse();
  const std::uint64_t alignment = std::max<std::uint64_t>(kPageSize, stage_.header().kernel_alignment.value());
  requests_ = {{.name = kSegmentNames[0], .size = AlignUp(stage_.init_size(), kPageSize), .alignment = alignment},
               {.name = kSegmentNames[1], .size = AlignUp(bundle_.bytes.size(), kPageSize)},
               {.name = kSegmentNames[2], .size = params_->size()}};
  if (places != nullptr) {
    requests_[0].at = places->stage;
    requests_[1].at = places->bundle;
    requests_[2].at = places->params;
  }
  std::vector<KeptRange> no_kept;
  std::vector<PhysRange> no_ranges;
  PreservedMap kept(no_kept);
  RangeSet scratch(no_ranges);
  RangeSet ram(no_ranges);
  const Handover none(kept, scratch, ram);
  const EfiMachine* const efi = machine_.efi.get();
  const auto is_mapped = [](const EfiMemoryDescriptor& each) { return each.virtual_start.value() != 0; };
  BootInputs inputs{
      .memory = machine_.map->map(),
      .handover = handover_ != nullptr ? handover_->handover() : none,
      .kernel = bundle_.facts,
      .entry = bundle_.entry_facts,
      .efi = {.has_info = efi != nullptr,
              .has_node = efi != nullptr,
              .is_virtual = efi != nullptr && std::any_of(efi->runtime_map.begin(), efi->runtime_map.end(), is_mapped)},
      .command_line = cmdline_,
      .mode = ParseMode(options_.mode),
      .segments = requests_,
      .in_use = in_use_};
  inputs.entry.is_5_levels = machine_.is_5_levels;
  inputs.entry.is_confidential = machine_.is_confidential;
  HeedKernelOptions(cmdline_, inputs);
  planned_ = std::make_unique<Planned>(inputs, handover_.get());
  return *planned_;
}

LoadPlaces LoadPlan::places() const {
  const auto& placed = planned_->plan().segments;
  return {.stage = placed[0].range, .bundle = placed[1].range, .params = placed[2].range};
}

std::vector<KexecSegment> LoadPlan::Segments() const {
  const LoadPlaces at = places();
  std::vector<KexecSegment> out;
  out.push_back({.bytes = stage_.LoadedWith(at.params.start().raw()), .range = at.stage});
  out.push_back({.bytes = bundle_.bytes, .range = at.bundle});
  out.push_back({.bytes = params_->At(at.params.start().raw(), RangeAt(at.bundle.start(), bundle_.bytes.size())),
                 .range = at.params});
  return out;
}

}  // namespace holdfast::tool
