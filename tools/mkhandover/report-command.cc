// SPDX-License-Identifier: BSD-2-Clause
// mkhandover report: what the stage did on the way into this kernel.

#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/report-file.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

FoundReport ChooseReport(const ReportOptions& options) {
  if (options.file && !std::filesystem::is_directory(*options.file)) {
    return ReadReportFile(*options.file);
  }
  auto found = options.file ? FindReportNode(*options.file) : FindReport(options.root);
  if (!found) {
    throw Failure(ExitCode::kFound, Format("no report in {}: this kernel was not started by Holdfast",
                                           options.file.value_or("setup_data, nor in an EFI variable")));
  }
  return std::move(*found);
}

// Its EFI stub chose where it runs.
bool PlacesItself(const BootReport& report) { return report.kernel.empty() && report.slot_count != 0; }

std::uint64_t BytesOf(std::span<const KeptRange> kept) {
  std::uint64_t sum = 0;
  for (const KeptRange& each : kept) {
    sum += each.range.size();
  }
  return sum;
}

void AddKernel(const BootReport& report, Json& out) {
  if (PlacesItself(report)) {
    out["slot"] = {{"count", report.slot_count}};
    return;
  }
  out["kernel"] = JsonStartSize(report.kernel);
  out["slot"] = {{"start", JsonAddress(report.kernel.start().raw())},
                 {"size", report.kernel.size()},
                 {"index", report.slot_index},
                 {"count", report.slot_count}};
}

// What is said only of a boot that came through firmware.
void AddFirmware(const BootReport& report, Json& out) {
  out["lost"] = Json::array();
  for (const std::string_view name : report.lost) {
    out["lost"].push_back(name);
  }
  if (!report.measured.empty()) {
    out["measured"] = report.measured;
  }
  if (!report.overwrite_request.empty()) {
    out["overwrite_request"] = report.overwrite_request;
  }
  if (!report.left_out.empty()) {
    out["left_out"] = report.left_out;
  }
  if (report.report_address) {
    out["report_address"] = JsonAddress(report.report_address->raw());
  }
}

Json ToJson(const BootReport& report, const std::string& from) {
  Json out = JsonDocument();
  out["from"] = from;
  out["version"] = report.version;
  out["shell"] = report.shell;
  out["loader"] = report.loader;
  out["dialect"] = report.dialect;
  out["generation"] = report.generation;
  if (!report.handover.empty()) {
    Json handover = Json::object();
    if (report.handover_address) {
      handover["start"] = JsonAddress(report.handover_address->raw());
    }
    handover["size"] = report.handover.size();
    if (report.handover_digest) {
      handover["sha256"] = HexDigits(*report.handover_digest);
    }
    out["handover"] = std::move(handover);
  }
  Json kept = Json::array();
  for (const KeptRange& each : report.kept) {
    kept.push_back(JsonStartSize(each.range));
  }
  const std::uint64_t bytes = BytesOf(report.kept);
  out["preserved"] = std::move(kept);
  out["pages"] = bytes / kPageSize;
  out["bytes"] = bytes;
  out["mode"] = report.mode;
  out["entry"] = report.entry;
  out["scratch"] = Json::array();
  for (const PhysRange& area : report.scratch) {
    out["scratch"].push_back(JsonStartSize(area));
  }
  out["segments"] = Json::array();
  for (const PlacedSegment& segment : report.placed) {
    Json item = {{"name", segment.name}};
    item.update(JsonStartEnd(segment.range));
    out["segments"].push_back(std::move(item));
  }
  AddKernel(report, out);
  out["wasted_bytes"] = report.closed_bytes;
  out["map_before"] = JsonMap(report.map_before);
  out["map"] = JsonMap(report.map_after);
  Json timestamps = Json::array();
  for (const Timestamp& timestamp : report.timestamps) {
    timestamps.push_back({{"name", timestamp.name}, {"tsc", timestamp.tsc}});
  }
  out["timestamps"] = std::move(timestamps);
  AddFirmware(report, out);
  return out;
}

void PrintMap(std::string_view title, std::span<const MemEntry> map, Output& output) {
  output.Line(Format("{:<11}{}", title, EntriesText(map.size())));
  for (const MemEntry& entry : map) {
    output.Line(Format("  {}  {}  {:>10}  {}", HexWide(entry.range.start().raw()), HexWide(entry.range.end().raw()),
                       SizeText(entry.range.size()), TypeText(entry.type)));
  }
}

