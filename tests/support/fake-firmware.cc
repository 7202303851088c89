// SPDX-License-Identifier: BSD-2-Clause
// A system table of our own, for what the application asks of firmware.

#include "tests/support/fake-firmware.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "tests/support/fake-processor.h"

namespace holdfast::test {
namespace {

constexpr EFI_GUID kLoadedImageGuid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
constexpr EFI_GUID kFileSystemGuid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
constexpr EFI_GUID kGlobalVariableGuid = EFI_GLOBAL_VARIABLE;

constinit FakeFirmware* g_fake = nullptr;

bool IsSame(const EFI_GUID& a, const EFI_GUID& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }
std::u16string TextOf(const CHAR16* text) { return reinterpret_cast<const char16_t*>(text); }

std::u16string LowerCase(std::u16string text) {
  std::ranges::transform(text, text.begin(), [](char16_t c) {
    return c >= u'A' && c <= u'Z' ? static_cast<char16_t>(c - u'A' + u'a') : c;
  });
  return text;
}

// An open file; the root has no content.
struct OpenFile {
  EFI_FILE interface {};
  const Bytes* content = nullptr;
  std::uint64_t position = 0;
};

OpenFile& FileOf(EFI_FILE* file) { return *reinterpret_cast<OpenFile*>(file); }

}  // namespace

// The services themselves, by EFI's calling convention.
struct FakeServices {
  static EFIAPI EFI_STATUS AllocatePages(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
                                         EFI_PHYSICAL_ADDRESS* address) {
    const EFI_STATUS status = g_fake->Enter("AllocatePages");
    return status != EFI_SUCCESS ? status : g_fake->memory.Allocate(how, type, pages, address);
  }
  static EFIAPI EFI_STATUS FreePages(EFI_PHYSICAL_ADDRESS address, UINTN pages) {
    const EFI_STATUS status = g_fake->Enter("FreePages");
    return status != EFI_SUCCESS ? status : g_fake->memory.Free(address, pages);
  }
  static EFIAPI EFI_STATUS GetMemoryMap(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key, UINTN* descriptor_size,
                                        UINT32* version) {
    const EFI_STATUS status = g_fake->Enter("GetMemoryMap");
    return status != EFI_SUCCESS ? status : g_fake->memory.GetMap(size, map, key, descriptor_size, version);
  }

  // --- Protocols

  static EFIAPI EFI_STATUS HandleProtocol(EFI_HANDLE handle, EFI_GUID* guid, void** interface) {
    if (const EFI_STATUS status = g_fake->Enter("HandleProtocol"); status != EFI_SUCCESS) {
      return status;
    }
    FakeFirmware::Image* const image = g_fake->FindImage(handle);
    if (IsSame(*guid, kLoadedImageGuid) && (image != nullptr || handle == g_fake->image())) {
      *interface = image != nullptr ? &image->loaded : &g_fake->self_;
      return EFI_SUCCESS;
    }
    if (IsSame(*guid, kFileSystemGuid) && handle == g_fake->device() && g_fake->has_files) {
      *interface = &g_fake->volume_;
      return EFI_SUCCESS;
    }
    for (const auto& protocol : g_fake->protocols) {
      if (protocol.handle == handle && IsSame(protocol.guid, *guid)) {
        *interface = protocol.interface;
        return EFI_SUCCESS;
      }
    }
    return EFI_UNSUPPORTED;
  }
  static EFIAPI EFI_STATUS LocateProtocol(EFI_GUID* guid, void*, void** interface) {
    if (const EFI_STATUS status = g_fake->Enter("LocateProtocol"); status != EFI_SUCCESS) {
      return status;
    }
    for (const auto& protocol : g_fake->protocols) {
      if (IsSame(protocol.guid, *guid)) {
        *interface = protocol.interface;
        return EFI_SUCCESS;
      }
    }
    return EFI_NOT_FOUND;
  }
  static EFIAPI EFI_STATUS InstallProtocols(EFI_HANDLE* handle, ...) {
    if (const EFI_STATUS status = g_fake->Enter("InstallMultipleProtocolInterfaces"); status != EFI_SUCCESS) {
      return status;
    }
    auto* const owner = new int(0);
    *handle = owner;
    __builtin_ms_va_list list;
    __builtin_ms_va_start(list, handle);
    while (auto* const guid = __builtin_va_arg(list, EFI_GUID*)) {
      g_fake->protocols.push_back({.handle = owner, .guid = *guid, .interface = __builtin_va_arg(list, void*)});
    }
    __builtin_ms_va_end(list);
    return EFI_SUCCESS;
  }
  static EFIAPI EFI_STATUS UninstallProtocols(EFI_HANDLE handle, ...) {
    if (const EFI_STATUS status = g_fake->Enter("UninstallMultipleProtocolInterfaces"); status != EFI_SUCCESS) {
      return status;
    }
    std::erase_if(g_fake->protocols, [handle](const auto& protocol) { return protocol.handle == handle; });
    delete static_cast<int*>(handle);
    return EFI_SUCCESS;
  }
  static EFIAPI EFI_STATUS InstallConfigurationTable(EFI_GUID* guid, void* table) {
    if (const EFI_STATUS status = g_fake->Enter("InstallConfigurationTable"); status != EFI_SUCCESS) {
      return status;
    }
    const auto erased =
        std::erase_if(g_fake->config_tables, [guid](const auto& other) { return IsSame(other.VendorGuid, *guid); });
    if (table != nullptr) {
      g_fake->config_tables.push_back({*guid, table});
    }
    g_fake->UpdateTable();
    return table == nullptr && erased == 0 ? EFI_NOT_FOUND : EFI_SUCCESS;
  }

