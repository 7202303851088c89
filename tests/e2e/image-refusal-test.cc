// SPDX-License-Identifier: BSD-2-Clause
// What the image must not start it does not start: one line, nothing kept has changed, then a reset.

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>

#include "tests/e2e/crafted-bundle.h"
#include "tests/e2e/image-scenario.h"
#include "tests/e2e/page-pattern.h"

namespace holdfast::e2e {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
constexpr unsigned kDefaultDelay = 10;  // of a stage that has not read the owner's policy
constexpr unsigned kSoon = 1;
constexpr const char* kSpoiltBundle = "/kernels/bundle";
constexpr std::uint64_t kInitSize = 0x260;    // in a bzImage (boot.rst)
constexpr std::uint64_t kXloadflags = 0x236;  // likewise
constexpr std::uint16_t kAny5Level = 1 << 5 | 1 << 6;

// What is tried, all of it by stock kexec's kexec_load.
struct Attempt {
  ByteVector image;
  ByteVector initrd = {};  // in place of a root file system
  std::string append = {};
  std::string cpu = "max";
};

ByteVector BareImage() { return ReadBytes(Stage()); }
ByteVector ImageWith(const std::string& kernel, const std::string& entry) {
  return ReadBytes(StageWith(kernel, entry));
}
CraftedBundle BundleOf(const std::string& kernel, const std::string& entry) {
  return CraftedBundle::From(StageWith(kernel, entry));
}

// Where the loader puts the image with all the memory it asks for, and the initrd.
struct Places {
  LoadedSegment image;
  LoadedSegment initrd;
  LoadedSegment params;  // and the command line behind it
};

// A segment that is just large enough.
LoadedSegment SegmentOfSize(const std::vector<LoadedSegment>& segments, std::uint64_t size) {
  for (const LoadedSegment& segment : segments) {
    if (segment.memsz >= size && segment.memsz < size + kPageSize) return segment;
  }
  throw GuestFailure("no segment of " + Hex(size) + " bytes");
}

class RefusingGuest {
 public:
  explicit RefusingGuest(const Attempt& attempt) : attempt_(attempt), guest_(Options()) {
    kept_ = FillBelowSegments(guest_);
  }

  // The pages that are looked at afterwards, and whatever else is named.
  std::string MakeOption(const std::string& more = "") {
    return MakeHandover(guest_, {kept_}, "--refusal-delay " + std::to_string(kSoon) + more);
  }

  Places Load(const std::string& option) {
    const auto segments =
        SegmentsOf(LoadKernel(guest_, {.kernel = std::string(kStageName),
                                       .append = option + (attempt_.append.empty() ? "" : " ") + attempt_.append,
                                       .kexec = "kexec-stock",
                                       .flags = "-d -c -l",
                                       .initrd = attempt_.initrd.empty() ? "/tmp/initrd" : kSpoiltBundle}));
    Places places;
    places.image = SegmentOfSize(segments, ReadAt<Le32>(attempt_.image, kInitSize).value());
    // What is left is kexec-tools' purgatory, which is many pages long, and this.
    for (const LoadedSegment& segment : segments) {
      if (segment.memsz <= 4 * kPageSize) places.params = segment;
    }
    initrd_size_ = attempt_.initrd.size();
    if (attempt_.initrd.empty()) initrd_size_ = std::stoull(guest_.Run("stat -c %s /tmp/initrd").output);
    places.initrd = SegmentOfSize(segments, initrd_size_);
    return places;
  }

  void ExpectRefusal(const std::string& refusal, unsigned delay) {
    guest_.Leave("kexec-stock -e");
    CHECK(guest_.Expect("holdfast: refused: ") == "holdfast: refused: " + refusal);
    guest_.ExpectOnDebugPort("holdfast: refused: " + refusal);
    CHECK(ExpectReset(guest_) == delay);
    CHECK(CountDifferent(guest_, kept_) == 0);
  }

