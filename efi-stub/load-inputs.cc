// SPDX-License-Identifier: BSD-2-Clause
// What there is to start, from where it lies into memory.

#include "efi-stub/bundle-file.h"
#include "efi-stub/explain.h"
#include "efi-stub/inputs.h"

namespace holdfast::efi {
namespace {

constexpr std::string_view kKernelName = "kernel";
constexpr std::string_view kInitrdName = "initrd";
constexpr std::string_view kBundleName = "bundle";

class Loader {
 public:
  Loader(const Firmware& firmware, const Self& self, const PeImage& own, Ledger& ledger, Storage& storage,
         Inputs& inputs, Problem& problem)
      : firmware_(firmware),
        self_(self),
        own_(own),
        ledger_(ledger),
        storage_(storage),
        inputs_(inputs),
        problem_(problem) {}

  Status Load() {
    TRY(LoadSource());
    const std::uint64_t limit = inputs_.kernel.image.header.cmdline_size.value();
    return inputs_.command_line.size() > limit ? Status(Explain(problem_, {Errc::kTooLarge, limit}, "command line"))
                                               : Status(kDone);
  }

 private:
  Status LoadSource() {
    switch (inputs_.source) {
      case InputSource::kSections:
        inputs_.initrd = own_.BytesOf(".initrd");
        return ReadKernel(own_.BytesOf(".linux"));
      case InputSource::kFiles:
        return LoadFiles();
      case InputSource::kBundle:
        return LoadBundle();
    }
    Bug();
  }

  Status LoadFiles() {
    std::span<std::byte> file;
    TRY(LoadFile(kKernelFile, kKernelName, file));
    TRY(ReadKernel(file));
    const auto has_initrd = firmware_.FileSize(self_.device, kInitrdFile);
    if (!has_initrd.ok() && has_initrd.error().code == Errc::kNotFound) {
      return kDone;
    }
    TRY(LoadFile(kInitrdFile, kInitrdName, file));
    inputs_.initrd = file;
    return kDone;
  }

  Status LoadBundle() {
    BundlePlace place;
    Bundle bundle;
    TRY(Check(problem_, ReadBundleTable(firmware_, self_.device, place, bundle), kBundleName));
    std::span<std::byte> bytes;
    TRY(Take(bundle.size, kBundleName, bytes));
    TRY(Check(problem_, firmware_.ReadFile(self_.device, kBundleFile, bytes, place.offset), kBundleName));
    TRY(Check(problem_, DecodeBundle(bytes, &Sha256Blocks, bundle), kBundleName));
    for (const BundlePart& part : bundle.parts) {
      TRY(Check(problem_, VerifyPart(part, &Sha256Blocks), PartName(part.kind)));
    }
    std::string_view failed;
    const Status read = ReadInnerKernel(bundle, inputs_.kernel, failed);
    TRY(Check(problem_, read, failed));
    const auto initrd = bundle.Find(BundlePartKind::kInitrd);
    return initrd ? TakeInitrd(*initrd) : Status(kDone);
  }

  Status TakeInitrd(const BundlePart& part) {
    inputs_.initrd = part.stored;
    if (part.encoding == BundleEncoding::kStored) {
      return kDone;
    }
    std::span<std::byte> unpacked;
    TRY(Take(part.size, PartName(part.kind), unpacked));
    inputs_.initrd = unpacked;
    return Check(problem_, Unpack({part.stored, part.size}, unpacked, storage_.zstd), PartName(part.kind));
  }

  Status ReadKernel(std::span<const std::byte> file) {
    return Check(problem_, ReadInnerKernel(file, inputs_.kernel), kKernelName);
  }

  Status LoadFile(const char16_t* path, std::string_view name, std::span<std::byte>& out) {
    const auto size = firmware_.FileSize(self_.device, path);
    TRY(Check(problem_, size, name));
    TRY(Take(size.value(), name, out));
    return Check(problem_, firmware_.ReadFile(self_.device, path, out), name);
  }

  // Memory for `size` bytes; none for none.
  Status Take(std::uint64_t size, std::string_view name, std::span<std::byte>& out) {
    out = {};
    if (size == 0) {
      return kDone;
    }
    const auto taken = ledger_.Allocate(size, EfiLoaderData);
    TRY(Check(problem_, taken, name));
    out = {reinterpret_cast<std::byte*>(taken.value().start().raw()), static_cast<std::size_t>(size)};
    return kDone;
  }

  const Firmware& firmware_;
  const Self& self_;
  const PeImage& own_;
  Ledger& ledger_;
  Storage& storage_;
  Inputs& inputs_;
  Problem& problem_;
};

}  // namespace

Status LoadInputs(const Firmware& firmware, const Self& self, const PeImage& own, Ledger& ledger, Storage& storage,
                  Inputs& inout, Problem& problem) {
  return Loader(firmware, self, own, ledger, storage, inout, problem).Load();
}

}  // namespace holdfast::efi
