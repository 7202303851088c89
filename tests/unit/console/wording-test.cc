// SPDX-License-Identifier: BSD-2-Clause
// Every line of text that the stage prints, letter by letter.

#include "common/console/wording.h"

#include <catch2/catch.hpp>

#include <string>
#include <type_traits>

#include "common/base/version.h"
#include "tests/support/ranges.h"

namespace holdfast {
namespace {

template <typename... Args>
std::string Said(void (*say)(TextWriter&, Args...), std::type_identity_t<Args>... args) {
  LineBuffer out;
  say(out, args...);
  CHECK_FALSE(out.truncated());
  return std::string(out.view());
}

std::string Described(const Problem& problem) { return Said(DescribeProblem, problem); }

TEST_CASE("The stage says what it does in these words", "[console][wording]") {
  CHECK(Said(SayHello, "purgatory", "kexec-tools") == std::string(kVersion) + " purgatory on kexec-tools");
  CHECK(Said(SayHandover, "holdfast,handover-v1", 64, 64 << 20) ==
        "handover holdfast,handover-v1, 64 ranges, 64 MiB kept");
  CHECK(Said(SayHandover, "holdfast,handover-v1", 1, 4096) == "handover holdfast,handover-v1, 1 range, 4 KiB kept");
  CHECK(Said(SayHandover, "", 0, 0) == "handover none, 0 ranges, 0 B kept");
  CHECK(Said(SayNotNative, Problem{.code = Errc::kUnsupported, .what = "kernel", .other = "kho-v4"}) ==
        "not native: kernel: kho-v4 not supported");
  CHECK(Said(SayMode, "fence", 12, 0) == "mode fence, map 12 entries, 0 B closed over");
  CHECK(Said(SayMode, "native", 1, 3 << 19) == "mode native, map 1 entry, 1.5 MiB closed over");
  CHECK(Said(SayDigest, 54'000'000, 5) == "digest ok, 51.4 MiB in 5 segments");
  CHECK(Said(SayDigest, 4096, 1) == "digest ok, 4 KiB in 1 segment");
  CHECK(Said(SayDigestSkipped) == "digest skipped, the loader asked for it");
  CHECK(Said(SayPassedOn, "crash kernel") == "crash kernel, passed on as it was loaded");
  CHECK(Said(SayNotKept, "crash kernel") == "crash kernel, nothing is kept");
  CHECK(Said(SayFenced, "PKRAM handover", R(0x1000, 0x2000)) == "PKRAM handover [0x1000, 0x2000) is fenced already");
  CHECK(Said(SayKernel, PhysAddr(0x3c000000), 0, 1) == "kernel at 0x3c000000, slot 1 of 1");
  CHECK(Said(SayKernel, PhysAddr(0x100000000), 41, 977) == "kernel at 0x100000000, slot 42 of 977");
  CHECK(Said(SayReset, 10) == "reset in 10 s");
  CHECK(Said(SayHalted) == "halted");
}

TEST_CASE("From firmware the stage says what it does in these words", "[console][wording]") {
  CHECK(Said(SayPlacesItself, 977) == "kernel places itself, 977 slots");
  CHECK(Said(SayPlacesItself, 1) == "kernel places itself, 1 slot");
  CHECK(Said(SayContents, 64, 2) == "contents 64 verified, 2 without a digest");
  CHECK(Said(SayLost, "guest0", R(0x1000, 0x3000), 3 << 20) ==
        "lost guest0 [0x1000, 0x3000), 3 MiB: not what its digest says");
  CHECK(Said(SayLost, "a\n", R(0x1000, 0x3000), 0) == "lost a? [0x1000, 0x3000), 0 B: not what its digest says");
  CHECK(Said(SayIgnored, "command line") == "command line from outside is ignored under Secure Boot");
  CHECK(Said(SayOtherFence, "guest0", Fence::kPmem) == "guest0 is fenced as reserved, not as pmem");
  CHECK(Said(SayNoText, "what the loader said") == "what the loader said is no text, and ignored");
  CHECK(Said(SayRestored, "HoldfastHandover variable", true) == "HoldfastHandover variable is set again");
  CHECK(Said(SayRestored, "HoldfastHandover variable", false) ==
        "HoldfastHandover variable is lost: firmware does not take it");
  CHECK(Said(SayMeasured, 15) == "measured into PCR 15");
  CHECK(Said(SayNotMeasured, "no TPM") == "not measured: no TPM");
  CHECK(Said(SayOverwriteRequest, "cleared") == "overwrite request cleared");
  CHECK(Said(SayLeftOut, "handover") == "report left out handover");
  CHECK(Said(SayReturned) == "back to the boot manager");
  CHECK(Said(SayDecision, "fence", "efi-image", 2, 8192, 1) ==
        "mode fence, entry efi-image, 2 ranges, 8192 bytes, lost 1");
  CHECK(Said(SayDecision, "native", "efi-handover", 1, 4096, 0) ==
        "mode native, entry efi-handover, 1 range, 4096 bytes, lost 0");
}

TEST_CASE("A refusal names its rule first", "[console][wording]") {
  CHECK(Said(SayRefused, Problem{.code = Errc::kBadDigest, .what = "handover", .range = R(0x1000, 0x3000)}) ==
        "refused: bad-digest: handover [0x1000, 0x3000): digest differs");
  CHECK(Said(SayRefused, Problem{.code = Errc::kOverlap,
                                 .where = 0x7a200000,
                                 .what = "initrd",
                                 .range = R(0x7a000000, 0x7b000000),
                                 .other = "guest0",
                                 .other_range = R(0x7a200000, 0x7a400000),
                                 .kept = KeptRange{R(0x7a200000, 0x7a400000)}}) ==
        "refused: overlap: initrd [0x7a000000, 0x7b000000) meets kept guest0 [0x7a200000, 0x7a400000)");
}

TEST_CASE("Each rule is told with the names and addresses that break it", "[console][wording]") {
  struct Case {
    Problem problem;
    const char* text;
  };
  const PhysRange at = R(0x1000, 0x3000);
  const auto c = GENERATE_COPY(
      Case{{Errc::kTruncated, 40, "handover", at}, "handover [0x1000, 0x3000): cut off at byte 40"},
      Case{{Errc::kBadMagic, 0, "handover", at}, "handover [0x1000, 0x3000): wrong magic at byte 0"},
      Case{{Errc::kBadVersion, 0x20b, "kernel", at}, "kernel [0x1000, 0x3000): version 0x20b is not known"},
      Case{{Errc::kBadDigest, 0x1000, "handover", at}, "handover [0x1000, 0x3000): digest differs"},
      Case{{Errc::kMalformed, 120, "handover", at}, "handover [0x1000, 0x3000): malformed at byte 120"},
      Case{{Errc::kMisaligned, 0x1004, "handover", at}, "handover [0x1000, 0x3000): misaligned at 0x1004"},
      Case{{Errc::kOutOfBounds, 0x100000, "handover", at}, "handover [0x1000, 0x3000): out of bounds at 0x100000"},
      Case{{Errc::kUnreadable, 0x2000, "handover", at}, "handover [0x1000, 0x3000): no readable memory at 0x2000"},
      Case{{Errc::kUnknownCompatible, 8, "handover", at}, "handover at 0x1000: compatible is not holdfast,handover-v1"},
      Case{{Errc::kUnknownCompatible, 8, "report", at}, "report at 0x1000: compatible is not known"},
      Case{{Errc::kUnsupported, 0x10, "kernel", at}, "kernel [0x1000, 0x3000): not supported: 0x10"},
      Case{{Errc::kTooLarge, 0x7ff, "command line"}, "command line: more than 0x7ff bytes"},
      Case{{Errc::kFirmware, 0x8000000000000009, "initrd"}, "initrd: firmware says 0x8000000000000009"},
      Case{{Errc::kNotFound, 0, "kernel"}, "kernel is not there"},
      Case{{Errc::kUntrusted, 0, "vmlinux entry"}, "vmlinux entry is not trusted under Secure Boot"},
      Case{{Errc::kContentsLost, 0x1000, "guest0", at}, "kept guest0 [0x1000, 0x3000) is not what its digest says"},
      Case{{Errc::kCycle, 0x9000, "setup_data"}, "setup_data comes back to 0x9000"},
      Case{{Errc::kTableFull, 2000, "e820"}, "e820: more than 2000 entries"},
      Case{{Errc::kTableFull, 1, "e820"}, "e820: more than 1 entry"},
      Case{{Errc::kKeptOverlap, 0x2000, "guest0", at, "guest1", R(0x2000, 0x4000)},
           "kept guest0 [0x1000, 0x3000) meets kept guest1 [0x2000, 0x4000)"},
      Case{{Errc::kKeptOverlap, 0x2000, "guest0", R(0x1000, 0x2800), "guest1", R(0x2800, 0x3000)},
           "kept guest0 [0x1000, 0x2800) meets kept guest1 [0x2800, 0x3000) at 0x2000"},
      Case{{Errc::kKeptNotRam, 0x2000, "guest0", at, "", PhysRange(), MemType::kReserved},
           "kept guest0 [0x1000, 0x3000) is not RAM: reserved at 0x2000"},
      Case{{Errc::kKeptNotRam, 0x2000, "guest0", at}, "kept guest0 [0x1000, 0x3000) is not RAM: no memory at 0x2000"},
      Case{{Errc::kOverlap, 0x2000, "initrd", at, "boot_params", R(0x2000, 0x4000)},
           "initrd [0x1000, 0x3000) meets boot_params [0x2000, 0x4000)"},
      Case{{Errc::kNotRam, 0x2000, "initrd", at, "", PhysRange(), MemType::kNvs},
           "initrd [0x1000, 0x3000) is not RAM: ACPI NVS at 0x2000"},
      Case{{Errc::kNoSlot, 0x3378000, "kernel"}, "no place for kernel, 0x3378000 bytes"},
      Case{{Errc::kUnsupported, 0, "confidential guest"}, "confidential guest: not supported"},
      Case{{Errc::kUnsupported, 0, "kernel", PhysRange(), "kho-v4"}, "kernel: kho-v4 not supported"},
      Case{{Errc::kUnknownCompatible, 8, "kho-v5", at}, "kho-v5 at 0x1000: compatible is not known"},
      Case{{Errc::kNotFinalized, 0x1000, "KHO handover", at},
           "KHO handover [0x1000, 0x3000): its sender has not finalized it, no map at 0x1000"},
      Case{{Errc::kOutsideScratch, 0x2000, "initrd", at}, "initrd [0x1000, 0x3000): not in scratch at 0x2000"},
      Case{{Errc::kMalformed, 0x2010, "KHO handover", at, {}, {}, {}, {}, /*is_address=*/true},
           "KHO handover [0x1000, 0x3000): malformed at 0x2010"},
      Case{{Errc::kConflict, 12, "nokaslr", PhysRange(), "kaslr"},
           "nokaslr at byte 12 of the command line contradicts kaslr"},
      Case{{Errc::kConflict, 17, "memmap=4K@4K", at, "guest0", R(0x2000, 0x4000), {}, KeptRange()},
           "memmap=4K@4K at byte 17 of the command line takes kept guest0 [0x2000, 0x4000)"},
      Case{{Errc::kFault, 0x77001234, "page fault", R(0x1000, 0x1001)}, "page fault at 0x77001234 on 0x1000"},
      Case{{Errc::kFault, 0x77001234, "invalid opcode"}, "invalid opcode at 0x77001234"});
  CHECK(Described(c.problem) == c.text);
}

TEST_CASE("What is not known of a problem is left out", "[console][wording]") {
  struct Case {
    Problem problem;
    const char* text;
  };
  const auto c = GENERATE(
      Case{{Errc::kTruncated, 40, "handover"}, "handover: cut off at byte 40"},
      Case{{Errc::kTruncated, 40, "", R(0x1000, 0x3000)}, "[0x1000, 0x3000): cut off at byte 40"},
      Case{{Errc::kTruncated, 40}, "cut off at byte 40"}, Case{{Errc::kBadDigest, 0x1000}, "digest differs"},
      Case{{Errc::kUnknownCompatible, 8, "handover"}, "handover: compatible is not holdfast,handover-v1"},
      Case{{Errc::kUnknownCompatible, 8}, "compatible is not known"},
      Case{{Errc::kCycle, 0x9000}, "a list comes back to 0x9000"},
      Case{{Errc::kKeptOverlap, 0x2000}, "kept meets kept at 0x2000"},
      Case{{Errc::kKeptNotRam, 0x2000, "", R(0x1000, 0x3000)}, "kept [0x1000, 0x3000) is not RAM: no memory at 0x2000"},
      Case{{Errc::kOverlap, 0x2000}, "something meets something else at 0x2000"},
      Case{{Errc::kOverlap, 0x2000, "initrd", PhysRange(), "boot_params"}, "initrd meets boot_params at 0x2000"},
      Case{{Errc::kNotRam, 0x2000}, "something is not RAM: no memory at 0x2000"},
      Case{{Errc::kNoSlot, 0x1000}, "no place for something, 0x1000 bytes"},
      Case{{Errc::kConflict, 3}, "an option at byte 3 of the command line contradicts another option"},
      Case{{Errc::kConflict, 3, "memmap=exactmap", PhysRange(), "", R(0x1000, 0x3000), {}, KeptRange()},
           "memmap=exactmap at byte 3 of the command line takes kept [0x1000, 0x3000)"},
      Case{{Errc::kFirmware, 0x5}, "firmware says 0x5"}, Case{{Errc::kNotFound, 0}, "something is not there"},
      Case{{Errc::kUntrusted, 0}, "something is not trusted under Secure Boot"},
      Case{{Errc::kContentsLost, 0x1000}, "kept is not what its digest says"},
      Case{{Errc::kFault, 0x1000}, "exception at 0x1000"});
  CHECK(Described(c.problem) == c.text);
}

TEST_CASE("Names from outside cannot write control characters", "[console][wording]") {
  CHECK(Described({Errc::kTruncated, 1, "a\x1b[2Jb"}) == "a?[2Jb: cut off at byte 1");
  CHECK(Described({Errc::kOverlap, 1, "a\r", PhysRange(), "b\n"}) == "a? meets b? at 0x1");
  CHECK(Said(SayHello, "purgatory", "grub\n") == std::string(kVersion) + " purgatory on grub?");
}

TEST_CASE("The longest refusal fits into a line", "[console][wording]") {
  const std::string name(31, 'x');
  const PhysRange range = R(kPhysLimit - 1, kPhysLimit);
  CHECK(Said(SayRefused, Problem{Errc::kKeptOverlap, kPhysLimit, name, range, name, range}).size() < 240);
  const std::string option(64, 'x');  // kMaxConflictText of common/plan
  CHECK(Said(SayRefused, Problem{Errc::kConflict, 65535, option, range, name, range, {}, KeptRange()}).size() < 240);
}

TEST_CASE("Types and fences have these names", "[console][wording]") {
  CHECK(Said(AppendMemType, MemType::kUsable) == "usable");
  CHECK(Said(AppendMemType, MemType::kReserved) == "reserved");
  CHECK(Said(AppendMemType, MemType::kAcpi) == "ACPI tables");
  CHECK(Said(AppendMemType, MemType::kNvs) == "ACPI NVS");
  CHECK(Said(AppendMemType, MemType::kUnusable) == "unusable");
  CHECK(Said(AppendMemType, MemType::kPmem) == "pmem");
  CHECK(Said(AppendMemType, MemType::kPram) == "pram");
  CHECK(Said(AppendMemType, MemType::kReservedKern) == "reserved by the kernel");
  CHECK(Said(AppendMemType, MemType::kSoftReserved) == "soft-reserved");
  CHECK(Said(AppendMemType, MemType{6}) == "type 6");
  CHECK(FenceName(Fence::kReserved) == "reserved");
  CHECK(FenceName(Fence::kHeld) == "held");
  CHECK(FenceName(Fence::kPmem) == "pmem");
  CHECK(FenceName(Fence::kPram) == "pram");
}

TEST_CASE("A range is written with its end outside", "[console][wording]") {
  CHECK(Said(AppendRange, R(0x1000, 0x3000)) == "[0x1000, 0x3000)");
  CHECK(Said(AppendRange, PhysRange()) == "[0x0, 0x0)");
}

}  // namespace
}  // namespace holdfast