std::string RangeLine(PhysRange range) {
  return Format("  {}  {}  {:>10}", HexWide(range.start().raw()), HexWide(range.end().raw()), SizeText(range.size()));
}

void PrintPlaces(const BootReport& report, Output& output) {
  if (!report.scratch.empty()) {
    output.Line(Format("scratch    {}", CountText(report.scratch.size(), "area")));
  }
  for (const PhysRange& area : report.scratch) {
    output.Line(RangeLine(area));
  }
  if (!report.placed.empty()) {
    output.Line("segments");
  }
  for (const PlacedSegment& segment : report.placed) {
    output.Line(Format("{}  {}", RangeLine(segment.range), Printable(segment.name)));
  }
}

void PrintKernel(const BootReport& report, Output& output) {
  if (PlacesItself(report)) {
    output.Line(Format("kernel     placed itself, {}", CountText(report.slot_count, "slot")));
  } else {
    output.Line(Format("kernel     {}, {}, slot {} of {}", Hex(report.kernel.start().raw()),
                       SizeText(report.kernel.size()), report.slot_index + 1, report.slot_count));
  }
}

void PrintFirmware(const BootReport& report, Output& output) {
  for (const std::string_view name : report.lost) {
    output.Line(Format("lost       {}", Printable(name)));
  }
  if (!report.measured.empty()) {
    output.Line(Format("measured   {}", Printable(report.measured)));
  }
  if (!report.overwrite_request.empty()) {
    output.Line(Format("overwrite  {}", Printable(report.overwrite_request)));
  }
  if (!report.left_out.empty()) {
    output.Line(Format("left out   {}", Printable(report.left_out)));
  }
  if (report.report_address) {
    output.Line(Format("whole      at {}", Hex(report.report_address->raw())));
  }
}

void PrintText(const BootReport& report, const std::string& from, Output& output) {
  output.Line(Format("report     {}", from));
  output.Line(
      Format("stage      {} {} on {}", Printable(report.version), Printable(report.shell), Printable(report.loader)));
  output.Line(Format("handover   {}, generation {}", report.dialect.empty() ? "none" : Printable(report.dialect),
                     report.generation));
  if (report.handover_address) {
    output.Line(Format("           at {}{}", Hex(report.handover_address->raw()),
                       report.handover.empty() ? "" : Format(", {} bytes", report.handover.size())));
  }
  if (report.handover_digest) {
    output.Line(Format("           sha256 {}", HexDigits(*report.handover_digest)));
  }
  output.Line(Format("kept       {}, {}", CountText(report.kept.size(), "range"), SizeText(BytesOf(report.kept))));
  for (const KeptRange& kept : report.kept) {
    output.Line(RangeLine(kept.range));
  }
  output.Line(Format("mode       {}, entry {}, {} closed over", Printable(report.mode), Printable(report.entry),
                     SizeText(report.closed_bytes)));
  PrintKernel(report, output);
  PrintPlaces(report, output);
  if (output.verbose()) {
    PrintMap("before", report.map_before, output);
    PrintMap("after", report.map_after, output);
  } else {
    output.Line(
        Format("map        {} before, {} after", EntriesText(report.map_before.size()), report.map_after.size()));
  }
  PrintFirmware(report, output);
  const std::uint64_t first = report.timestamps.empty() ? 0 : report.timestamps.front().tsc;
  for (const Timestamp& timestamp : report.timestamps) {
    output.Line(Format("time       {:>14}  {}", timestamp.tsc - first, Printable(timestamp.name)));
  }
}

}  // namespace

ExitCode RunReport(const ReportOptions& options, Output& output) {
  FoundReport found = ChooseReport(options);
  const ReportFile file(std::move(found.bytes), found.from);
  const BootReport& report = file.report();
  if (options.handover) {
    if (report.handover.empty()) {
      throw Failure(ExitCode::kFound, report.left_out.empty()
                                          ? "the report carries no handover: there was none to take over"
                                          : Format("the report had no room for the handover; the whole one is at {}",
                                                   Hex(report.report_address.value_or(PhysAddr(0)).raw())));
    }
    WriteFile(*options.handover, report.handover);
    output.Note(Format("{}: {} bytes written", *options.handover, report.handover.size()));
    // What goes to standard output stays alone there.
    if (*options.handover == "-") {
      return ExitCode::kFine;
    }
  }
  if (output.json()) {
    output.Line(ToText(ToJson(report, found.from)));
  } else {
    PrintText(report, found.from, output);
  }
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
