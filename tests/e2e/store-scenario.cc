// SPDX-License-Identifier: BSD-2-Clause
// The steps of scenarios about the store.

#include "tests/e2e/store-scenario.h"

#include <algorithm>

#include "tests/e2e/image-scenario.h"

namespace holdfast::e2e {
namespace {

// Sums of gigabytes on an emulated processor.
constexpr Milliseconds kSumLimit = Seconds(400);

std::string ImageName(const std::string& kernel) { return "image-" + kernel; }

// Kexec-tools does not ask what is kept.  As README.md has it, its segments are checked, and go elsewhere if need be.
void LoadAside(Guest& guest, LoadOptions options) {
  CommandResult last;
  for (const char* where : {"", " --mem-max=0x7fffffff", " --mem-max=0x3fffffff"}) {
    options.flags = "-d -c -l" + std::string(where);
    std::string check = "mkhandover check -q --map /sys/firmware/memmap --handover " + std::string(kHandoverFile);
    unsigned number = 0;
    for (const LoadedSegment& segment : SegmentsOf(LoadKernel(guest, options))) {
      check += " --segment " + Hex(segment.mem) + "+" + Hex(segment.memsz) + ",segment-" + std::to_string(number++);
    }
    last = guest.TryRun(check);
    if (last.status == 0) return;
    guest.Run(options.kexec + " -u");
  }
  throw GuestFailure("kexec-tools places its segments onto what is kept, wherever it is told to: " + last.output +
                     last.errors);
}

}  // namespace

Luggage LuggageFor(const std::vector<Hop>& hops) {
  Luggage out;
  const auto add_file = [&out](const GuestFile& file) {
    const auto is_same = [&file](const GuestFile& each) { return each.path == file.path; };
    if (std::none_of(out.files.begin(), out.files.end(), is_same)) out.files.push_back(file);
  };
  for (const Hop& hop : hops) {
    if (hop.way == Way::kImage) {
      add_file({StageWith(hop.kernel, "vmlinux"), "/kernels/" + ImageName(hop.kernel)});
      continue;
    }
    if (std::find(out.carried.begin(), out.carried.end(), hop.kernel) == out.carried.end()) {
      out.carried.push_back(hop.kernel);
    }
    if (hop.way == Way::kSegments) add_file(StageFile(Stage()));
  }
  return out;
}

std::string HandStoreOver(Guest& guest, const std::string& more_options) {
  std::string option =
      guest.Run("mkhandover make -o " + std::string(kHandoverFile) + " --store /dev/hugepages/holdfast" + more_options)
          .output;
  option.erase(option.find_last_not_of('\n') + 1);
  return option;
}

void JumpWithStore(Guest& guest, const Hop& hop) {
  guest.Never({"holdfast: refused"});
  guest.TryRun("kill -9 -1");
  if (hop.way == Way::kSegments) {
    LeaveByOurLoader(guest, {.via = "segments", .kernel = hop.kernel, .append = hop.append, .of_the_store = true});
    guest.WaitForInit();
    return;
  }
  const std::string option = HandStoreOver(guest);
  const bool is_image = hop.way == Way::kImage;
  const std::string kexec = is_image ? "kexec-stock" : "kexec";
  LoadAside(guest, {.kernel = is_image ? ImageName(hop.kernel) : hop.kernel,
                    .append = option + (hop.append.empty() ? "" : " ") + hop.append,
                    .kexec = kexec});
  guest.Kexec(kexec + " -e");
}

std::string Md5Of(Guest& guest, const std::string& file) { return guest.Run("md5sum < " + file, kSumLimit).output; }

std::string Sha256Of(Guest& guest, const std::string& file) {
  return guest.Run("sha256sum < " + file, kSumLimit).output;
}

}  // namespace holdfast::e2e
