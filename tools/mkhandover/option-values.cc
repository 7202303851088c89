// SPDX-License-Identifier: BSD-2-Clause
// What stands after an option: sizes, ranges, names.

#include "tools/mkhandover/option-values.h"

#include <algorithm>
#include <vector>

#include "common/format/command-line.h"
#include "common/format/handover-v1.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/list-memory.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::size_t kMaxNodeName = 31;

[[noreturn]] void FailUsage(std::string_view option, std::string_view text, std::string_view why) {
  throw Failure(ExitCode::kUsage, Format("{} {}: {}", option, Printable(text), why));
}

bool IsNameCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ',' || c == '.' ||
         c == '_' || c == '+' || c == '-';
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(at + 1);
  }
}

}  // namespace

std::uint64_t ParseSizeOption(std::string_view option, std::string_view text) {
  const auto value = ParseMemSize(text);
  if (!value) {
    FailUsage(option, text, "not a number; write 4096, 0x1000, 4K, 2M, 1G or 1T");
  }
  return *value;
}

PhysRange ParseRangeOption(std::string_view option, std::string_view text) {
  const std::size_t plus = text.find('+');
  const auto start = ParseMemSize(text.substr(0, plus));
  const auto size = plus == std::string_view::npos ? std::nullopt : ParseMemSize(text.substr(plus + 1));
  if (!start || !size) {
    FailUsage(option, text, "not START+SIZE; write for example 0x10000000+128M");
  }
  if (*size == 0) {
    FailUsage(option, text, "the size is 0");
  }
  const auto range = PhysRange::FromStartSize(PhysAddr(*start), *size);
  if (!range.ok()) {
    FailUsage(option, text, Format("ends past {}, where physical memory ends", Hex(kPhysLimit)));
  }
  return range.value();
}

NamedRange ParseNamedRangeOption(std::string_view option, std::string_view text, std::string_view default_name) {
  const std::size_t comma = text.find(',');
  const PhysRange range = ParseRangeOption(option, text.substr(0, comma));
  const std::string_view name = comma == std::string_view::npos ? default_name : text.substr(comma + 1);
  if (name.empty()) {
    FailUsage(option, text, "the name is missing; write START+SIZE,NAME");
  }
  return {Printable(name), range};
}

PreserveOption ParsePreserveOption(std::string_view text) {
  constexpr std::string_view kOption = "--preserve";
  const std::vector<std::string_view> parts = Split(text, ',');
  PreserveOption out{.range = ParseRangeOption(kOption, parts[0]), .name = {}, .owner = {}};
  for (const std::string_view part : std::span(parts).subspan(1)) {
    const std::size_t equals = part.find('=');
    const std::string_view key = part.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    if (value.empty()) {
      FailUsage(kOption, text, "after the range come name=, fence= and owner=, each with a value");
    }
    if (key == "name") {
      if (!IsNodeName(value)) {
        FailUsage(kOption, text, "a name has 1 to 31 of the characters 0-9 A-Z a-z . _ + -");
      }
      out.name = value;
    } else if (key == "fence") {
      const auto fence = FenceFromName(value);
      if (!fence) {
        FailUsage(kOption, text, "no such fence; there are reserved, held, pmem and pram");
      }
      out.fence = *fence;
    } else if (key == "owner") {
      out.owner = Printable(value);
      if (out.owner == kOwnPageOwner || out.owner == kStoreOwner) {
        FailUsage(kOption, text, "that owner is mkhandover's own");
      }
    } else {
      FailUsage(kOption, text, "after the range come name=, fence= and owner=");
    }
  }
  return out;
}

bool IsNodeName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNodeName && std::all_of(name.begin(), name.end(), IsNameCharacter);
}

std::string MakeNodeName(std::string_view text) {
  std::string name(text.substr(0, kMaxNodeName));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !IsNameCharacter(c); }, '-');
  return name.empty() ? "file" : name;
}

}  // namespace holdfast::tool
