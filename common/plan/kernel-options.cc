// SPDX-License-Identifier: BSD-2-Clause
// What the next kernel's command line has to say about its place and about memory.
//
// Sources: parse_memopt() and parse_memmap_one() (arch/x86/kernel/e820.c), get_last_crashkernel() and
// __parse_crashkernel() (kernel/crash_core.c, crash_reserve.c in later kernels), memparse() (lib/cmdline.c).

#include "common/plan/kernel-options.h"

#include <algorithm>

#include "common/format/command-line.h"
#include "common/plan/fence-map.h"

namespace holdfast {
namespace {

// --- Reading as the kernel does -----------------------------------------------------------------------------------

constexpr std::string_view kCrashkernel = "crashkernel=";

bool TakeChar(std::string_view& rest, char c) {
  const bool found = rest.starts_with(c);
  rest.remove_prefix(found ? 1 : 0);
  return found;
}

// Not substr(), which would bring an exception along.
std::string_view UpTo(std::string_view text, std::size_t count) { return {text.data(), std::min(count, text.size())}; }
std::string_view UpToChar(std::string_view text, char c) { return UpTo(text, text.find(c)); }

// What stands between two places in one text, the first of them at or before the second.
std::string_view Between(const char* start, const char* end) { return {start, static_cast<std::size_t>(end - start)}; }

// 0 to 15, or 16 for what is no digit.
unsigned DigitOf(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  const std::size_t digit = kDigits.find(lower);
  return digit == std::string_view::npos ? 16 : static_cast<unsigned>(digit);
}

// As simple_strtoull() with base 0: what is no digit ends the number, none at all is 0, and one that is too large
// loses its upper bits.
std::uint64_t TakeDigits(std::string_view& rest) {
  unsigned base = 10;
  if (rest.starts_with('0')) {
    const bool hexadecimal = rest.size() > 2 && (rest[1] == 'x' || rest[1] == 'X') && DigitOf(rest[2]) < 16;
    base = hexadecimal ? 16 : 8;
    rest.remove_prefix(hexadecimal ? 2 : 0);
  }
  std::uint64_t value = 0;
  for (; !rest.empty() && DigitOf(rest.front()) < base; rest.remove_prefix(1)) {
    value = value * base + DigitOf(rest.front());
  }
  return value;
}

// As memparse(), which takes a suffix even where there is no digit before it.
std::uint64_t TakeSize(std::string_view& rest) {
  constexpr std::string_view kSuffixes = "kKmMgGtTpPeE";  // Each letter is worth ten bits more than the one before it.
  const std::uint64_t value = TakeDigits(rest);
  const std::size_t suffix = rest.empty() ? std::string_view::npos : kSuffixes.find(rest.front());
  if (suffix == std::string_view::npos) {
    return value;
  }
  rest.remove_prefix(1);
  return value << (suffix / 2 + 1) * 10;
}

// The part that an address can name.
PhysRange RangeOf(std::uint64_t start, std::uint64_t size) {
  if (start >= kPhysLimit) {
    return PhysRange();
  }
  return PhysRange::FromStartSize(PhysAddr(start), std::min(size, kPhysLimit - start)).value();
}

// One of the parts that memmap= has between its commas.
struct MemmapPart {
  enum class Form : std::uint8_t { kNothing, kExactmap, kLimit, kRegion };
  Form form = Form::kNothing;
  std::uint64_t size = 0;  // of kLimit: where RAM ends
  PhysRange range{};       // of kRegion
  // Of kRegion: what becomes of memory that is of type `from`, or of any type.
  std::optional<MemType> from{};
  std::optional<MemType> to{};  // without: it is no memory any longer
};

// Takes "-OLD+NEW" off `rest`; 0 and nothing at all are the same.
void TakeTypes(std::string_view& rest, MemmapPart& part) {
  const auto take_type = [&rest](char mark) -> std::optional<MemType> {
    const auto type = TakeChar(rest, mark) ? static_cast<std::uint32_t>(TakeDigits(rest)) : 0;
    return type == 0 ? std::nullopt : std::optional(MemType{type});
  };
  part.from = take_type('-');
  part.to = take_type('+');
  if (!rest.empty()) {
    part.form = MemmapPart::Form::kNothing;  // The kernel makes nothing of it.
  }
}

MemmapPart ReadMemmapPart(std::string_view rest) {
  if (rest.starts_with("exactmap")) {
    return {.form = MemmapPart::Form::kExactmap};
  }
  const std::size_t length = rest.size();
  MemmapPart part;
  part.size = TakeSize(rest);
  if (rest.size() == length) {
    return {};
  }
  const char mark = rest.empty() ? '\0' : rest.front();
  switch (mark) {
    case '@':
      part.to = MemType::kUsable;
      break;
    case '#':
      part.to = MemType::kAcpi;
      break;
    case '$':
      part.to = MemType::kReserved;
      break;
    case '!':
      part.to = MemType::kPram;
      break;
    case '%':
      break;
    default:
      part.form = MemmapPart::Form::kLimit;
      return part;
  }
  part.form = MemmapPart::Form::kRegion;
  rest.remove_prefix(1);
  part.range = RangeOf(TakeSize(rest), part.size);
  if (mark == '%') {
    TakeTypes(rest, part);
  }
  return part;
}

// Calls visit(part, text) for each part of memmap=.
template <typename Visit>
void ForEachMemmapPart(std::string_view value, Visit visit) {
  for (std::string_view rest = value; !rest.empty();) {
    const std::string_view text = UpToChar(rest, ',');
    visit(ReadMemmapPart(text), text);
    rest.remove_prefix(std::min(rest.size(), text.size() + 1));
  }
}

// The address above which mem= takes RAM away; 0 when it takes none.
std::uint64_t ReadMem(std::string_view value) { return TakeSize(value); }

// The last crashkernel= option with its value, as the kernel finds it: anywhere in the line, up to a space, and not
// one of those that leave the place to the kernel.
std::string_view FindCrashkernel(std::string_view line) {
  std::string_view found;
  for (std::string_view rest = UpToChar(line, '\0');;) {
    const std::size_t at = rest.find(kCrashkernel);
    if (at == std::string_view::npos) {
      return found;
    }
    rest.remove_prefix(at);
    const std::string_view option = UpToChar(rest, ' ');
    if (!option.ends_with(",high") && !option.ends_with(",low") && !option.ends_with(",cma")) {
      found = option;
    }
    rest.remove_prefix(1);
  }
}

// The largest SIZE of `START-[END]:SIZE[,...]`, of which the kernel takes one by how much RAM it finds; 0 where it
// does not read.  The place follows the last one.
std::uint64_t TakeLargestSize(std::string_view& rest) {
  std::uint64_t largest = 0;
  do {
    static_cast<void>(TakeSize(rest));
    if (!TakeChar(rest, '-')) {
      return largest;
    }
    if (!rest.starts_with(':')) {
      static_cast<void>(TakeSize(rest));
    }
    if (!TakeChar(rest, ':')) {
      return largest;
    }
    largest = std::max(largest, TakeSize(rest));
  } while (TakeChar(rest, ','));
  return largest;
}

// Where a crash kernel would stand; empty where the kernel finds a place for it.
PhysRange ReadCrashkernel(std::string_view value) {
  std::string_view rest = value;
  const bool has_ranges = value.find(':') != std::string_view::npos;
  const std::uint64_t size = has_ranges ? TakeLargestSize(rest) : TakeSize(rest);
  if (has_ranges) {
    rest.remove_prefix(std::min(rest.find('@'), rest.size()));
  }
  const std::uint64_t start = TakeChar(rest, '@') ? TakeSize(rest) : 0;
  return start == 0 ? PhysRange() : RangeOf(start, size);
}

// --- Judging ------------------------------------------------------------------------------------------------------

// What the part makes of memory of this type; nullopt: no memory.
std::optional<MemType> TypeAfter(const MemmapPart& part, MemType type) {
  return part.from && *part.from != type ? type : part.to;
}

class Checker {
 public:
  // With `native` what that keeps is judged, as RAM; without, all that is kept, by its fences.
  Checker(std::string_view line, const PreservedMap& kept, Problems& problems, const NativeHandover* native = nullptr)
      : line_(line), kept_(kept), problems_(problems), native_(native) {}

