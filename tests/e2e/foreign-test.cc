// SPDX-License-Identifier: BSD-2-Clause
// Memory that was kept in the languages of systems that no released kernel carries comes through to kernels that do not
// speak them: PKRAM, pmpool and prmem.  A program in the first kernel stands in for each.

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <sstream>

#include "tests/e2e/image-scenario.h"
#include "tests/e2e/kho-scenario.h"
#include "tests/e2e/page-pattern.h"

namespace holdfast::e2e {
namespace {

constexpr std::string_view kOwnFile = "/dev/hugepages/sender";
// A pool of whole page blocks, which the first kernel leaves alone; its bitmap takes one page.
constexpr Extent kPool = {0x20000000, 16 << 20};
constexpr const char* kPoolOption = "memmap=16M$0x20000000";
constexpr std::uint64_t kPoolBitmapInside = kPool.start + (8 << 20);

// How a handover was sent: what the next kernel's command line says, and what it asks to keep.
struct Sent {
  std::string options;
  std::vector<Extent> kept;
};

struct Way {
  std::string flags = "-c -l";
  std::string kexec = "kexec-stock";
  std::string told() const { return flags.find("-s") == std::string::npos ? "kexec-tools" : "linux"; }
};

GuestOptions ForeignGuest(const std::string& kernel, const std::string& entry, const std::string& append = "") {
  return {
      .memory = "1G",
      .kernel = "6.1",
      .append = append,
      .files = {
          StageFile(kernel, entry), {GuestProgram("sender"), "/bin/sender"}, {GuestProgram("tamper"), "/bin/tamper"}}};
}

Sent Send(Guest& guest, const std::string& arguments) {
  std::istringstream output(guest.Run("sender " + arguments).output);
  Sent sent;
  std::getline(output, sent.options);
  for (std::string start, size; output >> start >> size;) {
    sent.kept.push_back({std::stoull(start, nullptr, 0), std::stoull(size, nullptr, 0)});
  }
  REQUIRE_FALSE(sent.kept.empty());
  return sent;
}

Sent SendFile(Guest& guest, const std::string& dialect, const KeptPages& file) {
  return Send(guest, dialect + " " + file.file + " " + std::string(kOwnFile));
}

Sent SendPool(Guest& guest, std::uint64_t bitmap) {
  FillBelowSegments(guest);  // It leaves huge pages there for the sender's own.
  return Send(guest, "pmpool " + Hex(kPool.start) + " " + Hex(kPool.size) + " " + Hex(bitmap) + " 0x5eed " +
                         std::string(kOwnFile));
}

void LeaveWith(Guest& guest, const Sent& sent, const Way& way) {
  LoadKernel(guest,
             {.kernel = std::string(kStageName), .append = sent.options, .kexec = way.kexec, .flags = way.flags});
  guest.Leave("kexec-stock -e");
}

// All that was sent, structures as well, is fenced from the next kernel and stays as it was.
void ComesThrough(Guest& guest, const Sent& sent, const std::string& dialect, const Way& way) {
  const Snapshot before(guest, sent.kept);
  LeaveWith(guest, sent, way);
  const StageLines lines = ExpectStage(guest, way.told());
  CHECK_THAT(lines.handover, Catch::StartsWith("holdfast: handover " + dialect + ", "));
  CHECK_THAT(lines.mode, Catch::StartsWith("holdfast: mode fence, map "));
  CHECK(ReadReport(guest).dialect == dialect);
  CHECK(NotOfType(guest.E820(), kReserved, sent.kept) == std::vector<Extent>());
  UseUpMemory(guest);
  CHECK(before.Changed(guest) == std::vector<Extent>());
}

void IsRefused(Guest& guest, const Sent& sent, const Way& way, const std::string& refusal) {
  const Snapshot before(guest, sent.kept);
  LeaveWith(guest, sent, way);
  CHECK_THAT(guest.Expect("holdfast: refused: "), Catch::StartsWith("holdfast: refused: " + refusal));
  ExpectReset(guest);
  CHECK(before.Changed(guest) == std::vector<Extent>());
}

// From outside, as if the sender had written it so.
void SetWord(const Guest& guest, std::uint64_t address, std::uint64_t value) {
  const std::span<std::byte> bytes = guest.memory().View(address, 8);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(value >> (8 * i));
}
std::uint64_t Word(const Guest& guest, std::uint64_t address) {
  const std::span<const std::byte> bytes = guest.memory().View(address, 8);
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return value;
}

// Where the structures begin: the sender's own page is what it tells last, and the first page of it comes first.
std::uint64_t FirstOwnPage(const Sent& sent) { return sent.kept.back().start; }

// Neither can kexec-tools bring a device tree along: its --dtb is for 32 bits alone, and puts it where the kernel
// unpacks itself.  So the node stays where it was written.
Way BringsNode(Guest& guest) {
  return {.flags = "-i -c -l",
          .kexec = "tamper setup-data:" + Hex(ExtentsOf(guest, kOwnFile).front().start) + " -- kexec-stock"};
}

// Linux with that series marks the pool when it loads the next kernel.  Here it is done behind the loader's back, whose
// purgatory must not look for it.
Way MarksPool() {
  return {.flags = "-i -c -l",
          .kexec = "tamper e820-type:" + Hex(kPool.start) + "," + Hex(kPool.size) + ",128 -- kexec-stock"};
}

}  // namespace

TEST_CASE("PKRAM's page table of 2020 is fenced from 6.1", "[e2e][foreign][image]") {
  Guest guest(ForeignGuest("6.1", "vmlinux"));
  const KeptPages kept = FillBelowSegments(guest);
  ComesThrough(guest, SendFile(guest, "pkram-pgt", kept), "pkram-pgt", {});
  CHECK(Damage(guest, kept) == "");
}

TEST_CASE("PKRAM's regions of 2021 are fenced from the newest kernel", "[e2e][foreign][image]") {
  Guest guest(ForeignGuest("new", "vmlinux"));
  const KeptPages kept = FillBelowSegments(guest);
  ComesThrough(guest, SendFile(guest, "pkram-regions", kept), "pkram-regions", {.flags = "-s -l"});
  CHECK(Damage(guest, kept) == "");
}

TEST_CASE("PKRAM that is fenced already stays fenced over a second kexec with its option", "[e2e][foreign][image]") {
  Guest guest(ForeignGuest("6.1", "vmlinux"));
  const KeptPages kept = FillBelowSegments(guest);
  const Sent sent = SendFile(guest, "pkram-regions", kept);
  const Way way{.flags = "-s -l"};
  ComesThrough(guest, sent, "pkram-regions", way);

  const Snapshot before(guest, sent.kept);
  LeaveWith(guest, sent, way);
  CHECK(guest.Expect("holdfast: PKRAM handover ") ==
        "holdfast: PKRAM handover " + RangeText(FirstOwnPage(sent), kPageSize) + " is fenced already");
  CHECK(guest.Expect("holdfast: handover ") == "holdfast: handover none, 0 ranges, 0 B kept");
  guest.Expect("holdfast: kernel at ");
  guest.WaitForInit();
  CHECK(NotOfType(guest.E820(), kReserved, sent.kept) == std::vector<Extent>());
  UseUpMemory(guest);
  CHECK(before.Changed(guest) == std::vector<Extent>());
  CHECK(Damage(guest, kept) == "");
}

TEST_CASE("A pmpool that a device tree tells of is fenced from 6.12, free pages and all", "[e2e][foreign][image]") {
  Guest guest(ForeignGuest("6.12", "vmlinux", kPoolOption));
  const Sent sent = SendPool(guest, kPoolBitmapInside);
  ComesThrough(guest, sent, "pmpool", BringsNode(guest));
}

TEST_CASE("A pmpool that the map marks is fenced from 6.12, free pages and all", "[e2e][foreign][image][exhaustive]") {
  Guest guest(ForeignGuest("6.12", "bzimage", kPoolOption));
  const Sent sent = SendPool(guest, kPool.start);
  ComesThrough(guest, sent, "pmpool", MarksPool());
}

TEST_CASE("prmem's regions are fenced from 6.12", "[e2e][foreign][image]") {
  Guest guest(ForeignGuest("6.12", "bzimage"));
  const KeptPages kept = FillBelowSegments(guest);
  ComesThrough(guest, SendFile(guest, "prmem", kept), "prmem", {.flags = "-s -l"});
}

TEST_CASE("Image refused: PKRAM's page table does not mark one of its own pages", "[e2e][foreign][refusal]") {
  Guest guest(ForeignGuest("6.1", "vmlinux"));
  const Sent sent = SendFile(guest, "pkram-pgt", FillBelowSegments(guest));
  const std::uint64_t root = Word(guest, FirstOwnPage(sent) + 8) * kPageSize;
  SetWord(guest, root, 0x7000);
  IsRefused(guest, sent, {}, "malformed: PKRAM handover");
}

TEST_CASE("Image refused: PKRAM's list has fewer regions than it counts", "[e2e][foreign][refusal]") {
  Guest guest(ForeignGuest("new", "vmlinux"));
  const Sent sent = SendFile(guest, "pkram-regions", FillBelowSegments(guest));
  const std::uint64_t super = FirstOwnPage(sent);
  SetWord(guest, super + 24, Word(guest, super + 24) + 1);
  IsRefused(guest, sent, {.flags = "-s -l"},
            "malformed: PKRAM handover " + RangeText(super, kPageSize) + ": malformed at " + Hex(super + 24));
}

TEST_CASE("Image refused: a pmpool's size in its device tree is not made of pages", "[e2e][foreign][refusal]") {
  Guest guest(ForeignGuest("6.12", "vmlinux", kPoolOption));
  const Sent sent = SendPool(guest, kPoolBitmapInside);
  // The number is big-endian, between the lengths and names of two properties.
  const std::uint64_t own = ExtentsOf(guest, kOwnFile).front().start;
  const std::span<std::byte> tree = guest.memory().View(own, kPageSize);
  constexpr std::array<std::byte, 12> kSize = {{{}, {}, {}, {}, std::byte{1}, {}, {}, {}, {}, {}, {}, std::byte{3}}};
  const auto size = std::search(tree.begin(), tree.end(), kSize.begin(), kSize.end());
  REQUIRE(size != tree.end());
  size[7] = std::byte{1};
  IsRefused(guest, sent, BringsNode(guest), "misaligned: device tree in setup_data");
}

TEST_CASE("Image refused: pmpool= on the command line has no size", "[e2e][foreign][refusal]") {
  Guest guest(ForeignGuest("6.12", "bzimage", kPoolOption));
  Sent sent = SendPool(guest, kPool.start);
  sent.options = "pmpool=" + Hex(kPool.start);
  IsRefused(guest, sent, MarksPool(), "malformed: pmpool= on the command line");
}

TEST_CASE("Image refused: prmem's metadata does not have its checksum", "[e2e][foreign][refusal]") {
  Guest guest(ForeignGuest("6.12", "bzimage"));
  const Sent sent = SendFile(guest, "prmem", FillBelowSegments(guest));
  const std::uint64_t metadata = FirstOwnPage(sent);
  SetWord(guest, metadata + 32, Word(guest, metadata + 32) + kPageSize);
  IsRefused(guest, sent, {.flags = "-s -l"}, "bad-digest: prmem handover " + RangeText(metadata, kPageSize));
}

}  // namespace holdfast::e2e
