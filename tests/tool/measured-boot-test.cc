// SPDX-License-Identifier: BSD-2-Clause
// What will be measured, before it is.

#include "tools/mkhandover/measured-boot.h"

#include <catch2/catch.hpp>

#include "tools/mkhandover/draft.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

struct Named {
  const char* name;
  std::uint64_t start;
  std::uint64_t size;
  Fence fence = Fence::kReserved;
};

std::unique_ptr<HandoverFile> HandoverOf(std::initializer_list<Named> named) {
  Draft draft;
  for (const Named& each : named) {
    draft.AddNamed({.range = PhysRange::FromStartSize(PhysAddr(each.start), each.size).value(),
                    .name = each.name,
                    .fence = each.fence,
                    .owner = {}});
  }
  draft.Finish();
  return std::make_unique<HandoverFile>(draft.Encode(), "h.dtb");
}

std::string TextOf(const MeasuredEvent& event) { return std::string(AsText(event.bytes)); }

TEST_CASE("The handovers are measured first, then the command line, then the decision", "[tool][measured-boot]") {
  std::vector<std::unique_ptr<HandoverFile>> files;
  files.push_back(HandoverOf({{"guest0", 0x10000000, 0x200000}, {"guest1", 0x20000000, 0x1000}}));
  files.push_back(HandoverOf({{"db", 0x40000000, 0x3000}}));
  const auto events = EventsOf({.handovers = files, .command_line = "quiet", .kernel = {}, .initrd = {}, .lost = {}});
  REQUIRE(events.size() == 4);
  CHECK(events[0].text == "holdfast: handover");
  const auto tree = files[0]->tree()->bytes();
  CHECK(events[0].bytes == std::vector<std::byte>(tree.begin(), tree.end()));
  CHECK(events[1].text == "holdfast: handover");
  CHECK(events[1].bytes != events[0].bytes);
  CHECK(events[2].text == "holdfast: command line");
  CHECK(TextOf(events[2]) == "quiet");
  CHECK(events[3].text == "holdfast: decision");
  CHECK(TextOf(events[3]) == "mode fence, entry efi-image, 3 ranges, 2113536 bytes, lost 0");
  CHECK(events[3].subject == TextOf(events[3]));
}

TEST_CASE("Without a handover there are still two events", "[tool][measured-boot]") {
  const auto events = EventsOf({.handovers = {}, .command_line = "", .kernel = {}, .initrd = {}, .lost = {}});
  REQUIRE(events.size() == 2);
  CHECK(events[0].bytes.empty());
  CHECK(TextOf(events[1]) == "mode fence, entry efi-image, 0 ranges, 0 bytes, lost 0");
}

TEST_CASE("Of a direct entry kernel and initrd are measured too", "[tool][measured-boot]") {
  const std::vector<std::byte> kernel(5, std::byte{1});
  const std::vector<std::byte> initrd(7, std::byte{2});
  const auto events = EventsOf({.handovers = {},
                                .command_line = "",
                                .kernel = kernel,
                                .initrd = initrd,
                                .mode = Mode::kNative,
                                .entry = GENERATE(KernelEntry::kVmlinux, KernelEntry::kBzImage),
                                .lost = {}});
  REQUIRE(events.size() == 4);
  CHECK(events[0].text == "holdfast: command line");
  CHECK(events[1].text == "holdfast: kernel");
  CHECK(events[1].bytes == kernel);
  CHECK(events[2].text == "holdfast: initrd");
  CHECK(events[2].bytes == initrd);
  CHECK(TextOf(events[3]).starts_with("mode native, entry "));
}

TEST_CASE("The command line is measured as the stage passes it on", "[tool][measured-boot]") {
  const auto line_of = [](std::string_view text) {
    return TextOf(EventsOf({.handovers = {}, .command_line = text, .kernel = {}, .initrd = {}, .lost = {}}).front());
  };
  CHECK(line_of("quiet \n") == "quiet");
  CHECK(line_of("ro\tquiet") == "ro quiet");
  CHECK(line_of(" ro") == " ro");
  CHECK_THROWS_WITH(line_of(std::string_view("ro\0quiet", 8)), "--cmdline: malformed: a NUL at offset 2");
}

TEST_CASE("What is lost is not kept any more, but counted", "[tool][measured-boot]") {
  std::vector<std::unique_ptr<HandoverFile>> files;
  files.push_back(HandoverOf({{"guest0", 0x10000000, 0x200000}, {"guest1", 0x20000000, 0x1000}}));
  const std::vector<std::string> lost = {"guest0"};
  const auto events = EventsOf({.handovers = files, .command_line = "", .kernel = {}, .initrd = {}, .lost = lost});
  CHECK(TextOf(events.back()) == "mode fence, entry efi-image, 1 range, 4096 bytes, lost 1");
}

TEST_CASE("What nobody keeps cannot be lost", "[tool][measured-boot]") {
  std::vector<std::unique_ptr<HandoverFile>> files;
  files.push_back(HandoverOf({{"guest0", 0x10000000, 0x200000}}));
  const std::vector<std::string> lost = {"guest1"};
  CHECK_THROWS_WITH(EventsOf({.handovers = files, .command_line = "", .kernel = {}, .initrd = {}, .lost = lost}),
                    "--lost guest1: no handover keeps anything of that name");
}

TEST_CASE("Handovers that contradict each other are refused as the stage does", "[tool][measured-boot]") {
  std::vector<std::unique_ptr<HandoverFile>> files;
  files.push_back(HandoverOf({{"guest0", 0x10000000, 0x200000}}));
  files.push_back(HandoverOf({{"guest1", 0x10100000, 0x200000, Fence::kHeld}}));
  CHECK_THROWS_WITH(EventsOf({.handovers = files, .command_line = "", .kernel = {}, .initrd = {}, .lost = {}}),
                    "kept-overlap: kept guest0 [0x10000000, 0x10200000) meets kept guest1 [0x10100000, 0x10300000)");
}

// sha256(32 zero bytes and sha256("abc")), by sha256sum.
TEST_CASE("A register is extended by a digest", "[tool][measured-boot]") {
  const std::vector<std::byte> zero(32);
  const auto digest = DigestOf(Bank::kSha256, std::as_bytes(std::span(std::string_view("abc"))));
  CHECK(HexDigits(Extend(Bank::kSha256, zero, digest)) ==
        "589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d");
}

}  // namespace
}  // namespace holdfast::tool