  Extent first_kept() const {
    return *std::min_element(kept_.extents.begin(), kept_.extents.end(),
                             [](const Extent& a, const Extent& b) { return a.start < b.start; });
  }
  std::string FirstKept() const { return RangeText(first_kept().start, first_kept().size); }
  std::uint64_t initrd_size() const { return initrd_size_; }

 private:
  GuestOptions Options() {
    WriteBytes(folder_.path() / "image", attempt_.image);
    GuestOptions options{
        .memory = "1G", .cpu = attempt_.cpu, .kernel = "6.1", .files = {StageFile(folder_.path() / "image")}};
    if (!attempt_.initrd.empty()) {
      WriteBytes(folder_.path() / "bundle", attempt_.initrd);
      options.files.push_back({folder_.path() / "bundle", kSpoiltBundle});
    }
    return options;
  }

  const Attempt attempt_;
  TempDir folder_;
  Guest guest_;
  KeptPages kept_;
  std::uint64_t initrd_size_ = 0;
};

// BUNDLE in the line stands for where the bundle lies, which is the loader's initrd.
void IsRefused(const Attempt& attempt, std::string refusal, unsigned delay = kDefaultDelay) {
  RefusingGuest guest(attempt);
  const Places places = guest.Load(guest.MakeOption());
  if (const std::size_t at = refusal.find("BUNDLE"); at != std::string::npos) {
    refusal.replace(at, 6, RangeText(places.initrd.mem, guest.initrd_size()));
  }
  guest.ExpectRefusal(refusal, delay);
}

// With the bundle as the loader's initrd.
void BundleIsRefused(const ByteVector& bundle, const std::string& refusal, unsigned delay = kDefaultDelay) {
  IsRefused({.image = BareImage(), .initrd = bundle}, refusal, delay);
}

std::uint64_t PartField(std::size_t index, std::size_t field) {
  return sizeof(StoredBundleHeader) + index * sizeof(StoredBundlePart) + field;
}

// The first PT_LOAD's place in an ELF file.
std::uint64_t FirstLoad(const ByteVector& elf) {
  const auto header = ReadAt<Elf64Header>(elf, 0);
  for (std::uint64_t at = header.program_headers_offset.value();; at += sizeof(Elf64ProgramHeader)) {
    if (ReadAt<Elf64ProgramHeader>(elf, at).type.value() == kElfLoad) return at;
  }
}

// A bundle whose unpacked kernel was changed and packed again.
template <typename Change>
ByteVector WithVmlinux(Change change) {
  CraftedBundle bundle = BundleOf("6.1", "vmlinux");
  CraftedPart& part = bundle.Part(BundlePartKind::kVmlinux);
  ByteVector vmlinux = UnpackPart(part);
  change(vmlinux);
  PackInto(vmlinux, part);
  return bundle.Encode();
}

}  // namespace

TEST_CASE("Image refused: no bundle, neither in it nor as the initrd", "[e2e][image][refusal]") {
  IsRefused({.image = BareImage()}, "bad-magic: bundle in the image or the initrd: wrong magic at byte 0");
}

TEST_CASE("Image refused: a part's digest differs", "[e2e][image][refusal]") {
  ByteVector bundle = BundleOf("6.12", "bzimage").Encode();
  bundle[bundle.size() / 2] ^= std::byte{1};
  BundleIsRefused(bundle, "bad-digest: bundle's kernel BUNDLE: digest differs");
}

TEST_CASE("Image refused: the header's digest differs", "[e2e][image][refusal][exhaustive]") {
  ByteVector bundle = BundleOf("6.12", "bzimage").Encode();
  bundle[offsetof(StoredBundleHeader, entry)] ^= std::byte{1};
  BundleIsRefused(bundle, "bad-digest: bundle: digest differs");
}

