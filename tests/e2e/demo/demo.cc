// SPDX-License-Identifier: BSD-2-Clause
// The demo: 128 MiB go through a kexec with Holdfast, and beside it without.
//
// Two guests take the same steps at the same time; the first one's are told as
// they happen.  Exit: 0 if all was kept with Holdfast and bytes were lost
// without it, 1 if it went otherwise or a guest failed.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "common/base/version.h"
#include "tests/e2e/demo/journey.h"
#include "tests/e2e/demo/stage-account.h"
#include "tests/e2e/demo/story.h"
#include "tests/e2e/page-pattern.h"

namespace holdfast::demo {
namespace {

using e2e::Guest;

std::uint64_t RandomSeed() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

// Pages that follow one another are one range, whatever their order in the file.
std::vector<e2e::Extent> InOrder(std::vector<e2e::Extent> extents) {
  std::sort(extents.begin(), extents.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  std::vector<e2e::Extent> merged;
  for (const e2e::Extent& extent : extents) {
    if (!merged.empty() && merged.back().end() == extent.start) {
      merged.back().size += extent.size;
    } else {
      merged.push_back(extent);
    }
  }
  return merged;
}

std::string Ranges(const std::vector<e2e::Extent>& extents) {
  std::string text;
  for (const e2e::Extent& extent : extents) {
    text += "[" + Hex(extent.start) + ", " + Hex(extent.end()) + ")  " + InMib(extent.size) + "\n";
  }
  return text;
}

std::string IntactPages(const Figures& figures, std::uint64_t num_different) {
  const std::uint64_t num_pages = figures.kept.num_pages();
  return std::to_string(num_pages - num_different) + " of " + std::to_string(num_pages) + " pages intact";
}

std::string FromInside(const Figures& figures) {
  if (figures.taken_inside == 0) return IntactPages(figures, figures.differ_inside);
  return std::to_string(figures.taken_inside) + " of " + std::to_string(figures.kept.num_pages()) +
         " taken by the kernel";
}

// How things go for a host that has no Holdfast.  In a thread of its own, and without a word.
Figures TravelWithout(std::uint64_t seed) {
  Journey journey("kexec-stock");
  journey.Boot();
  journey.Fill(seed);
  journey.Load("");
  journey.Jump();
  journey.Look();
  journey.PutToLoad();
  return journey.figures();
}

// The journey with Holdfast, told step by step.
class Tale {
 public:
  explicit Tale(const Story& story) : story_(story) {}

  void Travel(std::uint64_t seed) {
    Arrive(seed);
    Prepare();
    Jump();
    Look();
  }

  void Draw() {
    const e2e::TempDir folder;
    DrawMap(journey_.guest(), folder.path());
  }

  const Figures& figures() const { return journey_.figures(); }
  const Account& account() const { return account_; }
  const std::vector<e2e::Extent>& preserved() const { return foretold_.preserved; }

 private:
  void Arrive(std::uint64_t seed) {
    journey_.Boot();
    story_.Step("first kernel up: " + figures().release + ", " + InMib(figures().ram_bytes) + " of RAM");
    journey_.Fill(seed);
    const e2e::KeptPages& kept = figures().kept;
    const std::vector<e2e::Extent> ranges = InOrder(kept.extents);
    story_.Step(kept.file + ": " + std::to_string(kept.bytes()) + " random bytes, seed " + Hex(seed) + ", in " +
                Count(ranges.size(), "range"));
    story_.Quote(Ranges(ranges));
  }

  void Prepare() {
    Guest& guest = journey_.guest();
    const std::string option = e2e::MakeHandover(guest, {figures().kept});
    story_.Step("mkhandover make --pages-of " + figures().kept.file + " -o " + std::string(e2e::kHandoverFile));
    story_.Quote(option);
    e2e::MakeInitrd(guest);
    foretold_ = AskForPlan(guest);
    story_.Step("mkhandover plan: what the stage would decide, with the lowest slot");
    story_.Quote(foretold_.text);
    const e2e::CommandResult load = journey_.Load(option);
    story_.Step("kexec -c -l, then mkhandover check: does anything that was loaded stand on a kept page?");
    story_.Quote(CheckSegments(guest, load));
  }

  void Jump() {
    Guest& guest = journey_.guest();
    guest.Never({"holdfast: refused"});
    story_.Step("kexec -e; between the kernels, on the serial console:");
    journey_.Jump();
    guest.Expect("holdfast: " + std::string(kVersion) + " purgatory on ");
    story_.Quote(StageLines(guest), Tone::kStrong);
    account_ = ReadAccount(guest);
    story_.Step("second kernel up, " + InSeconds(figures().gap_seconds) + " after kexec -e; the stage took " +
                InSeconds(account_.stage_seconds) + " of it to decide, " + InSeconds(account_.digest_seconds) +
                " for the digest");
    story_.Quote("/proc/iomem has its code at " + Hex(account_.kernel_code) + ", slot " +
                 std::to_string(account_.slot) + " of " + std::to_string(account_.num_slots) + "; map " +
                 std::to_string(account_.num_entries_before) + " entries before, " +
                 std::to_string(account_.num_entries) + " after; " + Count(account_.num_kept, "range") + ", " +
                 InMib(account_.kept_bytes) + " kept");
  }

  void Look() {
    journey_.Look();
    story_.Step("the memory map that it was handed, as it prints it:");
    std::istringstream lines(E820Lines(journey_.guest(), preserved()));
    for (std::string line; std::getline(lines, line);) {
      story_.Quote(line, line.ends_with(kKeptMark) ? Tone::kGood : Tone::kFaint);
    }
    story_.Step("seen from inside, through /dev/mem:    " + FromInside(figures()));
    story_.Step("seen from outside, in QEMU's memory:   " + IntactPages(figures(), figures().differ_outside));
    journey_.PutToLoad();
    story_.Step("after " + Padded(InMib(figures().load_bytes) + " were written beside:", 33) +
                IntactPages(figures(), figures().differ_after_load));
  }

  const Story& story_;
  Journey journey_{"kexec"};
  Foretold foretold_;
  Account account_;
};

// The two outcomes side by side.
class Comparison {
 public:
  Comparison(const Story& story, const Figures& with, const Figures& without)
      : story_(story), with_(with), without_(without) {}

  void Show() const {
    Row("", "with Holdfast", Tone::kStrong, "without", Tone::kStrong);
    Row("kexec -e to the next init", InSeconds(with_.gap_seconds), Tone::kPlain, InSeconds(without_.gap_seconds),
        Tone::kPlain);
    Pair("the second kernel's map", InMap(with_), with_.usable_bytes, InMap(without_), without_.usable_bytes);
    Pair("seen from inside", FromInside(with_), with_.differ_inside, FromInside(without_), without_.differ_inside);
    Pages("seen from outside", &Figures::differ_outside);
    Pages("after memory was used up", &Figures::differ_after_load);
  }

 private:
  static std::string InMap(const Figures& figures) {
    return InMib(figures.reserved_bytes) + " reserved, " + InMib(figures.usable_bytes) + " usable";
  }

  void Row(std::string_view name, std::string_view with, Tone with_tone, std::string_view without,
           Tone without_tone) const {
    story_.Say("  " + Padded(name, 27) + story_.Toned(Padded(with, 32), with_tone) +
               story_.Toned(without, without_tone));
  }

  // Each is good where its count of bad things is 0.
  void Pair(std::string_view name, std::string_view with, std::uint64_t with_bad, std::string_view without,
            std::uint64_t without_bad) const {
    const auto tone = [](std::uint64_t bad) { return bad == 0 ? Tone::kGood : Tone::kBad; };
    Row(name, with, tone(with_bad), without, tone(without_bad));
  }

  void Pages(std::string_view name, std::uint64_t Figures::*differ) const {
    Pair(name, IntactPages(with_, with_.*differ), with_.*differ, IntactPages(without_, without_.*differ),
         without_.*differ);
  }

  const Story& story_;
  const Figures& with_;
  const Figures& without_;
};

// What did not go as the last line says; nothing if all did.
std::vector<std::string> Objections(const Tale& tale, const Figures& without) {
  const Figures& with = tale.figures();
  std::vector<std::string> objections;
  const auto expect = [&](bool holds, const char* what) {
    if (!holds) objections.emplace_back(what);
  };
  expect(with.reserved_bytes == with.kept.bytes(),
         "with Holdfast, the second kernel's map does not reserve every byte");
  expect(e2e::NotOfType(with.map, e2e::kReserved, tale.preserved()).empty(), "what the plan preserves is not reserved");
  expect(with.differ_inside == 0, "with Holdfast, the second kernel does not find every page");
  expect(with.differ_outside == 0, "with Holdfast, pages differ after the jump");
  expect(with.differ_after_load == 0, "with Holdfast, pages differ once memory has been used");
  expect(tale.account().kernel_code == tale.account().kernel_address, "the kernel is not where the stage put it");
  expect(without.usable_bytes == without.kept.bytes(),
         "without Holdfast, the second kernel does not use all the pages");
  expect(without.differ_after_load != 0, "without Holdfast, nothing was lost");
  return objections;
}

std::string LastLine(const Figures& with, const Figures& without) {
  const std::uint64_t lost = without.differ_after_load;
  return "With Holdfast all " + std::to_string(with.kept.bytes()) + " bytes came through the kexec; without it " +
         std::to_string(lost * e2e::kPageSize) + " of " + std::to_string(without.kept.bytes()) + " were lost (" +
         std::to_string(lost) + " of " + std::to_string(without.kept.num_pages()) + " pages).";
}

int Run() {
  const Story story;
  story.Title(InMib(e2e::ParseSize(kFileSize)) + " of memory through a kexec: QEMU (" +
              e2e::EnvironmentOr("ACCEL", "tcg") + "), OVMF, " + InMib(e2e::ParseSize(kMemory)) + ", Debian's kernel " +
              kKernel);
  const std::uint64_t seed = RandomSeed();
  Tale tale(story);
  story.Step("two guests start, with Holdfast and without; this is the first one's story");
  std::future<Figures> other = std::async(std::launch::async, TravelWithout, seed);
  const auto in_other = [&other]() -> Figures {
    try {
      return other.get();
    } catch (const std::exception& error) {
      throw e2e::GuestFailure(std::string("in the guest without Holdfast: ") + error.what());
    }
  };
  try {
    tale.Travel(seed);
    story.Say();
    tale.Draw();
    story.Say();
    const Figures without = in_other();
    Comparison(story, tale.figures(), without).Show();
    story.Say();
    const std::vector<std::string> objections = Objections(tale, without);
    for (const std::string& objection : objections) story.Say("demo: not as told: " + objection);
    if (!objections.empty()) return 1;
    story.Step("all done");
    story.Title(LastLine(tale.figures(), without));
    return 0;
  } catch (const std::exception& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "demo: failed: %s\n", error.what());
    // Nobody waits for the other guest: it ends with its thread.
    std::_Exit(1);
  }
}

}  // namespace
}  // namespace holdfast::demo

int main() {
  try {
    return holdfast::demo::Run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "demo: failed: %s\n", error.what());
    return 1;
  }
}