  // --- Images

  static EFIAPI EFI_STATUS LoadImage(BOOLEAN, EFI_HANDLE, EFI_DEVICE_PATH* path, void* file, UINTN size,
                                     EFI_HANDLE* handle) {
    if (const EFI_STATUS status = g_fake->Enter("LoadImage"); status != EFI_SUCCESS) {
      return status;
    }
    if (path == nullptr || (g_fake->load_status != EFI_SUCCESS && !g_fake->loads_untrusted)) {
      return path == nullptr ? EFI_INVALID_PARAMETER : g_fake->load_status;
    }
    EFI_PHYSICAL_ADDRESS address = 0;
    const std::uint64_t pages = (size + kPageSize - 1) / kPageSize;
    if (g_fake->memory.Allocate(AllocateAnyPages, EfiLoaderCode, pages, &address) != EFI_SUCCESS) {
      return EFI_OUT_OF_RESOURCES;
    }
    auto image = std::make_unique<FakeFirmware::Image>();
    const auto* const bytes = static_cast<const std::byte*>(file);
    image->file.assign(bytes, bytes + size);
    image->base = PhysRange::FromStartSize(PhysAddr(address), pages * kPageSize).value();
    std::memcpy(g_fake->memory.Bytes(image->base).data(), bytes, size);
    image->loaded.ImageBase = reinterpret_cast<void*>(address);
    image->loaded.ImageSize = size;
    *handle = image.get();
    g_fake->images.push_back(std::move(image));
    return g_fake->load_status;
  }
  static EFIAPI EFI_STATUS StartImage(EFI_HANDLE handle, UINTN*, CHAR16**) {
    if (const EFI_STATUS status = g_fake->Enter("StartImage"); status != EFI_SUCCESS) {
      return status;
    }
    FakeFirmware::Image* const image = g_fake->FindImage(handle);
    if (image == nullptr) {
      return EFI_INVALID_PARAMETER;
    }
    image->is_started = true;
    image->options.assign(static_cast<const char16_t*>(image->loaded.LoadOptions),
                          image->loaded.LoadOptionsSize / sizeof(char16_t));
    const EFI_STATUS status = g_fake->on_start ? g_fake->on_start(*image) : EFI_SUCCESS;
    // An application that ends is unloaded (UEFI 2.10, 7.4.3).
    static_cast<void>(UnloadImage(handle));
    return status;
  }
  static EFIAPI EFI_STATUS UnloadImage(EFI_HANDLE handle) {
    ++g_fake->calls["UnloadImage"];
    FakeFirmware::Image* const image = g_fake->FindImage(handle);
    if (image == nullptr) {
      return EFI_INVALID_PARAMETER;
    }
    image->is_unloaded = true;
    return g_fake->memory.Free(image->base.start().raw(), image->base.size() / kPageSize);
  }

  // --- The end

  static EFIAPI EFI_STATUS ExitBootServices(EFI_HANDLE, UINTN key) {
    if (const EFI_STATUS status = g_fake->Enter("ExitBootServices"); status != EFI_SUCCESS) {
      return status;
    }
    if (g_fake->num_stale_keys != 0) {
      --g_fake->num_stale_keys;
      g_fake->memory.Touch();
    }
    if (key != g_fake->memory.key()) {
      return EFI_INVALID_PARAMETER;
    }
    g_fake->left_boot_services = true;
    return EFI_SUCCESS;
  }
  static EFIAPI EFI_STATUS SetWatchdogTimer(UINTN, UINT64, UINTN, CHAR16*) { return g_fake->Enter("SetWatchdogTimer"); }

