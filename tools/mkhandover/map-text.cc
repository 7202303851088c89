// SPDX-License-Identifier: BSD-2-Clause
// Memory maps as people see them: lines of the kernel log, and /proc/iomem.

#include "tools/mkhandover/map-text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

struct NamedType {
  std::string_view name;  // lower case
  MemType type;
};

// arch/x86/kernel/e820.c: e820_print_type() and e820_type_to_string(), 6.1 to 7.3.
constexpr std::array<NamedType, 20> kNamedTypes = {{
    {"usable", MemType::kUsable},
    {"system ram", MemType::kUsable},
    {"system ram (kmem)", MemType::kUsable},
    {"reserved", MemType::kReserved},
    {"device reserved", MemType::kReserved},
    {"unknown e820 type", MemType::kReserved},
    {"acpi data", MemType::kAcpi},
    {"acpi tables", MemType::kAcpi},
    {"acpi nvs", MemType::kNvs},
    {"acpi non-volatile storage", MemType::kNvs},
    {"unusable", MemType::kUnusable},
    {"unusable memory", MemType::kUnusable},
    {"persistent memory", MemType::kPmem},
    {"persistent (type 7)", MemType::kPmem},
    {"persistent memory (legacy)", MemType::kPram},
    {"persistent (type 12)", MemType::kPram},
    {"soft reserved", MemType::kSoftReserved},
    {"soft-reserved", MemType::kSoftReserved},
    {"reserved kern", MemType::kReservedKern},
    {"kernel reserved", MemType::kReservedKern},
}};

struct Line {
  std::size_t number;  // from 1
  std::string_view text;
};

std::vector<Line> SplitLines(std::string_view text) {
  std::vector<Line> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    lines.push_back({number, text.substr(0, end)});
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

[[noreturn]] void FailAt(const std::string& name, const Line& line, std::string_view why) {
  throw Failure(ExitCode::kBadInput, Format("{}:{}: {}: {}", name, line.number, why, Printable(Trim(line.text))));
}

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

constexpr std::string_view kMemTag = "[mem ";
constexpr std::string_view kGapTag = "[gap ";

// What stands before "[mem" tells which table a line belongs to.
bool HasTable(std::string_view line, std::string_view table) {
  const std::size_t at = line.find(table);
  return at != std::string_view::npos && Trim(line.substr(at + table.size())).substr(0, 5) == kMemTag;
}

// The size that newer kernels may print before the type: "  639 KB System RAM".
std::string_view WithoutSize(std::string_view text) {
  const std::size_t digits = text.find_first_not_of("0123456789.");
  if (digits == 0 || digits == std::string_view::npos) {
    return text;
  }
  const std::string_view rest = Trim(text.substr(digits));
  for (const std::string_view unit : {"B ", "KB ", "MB ", "GB ", "TB ", "PB ", "KiB ", "MiB ", "GiB ", "TiB "}) {
    if (rest.starts_with(unit)) {
      return Trim(rest.substr(unit.size()));
    }
  }
  return text;
}

std::optional<PhysRange> ParseFirstLast(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    return std::nullopt;
  }
  const auto first = ParseHex(text.substr(0, dash));
  const auto last = ParseHex(text.substr(dash + 1));
  return first && last ? RangeFromFirstLast(*first, *last) : std::nullopt;
}

MemEntry ParseE820Line(const Line& line, const std::string& name) {
  const std::size_t open = line.text.find(kMemTag);
  if (open == std::string_view::npos) {
    FailAt(name, line, "no [mem 0x...-0x...]");
  }
  const std::string_view inside = line.text.substr(open + kMemTag.size());
  const std::size_t close = inside.find(']');
  if (close == std::string_view::npos) {
    FailAt(name, line, "no ] after [mem");
  }
  const auto range = ParseFirstLast(inside.substr(0, close));
  if (!range) {
    FailAt(name, line, "not a range of addresses");
  }
  const auto type = MemTypeFromName(WithoutSize(Trim(inside.substr(close + 1))));
  if (!type) {
    FailAt(name, line, "unknown type of memory");
  }
  return {*range, *type};
}

}  // namespace