TEST_CASE("Image refused: the bundle is cut off", "[e2e][image][refusal][exhaustive]") {
  ByteVector bundle = BundleOf("6.12", "bzimage").Encode();
  bundle.resize(bundle.size() - kPageSize);
  BundleIsRefused(bundle, "truncated: bundle: cut off at byte " + std::to_string(bundle.size()));
}

TEST_CASE("Image refused: the bundle says that it is larger than the initrd", "[e2e][image][refusal][exhaustive]") {
  ByteVector bundle = BundleOf("6.12", "bzimage").Encode();
  auto header = ReadAt<StoredBundleHeader>(bundle, 0);
  header.size = Le64(std::uint64_t{1} << 40);
  WriteAt(bundle, 0, header);
  SealAgain(bundle);
  BundleIsRefused(bundle, "truncated: bundle: cut off at byte " + std::to_string(bundle.size()));
}

TEST_CASE("Image refused: a part says that it is larger than any may be", "[e2e][image][refusal][exhaustive]") {
  ByteVector bundle = BundleOf("6.12", "bzimage").Encode();
  WriteAt(bundle, PartField(0, offsetof(StoredBundlePart, stored_size)), Le64(~std::uint64_t{0}));
  SealAgain(bundle);
  BundleIsRefused(bundle, "too-large: bundle: more than 0x400000000 bytes");
}

TEST_CASE("Image refused: a payload that unpacks to more than it says", "[e2e][image][refusal][exhaustive]") {
  CraftedBundle bundle = BundleOf("6.12", "vmlinux");
  ByteVector& kernel = bundle.Part(BundlePartKind::kKernel).stored;
  // The last four bytes of the payload are the size that it unpacks to (boot.rst, payload_length).
  const std::uint64_t setup = (ReadAt<std::uint8_t>(kernel, 0x1f1) + std::uint64_t{1}) * 512;
  const std::uint64_t end = setup + ReadAt<Le32>(kernel, 0x248).value() + ReadAt<Le32>(kernel, 0x24c).value();
  const std::uint32_t stated = ReadAt<Le32>(kernel, end - 4).value() / 2;
  WriteAt(kernel, end - 4, Le32(stated));
  BundleIsRefused(bundle.Encode(), "too-large: unpacked kernel: more than " + Hex(stated) + " bytes", kSoon);
}

TEST_CASE("Image refused: a vmlinux part that unpacks to more than it says", "[e2e][image][refusal][exhaustive]") {
  CraftedBundle bundle = BundleOf("6.1", "vmlinux");
  CraftedPart& part = bundle.Part(BundlePartKind::kVmlinux);
  part.size = kMib;
  BundleIsRefused(bundle.Encode(), "too-large: unpacked kernel: more than 0x100000 bytes", kSoon);
}

TEST_CASE("Image refused: an ELF segment lies outside the file", "[e2e][image][refusal][exhaustive]") {
  std::uint64_t where = 0;
  const ByteVector bundle = WithVmlinux([&](ByteVector& vmlinux) {
    where = FirstLoad(vmlinux) + offsetof(Elf64ProgramHeader, file_size);
    WriteAt(vmlinux, where, Le64(std::uint64_t{1} << 40));
  });
  BundleIsRefused(bundle, "malformed: unpacked kernel: malformed at byte " + std::to_string(where), kSoon);
}

TEST_CASE("Image refused: an ELF segment lies outside the image", "[e2e][image][refusal]") {
  const ByteVector bundle = WithVmlinux([](ByteVector& vmlinux) {
    WriteAt(vmlinux, FirstLoad(vmlinux) + offsetof(Elf64ProgramHeader, physical_address), Le64(std::uint64_t{1} << 40));
  });
  BundleIsRefused(bundle, "too-large: unpacked kernel: more than 0x40000000 bytes", kSoon);
}