  // --- Variables

  static EFIAPI EFI_STATUS GetVariable(CHAR16* name, EFI_GUID* vendor, UINT32* attributes, UINTN* size, void* out) {
    if (const EFI_STATUS status = g_fake->Enter("GetVariable"); status != EFI_SUCCESS) {
      return status;
    }
    const auto* const found = g_fake->FindVariable(TextOf(name), *vendor);
    if (found == nullptr) {
      return EFI_NOT_FOUND;
    }
    const bool fits = found->bytes.size() <= *size;
    *size = found->bytes.size();
    if (!fits) {
      return EFI_BUFFER_TOO_SMALL;
    }
    *attributes = found->attributes;
    std::ranges::copy(found->bytes, static_cast<std::byte*>(out));
    return EFI_SUCCESS;
  }
  static EFIAPI EFI_STATUS SetVariable(CHAR16* name, EFI_GUID* vendor, UINT32 attributes, UINTN size, void* bytes) {
    if (const EFI_STATUS status = g_fake->Enter("SetVariable"); status != EFI_SUCCESS) {
      return status;
    }
    const std::u16string text = TextOf(name);
    const auto* const found = g_fake->FindVariable(text, *vendor);
    if (size == 0) {
      if (found == nullptr) {
        return EFI_NOT_FOUND;
      }
      g_fake->variables.erase(g_fake->variables.begin() + (found - g_fake->variables.data()));
      return EFI_SUCCESS;
    }
    if (size > g_fake->max_variable_size || (found != nullptr && found->attributes != attributes)) {
      return EFI_INVALID_PARAMETER;
    }
    const auto* const first = static_cast<const std::byte*>(bytes);
    g_fake->SetVariable(text, *vendor, attributes, Bytes(first, first + size));
    return EFI_SUCCESS;
  }

  // --- Files

  static EFIAPI EFI_STATUS OpenVolume(EFI_FILE_IO_INTERFACE*, EFI_FILE** root) {
    const EFI_STATUS status = g_fake->Enter("OpenVolume");
    *root = status == EFI_SUCCESS ? MakeFile(nullptr) : nullptr;
    return status;
  }
  static EFIAPI EFI_STATUS Open(EFI_FILE*, EFI_FILE** out, CHAR16* path, UINT64 mode, UINT64) {
    if (const EFI_STATUS status = g_fake->Enter("Open"); status != EFI_SUCCESS) {
      return status;
    }
    for (const auto& [name, content] : g_fake->files) {
      if (LowerCase(name) == LowerCase(TextOf(path))) {
        if (mode != EFI_FILE_MODE_READ) {
          return EFI_WRITE_PROTECTED;
        }
        *out = MakeFile(&content);
        return EFI_SUCCESS;
      }
    }
    return EFI_NOT_FOUND;
  }
  static EFIAPI EFI_STATUS Close(EFI_FILE* file) {
    --g_fake->num_open_files;
    delete &FileOf(file);
    return EFI_SUCCESS;
  }
  static EFIAPI EFI_STATUS Read(EFI_FILE* file, UINTN* size, void* out) {
    if (const EFI_STATUS status = g_fake->Enter("Read"); status != EFI_SUCCESS) {
      return status;
    }
    OpenFile& open = FileOf(file);
    *size = std::min({*size, g_fake->max_read, open.content->size() - open.position});
    std::memcpy(out, open.content->data() + open.position, *size);
    open.position += *size;
    return EFI_SUCCESS;
  }
  static EFIAPI EFI_STATUS SetPosition(EFI_FILE* file, UINT64 position) {
    OpenFile& open = FileOf(file);
    open.position = std::min<std::uint64_t>(position, open.content->size());
    return g_fake->Enter("SetPosition");
  }
  static EFIAPI EFI_STATUS GetPosition(EFI_FILE* file, UINT64* position) {
    *position = FileOf(file).position;
    return g_fake->Enter("GetPosition");
  }
  static EFI_FILE* MakeFile(const Bytes* content) {
    ++g_fake->num_open_files;
    auto* const open = new OpenFile{.content = content};
    open->interface.Open = &Open;
    open->interface.Close = &Close;
    open->interface.Read = &Read;
    open->interface.SetPosition = &SetPosition;
    open->interface.GetPosition = &GetPosition;
    return &open->interface;
  }

