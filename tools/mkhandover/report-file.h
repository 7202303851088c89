// SPDX-License-Identifier: BSD-2-Clause
// The report that the stage left for this kernel, or one from a file.

#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/format/boot-report.h"

namespace holdfast::tool {

struct FoundReport {
  std::vector<std::byte> bytes;
  std::string from;  // which file it was
};

// The report of the running kernel: the setup_data node that is ours, else the EFI variable.  `root` stands for "/":
// tests bring a tree of their own.  A variable that was there before the last kexec, or that a reset would not have
// taken away, tells of another boot.
std::optional<FoundReport> FindReport(const std::filesystem::path& root);
// The one in a directory of N/{type,data}, laid out like /sys/kernel/boot_params/setup_data.
std::optional<FoundReport> FindReportNode(const std::filesystem::path& setup_data);
// A saved one: a node's data, or the variable as efivarfs shows it.
FoundReport ReadReportFile(const std::string& path);

// A decoded report with the storage that it borrows.
class ReportFile {
 public:
  ReportFile(std::vector<std::byte> bytes, const std::string& name);
  ReportFile(const ReportFile&) = delete;
  ReportFile& operator=(const ReportFile&) = delete;

  const BootReport& report() const { return report_; }
  std::vector<std::byte> handover() const { return {report_.handover.begin(), report_.handover.end()}; }
  // What that handover says was RAM; its range-lists may be out of reach, and are not asked.
  std::vector<PhysRange> handover_ram() const;

 private:
  std::vector<std::byte> bytes_;
  std::vector<KeptRange> kept_storage_;
  std::vector<MemEntry> before_storage_;
  std::vector<MemEntry> after_storage_;
  std::vector<Timestamp> timestamp_storage_;
  std::vector<PhysRange> scratch_storage_;
  std::vector<PlacedSegment> placed_storage_;
  std::vector<std::string_view> lost_storage_;
  BoundedVector<KeptRange> kept_;
  BoundedVector<MemEntry> before_;
  BoundedVector<MemEntry> after_;
  BoundedVector<Timestamp> timestamps_;
  BoundedVector<PhysRange> scratch_;
  BoundedVector<PlacedSegment> placed_;
  BoundedVector<std::string_view> lost_;
  BootReport report_;
};

// The report of this boot; null when Holdfast did not start this kernel.
std::unique_ptr<ReportFile> ReadReportOfThisBoot(const std::filesystem::path& root);

}  // namespace holdfast::tool