  void CheckRamOptions() {
    CommandLineReader reader(line_);
    while (const auto option = reader.Next()) {
      if (SameOptionName(option->name, "mem")) {
        CheckMem(*option);
      } else if (SameOptionName(option->name, "memmap")) {
        CheckMemmap(*option);
      }
    }
  }

  void CheckCrashkernel() {
    const std::string_view option = FindCrashkernel(line_);
    if (option.empty()) {
      return;
    }
    std::string_view value = option;
    value.remove_prefix(kCrashkernel.size());
    const PhysRange range = ReadCrashkernel(value);
    if (const auto hit = kept_.FirstOverlap(range)) {
      NoteConflict(option, range, *hit);
    }
  }

 private:
  static std::string_view TextOf(const CommandLineOption& option) {
    return Between(option.name.data(), option.value.data() + option.value.size());
  }

  void CheckMem(const CommandLineOption& option) {
    if (const std::uint64_t limit = ReadMem(option.value); limit != 0) {
      CheckLimit(limit, TextOf(option));
    }
  }

  void CheckMemmap(const CommandLineOption& option) {
    ForEachMemmapPart(option.value, [&](const MemmapPart& part, std::string_view text) {
      // The first part is named with its option, so that the text says what it is.
      const bool is_first = text.data() == option.value.data();
      CheckPart(part, is_first ? Between(option.name.data(), text.data() + text.size()) : text);
    });
  }