  static EFIAPI EFI_STATUS OutputString(SIMPLE_TEXT_OUTPUT_INTERFACE*, CHAR16* text) {
    g_fake->printed += TextOf(text);
    return g_fake->Enter("OutputString");
  }
};

FakeFirmware::FakeFirmware() {
  if (g_fake != nullptr) {
    throw std::logic_error("two fake firmwares");
  }
  g_fake = this;
  boot_.AllocatePages = &FakeServices::AllocatePages;
  boot_.FreePages = &FakeServices::FreePages;
  boot_.GetMemoryMap = &FakeServices::GetMemoryMap;
  boot_.HandleProtocol = &FakeServices::HandleProtocol;
  boot_.LocateProtocol = &FakeServices::LocateProtocol;
  boot_.InstallMultipleProtocolInterfaces = &FakeServices::InstallProtocols;
  boot_.UninstallMultipleProtocolInterfaces = &FakeServices::UninstallProtocols;
  boot_.InstallConfigurationTable = &FakeServices::InstallConfigurationTable;
  boot_.LoadImage = &FakeServices::LoadImage;
  boot_.StartImage = &FakeServices::StartImage;
  boot_.UnloadImage = &FakeServices::UnloadImage;
  boot_.ExitBootServices = &FakeServices::ExitBootServices;
  boot_.SetWatchdogTimer = &FakeServices::SetWatchdogTimer;
  runtime_.GetVariable = &FakeServices::GetVariable;
  runtime_.SetVariable = &FakeServices::SetVariable;
  console_.OutputString = &FakeServices::OutputString;
  volume_.OpenVolume = &FakeServices::OpenVolume;
  table_.BootServices = &boot_;
  table_.RuntimeServices = &runtime_;
  table_.ConOut = &console_;
  table_.FirmwareVendor = reinterpret_cast<CHAR16*>(vendor_.data());
  self_.DeviceHandle = &device_;
}

FakeFirmware::~FakeFirmware() { g_fake = nullptr; }

void FakeFirmware::SetSelf(std::span<const std::byte> image) {
  self_.ImageBase = const_cast<std::byte*>(image.data());
  self_.ImageSize = image.size();
}

void FakeFirmware::SetOptions(std::u16string options) {
  options_ = std::move(options);
  self_.LoadOptions = options_.data();
  self_.LoadOptionsSize = static_cast<UINT32>((options_.size() + 1) * sizeof(char16_t));
}

void FakeFirmware::SetVariable(const std::u16string& name, const EFI_GUID& vendor, std::uint32_t attributes,
                               const Bytes& bytes) {
  std::erase_if(variables, [&](const Variable& v) { return v.name == name && IsSame(v.vendor, vendor); });
  variables.push_back({name, vendor, attributes, bytes});
}

const FakeFirmware::Variable* FakeFirmware::FindVariable(const std::u16string& name, const EFI_GUID& vendor) const {
  const auto found =
      std::ranges::find_if(variables, [&](const Variable& v) { return v.name == name && IsSame(v.vendor, vendor); });
  return found == variables.end() ? nullptr : &*found;
}

void FakeFirmware::SetSecureBoot(bool is_on) {
  constexpr std::uint32_t kAttributes = EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS;
  SetVariable(u"SecureBoot", kGlobalVariableGuid, kAttributes, {is_on ? std::byte{1} : std::byte{0}});
  SetVariable(u"SetupMode", kGlobalVariableGuid, kAttributes, {is_on ? std::byte{0} : std::byte{1}});
}

std::vector<FakeEfiMemory::Entry> FakeFirmware::Taken() const {
  std::vector<FakeEfiMemory::Entry> taken;
  std::ranges::copy_if(memory.entries(), std::back_inserter(taken), [&](const FakeEfiMemory::Entry& entry) {
    return entry.type != EfiConventionalMemory && memory.range().Contains(entry.range);
  });
  return taken;
}

EFI_STATUS FakeFirmware::Enter(const char* service) {
  ++calls[service];
  if (IsInVectorScope()) {
    ++num_calls_in_vector_scopes;
  }
  if (on_call) {
    on_call(service);
  }
  const auto found = failing.find(service);
  return found == failing.end() ? EFI_SUCCESS : found->second;
}

FakeFirmware::Image* FakeFirmware::FindImage(EFI_HANDLE handle) {
  const auto found = std::ranges::find_if(
      images, [handle](const auto& image) { return image.get() == handle && !image->is_unloaded; });
  return found == images.end() ? nullptr : found->get();
}

void FakeFirmware::UpdateTable() {
  table_.ConfigurationTable = config_tables.data();
  table_.NumberOfTableEntries = config_tables.size();
}

}  // namespace holdfast::test