TEST_CASE("Image refused: a relocation lies outside the image", "[e2e][image][refusal]") {
  std::uint64_t where = 0;
  const ByteVector bundle = WithVmlinux([&](ByteVector& vmlinux) {
    where = vmlinux.size() - 4;  // of the first table that is read
    WriteAt(vmlinux, where, Le32(0xc0000000));
  });
  BundleIsRefused(bundle, "malformed: unpacked kernel: malformed at byte " + std::to_string(where), kSoon);
}

TEST_CASE("Image refused: a codec that the stage has not", "[e2e][image][refusal]") {
  CraftedBundle bundle = BundleOf("6.1", "bzimage");  // its payload is LZ4
  bundle.entry = KernelEntry::kVmlinux;
  BundleIsRefused(bundle.Encode(), "unsupported: kernel's payload: not supported: 0x184c2102", kSoon);
}

TEST_CASE("Image refused: a kernel without 5-level paging where the stage is in it", "[e2e][image][refusal]") {
  CraftedBundle bundle = BundleOf("6.12", "bzimage");
  ByteVector& kernel = bundle.Part(BundlePartKind::kKernel).stored;
  const auto flags = static_cast<std::uint16_t>(ReadAt<Le16>(kernel, kXloadflags).value() & ~kAny5Level);
  WriteAt(kernel, kXloadflags, Le16(flags));
  BundleIsRefused(bundle.Encode(), "unsupported: kernel without 5-level paging: not supported", kSoon);
}

TEST_CASE("Image refused: a confidential guest", "[e2e][image][refusal]") {
  // No such guest runs in an emulator, so the image asks for another name: that of the processor that is here.
  ByteVector image = ImageWith("6.12", "bzimage");
  const auto blank = [&image](const char* name) {
    const auto bytes = std::as_bytes(std::span(name, 4));
    const auto at = std::search(image.begin(), image.begin() + 0x40000, bytes.begin(), bytes.end());
    REQUIRE(at != image.begin() + 0x40000);
    std::fill_n(at, 4, std::byte{0});
  };
  for (const char* name : {"Inte", "lTDX", "    "}) blank(name);
  RefusingGuest guest({.image = image, .cpu = "max,level=0x21"});
  guest.Load(guest.MakeOption());
  guest.ExpectRefusal("unsupported: confidential guest: not supported", kDefaultDelay);
}

TEST_CASE("Image refused: an initrd in the bundle and another from the loader", "[e2e][image][refusal]") {
  const TempDir folder;
  RefusingGuest guest({.image = ReadBytes(MakeWholeImage(folder.path(), "6.12", "bzimage"))});
  const Places places = guest.Load(guest.MakeOption());
  guest.ExpectRefusal("unsupported: loader's initrd beside the bundle's own " +
                          RangeText(places.initrd.mem, guest.initrd_size()) + ": not supported",
                      kSoon);
}

TEST_CASE("Image refused: a bundle in the image and another from the loader", "[e2e][image][refusal]") {
  CraftedBundle bundle = BundleOf("6.12", "bzimage");
  RefusingGuest guest({.image = ImageWith("6.12", "bzimage"), .initrd = bundle.Encode()});
  const Places places = guest.Load(guest.MakeOption());
  guest.ExpectRefusal("unsupported: bundle in the loader's initrd beside the image's own " +
                          RangeText(places.initrd.mem, guest.initrd_size()) + ": not supported",
                      kSoon);
}

TEST_CASE("Image refused: a kept range lies where the loader put the image", "[e2e][image][refusal]") {
  RefusingGuest guest({.image = ImageWith("6.12", "bzimage")});
  const Places places = guest.Load("holdfast=0x0,0," + std::string(64, '0'));
  const std::uint64_t kept = places.image.mem + 0x3000;
  guest.Load(guest.MakeOption(Preserve(kept, 0x1000, "guest0")));
  guest.ExpectRefusal("overlap: stage " + RangeText(places.image.mem, places.image.memsz) + " meets kept guest0 " +
                          RangeText(kept, 0x1000),
                      kSoon);
}

