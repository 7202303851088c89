// SPDX-License-Identifier: BSD-2-Clause
// The steps of scenarios in which the stage is the kernel that a loader loads.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/e2e/boot-volume.h"
#include "tests/e2e/scenario.h"

namespace holdfast::e2e {

// Where these scenarios have the image, whatever it carries, and a bundle for it.
inline constexpr std::string_view kStageName = "stage";
inline constexpr std::string_view kBundleFile = "/tmp/bundle";
inline constexpr std::uint64_t kHugePageSize = std::uint64_t{2} << 20;
inline constexpr std::uint64_t kLowPages = 0x30000000;

// A program that loads the image, as its user calls it, and who the stage then says it was.
struct Loader {
  std::string name;         // in scenarios' names
  std::string kexec_tools;  // the suite
  std::string flags = {};   // of the stock kexec
  std::string via = {};     // of `mkhandover load`, in place of kexec
  std::string told;

  bool is_ours() const { return !via.empty(); }
};

// What brings the inner kernel.
enum class Carrier {
  kPayload,  // the image itself, with the loader's initrd beside it
  kInitrd,   // a bundle as the loader's initrd, with the handover in it
};

// In a guest of 1 GiB, below where loaders place their segments: those do not ask what is kept.
KeptPages FillBelowSegments(Guest& guest);

GuestFile StageFile(const std::filesystem::path& image);
// The image with that kernel inside.
GuestFile StageFile(const std::string& kernel, const std::string& entry);

// Here, not in a guest: the image with a kernel, a root file system like every guest's, and a command line of its own.
std::filesystem::path MakeWholeImage(const std::filesystem::path& folder, const std::string& kernel,
                                     const std::string& entry, const std::string& append = "");

// `mkhandover bundle` in the guest, with a root file system like this one's.
void MakeBundle(Guest& guest, const std::string& kernel, const std::string& more_options);

// `mkhandover load --exec`, with the handover as it was made, if it was.
struct OurLoad {
  std::string via;
  std::string kernel;
  std::string entry = "auto";
  std::string stage = std::string(kStageName);
  std::string append = {};    // to kConsoleOptions
  bool of_the_store = false;  // the handover is made by it, of what is in the store now
};
void LeaveByOurLoader(Guest& guest, const OurLoad& load);

// The stage's lines of one boot, in their order, up to the inner kernel's init.
struct StageLines {
  std::string hello;
  std::string digest;
  std::string handover;
  std::string mode;
  std::string kernel;

  std::uint64_t kernel_address() const;
  std::uint64_t slot_count() const;
};
StageLines ExpectStage(Guest& guest, const std::string& told_loader);

// The inner kernel's report.  Each field is as `mkhandover report --json` has it.
struct StageReport {
  std::string shell;
  std::string loader;
  std::string dialect;
  std::string mode;
  std::string entry;
  Extent kernel;
  std::vector<Extent> scratch;
  std::vector<Extent> segments;
  std::uint64_t generation = 0;
  std::uint64_t bytes = 0;
  std::uint64_t wasted_bytes = 0;
  std::vector<Extent> preserved;
  Map map;
  struct Mark {
    std::string name;
    std::uint64_t tsc = 0;
  };
  std::vector<Mark> marks;
};
StageReport ReadReport(Guest& guest);

// Where the running kernel lies, by /proc/iomem.
std::uint64_t KernelCode(Guest& guest);
Extent KernelExtent(Guest& guest);  // to the end of its bss

// What has become of kept pages, seen from outside, from inside and in the map; empty if nothing has.
std::string Damage(Guest& guest, const KeptPages& kept);

}  // namespace holdfast::e2e
