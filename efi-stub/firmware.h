// SPDX-License-Identifier: BSD-2-Clause
// All that the application asks of firmware, and nothing else does: a test gives it a table of its own.
//
// Services report failure through Result as everything below the shells does: kNotFound where a thing is not there,
// kUntrusted for EFI_SECURITY_VIOLATION and EFI_ACCESS_DENIED, kTooLarge (where: the bytes that it needs) for
// EFI_BUFFER_TOO_SMALL, else kFirmware (where: the EFI status).
// Memory is identity-mapped while boot services are there (UEFI 2.10, 2.3.4), so an address is a pointer here.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/bounded-vector.h"
#include "common/base/result.h"
#include "common/format/efi-memory-map.h"
#include "common/mem/phys-range.h"
#include "efi-stub/efi.h"

namespace holdfast::efi {

// GetMemoryMap()'s answer, in the caller's storage.
struct StoredMap {
  std::span<const std::byte> bytes;
  std::uint32_t descriptor_size = 0;
  std::uint32_t descriptor_version = 0;
  std::uint64_t key = 0;
};

// Who this application is.
struct Self {
  std::span<const std::byte> image;  // as it was loaded
  EFI_HANDLE device = nullptr;       // what it was loaded from; null if firmware does not say
  std::u16string_view options;       // what its loader said, without the NUL
  bool has_other_options = false;    // data that is no text, as firmware passes to what it starts by itself
};

class Firmware {
 public:
  Firmware(EFI_HANDLE image, EFI_SYSTEM_TABLE* table) : image_(image), table_(table) {}
  Firmware(const Firmware&) = delete;
  Firmware& operator=(const Firmware&) = delete;

  EFI_HANDLE image() const { return image_; }
  EFI_SYSTEM_TABLE* table() const { return table_; }

  // kMalformed (where: their size): options that are no UTF-16.
  Status ReadSelf(Self& out) const;
  std::u16string_view vendor() const;
  // SecureBoot is there and not 0, or cannot be read, and SetupMode is not 1.
  bool IsSecure() const;
  void Print(const char16_t* text) const;

  // --- Memory
  Status ReadMap(std::span<std::byte> storage, StoredMap& out) const;
  // kNotFound: a page of it is not free.  Pre: whole pages.
  Status AllocateAt(PhysRange range, EFI_MEMORY_TYPE type) const;
  // At least `size` bytes, whole pages, below `limit`; as high as firmware likes.
  Result<PhysRange> Allocate(std::uint64_t size, EFI_MEMORY_TYPE type, std::uint64_t limit = kPhysLimit) const;
  void Free(PhysRange range) const;

  // --- Files, on the volume of a device.  `path` begins with a backslash.
  Result<std::uint64_t> FileSize(EFI_HANDLE device, const char16_t* path) const;
  // Exactly out.size() bytes from `offset` in the file on; kTruncated (where: how many there are).
  Status ReadFile(EFI_HANDLE device, const char16_t* path, std::span<std::byte> out, std::uint64_t offset = 0) const;

  // --- Variables
  Result<std::span<std::byte>> GetVariable(const char16_t* name, const EFI_GUID& vendor, std::span<std::byte> storage,
                                           std::uint32_t* attributes = nullptr) const;
  // No bytes delete it.
  Status SetVariable(const char16_t* name, const EFI_GUID& vendor, std::uint32_t attributes,
                     std::span<const std::byte> bytes) const;

  // --- Tables and protocols
  std::optional<PhysAddr> ConfigTable(const EFI_GUID& guid) const;
  Status InstallConfigTable(const EFI_GUID& guid, void* table) const;  // null removes it
  Result<void*> Locate(const EFI_GUID& protocol) const;
  Result<void*> ProtocolOf(EFI_HANDLE handle, const EFI_GUID& protocol) const;
  // A handle of its own with a device path and another protocol.
  Result<EFI_HANDLE> InstallAtPath(void* device_path, const EFI_GUID& protocol, void* interface) const;
  void UninstallAtPath(EFI_HANDLE handle, void* device_path, const EFI_GUID& protocol, void* interface) const;

  // --- Images
  // Firmware verifies it; kUntrusted leaves nothing loaded.
  Result<EFI_HANDLE> LoadImage(std::span<const std::byte> file) const;
  void UnloadImage(EFI_HANDLE image) const;
  // `options` must last until the image ends.  Returns only when it does.
  Status StartImage(EFI_HANDLE image, std::span<const char16_t> options) const;

  // --- The end
  Status ExitBootServices(std::uint64_t map_key) const;
  // Firmware resets the machine when a boot takes it minutes: hashing what is kept may.
  void StopWatchdog() const;

 private:
  EFI_BOOT_SERVICES& boot() const { return *table_->BootServices; }
  EFI_RUNTIME_SERVICES& runtime() const { return *table_->RuntimeServices; }

  EFI_HANDLE image_;
  EFI_SYSTEM_TABLE* table_;
};

// Every page that the application has taken, so that a refusal leaves nothing behind.
class Ledger {
 public:
  static constexpr std::size_t kMaxEntries = 1200;  // kMaxFirmwareClaims, and the rest

  explicit Ledger(const Firmware& firmware) : firmware_(firmware) {}
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  Status AllocateAt(PhysRange range, EFI_MEMORY_TYPE type);
  Result<PhysRange> Allocate(std::uint64_t size, EFI_MEMORY_TYPE type, std::uint64_t limit = kPhysLimit);
  void Free(PhysRange range);  // one of them
  // One of them becomes two.  Pre: `at` lies inside it, with something on either side.
  Status Split(PhysRange range, PhysAddr at);
  // Another type for one of them.  Firmware has no service for that but to free it and to allocate it again, and may
  // overwrite what is free: its contents wait in `bounce` (whole pages), in pieces.  On error the piece that firmware
  // did not give back is not held any more.
  Status Retype(PhysRange range, EFI_MEMORY_TYPE type, std::span<std::byte> bounce);
  // What it takes to free pages as they are: without room nothing is done about their contents.
  struct Room {
    std::span<std::byte> bounce;       // whole pages
    std::span<std::byte> map;          // for firmware's
    std::span<FirmwareRange> entries;  // of it
  };
  // EDK II overwrites what it is given back (DEBUG_CLEAR_MEMORY, MdeModulePkg/Core/Dxe/Mem/Page.c), Debian's OVMF too:
  // the contents are put back, unless firmware has taken the pages at once.
  void FreeAll(const Room& room = {});
  std::span<const PhysRange> view() const { return taken_.view(); }

 private:
  std::size_t IndexOf(PhysRange range) const;
  void Drop(std::size_t index, PhysRange part);
  void FreeIntact(PhysRange range, const Room& room) const;
  bool IsFree(PhysRange range, const Room& room) const;

  const Firmware& firmware_;
  FixedVector<PhysRange, kMaxEntries> taken_;
};

}  // namespace holdfast::efi
