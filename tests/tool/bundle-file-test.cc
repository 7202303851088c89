// SPDX-License-Identifier: BSD-2-Clause
// Bundles of every kind of kernel.

#include "tools/mkhandover/bundle-file.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "tests/tool/fake-kernel.h"
#include "tests/tool/scratch-folder.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/draft.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/unpack.h"

namespace holdfast::tool {
namespace {

// A folder with a kernel in it, and what is said on the way.
class Bench {
 public:
  std::string Write(const char* name, std::span<const std::byte> bytes) const {
    const std::string path = (folder_.path() / name).string();
    WriteFile(path, bytes);
    return path;
  }
  // The result, and bundle(), which borrows from it, last until the next call.
  const BuiltBundle& Build(const BundleRequest& request) {
    built_ = BuildBundle(request, output_);
    ReadBundle(built_.bytes, "bundle", bundle_);
    return built_;
  }
  const Bundle& bundle() const { return bundle_; }
  std::string notes() const { return err_.str(); }

  Bytes BytesOf(BundlePartKind kind) const {
    const auto part = bundle_.Find(kind);
    REQUIRE(part);
    CHECK(part->offset % kBundleAlignment == 0);
    if (part->encoding == BundleEncoding::kZstd) {
      return Unpack({PayloadCodec::kZstd, part->stored, part->size}, "part");
    }
    return {part->stored.begin(), part->stored.end()};
  }

