// SPDX-License-Identifier: BSD-2-Clause
// The kernel command line: the options that the stage looks at.

#include "common/format/command-line.h"

#include <algorithm>

namespace holdfast {
namespace {

// The text before and from `count` on.  substr() would bring an exception along.
std::string_view Before(std::string_view text, std::size_t count) {
  return {text.data(), std::min(count, text.size())};
}
std::string_view From(std::string_view text, std::size_t count) {
  text.remove_prefix(std::min(count, text.size()));
  return text;
}

// isspace() of lib/ctype.c, which takes Latin-1's no-break space for one.
bool IsSpace(char c) {
  constexpr std::string_view kSpaces = " \t\n\v\f\r\xa0";
  return kSpaces.find(c) != std::string_view::npos;
}

// 0 to 35, or 36 for what is no digit in any base.
unsigned DigitOf(char c) {
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const std::size_t digit = kDigits.find(lower);
  return digit == std::string_view::npos ? 36 : static_cast<unsigned>(digit);
}

bool HasHexPrefix(std::string_view text) {
  return text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && DigitOf(text[2]) < 16;
}

// How many digits are in front of `text`, and what they say; nullopt: no 64-bit number.
std::optional<std::size_t> TakeDigits(std::string_view text, unsigned base, std::uint64_t& value) {
  std::size_t digits = 0;
  for (; digits < text.size() && DigitOf(text[digits]) < base; ++digits) {
    if (__builtin_mul_overflow(value, std::uint64_t{base}, &value) ||
        __builtin_add_overflow(value, std::uint64_t{DigitOf(text[digits])}, &value)) {
      return std::nullopt;
    }
  }
  return digits;
}

// Each suffix is worth ten bits more than the one before it.
unsigned SuffixShift(char c) {
  constexpr std::string_view kSuffixes = "kmgtpe";
  const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const std::size_t index = kSuffixes.find(lower);
  return index == std::string_view::npos ? 0 : 10 * (static_cast<unsigned>(index) + 1);
}

// Takes the text up to the next comma off `rest`.
std::string_view TakeField(std::string_view& rest) {
  const std::string_view field = Before(rest, rest.find(','));
  rest = From(rest, field.size() + 1);
  return field;
}

std::optional<Digest> ParseDigest(std::string_view text) {
  Digest digest{};
  if (text.size() != 2 * digest.size()) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const unsigned high = DigitOf(text[2 * i]);
    const unsigned low = DigitOf(text[2 * i + 1]);
    if (high > 15 || low > 15) {
      return std::nullopt;
    }
    digest[i] = static_cast<std::byte>(high << 4 | low);
  }
  return digest;
}

std::optional<HandoverOption> ParseHandoverOption(std::string_view text) {
  const auto address = ParseMemSize(TakeField(text));
  const auto size = ParseMemSize(TakeField(text));
  const auto digest = ParseDigest(text);
  if (!address || !size || *size == 0 || !digest) {
    return std::nullopt;
  }
  const auto range = PhysRange::FromStartSize(PhysAddr(*address), *size);
  return range.ok() ? std::optional(HandoverOption{range.value(), *digest}) : std::nullopt;
}

constexpr std::uint32_t kFastestBaud = 115200;

// The digits in front of `text`; 0 for a rate that a PC's port cannot have.
std::uint32_t ParseBaud(std::string_view text) {
  std::uint32_t baud = 0;
  for (; !text.empty() && DigitOf(text[0]) < 10; text.remove_prefix(1)) {
    baud = baud * 10 + DigitOf(text[0]);
    if (baud > kFastestBaud) {
      return 0;
    }
  }
  return baud != 0 && kFastestBaud % baud == 0 ? baud : 0;
}

// Where COM1 to COM4 are, on any PC that has them.
std::optional<std::uint16_t> PortOf(std::string_view name) {
  if (name == "ttyS0") {
    return 0x3f8;
  }
  if (name == "ttyS1") {
    return 0x2f8;
  }
  if (name == "ttyS2") {
    return 0x3e8;
  }
  if (name == "ttyS3") {
    return 0x2e8;
  }
  return std::nullopt;
}

std::optional<SerialConsole> ParseSerialConsole(const CommandLineOption& option) {
  const bool early = SameOptionName(option.name, "earlyprintk");
  if (!early && !SameOptionName(option.name, "console")) {
    return std::nullopt;
  }
  std::string_view rest = option.value;
  std::string_view name = TakeField(rest);
  if (early && name == "serial") {
    name = TakeField(rest);
  }
  const std::optional<std::uint16_t> port = PortOf(name);
  return port ? std::optional(SerialConsole{.port = *port, .baud = ParseBaud(rest)}) : std::nullopt;
}

}  // namespace

