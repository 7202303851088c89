// SPDX-License-Identifier: BSD-2-Clause
// One guest's way through a kexec, and what became of the bytes in it.

#include "tests/e2e/demo/journey.h"

#include <chrono>
#include <sstream>
#include <utility>

#include "tests/e2e/demo/story.h"

namespace holdfast::demo {
namespace {

// All but the kernel's own reserve and a little for the shell.
constexpr const char* kWriteAllFree = R"sh(
mkdir /load && mount -t tmpfs -o size=100% tmpfs /load &&
count=$(awk '/MemAvailable/ { print int($2 / 1024) - 64 }' /proc/meminfo) &&
dd if=/dev/zero of=/load/fill bs=1M count=$count 2>/dev/null && stat -c %s /load/fill
)sh";

e2e::GuestOptions Options() {
  return {.firmware = e2e::Firmware::kOvmf, .memory = kMemory, .kernel = kKernel, .carried = {kKernel}};
}

}  // namespace

Journey::Journey(std::string kexec) : kexec_(std::move(kexec)), guest_(Options()) {}

void Journey::Boot() {
  figures_.release = guest_.kernel_release();
  figures_.ram_bytes = e2e::Bytes(guest_.E820(), e2e::kRam);
}

void Journey::Fill(std::uint64_t seed) {
  figures_.kept = e2e::FillPages(guest_, kFileSize, {.file = kFile, .seed = seed});
  if (e2e::CountDifferent(guest_, figures_.kept) != 0)
    throw e2e::GuestFailure("the file's pages are not where it says");
}

e2e::CommandResult Journey::Load(const std::string& option) {
  return e2e::LoadKernel(guest_, {.kernel = kKernel, .append = option, .kexec = kexec_, .flags = "-d -c -l"});
}

void Journey::Jump() {
  const auto left = std::chrono::steady_clock::now();
  guest_.Kexec(kexec_ + " -e");
  figures_.gap_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - left).count();
}

void Journey::Look() {
  // From outside first: asking the guest makes it use memory.
  figures_.differ_outside = e2e::CountDifferent(guest_, figures_.kept);
  figures_.map = guest_.E820();
  for (const e2e::Extent& extent : figures_.kept.extents) {
    figures_.reserved_bytes += e2e::BytesWithin(figures_.map, e2e::kReserved, extent.start, extent.end());
    figures_.usable_bytes += e2e::BytesWithin(figures_.map, e2e::kRam, extent.start, extent.end());
  }
  LookFromInside();
}

// "pattern: SEED VERDICT, N of M pages differ[, K of them taken by the kernel]"
void Journey::LookFromInside() {
  guest_.Push("/tmp/kept-map", e2e::MapText(figures_.kept.extents));
  const e2e::CommandResult result = guest_.TryRun("pattern check-phys /tmp/kept-map " + Hex(figures_.kept.seed));
  std::istringstream words(result.output);
  std::string word, seed, verdict;
  std::uint64_t num_pages = 0;
  words >> word >> seed >> verdict >> figures_.differ_inside >> word >> num_pages;
  if (!words || num_pages != figures_.kept.num_pages()) {
    throw e2e::GuestFailure("the guest could not look at the pages: " + result.output + result.errors);
  }
  words >> word >> word;
  if (word == "differ,") words >> figures_.taken_inside;
}

void Journey::PutToLoad() {
  figures_.load_bytes = std::stoull(guest_.Run(kWriteAllFree).output);
  figures_.differ_after_load = e2e::CountDifferent(guest_, figures_.kept);
}

}  // namespace holdfast::demo
