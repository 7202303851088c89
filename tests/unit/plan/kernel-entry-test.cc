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

struct Asked {
  EntryFacts entry{};
  EfiFacts efi{};
  bool keeps = true;
};

// The entry's name, or what refuses it.
std::string Answer(const Asked& asked) {
  Problem problem;
  const auto entry = ChooseEntry(asked.entry, asked.efi, asked.keeps, problem);
  if (entry.ok()) {
    CHECK(problem.what.empty());
    return std::string(KernelEntryName(entry.value()));
  }
  CHECK(entry.error() == Error{Errc::kUnsupported, 0});
  test::CheckProblem(problem, {.code = Errc::kUnsupported, .what = problem.what});
  return std::string(problem.what);
}

}  // namespace

TEST_CASE("An entry has the name that people give it", "[plan][kernel-entry]") {
  CHECK(KernelEntryName(kAuto) == "auto");
  CHECK(KernelEntryName(kVmlinux) == "vmlinux");
  CHECK(KernelEntryName(kBzImage) == "bzimage");
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
  const KernelEntry wanted = GENERATE(kAuto, kVmlinux, kBzImage);
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
