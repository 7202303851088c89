// SPDX-License-Identifier: BSD-2-Clause
// A boot from firmware: its last steps.

#include <utility>

#include "common/abi/measurement.h"
#include "common/plan/kernel-entry.h"
#include "common/plan/plan-report.h"
#include "efi-stub/application.h"
#include "efi-stub/direct-entry.h"
#include "efi-stub/efi-kernel.h"
#include "efi-stub/explain.h"
#include "efi-stub/measure.h"
#include "efi-stub/overwrite-request.h"
#include "efi-stub/report-outlet.h"
#include "efi-stub/setup-nodes.h"

namespace holdfast::efi {

Status Application::Start() {
  const bool is_efi = IsEfiEntry(plan_.entry);
  if (is_efi) {
    if (!inputs_.initrd.empty() && !TakesInitrd(inputs_.kernel.file)) {
      return Explain(problem_, {Errc::kUnsupported, 0}, "kernel whose EFI stub takes no initrd");
    }
    // Firmware's verdict first: what it does not trust is not measured either.
    const auto image = LoadEfiKernel(firmware_, inputs_.kernel.file, problem_);
    if (!image.ok()) {
      return image.error();
    }
    kernel_image_ = image.value();
  }
  Measure();
  HeedOverwriteRequest();
  Mark("start");
  switch (plan_.entry) {
    case KernelEntry::kEfiImage:
      return StartImage();
    case KernelEntry::kEfiHandover:
      return EnterHandover();
    case KernelEntry::kVmlinux:
    case KernelEntry::kBzImage:
      return EnterDirectly();
    case KernelEntry::kAuto:
      break;
  }
  Bug();
}

// --- What is told of it

void Application::Measure() {
  const Measurer measurer(firmware_);
  if (!measurer.has_tpm()) {
    measured_ = "no TPM";
    SayLine(SayNotMeasured, measured_);
    return;
  }
  if (!MeasureAll(measurer).ok()) {
    measured_ = "firmware failed";
    SayLine(SayNotMeasured, measured_);
    return;
  }
  measured_ = "pcr 15";
  static_assert(kMeasurementPcr == 15);
  SayLine(SayMeasured, kMeasurementPcr);
}

Status Application::MeasureAll(const Measurer& measurer) const {
  LineBuffer decision;
  SayDecision(decision, ModeName(plan_.mode), KernelEntryName(plan_.entry), kept_.size(), kept_.bytes(), lost_.size());
  return MeasureBoot(measurer, {.found = found_,
                                .kho_tree = sources_.kho_tree,
                                .command_line = inputs_.command_line,
                                .entry = plan_.entry,
                                .kernel = inputs_.kernel,
                                .initrd = inputs_.initrd,
                                .decision = decision.view()});
}

void Application::HeedOverwriteRequest() {
  const bool clears = handover_->policy.overwrite_request == OverwriteRequest::kClear;
  const OverwriteState state = clears ? ClearOverwriteRequest(firmware_) : ReadOverwriteRequest(firmware_);
  overwrite_request_ = OverwriteStateName(state);
  if (state != OverwriteState::kNone) {
    SayLine(SayOverwriteRequest, overwrite_request_);
  }
}

BootReport Application::Report() const {
  BootReport report = ReportPlan(plan_, *handover_, found_, map_, native_scratch_);
  report.shell = kShell;
  report.loader = vendor_;
  report.lost = std::span(lost_texts_).first(lost_.size());
  report.measured = measured_;
  report.overwrite_request = overwrite_request_;
  report.timestamps = marks_.view();
  return report;
}

// --- The three ways in

Status Application::StartImage() {
  BootReport report = Report();
  std::string_view left_out;
  has_report_ = true;
  if (!LeaveReport(firmware_, ledger_, report, storage_, left_out).ok()) {
    left_out = "everything";  // What is kept is safe without it.
  }
  if (!left_out.empty()) {
    SayLine(SayLeftOut, left_out);
  }
  const EfiKernelStart start{
      .kernel = inputs_.kernel.image, .initrd = inputs_.initrd, .command_line = inputs_.command_line};
  has_started_ = true;
  // An image that was started is firmware's to unload.
  return StartEfiImage(firmware_, std::exchange(kernel_image_, nullptr), start, problem_);
}

Status Application::EnterHandover() {
  HideKho();
  const BootReport report = Report();
  const auto chain =
      MakeSetupNodes(ledger_, storage_, {.report = report, .held = plan_.held.view(), .passed = sources_.nodes.view()});
  TRY(Check(problem_, chain, "setup_data"));
  const EfiKernelStart start{.kernel = inputs_.kernel.image,
                             .initrd = inputs_.initrd,
                             .command_line = inputs_.command_line,
                             .setup_data = chain.value().head()};
  has_started_ = true;
  return EnterEfiHandover(firmware_, ledger_, kernel_image_, start, problem_);
}

Status Application::EnterDirectly() {
  HideKho();
  const BootReport report = Report();
  const DirectStart start{.plan = plan_,
                          .kept = kept_,
                          .kernel = inputs_.kernel,
                          .kaslr = kaslr_,
                          .initrd = inputs_.initrd,
                          .command_line = inputs_.command_line,
                          .nodes = sources_.nodes.view(),
                          .report = report,
                          .policy = handover_->policy};
  return StartDirectly(firmware_, ledger_, storage_, start, problem_);
}

// What is fenced a kernel must not take; its user space still finds the node.
void Application::HideKho() {
  if (plan_.hides_native) {
    for (SetupDataNode& node : sources_.nodes) {
      node.type = kSetupHoldfastHiddenKho;
    }
  }
}

void Application::GiveBack() {
  if (kernel_image_ != nullptr) {
    firmware_.UnloadImage(std::exchange(kernel_image_, nullptr));
  }
  if (has_report_) {
    TakeReportBack(firmware_);
  }
  ledger_.FreeAll({.bounce = storage_.report, .map = storage_.firmware_map, .entries = storage_.owned});
}

}  // namespace holdfast::efi
