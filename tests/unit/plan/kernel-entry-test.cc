// SPDX-License-Identifier: BSD-2-Clause
// Which entry of the kernel is taken.

#include "common/plan/kernel-entry.h"

#include <catch2/catch.hpp>

#include <cstddef>
#include <string>

#include "tests/support/plan-fixtures.h"

namespace holdfast {
namespace {

constexpr KernelEntry kAuto = KernelEntry::kAuto;
constexpr KernelEntry kVmlinux = KernelEntry::kVmlinux;
constexpr KernelEntry kBzImage = KernelEntry::kBzImage;
constexpr KernelEntry kEfiImage = KernelEntry::kEfiImage;
constexpr KernelEntry kEfiHandover = KernelEntry::kEfiHandover;

struct Asked {
  EntryFacts entry{};
  EfiFacts efi{};
  bool keeps = true;
  SetupDataNeed setup_data = SetupDataNeed::kNone;
};

// The entry's name, or what refuses it.
std::string Answer(const Asked& asked) {
  Problem problem;
  const auto entry =
      ChooseEntry(asked.entry, asked.efi, {.keeps = asked.keeps, .setup_data = asked.setup_data}, problem);
  if (entry.ok()) {
    CHECK(problem.what.empty());
    return std::string(KernelEntryName(entry.value()));
  }
  CHECK(entry.error() == Error{problem.code, 0});
  test::CheckProblem(problem, {.code = problem.code, .what = problem.what});
  const bool is_unsupported = problem.code == Errc::kUnsupported;
  return (is_unsupported ? "" : std::string(ErrcName(problem.code)) + ": ") + std::string(problem.what);
}

// A kernel that firmware can start in any way.
EntryFacts InFirmware(KernelEntry wanted = kAuto) {
  return {.wanted = wanted, .in_firmware = true, .has_efi_image = true, .has_efi_handover = true};
}

}  // namespace

TEST_CASE("An entry has the name that people give it", "[plan][kernel-entry]") {
  CHECK(KernelEntryName(kAuto) == "auto");
  CHECK(KernelEntryName(kVmlinux) == "vmlinux");
  CHECK(KernelEntryName(kBzImage) == "bzimage");
  CHECK(KernelEntryName(kEfiImage) == "efi-image");
  CHECK(KernelEntryName(kEfiHandover) == "efi-handover");
}

TEST_CASE("vmlinux is taken where it is at hand, unless bzimage is wanted", "[plan][kernel-entry]") {
  struct Case {
    KernelEntry wanted;
    bool has_vmlinux;
    bool has_bzimage;
    const char* answer;
  };
  const auto c = GENERATE(Case{kAuto, true, true, "vmlinux"}, Case{kAuto, true, false, "vmlinux"},
                          Case{kAuto, false, true, "bzimage"}, Case{kAuto, false, false, "bzimage entry"},
                          Case{kVmlinux, true, true, "vmlinux"}, Case{kVmlinux, true, false, "vmlinux"},
                          Case{kVmlinux, false, true, "vmlinux entry"}, Case{kVmlinux, false, false, "vmlinux entry"},
                          Case{kBzImage, true, true, "bzimage"}, Case{kBzImage, false, true, "bzimage"},
                          Case{kBzImage, true, false, "bzimage entry"}, Case{kBzImage, false, false, "bzimage entry"});
  CAPTURE(KernelEntryName(c.wanted), c.has_vmlinux, c.has_bzimage);
  CHECK(Answer({.entry = {.wanted = c.wanted, .has_vmlinux = c.has_vmlinux, .has_bzimage = c.has_bzimage}}) ==
        c.answer);
}

TEST_CASE("A confidential guest is refused, whatever is wanted", "[plan][kernel-entry]") {
  const KernelEntry wanted = GENERATE(kAuto, kVmlinux, kBzImage, kEfiImage);
  const bool keeps = GENERATE(true, false);
  CHECK(Answer({.entry = {.wanted = wanted, .is_confidential = true}, .keeps = keeps}) == "confidential guest");
}

TEST_CASE("5-level paging is for kernels that know it, or whose decompressor can leave it", "[plan][kernel-entry]") {
  constexpr const char* kRefused = "kernel without 5-level paging";
  struct Case {
    const char* name;
    bool supports;  // the decompressor
    bool runs;      // the kernel
    bool has_bzimage;
    const char* by_choice;  // with kAuto
    const char* as_vmlinux;
    const char* as_bzimage;
  };
  const auto c = GENERATE(Case{"a kernel of today", true, true, true, "vmlinux", "vmlinux", "bzimage"},
                          Case{"a kernel that was built for 4", true, false, true, "bzimage", kRefused, "bzimage"},
                          Case{"its vmlinux alone", true, false, false, kRefused, kRefused, "bzimage entry"},
                          Case{"a kernel from before", false, false, true, kRefused, kRefused, kRefused},
                          Case{"flags that contradict", false, true, true, kRefused, kRefused, kRefused});
  INFO(c.name);
  EntryFacts entry{.has_bzimage = c.has_bzimage, .supports_5_levels = c.supports, .runs_5_levels = c.runs};
  entry.is_5_levels = true;
  CHECK(Answer({.entry = entry}) == c.by_choice);
  entry.wanted = kVmlinux;
  CHECK(Answer({.entry = entry}) == c.as_vmlinux);
  entry.wanted = kBzImage;
  CHECK(Answer({.entry = entry}) == c.as_bzimage);

  entry.is_5_levels = false;
  entry.wanted = kAuto;
  CHECK(Answer({.entry = entry}) == "vmlinux");
}

TEST_CASE("The decompressor is not let loose on free memory of the EFI map while something is kept",
          "[plan][kernel-entry]") {
  constexpr const char* kRefused = "bzimage entry under an EFI memory map with free memory";
  const EfiFacts free_memory{.has_info = true, .has_free_memory = true};
  CHECK(Answer({.entry = {.wanted = kBzImage}, .efi = free_memory}) == kRefused);
  CHECK(Answer({.entry = {.has_vmlinux = false}, .efi = free_memory}) == kRefused);

  CHECK(Answer({.entry = {.wanted = kBzImage}, .efi = free_memory, .keeps = false}) == "bzimage");
  CHECK(Answer({.entry = {.wanted = kVmlinux}, .efi = free_memory}) == "vmlinux");
  CHECK(Answer({.efi = free_memory}) == "vmlinux");
  CHECK(Answer({.entry = {.wanted = kBzImage}, .efi = {.has_info = true}}) == "bzimage");
  // The kernel does not see a map that is not passed on.
  CHECK(Answer({.entry = {.wanted = kBzImage}, .efi = {.has_free_memory = true}}) == "bzimage");
  CHECK(Answer({.entry = {.wanted = kBzImage},
                .efi = {.has_info = true, .is_virtual = true, .has_free_memory = true}}) == "bzimage");
}

TEST_CASE("What firmware does not start any more is refused after a kexec", "[plan][kernel-entry]") {
  EntryFacts entry = InFirmware(GENERATE(kEfiImage, kEfiHandover));
  entry.in_firmware = false;
  CHECK(Answer({.entry = entry}) == "EFI entry outside firmware");
  entry.wanted = kAuto;
  CHECK(Answer({.entry = entry}) == "vmlinux");
}

TEST_CASE("In firmware a kernel is started as an image, or handed setup_data where that is needed",
          "[plan][kernel-entry]") {
  constexpr auto kNone = SetupDataNeed::kNone;
  constexpr auto kWanted = SetupDataNeed::kWanted;
  constexpr auto kNeeded = SetupDataNeed::kNeeded;
  constexpr const char* kNoStub = "kernel without an EFI stub";
  constexpr const char* kNoHandover = "setup_data without the EFI handover entry";
  struct Case {
    SetupDataNeed need;
    bool has_image;
    bool has_handover;
    bool has_vmlinux;
    bool has_bzimage;
    const char* answer;
    const char* if_secure;
  };
  const auto c = GENERATE_COPY(Case{kNone, true, true, true, true, "efi-image", "efi-image"},
                               Case{kNone, true, false, false, false, "efi-image", "efi-image"},
                               Case{kNone, false, true, true, true, "vmlinux", kNoStub},
                               Case{kNone, false, true, false, true, "bzimage", kNoStub},
                               Case{kNone, false, true, false, false, kNoStub, kNoStub},
                               Case{kWanted, true, true, true, true, "efi-handover", "efi-handover"},
                               Case{kWanted, true, false, true, true, "vmlinux", "efi-image"},
                               Case{kWanted, true, false, false, true, "efi-image", "efi-image"},
                               Case{kWanted, false, true, true, true, "vmlinux", kNoStub},
                               Case{kNeeded, true, true, true, true, "efi-handover", "efi-handover"},
                               Case{kNeeded, true, false, true, true, "vmlinux", kNoHandover},
                               Case{kNeeded, true, false, false, true, "bzimage", kNoHandover},
                               Case{kNeeded, true, false, false, false, kNoHandover, kNoHandover},
                               Case{kNeeded, false, true, true, true, "vmlinux", kNoStub});
  CAPTURE(static_cast<int>(c.need), c.has_image, c.has_handover, c.has_vmlinux, c.has_bzimage);
  EntryFacts entry{.has_vmlinux = c.has_vmlinux, .has_bzimage = c.has_bzimage};
  entry.in_firmware = true;
  entry.has_efi_image = c.has_image;
  entry.has_efi_handover = c.has_handover;
  CHECK(Answer({.entry = entry, .setup_data = c.need}) == c.answer);
  entry.is_secure = true;
  CHECK(Answer({.entry = entry, .setup_data = c.need}) == c.if_secure);
}

TEST_CASE("An EFI entry that is wanted is taken where the kernel has it and it does what is needed",
          "[plan][kernel-entry]") {
  constexpr const char* kNoHandover = "setup_data without the EFI handover entry";
  CHECK(Answer({.entry = InFirmware(kEfiImage)}) == "efi-image");
  CHECK(Answer({.entry = InFirmware(kEfiImage), .setup_data = SetupDataNeed::kWanted}) == "efi-image");
  CHECK(Answer({.entry = InFirmware(kEfiImage), .setup_data = SetupDataNeed::kNeeded}) == kNoHandover);
  CHECK(Answer({.entry = InFirmware(kEfiHandover)}) == "efi-handover");

  EntryFacts entry = InFirmware(kEfiHandover);
  entry.has_efi_handover = false;
  CHECK(Answer({.entry = entry}) == "EFI handover entry");
  CHECK(Answer({.entry = entry, .setup_data = SetupDataNeed::kNeeded}) == kNoHandover);
  entry = InFirmware(GENERATE(kEfiImage, kEfiHandover));
  entry.has_efi_image = false;
  CHECK(Answer({.entry = entry}) == "kernel without an EFI stub");
}

TEST_CASE("Secure Boot lets firmware alone enter a kernel", "[plan][kernel-entry]") {
  EntryFacts entry = InFirmware();
  entry.is_secure = true;
  entry.wanted = kVmlinux;
  CHECK(Answer({.entry = entry}) == "untrusted: vmlinux entry");
  entry.wanted = kBzImage;
  CHECK(Answer({.entry = entry}) == "untrusted: bzimage entry");
  entry.has_vmlinux = entry.has_bzimage = false;
  CHECK(Answer({.entry = entry}) == "untrusted: bzimage entry");
  entry.wanted = kEfiHandover;
  CHECK(Answer({.entry = entry}) == "efi-handover");
}

TEST_CASE("In firmware free memory of the EFI map is in nobody's way", "[plan][kernel-entry]") {
  CHECK(Answer({.entry = InFirmware(kBzImage), .efi = {.has_info = true, .has_free_memory = true}}) == "bzimage");
}

TEST_CASE("An EFI stub knows 4 levels where its decompressor does", "[plan][kernel-entry]") {
  EntryFacts entry = InFirmware();
  entry.is_5_levels = true;
  entry.runs_5_levels = false;
  CHECK(Answer({.entry = entry}) == "efi-image");
  entry.supports_5_levels = false;
  CHECK(Answer({.entry = entry}) == "kernel without 5-level paging");
}

TEST_CASE("The setup header says whether the stub takes boot_params", "[plan][kernel-entry]") {
  SetupHeader header{};
  CHECK_FALSE(EntryFactsOf(header).has_efi_handover);
  header.xloadflags.Set(1 << 3);
  CHECK_FALSE(EntryFactsOf(header).has_efi_handover);
  header.handover_offset.Set(0x190);
  CHECK(EntryFactsOf(header).has_efi_handover);
  header.xloadflags.Set(0xffff & ~(1 << 3));
  CHECK_FALSE(EntryFactsOf(header).has_efi_handover);
}

TEST_CASE("efi_info and SETUP_EFI are passed on only where they fit together", "[plan][kernel-entry]") {
  struct Case {
    const char* name;
    EfiFacts efi;
    bool drops;
  };
  const auto c = GENERATE(Case{"no EFI", {}, false}, Case{"both", {.has_info = true, .has_node = true}, false},
                          Case{"both, virtual", {.has_info = true, .has_node = true, .is_virtual = true}, false},
                          Case{"a map that is not virtual yet", {.has_info = true}, false},
                          Case{"a virtual map alone", {.has_info = true, .is_virtual = true}, true},
                          Case{"a node alone", {.has_node = true}, true});
  INFO(c.name);
  CHECK(MustDropEfi(c.efi) == c.drops);
}

}  // namespace holdfast
