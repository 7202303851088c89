// SPDX-License-Identifier: BSD-2-Clause
// All that the application asks of firmware.

#include "efi-stub/firmware.h"

#include <algorithm>
#include <limits>

#include "common/base/align.h"

namespace holdfast::efi {
namespace {

constexpr EFI_GUID kLoadedImageGuid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
constexpr EFI_GUID kFileSystemGuid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
constexpr EFI_GUID kDevicePathGuid = EFI_DEVICE_PATH_PROTOCOL_GUID;
constexpr EFI_GUID kGlobalVariableGuid = EFI_GLOBAL_VARIABLE;

constexpr std::size_t kMaxVendorLength = 64;
// Some firmware fails at reads of many MiB.
constexpr std::size_t kReadChunk = kMiB;

// GNU-EFI's functions take pointers to what they only read.
EFI_GUID* Guid(const EFI_GUID& guid) { return const_cast<EFI_GUID*>(&guid); }
CHAR16* Text(const char16_t* text) { return reinterpret_cast<CHAR16*>(const_cast<char16_t*>(text)); }

// Errors have the highest bit (UEFI 2.10, appendix D).  Not EFI_ERROR(), which does not bracket its argument.
bool IsError(EFI_STATUS status) { return (status >> 63) != 0; }

// `needed` is what EFI_BUFFER_TOO_SMALL asks for.
Error ErrorOf(EFI_STATUS status, std::uint64_t needed = 0) {
  switch (status) {
    case EFI_NOT_FOUND:
      return {Errc::kNotFound, 0};
    case EFI_SECURITY_VIOLATION:
    case EFI_ACCESS_DENIED:
      return {Errc::kUntrusted, 0};
    case EFI_BUFFER_TOO_SMALL:
      return {Errc::kTooLarge, needed};
    default:
      return {Errc::kFirmware, status};
  }
}

Status StatusOf(EFI_STATUS status, std::uint64_t needed = 0) {
  return IsError(status) ? Status(ErrorOf(status, needed)) : Status(kDone);
}

bool IsSameGuid(const EFI_GUID& a, const EFI_GUID& b) {
  return a.Data1 == b.Data1 && a.Data2 == b.Data2 && a.Data3 == b.Data3 &&
         std::equal(std::begin(a.Data4), std::end(a.Data4), std::begin(b.Data4));
}

std::uint64_t PagesOf(PhysRange range) { return range.size() / kPageSize; }

// Open as long as it is there.
class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (handle_ != nullptr) {
      static_cast<void>(handle_->Close(handle_));
    }
  }

  EFI_FILE** slot() { return &handle_; }
  EFI_FILE* operator->() const { return handle_; }
  EFI_FILE* get() const { return handle_; }

 private:
  EFI_FILE* handle_ = nullptr;
};

Status OpenFile(const Firmware& firmware, EFI_HANDLE device, const char16_t* path, File& out) {
  if (device == nullptr) {
    return Error{Errc::kNotFound, 0};
  }
  const auto found = firmware.ProtocolOf(device, kFileSystemGuid);
  if (!found.ok()) {
    // What it was loaded from has no files: it came over the network.
    return found.error().code == Errc::kFirmware ? Error{Errc::kNotFound, 0} : found.error();
  }
  auto* const volume = static_cast<EFI_FILE_IO_INTERFACE*>(found.value());
  File root;
  TRY(StatusOf(volume->OpenVolume(volume, root.slot())));
  return StatusOf(root->Open(root.get(), out.slot(), Text(path), EFI_FILE_MODE_READ, 0));
}

// Some firmware passes the whole EFI_LOAD_OPTION, or a GUID of its own (see efi_apply_loadoptions_quirk() in Linux'
// drivers/firmware/efi/libstub).  No text begins with a control character, but an empty one with its NUL.
bool IsText(const EFI_LOADED_IMAGE& loaded) {
  if (loaded.LoadOptionsSize % sizeof(char16_t) != 0 ||
      !IsAligned(reinterpret_cast<std::uintptr_t>(loaded.LoadOptions), alignof(char16_t))) {
    return false;
  }
  const std::span units(static_cast<const char16_t*>(loaded.LoadOptions), loaded.LoadOptionsSize / sizeof(char16_t));
  const bool is_empty = std::all_of(units.begin(), units.end(), [](char16_t unit) { return unit == 0; });
  return is_empty || units.front() >= u' ';
}

}  // namespace

