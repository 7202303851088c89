// SPDX-License-Identifier: BSD-2-Clause
// A real sender and a real receiver: a kernel that speaks KHO hands over, to itself and to kernels that do not.

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/e2e/image-scenario.h"
#include "tests/e2e/kho-scenario.h"
#include "tests/e2e/page-pattern.h"

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

// What a sender may still write to what it preserves, once it was told to go: a live update's last words.
constexpr std::uint64_t kMostLastWords = 8 * kPageSize;

bool HasSaid(const Guest& guest, const std::string& text) { return guest.BootText().find(text) != std::string::npos; }

// The kernel's own test takes back what the last kernel kept, or else keeps something for the next one.
bool TestReceives(int hop) { return hop % 2 == 1; }

// The kernel has taken everything over, as it says itself.
void CheckRevival(Guest& guest, int hop, const KeptPages& kept) {
  INFO("hop " << hop);
  CHECK(HasSaid(guest, "KHO: exec from: " + guest.kernel_release() + " (count " + std::to_string(hop) + ")"));
  CHECK(HasSaid(guest, "test_kho: KHO restore succeeded") == TestReceives(hop));
  CHECK(NotOfType(guest.E820(), kRam, kept.extents).empty());
}

// One kexec from that kernel to itself through the image: everything in scratch, everything revived.
void JumpNatively(Guest& guest, int hop, const KeptPages& kept) {
  const std::vector<Extent> areas = Joined(ScratchAreas(guest));
  LoadWithKernelsLoader(guest, std::string(kStageName), kKhoOptions, "-d ");
  CHECK(NotInside(areas, SegmentsOfKernelsLoader(guest)) == std::vector<Extent>());
  guest.Leave("kexec-stock -e");

  const StageLines lines = ExpectStage(guest, "linux");
  CHECK_THAT(lines.handover, Catch::StartsWith("holdfast: handover kho-v4, "));
  CHECK_THAT(lines.mode, Catch::StartsWith("holdfast: mode native"));
  const StageReport report = ReadReport(guest);
  CHECK(report.dialect == "kho-v4");
  CHECK(report.mode == "native");
  CHECK(Joined(report.scratch) == areas);
  CHECK(report.segments.size() >= 2);
  CHECK(NotInside(areas, report.segments) == std::vector<Extent>());
  CHECK(NotInside(areas, {report.kernel}) == std::vector<Extent>());
  CHECK(NotInside(areas, GivenThings(guest)) == std::vector<Extent>());
  CHECK(Joined(ScratchAreas(guest)) == areas);
  CheckRevival(guest, hop, kept);
}

// Changes words of a page from outside to others of the same length.
void Rewrite(Guest& guest, std::uint64_t page, std::string_view from, std::string_view to) {
  const std::span<std::byte> bytes = guest.memory().View(page, kPageSize);
  char* const text = reinterpret_cast<char*>(bytes.data());
  char* const at = std::search(text, text + kPageSize, from.begin(), from.end());
  REQUIRE(at != text + kPageSize);
  REQUIRE(from.size() == to.size());
  std::copy(to.begin(), to.end(), at);
}

// That kernel leaves through the image for one that cannot read what it left: all of it is fenced, and stays.
void IsFenced(Guest& guest, const KeptPages& kept, const std::string& dialect, std::string_view append = "") {
  Farewell farewell(guest);
  if (dialect != "kho-v4") Rewrite(guest, farewell.tree(), "kho-v4", dialect);
  LoadWithKernelsLoader(guest, std::string(kStageName), append);
  farewell.Leave();
  CHECK(BytesOf(farewell.last_words()) <= kMostLastWords);

  CHECK_THAT(guest.Expect("holdfast: handover "), Catch::StartsWith("holdfast: handover " + dialect + ", "));
  CHECK_THAT(guest.Expect("holdfast: mode "), Catch::StartsWith("holdfast: mode fence, map "));
  guest.Expect("init: up ");
  CHECK(GuestFinds(guest, kept));
  CHECK(ReadReport(guest).dialect == dialect);
  CHECK_FALSE(HasSaid(guest, "KHO: found kexec handover data"));

  CHECK(BytesOf(farewell.map().preserved) >= kept.bytes() + 8 * kMib);  // with what the kernel's own test keeps
  const Map map = MapOfResources(guest);
  CHECK(NotOfType(map, kReserved, farewell.map().preserved) == std::vector<Extent>());
  CHECK(NotOfType(map, kReserved, farewell.map().structures) == std::vector<Extent>());
  UseUpMemory(guest);
  CHECK(farewell.Changed() == std::vector<Extent>());
  CHECK(CountDifferent(guest, kept) == 0);
}

void IsFencedFrom(const std::string& kernel, const std::string& entry) {
  Guest guest(KhoGuestWithImage(kernel, entry));
  IsFenced(guest, KeepInSession(guest, "16M"), "kho-v4");
}

}  // namespace

