// SPDX-License-Identifier: BSD-2-Clause

#include "efi-stub/inputs.h"

#include <catch2/catch.hpp>
#include <zstd.h>

#include <string>

#include "tests/support/efi-inputs.h"
#include "tests/unit/format/expect.h"

namespace holdfast::efi {
namespace {

using namespace std::string_literals;
using test::BytesOfText;
using test::ByteVector;
using test::CheckError;
using test::EfiApplication;
using test::SmallBzImage;
using test::TestSection;

TestSection Section(std::string name, ByteVector bytes) {
  return {.name = std::move(name), .bytes = std::move(bytes), .virtual_size = 0, .virtual_address = 0};
}

std::vector<TestSection> UnifiedImage(const std::string& line = "ro quiet\n"s) {
  return {Section(".linux", SmallBzImage(1)), Section(".initrd", test::Filled(0x201, 7)),
          Section(".cmdline", BytesOfText(line))};
}

Status Find(EfiApplication& app, Inputs& out, bool is_secure = false) {
  return FindInputs(app.firmware, app.self(), app.own, is_secure, *app.storage, out, app.problem);
}

Status Load(EfiApplication& app, Inputs& inputs) {
  return LoadInputs(app.firmware, app.self(), app.own, app.ledger, *app.storage, inputs, app.problem);
}

// The problem says the same as the error, and what it is about.
void CheckProblem(EfiApplication& app, const Status& status, Errc code, std::uint64_t where, std::string_view what) {
  CheckError(status, code, where);
  CHECK(ErrcName(app.problem.code) == ErrcName(code));
  CHECK(app.problem.where == where);
  CHECK(app.problem.what == what);
}

bool IsSame(std::span<const std::byte> a, const ByteVector& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

ByteVector WholeBundle(const std::string& line = "ro bundled") {
  return test::BuildBundle({{.kind = BundlePartKind::kKernel, .stored = SmallBzImage(3)},
                            {.kind = BundlePartKind::kInitrd, .stored = test::Filled(0x333, 9)},
                            {.kind = BundlePartKind::kCommandLine, .stored = BytesOfText(line)},
                            {.kind = BundlePartKind::kHandover, .stored = test::Filled(0x50, 0xd0)}},
                           KernelEntry::kEfiImage);
}

TEST_CASE("Sections of the image come before files", "[efi][inputs]") {
  auto sections = UnifiedImage();
  sections.push_back(Section(".osrel", BytesOfText("ID=x\nPRETTY_NAME=\"Some OS 1\"\n")));
  sections.push_back(Section(".uname", BytesOfText("6.1.0-56")));
  EfiApplication app(sections);
  app.fake.files[kKernelFile] = SmallBzImage(2);
  app.fake.files[kInitrdFile] = test::Filled(4, 4);
  app.fake.files[kCommandLineFile] = BytesOfText("rw");
  Inputs inputs;
  REQUIRE(Find(app, inputs).ok());
  CHECK(inputs.source == InputSource::kSections);
  CHECK(inputs.command_line == "ro quiet");
  CHECK(inputs.command_line.data()[inputs.command_line.size()] == '\0');
  CHECK(inputs.os_name == "Some OS 1");
  CHECK(app.ledger.view().empty());

  REQUIRE(Load(app, inputs).ok());
  CHECK(IsSame(inputs.kernel.file, SmallBzImage(1)));
  CHECK(inputs.kernel.has_bzimage);
  CHECK(IsSame(inputs.initrd, test::Filled(0x201, 7)));
  CHECK(app.ledger.view().empty());  // used where they lie
}

TEST_CASE("A system without a pretty name is called by its kernel's", "[efi][inputs]") {
  auto sections = UnifiedImage();
  sections.push_back(Section(".uname", BytesOfText("6.1.0-56\n\0"s)));
  EfiApplication app(sections);
  Inputs inputs;
  REQUIRE(Find(app, inputs).ok());
  CHECK(inputs.os_name == "6.1.0-56");
}

TEST_CASE("Files come before the bundle", "[efi][inputs]") {
  EfiApplication app;
  app.fake.files[kKernelFile] = SmallBzImage(2);
  app.fake.files[kInitrdFile] = test::Filled(0x1001, 4);
  app.fake.files[kCommandLineFile] = BytesOfText("rw\tsplash\n\n");
  app.fake.files[kBundleFile] = WholeBundle();
  app.fake.max_read = 100;
  Inputs inputs;
  REQUIRE(Find(app, inputs).ok());
  CHECK(inputs.source == InputSource::kFiles);
  CHECK(inputs.command_line == "rw splash");
  CHECK_FALSE(inputs.bundles_tree.has_value());
  CHECK(app.ledger.view().empty());

  REQUIRE(Load(app, inputs).ok());
  CHECK(IsSame(inputs.kernel.file, SmallBzImage(2)));
  CHECK(IsSame(inputs.initrd, test::Filled(0x1001, 4)));
  CHECK(app.ledger.view().size() == 2);
  CHECK(app.fake.num_open_files == 0);
}

TEST_CASE("A kernel file needs nothing beside it", "[efi][inputs]") {
  EfiApplication app;
  app.fake.files[kKernelFile] = SmallBzImage(2);
  Inputs inputs;
  REQUIRE(Find(app, inputs).ok());
  CHECK(inputs.command_line.empty());
  REQUIRE(Load(app, inputs).ok());
  CHECK(inputs.initrd.empty());
}

TEST_CASE("The bundle comes last", "[efi][inputs]") {
  EfiApplication app;
  const ByteVector bundle = WholeBundle();
  SECTION("alone") { app.fake.files[kBundleFile] = bundle; }
  SECTION("in a kernel image that carries it") {
    ByteVector image(0x2000);
    StageImageRecord record{};
    record.magic.Set(kStageRecordMagic);
    record.payload_offset.Set(0x2000);
    record.payload_size.Set(bundle.size());
    test::Put(image, kStageRecordOffset, record);
    test::Push(image, bundle);
    app.fake.files[kBundleFile] = image;
  }
  Inputs inputs;
  REQUIRE(Find(app, inputs).ok());
  CHECK(inputs.source == InputSource::kBundle);
  CHECK(inputs.command_line == "ro bundled");
  CHECK(inputs.entry == KernelEntry::kEfiImage);
  CHECK(app.ledger.view().empty());
  REQUIRE(inputs.bundles_tree.has_value());
  CHECK(inputs.bundles_tree->option.digest == Sha256::Of(test::Filled(0x50, 0xd0)));
  CHECK(inputs.bundles_tree->option.range.size() == 0x50);
  CHECK(inputs.bundles_tree->option.range.start().raw() ==
        reinterpret_cast<std::uintptr_t>(app.storage->bundles_handover.data()));
  CHECK_FALSE(inputs.bundles_tree->is_outside);

  REQUIRE(Load(app, inputs).ok());
  CHECK(IsSame(inputs.kernel.file, SmallBzImage(3)));
  CHECK(IsSame(inputs.initrd, test::Filled(0x333, 9)));
  CHECK(app.ledger.view().size() == 1);
}

TEST_CASE("A packed initrd of a bundle is unpacked", "[efi][inputs]") {
  EfiApplication app;
  const ByteVector initrd = test::Filled(100'000, 5);
  ByteVector packed(ZSTD_compressBound(initrd.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), initrd.data(), initrd.size(), 3));
  const auto bundle_of = [&](std::uint64_t size) {
    return test::BuildBundle(
        {{.kind = BundlePartKind::kKernel, .stored = SmallBzImage()},
         {.kind = BundlePartKind::kInitrd, .stored = packed, .encoding = BundleEncoding::kZstd, .size = size}});
  };
  Inputs inputs;
  app.fake.files[kBundleFile] = bundle_of(initrd.size());
  REQUIRE(Find(app, inputs).ok());
  REQUIRE(Load(app, inputs).ok());
  CHECK(IsSame(inputs.initrd, initrd));

  app.fake.files[kBundleFile] = bundle_of(initrd.size() + 1);
  Inputs other;
  REQUIRE(Find(app, other).ok());
  CheckProblem(app, Load(app, other), Errc::kMalformed, initrd.size(), "bundle's initrd");
}

TEST_CASE("Nothing to start is refused", "[efi][inputs]") {
  EfiApplication app;
  Inputs inputs;
  SECTION("without files") {}
  SECTION("without a volume") { app.fake.has_files = false; }
  SECTION("with an initrd alone") { app.fake.files[kInitrdFile] = test::Filled(1, 1); }
  CheckProblem(app, Find(app, inputs), Errc::kNotFound, 0, "kernel in the image or in \\EFI\\holdfast");
}

TEST_CASE("A loader's options stand behind the command line", "[efi][inputs]") {
  Inputs inputs;
  SECTION("of a section") {
    EfiApplication app(UnifiedImage("ro -- single"));
    app.fake.SetOptions(u"holdfast.efi debug=\u00fc\n ");
    REQUIRE(Find(app, inputs).ok());
    CHECK(inputs.command_line == "ro -- single holdfast.efi debug=\xc3\xbc");
    CHECK(inputs.lines[0] == "ro -- single");
    CHECK(inputs.lines[1] == "holdfast.efi debug=\xc3\xbc");
    CHECK_FALSE(inputs.ignores_line);
  }
  SECTION("or alone") {
    EfiApplication app(UnifiedImage(" \n"));
    app.fake.SetOptions(u"debug");
    REQUIRE(Find(app, inputs).ok());
    CHECK(inputs.command_line == "debug");
    CHECK(inputs.lines[1] == "debug");
  }
  SECTION("unless they say nothing") {
    EfiApplication app(UnifiedImage());
    app.fake.SetOptions(u" \r\n");
    REQUIRE(Find(app, inputs).ok());
    CHECK(inputs.command_line == "ro quiet");
    CHECK(inputs.lines[1].empty());
  }
}

TEST_CASE("Options that are no text are refused", "[efi][inputs]") {
  EfiApplication app(UnifiedImage());
  Inputs inputs;
  app.fake.SetOptions(u"ab"s + char16_t{0xd800});
  CheckProblem(app, Find(app, inputs), Errc::kMalformed, 4, "loader's options");
  app.fake.SetOptions(u"ab\0c"s);
  CheckProblem(app, Find(app, inputs), Errc::kMalformed, 2, "loader's options");
}

TEST_CASE("Under Secure Boot no command line from outside counts", "[efi][inputs]") {
  Inputs inputs;
  SECTION("that of a section does") {
    EfiApplication app(UnifiedImage());
    REQUIRE(Find(app, inputs, /*is_secure=*/true).ok());
    CHECK(inputs.command_line == "ro quiet");
    CHECK_FALSE(inputs.ignores_line);
    app.fake.SetOptions(u"init=/bin/sh"s + char16_t{0xd800});
    REQUIRE(Find(app, inputs, /*is_secure=*/true).ok());
    CHECK(inputs.command_line == "ro quiet");
    CHECK(inputs.ignores_line);
  }
  SECTION("a file's does not, its kernel and initrd do") {
    EfiApplication app;
    app.fake.files[kKernelFile] = SmallBzImage(2);
    app.fake.files[kInitrdFile] = test::Filled(3, 4);
    REQUIRE(Find(app, inputs, /*is_secure=*/true).ok());
    CHECK_FALSE(inputs.ignores_line);
    app.fake.files[kCommandLineFile] = BytesOfText("init=/bin/sh holdfast.entry=vmlinux");
    REQUIRE(Find(app, inputs, /*is_secure=*/true).ok());
    CHECK(inputs.command_line.empty());
    CHECK(inputs.entry == KernelEntry::kAuto);
    CHECK(inputs.ignores_line);
    REQUIRE(Load(app, inputs).ok());
    CHECK(inputs.kernel.has_bzimage);
    CHECK(inputs.initrd.size() == 3);
  }
  SECTION("nor does what a bundle says, and its handover is from outside") {
    EfiApplication app;
    app.fake.files[kBundleFile] = WholeBundle();
    REQUIRE(Find(app, inputs, /*is_secure=*/true).ok());
    CHECK(inputs.command_line.empty());
    CHECK(inputs.ignores_line);
    CHECK(inputs.entry == KernelEntry::kAuto);
    CHECK(inputs.mode == ModeWish::kAuto);
    REQUIRE(inputs.bundles_tree.has_value());
    CHECK(inputs.bundles_tree->is_outside);
  }
}

TEST_CASE("The last holdfast.entry= counts", "[efi][inputs]") {
  const auto entry_with = [](const std::string& line, std::u16string options) {
    EfiApplication app(UnifiedImage(line));
    app.fake.SetOptions(std::move(options));
    Inputs inputs;
    REQUIRE(Find(app, inputs).ok());
    return inputs.entry;
  };
  CHECK(entry_with("ro", u"") == KernelEntry::kAuto);
  CHECK(entry_with("holdfast.entry=vmlinux", u"") == KernelEntry::kVmlinux);
  CHECK(entry_with("holdfast.entry=vmlinux holdfast.entry=bzimage", u"") == KernelEntry::kBzImage);
  CHECK(entry_with("holdfast.entry=vmlinux", u"holdfast.entry=efi-image") == KernelEntry::kEfiImage);
  CHECK(entry_with("holdfast.entry=vmlinux", u"holdfast.entry=efi-handover x") == KernelEntry::kEfiHandover);
  CHECK(entry_with("holdfast.entry=vmlinux -- x", u"holdfast.entry=auto") == KernelEntry::kAuto);
  CHECK(entry_with("ro -- holdfast.entry=vmlinux", u"") == KernelEntry::kAuto);
}

TEST_CASE("holdfast.entry= with another word is refused, where it stands", "[efi][inputs]") {
  EfiApplication app(UnifiedImage("ro holdfast.entry=auto"));
  app.fake.SetOptions(u"quiet holdfast.entry=grub");
  Inputs inputs;
  CheckProblem(app, Find(app, inputs), Errc::kMalformed, 29, "holdfast.entry= on the command line");
  app.fake.SetOptions(u"holdfast.entry");
  CheckProblem(app, Find(app, inputs), Errc::kMalformed, 23, "holdfast.entry= on the command line");
}

TEST_CASE("A command line that storage does not hold is refused", "[efi][inputs]") {
  constexpr std::size_t kRoom = 4095;
  Inputs inputs;
  SECTION("of a section; but what pads it is none of it") {
    EfiApplication app(UnifiedImage(std::string(kRoom, 'x') + "\0\0"s));
    CHECK(Find(app, inputs).ok());
    CHECK(inputs.command_line.size() == kRoom);
    app.fake.SetOptions(u"y");
    CheckProblem(app, Find(app, inputs), Errc::kTooLarge, kRoom, "command line");
  }
  SECTION("of a file") {
    EfiApplication app;
    app.fake.files[kKernelFile] = SmallBzImage();
    app.fake.files[kCommandLineFile] = test::Filled(kRoom + 1, 'x');
    CheckProblem(app, Find(app, inputs), Errc::kTooLarge, kRoom, "command line");
  }
  SECTION("of a bundle") {
    EfiApplication app;
    app.fake.files[kBundleFile] = WholeBundle(std::string(kRoom + 1, 'x'));
    CheckProblem(app, Find(app, inputs), Errc::kTooLarge, kRoom, "bundle's command line");
  }
}

TEST_CASE("A command line that is longer than the kernel takes is refused", "[efi][inputs]") {
  EfiApplication app;
  app.fake.files[kKernelFile] = SmallBzImage(0, 8);
  app.fake.files[kCommandLineFile] = BytesOfText("12345678");
  Inputs inputs;
  REQUIRE(Find(app, inputs).ok());
  CHECK(Load(app, inputs).ok());
  app.fake.files[kCommandLineFile] = BytesOfText("123456789");
  Inputs longer;
  REQUIRE(Find(app, longer).ok());
  CheckProblem(app, Load(app, longer), Errc::kTooLarge, 8, "command line");
}

TEST_CASE("A NUL inside a command line is refused", "[efi][inputs]") {
  Inputs inputs;
  SECTION("of a section") {
    EfiApplication app(UnifiedImage("ro\0quiet"s));
    CheckProblem(app, Find(app, inputs), Errc::kMalformed, 2, "command line");
  }
  SECTION("of a bundle") {
    EfiApplication app;
    app.fake.files[kBundleFile] = WholeBundle("r\0x"s);
    CheckProblem(app, Find(app, inputs), Errc::kMalformed, 1, "bundle's command line");
  }
}

TEST_CASE("What is no kernel is refused", "[efi][inputs]") {
  EfiApplication app;
  app.fake.files[kKernelFile] = test::Filled(0x1000, 0);
  Inputs inputs;
  REQUIRE(Find(app, inputs).ok());
  CheckProblem(app, Load(app, inputs), Errc::kBadMagic, kSetupHeaderOffset + offsetof(SetupHeader, header), "kernel");
}

TEST_CASE("An altered bundle is refused", "[efi][inputs]") {
  EfiApplication app;
  const ByteVector bundle = WholeBundle();
  Bundle decoded;
  REQUIRE(DecodeBundle(bundle, &Sha256Blocks, decoded).ok());
  ByteVector& file = app.fake.files[kBundleFile] = bundle;
  const auto alter = [&](BundlePartKind kind) {
    file = bundle;
    const std::uint64_t offset = decoded.Find(kind)->offset;
    file[offset] ^= std::byte{1};
    return offset;
  };
  Inputs inputs;
  const std::uint64_t line = alter(BundlePartKind::kCommandLine);
  CheckProblem(app, Find(app, inputs), Errc::kBadDigest, line, "bundle's command line");
  const std::uint64_t tree = alter(BundlePartKind::kHandover);
  CheckProblem(app, Find(app, inputs), Errc::kBadDigest, tree, "bundle's handover");
  const std::uint64_t kernel = alter(BundlePartKind::kKernel);
  REQUIRE(Find(app, inputs).ok());
  CheckProblem(app, Load(app, inputs), Errc::kBadDigest, kernel, "bundle's kernel");

  file = bundle;
  file.pop_back();
  CheckProblem(app, Find(app, inputs), Errc::kTruncated, file.size(), "bundle");
  file = test::Filled(0x2000, 0);
  CheckProblem(app, Find(app, inputs), Errc::kBadMagic, 0, "bundle");
  file.clear();
  CheckProblem(app, Find(app, inputs), Errc::kBadMagic, 0, "bundle");
}

TEST_CASE("A handover in a bundle that storage does not hold is refused", "[efi][inputs]") {
  EfiApplication app;
  app.fake.files[kBundleFile] =
      test::BuildBundle({{.kind = BundlePartKind::kKernel, .stored = SmallBzImage()},
                         {.kind = BundlePartKind::kHandover, .stored = test::Filled(kMaxHandoverSize + 1, 0)}});
  Inputs inputs;
  CheckProblem(app, Find(app, inputs), Errc::kTooLarge, kMaxHandoverSize, "bundle's handover");
}

TEST_CASE("Without memory for the kernel nothing is loaded", "[efi][inputs]") {
  EfiApplication app;
  app.fake.files[kKernelFile] = SmallBzImage();
  Inputs inputs;
  REQUIRE(Find(app, inputs).ok());
  app.fake.failing["AllocatePages"] = EFI_OUT_OF_RESOURCES;
  CheckProblem(app, Load(app, inputs), Errc::kFirmware, EFI_OUT_OF_RESOURCES, "kernel");
  CHECK(app.ledger.view().empty());
}

TEST_CASE("A volume that cannot be read is refused", "[efi][inputs]") {
  EfiApplication app;
  app.fake.files[kKernelFile] = SmallBzImage();
  Inputs inputs;
  app.fake.failing["Open"] = EFI_VOLUME_CORRUPTED;
  CheckProblem(app, Find(app, inputs), Errc::kFirmware, EFI_VOLUME_CORRUPTED, "kernel");
  app.fake.failing.clear();
  REQUIRE(Find(app, inputs).ok());
  app.fake.failing["Read"] = EFI_DEVICE_ERROR;
  CheckProblem(app, Load(app, inputs), Errc::kFirmware, EFI_DEVICE_ERROR, "kernel");
  CHECK(app.fake.num_open_files == 0);
}

}  // namespace
}  // namespace holdfast::efi