Status Firmware::ReadSelf(Self& out) const {
  TRY_ASSIGN(void* const found, ProtocolOf(image_, kLoadedImageGuid));
  const auto& loaded = *static_cast<const EFI_LOADED_IMAGE*>(found);
  out.image = {static_cast<const std::byte*>(loaded.ImageBase), static_cast<std::size_t>(loaded.ImageSize)};
  out.device = loaded.DeviceHandle;
  out.options = {};
  out.has_other_options = false;
  if (loaded.LoadOptions == nullptr || loaded.LoadOptionsSize == 0) {
    return kDone;
  }
  out.has_other_options = !IsText(loaded);
  if (!out.has_other_options) {
    out.options = {static_cast<const char16_t*>(loaded.LoadOptions), loaded.LoadOptionsSize / sizeof(char16_t)};
    while (out.options.ends_with(u'\0')) {
      out.options.remove_suffix(1);
    }
  }
  return kDone;
}

std::u16string_view Firmware::vendor() const {
  const auto* const text = reinterpret_cast<const char16_t*>(table_->FirmwareVendor);
  if (text == nullptr) {
    return {};
  }
  std::size_t length = 0;
  while (length < kMaxVendorLength && text[length] != 0) {
    ++length;
  }
  return {text, length};
}

bool Firmware::IsSecure() const {
  // What firmware does not tell is taken for the safer.
  const auto read = [this](const char16_t* name, bool otherwise) {
    std::array<std::byte, 1> value{};
    const auto found = GetVariable(name, kGlobalVariableGuid, value);
    if (!found.ok() || found.value().size() != value.size()) {
      return !found.ok() && found.error().code == Errc::kNotFound ? false : otherwise;
    }
    return value[0] == std::byte{0} ? false : value[0] == std::byte{1} || otherwise;
  };
  return read(u"SecureBoot", /*otherwise=*/true) && !read(u"SetupMode", /*otherwise=*/false);
}

void Firmware::Print(const char16_t* text) const {
  auto* const out = table_->ConOut;
  if (out != nullptr) {
    static_cast<void>(out->OutputString(out, Text(text)));
  }
}

// --- Memory

Status Firmware::ReadMap(std::span<std::byte> storage, StoredMap& out) const {
  UINTN size = storage.size();
  UINTN key = 0;
  UINTN descriptor_size = 0;
  UINT32 version = 0;
  auto* const descriptors = reinterpret_cast<EFI_MEMORY_DESCRIPTOR*>(storage.data());
  const EFI_STATUS status = boot().GetMemoryMap(&size, descriptors, &key, &descriptor_size, &version);
  TRY(StatusOf(status, size));
  if (size > storage.size() || descriptor_size > std::numeric_limits<std::uint32_t>::max()) {
    return Error{Errc::kTooLarge, size};
  }
  out = {storage.first(size), static_cast<std::uint32_t>(descriptor_size), version, key};
  return kDone;
}

Status Firmware::AllocateAt(PhysRange range, EFI_MEMORY_TYPE type) const {
  Require(range == range.RoundedOut(kPageSize));
  EFI_PHYSICAL_ADDRESS address = range.start().raw();
  return StatusOf(boot().AllocatePages(AllocateAddress, type, PagesOf(range), &address));
}

Result<PhysRange> Firmware::Allocate(std::uint64_t size, EFI_MEMORY_TYPE type, std::uint64_t limit) const {
  if (size > kPhysLimit - kPageSize) {
    return Error{Errc::kTooLarge, kPhysLimit};
  }
  const std::uint64_t pages = AlignUp(size, kPageSize) / kPageSize;
  EFI_PHYSICAL_ADDRESS address = limit - 1;
  const EFI_ALLOCATE_TYPE how = limit < kPhysLimit ? AllocateMaxAddress : AllocateAnyPages;
  TRY(StatusOf(boot().AllocatePages(how, type, pages, &address)));
  return PhysRange::FromStartSize(PhysAddr(address), pages * kPageSize);
}

void Firmware::Free(PhysRange range) const { static_cast<void>(boot().FreePages(range.start().raw(), PagesOf(range))); }

// --- Files

Result<std::uint64_t> Firmware::FileSize(EFI_HANDLE device, const char16_t* path) const {
  File file;
  TRY(OpenFile(*this, device, path, file));
  // To the end: UEFI 2.10, 13.5.
  std::uint64_t size = 0;
  TRY(StatusOf(file->SetPosition(file.get(), ~std::uint64_t{0})));
  TRY(StatusOf(file->GetPosition(file.get(), &size)));
  return size;
}

Status Firmware::ReadFile(EFI_HANDLE device, const char16_t* path, std::span<std::byte> out,
                          std::uint64_t offset) const {
  File file;
  TRY(OpenFile(*this, device, path, file));
  if (offset != 0) {
    TRY(StatusOf(file->SetPosition(file.get(), offset)));
  }
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t wanted = std::min(kReadChunk, out.size() - done);
    UINTN size = wanted;
    TRY(StatusOf(file->Read(file.get(), &size, out.data() + done)));
    if (size == 0 || size > wanted) {
      return Error{Errc::kTruncated, done};
    }
    done += size;
  }
  return kDone;
}

// --- Variables

