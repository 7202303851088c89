// SPDX-License-Identifier: BSD-2-Clause
// What a running kernel says about its memory, read from its own texts.

#include "tests/e2e/memory-report.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iomanip>
#include <ostream>
#include <sstream>
#include <stdexcept>

#include "tests/e2e/console-log.h"

namespace holdfast::e2e {
namespace {

struct Wording {
  std::string_view text;
  std::string_view name;
};

// Each entry stands for both wordings, 6.x's and 7.x's.
constexpr std::array<Wording, 10> kWordings = {{
    {"usable", kRam},
    {"System RAM", kRam},
    {"reserved", kReserved},
    {"device reserved", kReserved},
    {"soft reserved", "Soft Reserved"},
    {"ACPI data", "ACPI Tables"},
    {"ACPI NVS", "ACPI Non-volatile Storage"},
    {"unusable", "Unusable memory"},
    {"persistent (type 7)", "Persistent Memory"},
    {"persistent RAM (type 7)", "Persistent Memory"},
}};

std::string NameOf(std::string_view wording) {
  for (const Wording& known : kWordings) {
    if (known.text == wording) return std::string(known.name);
  }
  if (wording.starts_with("persistent")) return "Persistent Memory (legacy)";
  return std::string(wording);
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::uint64_t ParseNumber(std::string_view digits, int base) {
  if (base == 16 && digits.starts_with("0x")) digits.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw std::runtime_error("not a number: " + std::string(digits));
  }
  return value;
}

template <typename Visit>
void ForEachLine(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// "0x1000-0x1fff", inclusive as the kernel prints it, to half-open.
MapEntry ParseSpan(std::string_view span) {
  const std::size_t dash = span.find('-');
  if (dash == std::string_view::npos) throw std::runtime_error("not a range: " + std::string(span));
  return {ParseNumber(span.substr(0, dash), 16), ParseNumber(span.substr(dash + 1), 16) + 1, {}};
}

std::string Shown(const MapEntry& entry) {
  std::ostringstream text;
  text << entry;
  return text.str();
}

// Parts of `map` that `other` does not have with the same type.
Map Without(const Map& map, const Map& other) {
  Map rest;
  for (const MapEntry& entry : map) {
    std::uint64_t cursor = entry.start;
    for (const MapEntry& hit : other) {
      if (hit.type != entry.type || hit.end <= cursor || hit.start >= entry.end) continue;
      if (hit.start > cursor) rest.push_back({cursor, hit.start, entry.type});
      cursor = std::min(hit.end, entry.end);
    }
    if (cursor < entry.end) rest.push_back({cursor, entry.end, entry.type});
  }
  return rest;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const MapEntry& entry) {
  std::ostringstream text;
  text << std::hex << "[0x" << entry.start << ", 0x" << entry.end << ") " << entry.type;
  return out << text.str();
}

std::string TypeName(std::uint32_t e820_type) {
  switch (e820_type) {
    case 1:
      return std::string(kRam);
    case 2:
      return std::string(kReserved);
    case 3:
      return "ACPI Tables";
    case 4:
      return "ACPI Non-volatile Storage";
    case 5:
      return "Unusable memory";
    case 7:
      return "Persistent Memory";
    case 12:
      return "Persistent Memory (legacy)";
    case 0xefffffff:
      return "Soft Reserved";
    default:
      return "type " + std::to_string(e820_type);
  }
}

Map ParseE820(std::string_view kernel_log) {
  // After each SETUP_E820_EXT node the kernel prints the whole map anew; the last one counts.  The same heading
  // also stands above lines that begin with "reserve setup_data:", which are the kernel's own doing.
  static constexpr std::array<std::string_view, 2> kStarts = {"BIOS-e820: [mem ", "extended: [mem "};
  Map map;
  bool begins_anew = false;
  ForEachLine(kernel_log, [&](std::string_view line) {
    line = Message(line);
    begins_anew = begins_anew || line.ends_with("physical RAM map:");
    const auto start = std::find_if(kStarts.begin(), kStarts.end(),
                                    [line](std::string_view candidate) { return line.starts_with(candidate); });
    if (start == kStarts.end()) return;  // [gap ...] lines of 7.x, among others, describe nothing.
    if (begins_anew) map.clear();
    begins_anew = false;
    line.remove_prefix(start->size());
    const std::size_t close = line.find(']');
    if (close == std::string_view::npos) throw std::runtime_error("e820 line without end: " + std::string(line));
    MapEntry entry = ParseSpan(line.substr(0, close));
    entry.type = NameOf(Trimmed(line.substr(close + 1)));
    map.push_back(std::move(entry));
  });
  return map;
}

std::vector<Resource> ParseIomem(std::string_view text) {
  std::vector<Resource> resources;
  ForEachLine(text, [&](std::string_view line) {
    const std::size_t colon = line.find(" : ");
    if (colon == std::string_view::npos) return;
    const std::size_t indent = line.find_first_not_of(' ');
    const MapEntry span = ParseSpan(Trimmed(line.substr(0, colon)));
    resources.push_back({span.start, span.end, indent / 2, std::string(Trimmed(line.substr(colon + 3)))});
  });
  return resources;
}

std::uint64_t ParsePresentPages(std::string_view zoneinfo) {
  std::uint64_t sum = 0;
  ForEachLine(zoneinfo, [&](std::string_view line) {
    line = Trimmed(line);
    if (!line.starts_with("present ")) return;
    sum += ParseNumber(Trimmed(line.substr(8)), 10);
  });
  return sum;
}

std::uint64_t ParseMeminfo(std::string_view meminfo, std::string_view name) {
  std::uint64_t value = 0;
  bool found = false;
  ForEachLine(meminfo, [&](std::string_view line) {
    if (!line.starts_with(name) || line.substr(name.size()).substr(0, 1) != ":") return;
    line = Trimmed(line.substr(name.size() + 1));
    value = ParseNumber(Trimmed(line.substr(0, line.find(' '))), 10);
    found = true;
  });
  if (!found) throw std::runtime_error("/proc/meminfo has no " + std::string(name));
  return value;
}

std::uint64_t ParseManagedKib(std::string_view kernel_log) {
  std::uint64_t value = 0;
  ForEachLine(kernel_log, [&](std::string_view line) {
    line = Message(line);
    const std::size_t slash = line.find('/');
    const std::size_t end = line.find("K available");
    if (!line.starts_with("Memory: ") || slash > end || end == std::string_view::npos) return;
    value = ParseNumber(line.substr(slash + 1, end - slash - 1), 10);
  });
  if (value == 0) throw std::runtime_error("the kernel log has no line \"Memory: AK/TK available\"");
  return value;
}

Map Merged(const Map& map) {
  Map merged;
  for (const MapEntry& entry : map) {
    if (!merged.empty() && merged.back().end == entry.start && merged.back().type == entry.type) {
      merged.back().end = entry.end;
    } else if (entry.start != entry.end) {
      merged.push_back(entry);
    }
  }
  return merged;
}

std::vector<std::string> Differences(const Map& planned, const Map& reported) {
  const Map plan = Merged(planned);
  const Map report = Merged(reported);
  std::vector<std::string> lines;
  for (const MapEntry& entry : Without(plan, report)) lines.push_back("planned, not reported: " + Shown(entry));
  for (const MapEntry& entry : Without(report, plan)) lines.push_back("reported, not planned: " + Shown(entry));
  return lines;
}

std::uint64_t Bytes(const Map& map, std::string_view type) { return BytesWithin(map, type, 0, ~std::uint64_t{0}); }

std::uint64_t BytesWithin(const Map& map, std::string_view type, std::uint64_t start, std::uint64_t end) {
  std::uint64_t sum = 0;
  for (const MapEntry& entry : map) {
    const std::uint64_t from = std::max(entry.start, start);
    const std::uint64_t to = std::min(entry.end, end);
    if (entry.type == type && from < to) sum += to - from;
  }
  return sum;
}

}  // namespace holdfast::e2e