  void CheckPart(const MemmapPart& part, std::string_view text) {
    switch (part.form) {
      case MemmapPart::Form::kNothing:
        return;
      case MemmapPart::Form::kExactmap:
        if (!kept_.empty()) {
          NoteConflict(text, PhysRange(), kept_.view().front());
        }
        return;
      case MemmapPart::Form::kLimit:
        CheckLimit(part.size, text);
        return;
      case MemmapPart::Form::kRegion:
        CheckRegion(part, text);
        return;
    }
    Bug();
  }

  void CheckRegion(const MemmapPart& part, std::string_view text) {
    for (std::size_t i = kept_.FirstEndingAfter(part.range.start());
         i < kept_.size() && kept_.view()[i].range.Overlaps(part.range); ++i) {
      const KeptRange& kept = kept_.view()[i];
      const MemType type = native_ != nullptr ? MemType::kUsable : FencedType(kept.fence);
      if (IsJudged(kept) && TypeAfter(part, type) != type) {
        NoteConflict(text, part.range, kept);
        return;
      }
    }
  }

  // What is fenced by its type stands in the map whatever the limit.
  void CheckLimit(std::uint64_t limit, std::string_view text) {
    for (std::size_t i = kept_.FirstEndingAfter(PhysAddr(limit)); i < kept_.size(); ++i) {
      const KeptRange& kept = kept_.view()[i];
      if (IsJudged(kept) && (native_ != nullptr || kept.fence == Fence::kHeld)) {
        NoteConflict(text, PhysRange(), kept);
        return;
      }
    }
    if (native_ != nullptr && !native_->scratch.empty() && native_->scratch.back().end().raw() > limit) {
      NoteProblem(problems_, ConflictAt(text, PhysRange(), native_->scratch.back()));
    }
  }

  bool IsJudged(const KeptRange& kept) const { return native_ == nullptr || kept.source == native_->source; }

  Problem ConflictAt(std::string_view text, PhysRange range, PhysRange other) const {
    return {.code = Errc::kConflict,
            .where = static_cast<std::uint64_t>(text.data() - line_.data()),
            .what = UpTo(text, kMaxConflictText),
            .range = range,
            .other_range = other};
  }

  void NoteConflict(std::string_view text, PhysRange range, const KeptRange& kept) {
    Problem problem = ConflictAt(text, range, kept.range);
    problem.kept = kept;
    NoteProblem(problems_, problem);
  }

  std::string_view line_;
  const PreservedMap& kept_;
  Problems& problems_;
  const NativeHandover* native_;
};

void LowerLimit(std::uint64_t limit, KernelFacts& kernel) {
  if (limit != 0) {
    kernel.limit = kernel.limit == 0 ? limit : std::min(kernel.limit, limit);
  }
}

}  // namespace

void HeedKernelOptions(std::string_view command_line, BootInputs& inputs) {
  CommandLineReader reader(command_line);
  while (const auto option = reader.Next()) {
    if (SameOptionName(option->name, "nokaslr")) {
      inputs.kaslr = false;
    } else if (SameOptionName(option->name, "mem")) {
      LowerLimit(ReadMem(option->value), inputs.kernel);
    } else if (SameOptionName(option->name, "memmap")) {
      ForEachMemmapPart(option->value, [&inputs](const MemmapPart& part, std::string_view) {
        if (part.form == MemmapPart::Form::kLimit) {
          LowerLimit(part.size, inputs.kernel);
        }
      });
    }
  }
}

void CheckKernelOptions(std::string_view command_line, const PreservedMap& kept, Problems& problems) {
  if (kept.empty()) {
    return;
  }
  Checker checker(command_line, kept, problems);
  checker.CheckRamOptions();
  checker.CheckCrashkernel();
}

std::optional<Problem> ConflictWithNative(std::string_view command_line, const PreservedMap& kept,
                                          const NativeHandover& native) {
  FixedVector<Problem, 1> problems;
  Checker(command_line, kept, problems, &native).CheckRamOptions();
  return problems.empty() ? std::nullopt : std::optional(problems[0]);
}

}  // namespace holdfast