Result<std::span<std::byte>> Firmware::GetVariable(const char16_t* name, const EFI_GUID& vendor,
                                                   std::span<std::byte> storage, std::uint32_t* attributes) const {
  UINTN size = storage.size();
  UINT32 found = 0;
  const EFI_STATUS status = runtime().GetVariable(Text(name), Guid(vendor), &found, &size, storage.data());
  TRY(StatusOf(status, size));
  if (size > storage.size()) {
    return Error{Errc::kTooLarge, size};
  }
  if (attributes != nullptr) {
    *attributes = found;
  }
  return storage.first(size);
}

Status Firmware::SetVariable(const char16_t* name, const EFI_GUID& vendor, std::uint32_t attributes,
                             std::span<const std::byte> bytes) const {
  return StatusOf(
      runtime().SetVariable(Text(name), Guid(vendor), attributes, bytes.size(), const_cast<std::byte*>(bytes.data())));
}

// --- Tables and protocols

std::optional<PhysAddr> Firmware::ConfigTable(const EFI_GUID& guid) const {
  for (const auto& table : std::span(table_->ConfigurationTable, table_->NumberOfTableEntries)) {
    if (IsSameGuid(table.VendorGuid, guid)) {
      return PhysAddr(reinterpret_cast<std::uintptr_t>(table.VendorTable));
    }
  }
  return std::nullopt;
}

Status Firmware::InstallConfigTable(const EFI_GUID& guid, void* table) const {
  return StatusOf(boot().InstallConfigurationTable(Guid(guid), table));
}

Result<void*> Firmware::Locate(const EFI_GUID& protocol) const {
  void* found = nullptr;
  TRY(StatusOf(boot().LocateProtocol(Guid(protocol), nullptr, &found)));
  return found;
}

Result<void*> Firmware::ProtocolOf(EFI_HANDLE handle, const EFI_GUID& protocol) const {
  void* found = nullptr;
  TRY(StatusOf(boot().HandleProtocol(handle, Guid(protocol), &found)));
  return found;
}

Result<EFI_HANDLE> Firmware::InstallAtPath(void* device_path, const EFI_GUID& protocol, void* interface) const {
  EFI_HANDLE handle = nullptr;
  TRY(StatusOf(boot().InstallMultipleProtocolInterfaces(&handle, Guid(kDevicePathGuid), device_path, Guid(protocol),
                                                        interface, static_cast<void*>(nullptr))));
  return handle;
}

void Firmware::UninstallAtPath(EFI_HANDLE handle, void* device_path, const EFI_GUID& protocol, void* interface) const {
  static_cast<void>(boot().UninstallMultipleProtocolInterfaces(handle, Guid(kDevicePathGuid), device_path,
                                                               Guid(protocol), interface, static_cast<void*>(nullptr)));
}

// --- Images

Result<EFI_HANDLE> Firmware::LoadImage(std::span<const std::byte> file) const {
  EFI_HANDLE image = nullptr;
  // It comes from memory: its path is an end node alone.
  EFI_DEVICE_PATH end{
      .Type = END_DEVICE_PATH_TYPE, .SubType = END_ENTIRE_DEVICE_PATH_SUBTYPE, .Length = {sizeof(EFI_DEVICE_PATH), 0}};
  const EFI_STATUS status =
      boot().LoadImage(/*BootPolicy=*/FALSE, image_, &end, const_cast<std::byte*>(file.data()), file.size(), &image);
  if (IsError(status)) {
    // With EFI_SECURITY_VIOLATION there may be an image that must not be started.
    if (status == EFI_SECURITY_VIOLATION && image != nullptr) {
      UnloadImage(image);
    }
    return ErrorOf(status);
  }
  return image;
}

void Firmware::UnloadImage(EFI_HANDLE image) const { static_cast<void>(boot().UnloadImage(image)); }

Status Firmware::StartImage(EFI_HANDLE image, std::span<const char16_t> options) const {
  TRY_ASSIGN(void* const found, ProtocolOf(image, kLoadedImageGuid));
  auto& loaded = *static_cast<EFI_LOADED_IMAGE*>(found);
  if (options.size_bytes() > std::numeric_limits<UINT32>::max()) {
    return Error{Errc::kTooLarge, std::numeric_limits<UINT32>::max()};
  }
  loaded.LoadOptions = const_cast<char16_t*>(options.data());
  loaded.LoadOptionsSize = static_cast<UINT32>(options.size_bytes());
  return StatusOf(boot().StartImage(image, nullptr, nullptr));
}

// --- The end

Status Firmware::ExitBootServices(std::uint64_t map_key) const {
  return StatusOf(boot().ExitBootServices(image_, map_key));
}

void Firmware::StopWatchdog() const { static_cast<void>(boot().SetWatchdogTimer(0, 0, 0, nullptr)); }

}  // namespace holdfast::efi