std::optional<std::uint64_t> ParseHex(std::string_view text) {
  text = Trim(text);
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::optional<PhysRange> RangeFromFirstLast(std::uint64_t first, std::uint64_t last) {
  if (last < first || last >= kPhysLimit) {
    return std::nullopt;
  }
  const auto range = PhysRange::FromStartEnd(PhysAddr(first), PhysAddr(last + 1));
  return range.ok() ? std::optional(range.value()) : std::nullopt;
}

std::optional<MemType> MemTypeFromName(std::string_view name) {
  std::string lower(Trim(name));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const NamedType& known : kNamedTypes) {
    if (lower == known.name) {
      return known.type;
    }
  }
  constexpr std::string_view kType = "type ";
  if (!lower.starts_with(kType)) {
    return std::nullopt;
  }
  const std::string_view digits = std::string_view(lower).substr(kType.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return static_cast<MemType>(number);
}

bool LooksLikeE820Text(std::string_view text) { return Contains(text, kMemTag); }

bool LooksLikeIomemText(std::string_view text) {
  for (const Line& line : SplitLines(text)) {
    const std::string_view trimmed = Trim(line.text);
    if (!trimmed.empty()) {
      return Contains(trimmed, " : ") && std::isxdigit(static_cast<unsigned char>(trimmed.front())) != 0;
    }
  }
  return false;
}

std::vector<MemEntry> ParseE820Text(std::string_view text, const std::string& name) {
  const std::vector<Line> lines = SplitLines(text);
  std::string_view table;
  for (const std::string_view candidate : {"extended:", "BIOS-e820:"}) {
    if (std::any_of(lines.begin(), lines.end(), [&](const Line& line) { return HasTable(line.text, candidate); })) {
      table = candidate;
      break;
    }
  }
  std::vector<MemEntry> entries;
  for (const Line& line : lines) {
    if (!table.empty()) {
      if (HasTable(line.text, table)) {
        entries.push_back(ParseE820Line(line, name));
      }
    } else if (!Trim(line.text).empty() && !Contains(line.text, kGapTag)) {
      entries.push_back(ParseE820Line(line, name));
    }
  }
  return entries;
}

std::vector<MemEntry> ParseIomemText(std::string_view text, const std::string& name) {
  std::vector<MemEntry> entries;
  bool any_address = false;
  bool any_line = false;
  for (const Line& line : SplitLines(text)) {
    const std::string_view trimmed = Trim(line.text);
    if (trimmed.empty()) {
      continue;
    }
    any_line = true;
    const std::size_t colon = trimmed.find(" : ");
    if (colon == std::string_view::npos) {
      FailAt(name, line, "not FIRST-LAST : NAME");
    }
    const std::string_view digits = trimmed.substr(0, colon);
    any_address = any_address || digits.find_first_not_of("0-") != std::string_view::npos;
    const auto type = MemTypeFromName(trimmed.substr(colon + 3));
    const std::size_t dash = digits.find('-');
    if (dash == std::string_view::npos || !ParseHex(digits.substr(0, dash)) || !ParseHex(digits.substr(dash + 1))) {
      FailAt(name, line, "not a range of addresses");
    }
    if (!type) {
      continue;  // a device, which may well lie past the end of memory
    }
    const auto range = ParseFirstLast(digits);
    if (!range) {
      FailAt(name, line, "not a range of addresses");
    }
    entries.push_back({*range, *type});
  }
  if (any_line && !any_address) {
    throw Failure(ExitCode::kBadInput, Format("{}: all addresses are 0: /proc/iomem shows them to root only", name));
  }
  return entries;
}

}  // namespace holdfast::tool
