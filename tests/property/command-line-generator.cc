// SPDX-License-Identifier: BSD-2-Clause
// Random command lines: options with known numbers, spelled in one of the many ways that Linux takes.

#include <array>
#include <cinttypes>
#include <string>
#include <string_view>

#include "tests/property/plan-generator.h"
#include "tests/property/plan-model.h"

namespace holdfast::property {
namespace {

using Kind = RawOption::Kind;

class LineMaker {
 public:
  LineMaker(test::Random& random, Case& c) : random_(random), case_(c) {}

  void Make() {
    if (!Chance(350)) return;
    for (std::uint64_t left = random_.Between(1, 4); left != 0; --left) AddOption();
    Spell();
  }

 private:
  bool Chance(std::uint64_t per_mille) { return random_.Below(1000) < per_mille; }

  // --- What is said

  void AddOption() {
    RawOption option = AnyOption();
    // Most options have to be harmless, or there would be few plans.
    if (!Conflicts(case_, option) || Chance(60)) case_.options.push_back(option);
  }

  RawOption AnyOption() {
    const std::uint64_t pick = random_.Below(100);
    if (pick < 5) return {.kind = Kind::kNokaslr};
    if (pick < 10) return {.kind = Kind::kExactmap};
    if (pick < 30) return {.kind = Kind::kLimit, .size = AnyLimit()};
    if (pick < 75) return AnyRegion();
    return AnyCrashKernel();
  }

  // Mostly somewhere in the upper half, or above everything.
  std::uint64_t AnyLimit() {
    const std::uint64_t half = (case_.end() - case_.base) / 2;
    if (Chance(100)) return random_.Below(case_.end());
    if (Chance(200)) return AnyAddress();
    return Chance(300) ? case_.end() + random_.Below(half) : case_.end() - random_.Below(half);
  }

  // A place in the small address space, often at an end of something that is kept.
  std::uint64_t AnyAddress() {
    if (case_.kept.empty() || Chance(400)) return case_.base + random_.Below(case_.end() - case_.base);
    const Bytes kept = case_.kept[static_cast<std::size_t>(random_.Below(case_.kept.size()))].bytes.Pages();
    const std::uint64_t at = Chance(500) ? kept.start : kept.end;
    return at + random_.Below(3) - (at == 0 ? 0 : 1);
  }

  Bytes AnyBytes() {
    const std::uint64_t a = AnyAddress();
    if (Chance(20)) return {a, ~std::uint64_t{0}};
    if (Chance(300)) return {a, a + (std::uint64_t{1} << random_.Below(24))};
    const std::uint64_t b = AnyAddress();
    return {std::min(a, b), std::max(a, b)};
  }

  RawOption AnyRegion() {
    constexpr std::string_view kMarks = "@#$!%%";
    constexpr std::array<std::uint32_t, 7> kSomeTypes{0, 0, 1, 2, 3, 7, 12};
    const Bytes bytes = AnyBytes();
    RawOption option{.kind = Kind::kRegion,
                     .mark = kMarks[static_cast<std::size_t>(random_.Below(kMarks.size()))],
                     .size = bytes.size(),
                     .start = bytes.start};
    if (option.mark == '%') {
      option.from = kSomeTypes[static_cast<std::size_t>(random_.Below(kSomeTypes.size()))];
      option.to = kSomeTypes[static_cast<std::size_t>(random_.Below(kSomeTypes.size()))];
    }
    return option;
  }

  RawOption AnyCrashKernel() {
    if (Chance(400)) return {.kind = Kind::kCrashKernel, .size = random_.Bits() >> 30, .is_added = Chance(500)};
    const Bytes bytes = AnyBytes();
    return {.kind = Kind::kCrashKernel, .size = bytes.size(), .start = bytes.start};
  }

  // --- How it is said

  std::string Digits(std::uint64_t value) {
    switch (random_.Below(4)) {
      case 0:
        return Text("%#" PRIx64, value);
      case 1:
        return Text("0X%s%" PRIX64, Chance(300) ? "000" : "", value);
      case 2:
        return Text("0%" PRIo64, value);
      default:
        return Text("%" PRIu64, value);
    }
  }

  std::string Size(std::uint64_t value) {
    constexpr std::string_view kSuffixes = "KMGTPE";
    std::size_t most = 0;
    while (most < kSuffixes.size() && value != 0 && value << (54 - 10 * most) == 0) ++most;
    const std::size_t count = static_cast<std::size_t>(random_.Below(most + 1));
    if (count == 0) return Digits(value);
    const char suffix = kSuffixes[count - 1];
    const std::uint64_t rest = value >> (10 * count);
    // To a hexadecimal number an E is one more digit.
    const std::string digits = suffix == 'E' ? Text("%" PRIu64, rest) : Digits(rest);
    return digits + (Chance(500) ? suffix : static_cast<char>(suffix - 'A' + 'a'));
  }

