// SPDX-License-Identifier: BSD-2-Clause
// What is about to be loaded, read from files and from this machine, and where it would go.

#include "tools/mkhandover/load-plan.h"

#include <algorithm>

#include "common/base/align.h"
#include "common/plan/kernel-options.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/kernel-file.h"
#include "tools/mkhandover/reused-cmdline.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kCmdline = "proc/cmdline";
constexpr std::array<std::string_view, 3> kSegmentNames = {"stage", "bundle", "boot_params"};

// The line goes to the stage as its loader's, so that the stage's consoles are those of the kernel.
std::string CommandLineFor(const LoadOptions& options, const std::filesystem::path& root) {
  std::string line = options.reuse_cmdline ? ReuseCommandLine(ReadTextFile((root / kCmdline).string()),
                                                              !options.handover.given() && !options.with_store)
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

PhysRange RangeAt(PhysAddr start, std::uint64_t size) {
  const auto range = PhysRange::FromStartSize(start, size);
  if (!range.ok()) {
    FailToDecode("segment", range.error());
  }
  return range.value();
}

}  // namespace

LoadPlan::LoadPlan(const LoadOptions& options, Output& output)
    : options_(options),
      output_(output),
      root_(options.root),
      stage_(ReadStage(options)),
      cmdline_(CommandLineFor(options, root_)),
      source_(FindHandoverSource(options, cmdline_, root_, output)),
      bundle_(BuildBundle({.kernel = options.kernel,
                           .initrds = options.initrds,
                           .cmdline = {},
                           .handover = source_->for_bundle(),
                           .mode = ParseMode(options.mode),
                           .entry = ParseEntry(options.entry),
                           .compress = false},
                          output)),
      seed_(RandomSeed()) {}

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
  source_->CheckAgain();
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
      .handover = handover() != nullptr ? handover()->handover() : none,
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
  planned_ = std::make_unique<Planned>(inputs, handover());
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