// The loader puts an initrd, or the bundle that comes as one, at the same place each time.
void ExpectMeetsInitrd(RefusingGuest& guest, const std::string& what) {
  const Places places = guest.Load("holdfast=0x0,0," + std::string(64, '0'));
  const std::uint64_t kept = places.initrd.mem + 0x1000;
  guest.Load(guest.MakeOption(Preserve(kept, 0x2000, "guest0")));
  guest.ExpectRefusal("overlap: " + what + " " + RangeText(places.initrd.mem, guest.initrd_size()) +
                          " meets kept guest0 " + RangeText(kept, 0x2000),
                      kSoon);
}

TEST_CASE("Image refused: a kept range lies where the loader put the initrd", "[e2e][image][refusal]") {
  RefusingGuest guest({.image = ImageWith("6.12", "bzimage")});
  ExpectMeetsInitrd(guest, "initrd");
}

TEST_CASE("Image refused: a kept range lies where the loader put the bundle", "[e2e][image][refusal][exhaustive]") {
  RefusingGuest guest({.image = BareImage(), .initrd = BundleOf("6.12", "bzimage").Encode()});
  ExpectMeetsInitrd(guest, "bundle");
}

TEST_CASE("Image refused: a kept range lies where the loader put boot_params", "[e2e][image][refusal]") {
  RefusingGuest guest({.image = ImageWith("6.12", "bzimage")});
  const Places places = guest.Load("holdfast=0x0,0," + std::string(64, '0'));
  guest.Load(guest.MakeOption(Preserve(places.params.mem, 0x1000, "guest0")));
  guest.ExpectRefusal("overlap: boot_params " + RangeText(places.params.mem, 0x1000) + " meets kept guest0 " +
                          RangeText(places.params.mem, 0x1000),
                      kSoon);
}

TEST_CASE("Image refused: the handover's digest differs", "[e2e][image][refusal][exhaustive]") {
  RefusingGuest guest({.image = ImageWith("6.12", "bzimage")});
  HandoverOption option = ParseOption(guest.MakeOption());
  option.digest[0] = option.digest[0] == '0' ? '1' : '0';
  guest.Load(option.text());
  guest.ExpectRefusal("bad-digest: handover " + RangeText(option.address, option.size) + ": digest differs",
                      kDefaultDelay);
}

TEST_CASE("Image refused: an option throws the fence away", "[e2e][image][refusal]") {
  RefusingGuest guest({.image = ImageWith("6.12", "bzimage")});
  const std::string before = guest.MakeOption();
  guest.Load(before + " memmap=exactmap");
  guest.ExpectRefusal("conflict: memmap=exactmap at byte " +
                          std::to_string(CommandLine({.append = before}).size() + 1) +
                          " of the command line takes kept kept " + guest.FirstKept(),
                      kSoon);
}

TEST_CASE("Image refused: a crash kernel is to lie in kept memory", "[e2e][image][refusal]") {
  RefusingGuest guest({.image = ImageWith("6.12", "bzimage")});
  const std::string before = guest.MakeOption();
  const std::string option = "crashkernel=64M@" + Hex(guest.first_kept().start);
  guest.Load(before + " " + option);
  guest.ExpectRefusal("conflict: " + option + " at byte " + std::to_string(CommandLine({.append = before}).size() + 1) +
                          " of the command line takes kept kept " + guest.FirstKept(),
                      kSoon);
}

TEST_CASE("Image refused: no slot is left for the kernel", "[e2e][image][refusal]") {
  const std::uint32_t wanted = ReadAt<Le32>(ReadBytes(KernelImage("6.12")), kInitSize).value();
  RefusingGuest guest({.image = ImageWith("6.12", "bzimage"), .append = "mem=48M"});
  guest.Load(guest.MakeOption());
  guest.ExpectRefusal("no-slot: no place for kernel, " + Hex(wanted) + " bytes", kSoon);
}

}  // namespace holdfast::e2e
