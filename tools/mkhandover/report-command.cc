// SPDX-License-Identifier: BSD-2-Clause
// mkhandover report: what the stage did on the way into this kernel.

#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/report-file.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

std::unique_ptr<ReportFile> ReadReport(const std::optional<std::string>& file) {
  if (!file || std::filesystem::is_directory(*file)) {
    const std::string directory = file.value_or(kSetupDataDirectory);
    auto bytes = FindReport(directory);
    if (!bytes) {
      throw Failure(ExitCode::kFound, Format("no report in {}: this kernel was not started by Holdfast", directory));
    }
    return std::make_unique<ReportFile>(std::move(*bytes), directory);
  }
  return std::make_unique<ReportFile>(ReadFile(*file), FileName(*file));
}

std::uint64_t BytesOf(std::span<const KeptRange> kept) {
  std::uint64_t sum = 0;
  for (const KeptRange& each : kept) {
    sum += each.range.size();
  }
  return sum;
}

Json ToJson(const BootReport& report) {
  Json out = JsonDocument();
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
  out["kernel"] = JsonStartSize(report.kernel);
  out["slot"] = {{"start", JsonAddress(report.kernel.start().raw())},
                 {"size", report.kernel.size()},
                 {"index", report.slot_index},
                 {"count", report.slot_count}};
  out["wasted_bytes"] = report.closed_bytes;
  out["map_before"] = JsonMap(report.map_before);
  out["map"] = JsonMap(report.map_after);
  Json timestamps = Json::array();
  for (const Timestamp& timestamp : report.timestamps) {
    timestamps.push_back({{"name", timestamp.name}, {"tsc", timestamp.tsc}});
  }
  out["timestamps"] = std::move(timestamps);
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

void PrintText(const BootReport& report, Output& output) {
  output.Line(
      Format("stage      {} {} on {}", Printable(report.version), Printable(report.shell), Printable(report.loader)));
  output.Line(Format("handover   {}, generation {}", report.dialect.empty() ? "none" : Printable(report.dialect),
                     report.generation));
  if (report.handover_address) {
    output.Line(Format("           at {}, {} bytes", Hex(report.handover_address->raw()), report.handover.size()));
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
  output.Line(Format("kernel     {}, {}, slot {} of {}", Hex(report.kernel.start().raw()),
                     SizeText(report.kernel.size()), report.slot_index + 1, report.slot_count));
  PrintPlaces(report, output);
  if (output.verbose()) {
    PrintMap("before", report.map_before, output);
    PrintMap("after", report.map_after, output);
  } else {
    output.Line(
        Format("map        {} before, {} after", EntriesText(report.map_before.size()), report.map_after.size()));
  }
  const std::uint64_t first = report.timestamps.empty() ? 0 : report.timestamps.front().tsc;
  for (const Timestamp& timestamp : report.timestamps) {
    output.Line(Format("time       {:>14}  {}", timestamp.tsc - first, Printable(timestamp.name)));
  }
}

}  // namespace

ExitCode RunReport(const ReportOptions& options, Output& output) {
  const auto file = ReadReport(options.file);
  const BootReport& report = file->report();
  if (options.handover) {
    if (report.handover.empty()) {
      throw Failure(ExitCode::kFound, "the report carries no handover: there was none to take over");
    }
    WriteFile(*options.handover, report.handover);
    output.Note(Format("{}: {} bytes written", *options.handover, report.handover.size()));
    // What goes to standard output stays alone there.
    if (*options.handover == "-") {
      return ExitCode::kFine;
    }
  }
  if (output.json()) {
    output.Line(ToText(ToJson(report)));
  } else {
    PrintText(report, output);
  }
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