  std::string Part(const RawOption& option) {
    const std::string junk = Chance(100) ? "x" : "";  // The kernel stops reading before it.
    if (option.kind == Kind::kExactmap) return "exactmap" + junk;
    if (option.kind == Kind::kLimit) return Size(option.size) + junk;
    const std::string text = Size(option.size) + option.mark + Size(option.start);
    if (option.mark != '%') return text + junk;
    const std::string from = option.from != 0 || Chance(200) ? "-" + Digits(option.from) : "";
    return text + from + (option.to != 0 || Chance(200) ? "+" + Digits(option.to) : "");
  }

  std::string CrashKernel(const RawOption& option) {
    constexpr std::array<std::string_view, 3> kAdded{",high", ",low", ",cma"};
    if (option.is_added) return Size(option.size) + std::string(kAdded[static_cast<std::size_t>(random_.Below(3))]);
    const std::string place = option.start == 0 ? (Chance(200) ? "@0" : "") : "@" + Size(option.start);
    if (Chance(500)) return Size(option.size) + place;
    // The largest of some sizes, anywhere among them.
    const std::uint64_t count = random_.Between(1, 4);
    const std::uint64_t largest = random_.Below(count);
    std::string text;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t size = i == largest ? option.size : random_.Below(option.size + 1);
      const std::string end = i + 1 == count && Chance(500) ? "" : Size((i + 1) << 30);
      text += (i == 0 ? "" : ",") + Size(i << 30) + "-" + end + ":" + Size(size);
    }
    return text + place;
  }

  void Append(std::string_view text) { case_.command_line += text; }

  // Notes where the option's own text stands, from `start` to the end of the line.
  void Note(RawOption& option, std::size_t start) {
    option.where = start;
    option.what = case_.command_line.substr(start);
  }

  void AddNoise() {
    constexpr std::array<std::string_view, 9> kNoise{"quiet",
                                                     "root=/dev/sda1",
                                                     "a=\"b memmap=exactmap\"",
                                                     "memmap2=1@0",
                                                     "console=ttyS0,115200n8",
                                                     "mem",
                                                     "mem=nopentium",
                                                     "memmap=",
                                                     "memmap=@1,x"};
    while (Chance(400)) {
      Append(kNoise[static_cast<std::size_t>(random_.Below(kNoise.size()))]);
      Append(Chance(800) ? " " : " \t\n ");
    }
  }

  // memmap= with as many of the options from `first` on as go into one list.  Returns how many those are.
  std::size_t SpellMemmap(std::size_t first) {
    const bool quotes_all = Chance(150);
    const bool quotes_value = !quotes_all && Chance(150);
    if (quotes_all) Append("\"");
    const std::size_t start = case_.command_line.size();
    Append("memmap=");
    if (quotes_value) Append("\"");
    std::size_t count = 0;
    for (; first + count < case_.options.size() && IsMemmap(case_.options[first + count]); ++count) {
      if (count != 0 && Chance(400)) break;
      if (count != 0) Append(",");
      const std::size_t part = case_.command_line.size();
      Append(Part(case_.options[first + count]));
      Note(case_.options[first + count], count == 0 ? start : part);
    }
    if (quotes_all || quotes_value) Append("\"");
    return count;
  }

  static bool IsMemmap(const RawOption& option) {
    return option.kind == Kind::kExactmap || option.kind == Kind::kLimit || option.kind == Kind::kRegion;
  }

  std::size_t SpellOne(std::size_t first) {
    RawOption& option = case_.options[first];
    const std::size_t start = case_.command_line.size();
    if (option.kind == Kind::kNokaslr) {
      Append("nokaslr");
    } else if (option.kind == Kind::kCrashKernel) {
      Append("crashkernel=" + CrashKernel(option));
    } else if (option.kind == Kind::kLimit && option.size != 0 && Chance(600)) {
      Append("mem=" + Part(option));
    } else {
      return SpellMemmap(first);
    }
    Note(option, start);
    return 1;
  }

  void Spell() {
    AddNoise();
    for (std::size_t i = 0; i < case_.options.size();) {
      i += SpellOne(i);
      Append(" ");
      AddNoise();
    }
    if (Chance(100)) Append("-- memmap=exactmap nokaslr mem=1");
    if (Chance(100)) Append(std::string_view("\0crashkernel=8G@1", 17));
  }

  test::Random& random_;
  Case& case_;
};

}  // namespace

void MakeCommandLine(test::Random& random, Case& c) { LineMaker(random, c).Make(); }

}  // namespace holdfast::property