 private:
  ScratchFolder folder_;
  std::ostringstream out_;
  std::ostringstream err_;
  Output output_{out_, err_, {.verbose = true}, {}};
  BuiltBundle built_;
  Bundle bundle_;
};

std::string MessageOf(Bench& bench, const BundleRequest& request, ExitCode code) {
  try {
    bench.Build(request);
  } catch (const Failure& failure) {
    CHECK(failure.code() == code);
    return failure.what();
  }
  return "no failure";
}

TEST_CASE("A kernel in zstd goes into a bundle as it is", "[tool][bundle-file]") {
  Bench bench;
  const Bytes kernel = FakeKernel(PayloadCodec::kZstd, FakeVmlinux());
  const auto& built = bench.Build({.kernel = bench.Write("kernel", kernel)});
  CHECK(bench.bundle().entry == KernelEntry::kAuto);
  CHECK(built.entry == KernelEntry::kVmlinux);
  CHECK(built.entry_facts.has_vmlinux);
  CHECK(built.entry_facts.has_bzimage);
  CHECK(bench.bundle().parts.size() == 1);
  CHECK(bench.BytesOf(BundlePartKind::kKernel) == kernel);
}

TEST_CASE("A kernel that the stage cannot unpack is unpacked, and its bzImage cut off", "[tool][bundle-file]") {
  const Bytes vmlinux = FakeVmlinux();
  for (const PayloadCodec codec :
       {PayloadCodec::kLz4Legacy, PayloadCodec::kGzip, PayloadCodec::kXz, PayloadCodec::kLzma, PayloadCodec::kBzip2}) {
    CAPTURE(PayloadCodecName(codec));
    Bench bench;
    const Bytes kernel = FakeKernel(codec, vmlinux);
    const auto& built = bench.Build({.kernel = bench.Write("kernel", kernel)});
    CHECK(built.entry == KernelEntry::kVmlinux);
    CHECK_FALSE(built.entry_facts.has_bzimage);
    CHECK(built.facts.size == 0x200000);
    CHECK(built.facts.virtual_end == 0);  // there are no relocations
    CHECK(bench.BytesOf(BundlePartKind::kKernel) == Bytes(kernel.begin(), kernel.begin() + kFakeSetupSize));
    CHECK(bench.BytesOf(BundlePartKind::kVmlinux) == vmlinux);
    CHECK(bench.bundle().Find(BundlePartKind::kVmlinux)->encoding == BundleEncoding::kZstd);
  }
}

TEST_CASE("A kernel with relocations may be given any place in its window", "[tool][bundle-file]") {
  Bench bench;
  const Bytes kernel = FakeKernel(PayloadCodec::kZstd, test::SmallVmlinux().Build());
  const auto& built = bench.Build({.kernel = bench.Write("kernel", kernel)});
  CHECK(built.facts.size == 0x400000);
  CHECK(built.facts.virtual_min == test::kTestLoadAddress);
  CHECK(built.facts.virtual_end == kGiB);
}

TEST_CASE("The bzImage entry needs all of the bzImage and nothing of its payload", "[tool][bundle-file]") {
  Bench bench;
  const Bytes kernel = FakeKernel(PayloadCodec::kLzo, FakeVmlinux());
  const auto& built = bench.Build({.kernel = bench.Write("kernel", kernel), .entry = KernelEntry::kBzImage});
  CHECK(bench.bundle().entry == KernelEntry::kBzImage);
  CHECK(built.entry == KernelEntry::kBzImage);
  CHECK(bench.BytesOf(BundlePartKind::kKernel) == kernel);
  CHECK(built.facts.size == 0x400000);
}

TEST_CASE("A kernel that is not understood goes in as it is, unless its vmlinux is wanted", "[tool][bundle-file]") {
  Bench bench;
  const Bytes text(5000, std::byte{'x'});
  const std::string path = bench.Write("kernel", FakeKernel(PayloadCodec::kGzip, text));
  const auto& built = bench.Build({.kernel = path});
  CHECK(bench.bundle().entry == KernelEntry::kBzImage);
  CHECK(built.entry == KernelEntry::kBzImage);
  CHECK(bench.notes() ==
        "mkhandover: " + path +
            ": what it unpacks to is not understood: bad-magic: wrong magic at byte 0: taken as it is\n");
  CHECK(MessageOf(bench, {.kernel = path, .entry = KernelEntry::kVmlinux}, ExitCode::kBadInput) ==
        path + ": what it unpacks to is not understood: bad-magic: wrong magic at byte 0: use --entry bzimage");
}

TEST_CASE("A broken kernel does not go into a bundle", "[tool][bundle-file]") {
  Bench bench;
  Bytes kernel = FakeKernel(PayloadCodec::kXz, FakeVmlinux());
  kernel[kernel.size() - 100] ^= std::byte{1};
  const std::string path = bench.Write("kernel", kernel);
  CHECK(MessageOf(bench, {.kernel = path}, ExitCode::kBadInput) ==
        path + ": its xz payload is damaged: is the file whole?");
}

TEST_CASE("All parts lie in a bundle in order, each on pages of its own", "[tool][bundle-file]") {
  Bench bench;
  Draft draft;
  draft.AddNamed(
      {.range = PhysRange::FromStartSize(PhysAddr(0x10000000), 0x200000).value(), .name = "guest", .owner = {}});
  draft.Finish();
  const Bytes tree = draft.Encode();
  const Bytes initrd(70'000, std::byte{7});
  const auto& built = bench.Build({.kernel = bench.Write("kernel", FakeKernel(PayloadCodec::kGzip, FakeVmlinux())),
                                   .initrds = {bench.Write("initrd", initrd)},
                                   .cmdline = "console=ttyS0",
                                   .handover = tree});
  CHECK(bench.BytesOf(BundlePartKind::kInitrd) == initrd);
  CHECK(AsText(bench.BytesOf(BundlePartKind::kCommandLine)) == "console=ttyS0");
  CHECK(bench.BytesOf(BundlePartKind::kHandover) == tree);
  std::uint64_t last = 0;
  for (const BundlePart& part : bench.bundle().parts) {
    CHECK(part.offset > last);
    last = part.offset;
  }
  CHECK(bench.bundle().size == built.bytes.size());
}

TEST_CASE("An initrd is compressed only where that helps", "[tool][bundle-file]") {
  Bench bench;
  const std::string kernel = bench.Write("kernel", FakeKernel(PayloadCodec::kZstd, FakeVmlinux()));
  const Bytes zeros(100'000);
  bench.Build({.kernel = kernel, .initrds = {bench.Write("zeros", zeros)}, .compress = true});
  CHECK(bench.bundle().Find(BundlePartKind::kInitrd)->encoding == BundleEncoding::kZstd);
  CHECK(bench.BytesOf(BundlePartKind::kInitrd) == zeros);
  Bytes noise;
  for (std::uint64_t i = 0; i < 100; ++i) {
    Push(noise, DigestOf(std::as_bytes(std::span(&i, 1))));
  }
  bench.Build({.kernel = kernel, .initrds = {bench.Write("noise", noise)}, .compress = true});
  CHECK(bench.bundle().Find(BundlePartKind::kInitrd)->encoding == BundleEncoding::kStored);
}

TEST_CASE("A command line is one line that a kernel takes", "[tool][bundle-file]") {
  CHECK_NOTHROW(CheckCommandLine(std::string(2047, 'a')));
  CHECK_THROWS_AS(CheckCommandLine(std::string(2048, 'a')), Failure);
  CHECK_THROWS_AS(CheckCommandLine("a\nb"), Failure);
  CHECK_THROWS_AS(CheckCommandLine(std::string_view("a\0b", 3)), Failure);
}

TEST_CASE("A bundle with a bit changed in any part is refused", "[tool][bundle-file]") {
  Bench bench;
  const auto& built = bench.Build({.kernel = bench.Write("kernel", FakeKernel(PayloadCodec::kGzip, FakeVmlinux())),
                                   .initrds = {bench.Write("initrd", Bytes(5000, std::byte{7}))},
                                   .cmdline = "quiet"});
  std::vector<std::size_t> places = {0, 9, 30, 70};  // header and table
  for (const BundlePart& part : bench.bundle().parts) {
    places.push_back(part.offset);
    places.push_back(part.offset + part.stored.size() - 1);
  }
  for (const std::size_t place : places) {
    CAPTURE(place);
    Bytes bytes = built.bytes;
    bytes[place] ^= std::byte{0x40};
    Bundle bundle;
    CHECK_THROWS_AS(ReadBundle(bytes, "bundle", bundle), Failure);
  }
}

}  // namespace
}  // namespace holdfast::tool
