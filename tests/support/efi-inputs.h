// SPDX-License-Identifier: BSD-2-Clause
// The application with its image, its files and its options, on a firmware of our own.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "efi-stub/storage.h"
#include "tests/support/fake-firmware.h"
#include "tests/support/kernel-files.h"
#include "tests/support/pe-files.h"

namespace holdfast::test {

inline ByteVector BytesOfText(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// A bzImage that takes a command line of `line_size` characters, with a byte of its own at its end.
inline ByteVector SmallBzImage(unsigned mark = 0, std::uint32_t line_size = 2047) {
  SetupHeader header = DebianHeader(/*setup_sectors=*/1);
  header.syssize.Set(0x20);
  header.init_size.Set(0x400000);
  header.cmdline_size.Set(line_size);
  ByteVector file(4 * 512);
  Put(file, kSetupHeaderOffset, header);
  file.back() = static_cast<std::byte>(mark);
  return file;
}

// All of the address space is RAM, but for what a test says: memory of this process is anywhere in it.
class EfiApplication {
 public:
  explicit EfiApplication(std::vector<TestSection> sections = {}) {
    TestPe pe = {.sections = std::move(sections), .headers = 0x1000, .signature = {}};
    pe.sections.push_back({.name = ".text", .bytes = Filled(16, 0x90)});
    const ByteVector loaded = pe.Load();
    // As firmware does, where a page begins.
    const PhysRange at = fake.memory.Part(0, AlignUp(loaded.size(), kPageSize));
    fake.memory.Set(at, EfiLoaderCode);
    image_ = fake.memory.Bytes(at).first(loaded.size());
    std::copy(loaded.begin(), loaded.end(), image_.begin());
    fake.SetSelf(image_);
    Require(DecodePeImage(image_, PeForm::kLoaded, own).ok());
    Require(map.Overlay(PhysRange::All(), MemType::kUsable).ok());
  }

  // What the application knows when it looks for its inputs.
  const efi::Self& self() {
    Require(firmware.ReadSelf(self_).ok());
    return self_;
  }
  PhysRange ImageRange() const {
    return PhysRange::FromStartSize(PhysAddr(reinterpret_cast<std::uintptr_t>(image_.data())), image_.size()).value();
  }

  FakeFirmware fake;
  efi::Firmware firmware{fake.image(), fake.table()};
  efi::Ledger ledger{firmware};
  PeImage own;
  std::unique_ptr<efi::Storage> storage = std::make_unique<efi::Storage>();
  MemoryMap map{storage->map};
  Problem problem;

 private:
  efi::Self self_;
  std::span<std::byte> image_;
};

}  // namespace holdfast::test