std::optional<CommandLineOption> CommandLineReader::Next() {
  const std::string_view line = Before(line_, line_.find('\0'));
  while (position_ < line.size() && IsSpace(line[position_])) {
    ++position_;
  }
  if (position_ >= line.size()) {
    return std::nullopt;
  }
  CommandLineOption option;
  option.offset = position_;

  const bool quoted = line[position_] == '"';
  const std::string_view rest = From(line, position_ + (quoted ? 1 : 0));
  bool in_quotes = quoted;
  std::size_t equals = 0;  // An equals sign in front belongs to the name.
  std::size_t end = 0;
  for (; end < rest.size() && (in_quotes || !IsSpace(rest[end])); ++end) {
    if (rest[end] == '=' && equals == 0) {
      equals = end;
    }
    if (rest[end] == '"') {
      in_quotes = !in_quotes;
    }
  }
  position_ += (quoted ? 1 : 0) + end;

  // As in next_arg(), one closing quote is taken off: the value's own, or that of the whole option.
  std::string_view text = Before(rest, end);
  option.has_value = equals != 0;
  const bool value_quoted = option.has_value && From(text, equals + 1).starts_with('"');
  if ((quoted || value_quoted) && text.ends_with('"')) {
    text.remove_suffix(1);
  }
  if (!option.has_value) {
    option.name = text;
  } else {
    option.name = Before(text, equals);
    option.value = From(text, equals + (value_quoted ? 2 : 1));
  }
  if (option.name == "--" && !option.has_value) {
    position_ = line.size();
    return std::nullopt;
  }
  return option;
}

bool SameOptionName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x == '-' ? '_' : x) == (y == '-' ? '_' : y); });
}

std::optional<CommandLineOption> FindOption(std::string_view line, std::string_view name) {
  CommandLineReader reader(line);
  for (auto option = reader.Next(); option; option = reader.Next()) {
    if (SameOptionName(option->name, name)) {
      return option;
    }
  }
  return std::nullopt;
}

std::optional<CommandLineOption> FindLastOption(std::string_view line, std::string_view name) {
  std::optional<CommandLineOption> last;
  CommandLineReader reader(line);
  for (auto option = reader.Next(); option; option = reader.Next()) {
    if (SameOptionName(option->name, name)) {
      last = option;
    }
  }
  return last;
}

Status FindHandoverOptions(std::string_view line, BoundedVector<HandoverOption>& out) {
  CommandLineReader reader(line);
  for (auto option = reader.Next(); option; option = reader.Next()) {
    if (!SameOptionName(option->name, "holdfast")) {
      continue;
    }
    const auto handover = ParseHandoverOption(option->value);
    if (!handover) {
      return Error{Errc::kMalformed, option->offset};
    }
    if (std::find(out.begin(), out.end(), *handover) != out.end()) {
      continue;
    }
    if (out.size() >= kMaxHandoverOptions) {
      return Error{Errc::kTableFull, kMaxHandoverOptions};
    }
    TRY(out.Append(*handover));
  }
  return kDone;
}

std::optional<SerialConsole> FindSerialConsole(std::string_view line) {
  std::optional<SerialConsole> last;
  CommandLineReader reader(line);
  for (auto option = reader.Next(); option; option = reader.Next()) {
    if (const auto console = ParseSerialConsole(*option)) {
      last = console;
    }
  }
  return last;
}

// simple_strtoull() with base 0, then one suffix.
std::optional<std::uint64_t> ParseMemSize(std::string_view text) {
  unsigned base = 10;
  if (text.starts_with('0')) {
    base = HasHexPrefix(text) ? 16 : 8;
    text.remove_prefix(base == 16 ? 2 : 0);
  }
  std::uint64_t value = 0;
  const auto digits = TakeDigits(text, base, value);
  const std::string_view suffix = From(text, digits.value_or(0));
  if (digits.value_or(0) == 0 || suffix.size() > 1) {
    return std::nullopt;
  }
  const unsigned shift = suffix.empty() ? 0 : SuffixShift(suffix[0]);
  if ((!suffix.empty() && shift == 0) || value != (value << shift) >> shift) {
    return std::nullopt;
  }
  return value << shift;
}

std::optional<std::uint64_t> ParseHexadecimal(std::string_view text) {
  text.remove_prefix(HasHexPrefix(text) ? 2 : 0);
  std::uint64_t value = 0;
  const auto digits = TakeDigits(text, 16, value);
  return digits.value_or(0) == 0 || *digits != text.size() ? std::nullopt : std::optional(value);
}

}  // namespace holdfast
