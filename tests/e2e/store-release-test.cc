// SPDX-License-Identifier: BSD-2-Clause
// What is dropped from the store is RAM again after the next kexec, to the page, and what is not stays.

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "tests/e2e/image-scenario.h"
#include "tests/e2e/page-pattern.h"

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
constexpr const char* kStoreFolder = "/dev/hugepages/holdfast";

// How jumps are made, with the store handed over, and to which kernels: two, or one more.
struct Path {
  bool through_image = false;
  std::vector<std::string> kernels;

  void Jump(Guest& guest, const std::string& to) const {
    const std::string option = MakeHandover(guest, {}, std::string("--store ") + kStoreFolder);
    if (through_image) {
      LeaveByOurLoader(guest, {.via = "segments", .kernel = to});
    } else {
      LoadKernel(guest, {.kernel = to, .append = option});
      guest.Leave();
    }
    guest.WaitForInit();
    guest.Never({"holdfast: refused"});
  }
};

// A node of 64 MiB that is described where it lies.
KeptPages KeepNode(Guest& guest, const std::string& name, std::uint64_t seed, const std::string& more) {
  const KeptPages pages = FillPages(guest, "64M", {.file = "/dev/hugepages/" + name, .seed = seed});
  guest.Run("mkhandover keep --name " + name + " " + more + " " + pages.file);
  return pages;
}

void CheckStays(Guest& guest, const KeptPages& kept) {
  CHECK(NotOfType(guest.E820(), kReserved, kept.extents).empty());
  CHECK(CountDifferent(guest, kept) == 0);
  guest.Run("mkhandover restore staying -C /tmp && rm /tmp/staying");  // verified by its digest
}

void DropReturnsMemory(const Path& path, const std::string& fence) {
  Guest guest({.memory = "1G", .kernel = "6.1", .carried = path.kernels, .files = {StageFile(Stage())}});
  guest.Run("echo 68 > /proc/sys/vm/nr_hugepages");
  const KeptPages going = KeepNode(guest, "going", 1, "--fence " + fence);
  const KeptPages staying = KeepNode(guest, "staying", 2, "--digest");
  path.Jump(guest, path.kernels[0]);
  const std::uint64_t fenced = guest.PresentPages();
  CHECK(NotOfType(guest.E820(), kRam, going.extents) == going.extents);

  guest.Run("echo 2 > /proc/sys/vm/nr_hugepages");
  CHECK(guest.Run("mkhandover drop going").output ==
        "going: forgotten; its memory is the system's again after the next kexec, if the handover is made with "
        "--store\n");
  path.Jump(guest, path.kernels[1]);
  // The index and the handover have pages of their own in each kernel, and give them back as well.
  CHECK(guest.PresentPages() == fenced + 64 * kMib / kPageSize);
  CHECK(NotOfType(guest.E820(), kRam, going.extents).empty());
  CheckStays(guest, staying);
  CHECK(guest.RunFails("mkhandover restore going -C /tmp").status == 1);

  if (path.kernels.size() == 2) return;
  guest.Run("echo 2 > /proc/sys/vm/nr_hugepages");
  path.Jump(guest, path.kernels[2]);
  CHECK(guest.PresentPages() == fenced + 64 * kMib / kPageSize);
  CheckStays(guest, staying);
}

}  // namespace

TEST_CASE("A node that was dropped is RAM again after the next kexec through the image", "[e2e][store][image]") {
  DropReturnsMemory({.through_image = true, .kernels = {"6.12", "new"}}, "reserved");
}

TEST_CASE("A node that was dropped stays RAM over one more kexec through the image", "[e2e][store][image][exhaustive]") {
  DropReturnsMemory({.through_image = true, .kernels = {"6.12", "new", "6.1"}}, "pmem");
}

TEST_CASE("A node that was dropped is RAM again after the next kexec through the purgatory",
          "[e2e][store][exhaustive]") {
  DropReturnsMemory({.through_image = false, .kernels = {"6.12", "6.1", "new"}}, "pram");
}

}  // namespace holdfast::e2e