TEST_CASE("Without Holdfast the KHO kernel gives itself folios and a session", "[e2e][kho][harness]") {
  GuestOptions options = KhoGuest();
  options.carried = {std::string(kKhoKernel)};
  Guest guest(options);
  KeptPages kept = KeepInSession(guest, "16M");
  CHECK(CountDifferent(guest, kept) == 0);
  for (int hop = 1; hop <= 2; ++hop) {
    LoadWithKernelsLoader(guest, std::string(kKhoKernel), kKhoOptions);
    guest.Kexec("kexec-stock -e");
    CheckRevival(guest, hop, kept);
    kept = KeepOnInSession(guest, kept);
  }
}

TEST_CASE("Without Holdfast what the KHO kernel preserves is lost on another", "[e2e][kho][baseline]") {
  GuestOptions options = KhoGuest();
  options.carried = {"6.1"};
  Guest guest(options);
  const KeptPages kept = KeepInSession(guest, "16M");
  const std::vector<Extent> preserved = WalkKhoMap(guest, KhoTree(guest)).preserved;
  const Snapshot before(guest, preserved);
  LoadWithKernelsLoader(guest, "6.1", "");
  guest.Kexec("kexec-stock -e");
  CHECK(NotOfType(guest.E820(), kRam, preserved) == std::vector<Extent>());
  UseUpMemory(guest);
  CHECK(CountDifferent(guest, kept) > kept.num_pages() / 2);
  CHECK(BytesOf(before.Changed(guest)) > BytesOf(preserved) / 2);
}

TEST_CASE("KHO: three kexecs through the image revive folios and a session, all in scratch", "[e2e][kho][image]") {
  Guest guest(KhoGuestWithImage(std::string(kKhoKernel), "vmlinux"));
  KeptPages kept = KeepInSession(guest, "16M");
  for (int hop = 1; hop <= 3; ++hop) {
    JumpNatively(guest, hop, kept);
    if (hop < 3) kept = KeepOnInSession(guest, kept);
  }
  CHECK(SessionHolds(guest, kept));
}

TEST_CASE("KHO: under OVMF a kexec through the image revives everything as well", "[e2e][kho][image][ovmf]") {
  GuestOptions options = KhoGuestWithImage(std::string(kKhoKernel), "vmlinux");
  options.firmware = Firmware::kOvmf;
  Guest guest(options);
  const KeptPages kept = KeepInSession(guest, "16M");
  JumpNatively(guest, 1, kept);
  CHECK(SessionHolds(guest, kept));
}

TEST_CASE("KHO: 6.1, which knows nothing of it, is fenced from every preserved page", "[e2e][kho][image]") {
  IsFencedFrom("6.1", "vmlinux");
}

TEST_CASE("KHO: 6.12, which knows nothing of it, is fenced from every preserved page",
          "[e2e][kho][image][exhaustive]") {
  IsFencedFrom("6.12", "bzimage");
}

TEST_CASE("KHO: Debian's newest kernel, built without it, is fenced from every preserved page", "[e2e][kho][image]") {
  IsFencedFrom("new", "vmlinux");
}

TEST_CASE("KHO: a kernel that speaks another version is fenced from every preserved page", "[e2e][kho][image]") {
  Guest guest(KhoGuestWithImage(std::string(kKhoKernel), "vmlinux"));
  IsFenced(guest, KeepInSession(guest, "16M"), "kho-v3", kKhoOptions);
}

TEST_CASE("KHO: a kernel that unpacks itself is fenced, and does not find the handover", "[e2e][kho][image]") {
  Guest guest(KhoGuestWithImage(std::string(kKhoKernel), "bzimage"));
  IsFenced(guest, KeepInSession(guest, "16M"), "kho-v4", kKhoOptions);
}

TEST_CASE("KHO: hundreds of single pages are fenced, each for itself", "[e2e][kho][image][exhaustive]") {
  Guest guest(KhoGuestWithImage("6.1", "vmlinux"));
  const KeptPages kept = ScatterInSession(guest, "2M");
  CHECK(kept.extents.size() > 300);
  IsFenced(guest, kept, "kho-v4");
  CHECK(ReadReport(guest).wasted_bytes == 0);
}

TEST_CASE("KHO: a version that nobody knows is refused by name", "[e2e][kho][image][refusal]") {
  Guest guest(KhoGuestWithImage(std::string(kKhoKernel), "vmlinux"));
  const KeptPages kept = KeepInSession(guest, "16M");
  Rewrite(guest, KhoTree(guest), "kho-v4", "kho-v9");
  LoadWithKernelsLoader(guest, std::string(kStageName), kKhoOptions);
  guest.Leave("kexec-stock -e");
  CHECK_THAT(guest.Expect("holdfast: refused: "), Catch::Contains("kho-v9"));
  CHECK(ExpectReset(guest) > 0);
  CHECK(CountDifferent(guest, kept) == 0);
}

}  // namespace holdfast::e2e
