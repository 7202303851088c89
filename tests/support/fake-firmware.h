// SPDX-License-Identifier: BSD-2-Clause
// A system table of our own, for what the application asks of firmware.
//
// One at a time: EFI's services know no context.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "efi-stub/firmware.h"
#include "tests/support/fake-efi-memory.h"

namespace holdfast::test {

using Bytes = std::vector<std::byte>;

class FakeFirmware {
 public:
  struct Variable {
    std::u16string name;
    EFI_GUID vendor{};
    std::uint32_t attributes = 0;
    Bytes bytes;
  };
  // What firmware was given to load.
  struct Image {
    Bytes file;
    EFI_LOADED_IMAGE loaded{};
    PhysRange base;          // its file, as it lies there
    std::u16string options;  // as it was started, with the NUL
    bool is_started = false;
    bool is_unloaded = false;
  };
  // A handle that LocateProtocol() and HandleProtocol() find.
  struct Protocol {
    EFI_HANDLE handle = nullptr;
    EFI_GUID guid{};
    void* interface = nullptr;
  };

  FakeFirmware();
  ~FakeFirmware();
  FakeFirmware(const FakeFirmware&) = delete;
  FakeFirmware& operator=(const FakeFirmware&) = delete;

  EFI_HANDLE image() { return &self_; }
  EFI_HANDLE device() { return &device_; }
  EFI_SYSTEM_TABLE* table() { return &table_; }

  // --- What there is; set by a test before, read after
  FakeEfiMemory memory;
  std::map<std::u16string, Bytes> files;  // "\EFI\holdfast\linux"; names are found whatever their case
  std::vector<Variable> variables;
  std::size_t max_variable_size = 33'000;
  std::vector<EFI_CONFIGURATION_TABLE> config_tables;
  std::vector<Protocol> protocols;
  std::u16string printed;
  std::map<std::string, std::size_t> calls;  // of each service by its name
  std::size_t num_calls_in_vector_scopes = 0;

  // --- What is to go wrong
  std::map<std::string, EFI_STATUS> failing;  // a service that always fails: "AllocatePages"
  EFI_STATUS load_status = EFI_SUCCESS;
  bool loads_untrusted = false;     // EFI_SECURITY_VIOLATION comes with a handle
  std::size_t num_stale_keys = 0;   // so many times the map changes just before boot services end
  std::size_t max_read = SIZE_MAX;  // bytes that one Read() gives at most
  bool has_files = true;            // of the device that it was loaded from

  // --- What became of it
  std::vector<std::unique_ptr<Image>> images;
  std::function<EFI_STATUS(Image&)> on_start;  // the kernel, while it runs
  std::function<void(const char*)> on_call;    // a service by its name, before it answers
  std::size_t num_open_files = 0;
  bool left_boot_services = false;

  // The application's own image and options.
  void SetSelf(std::span<const std::byte> image);
  void SetOptions(std::u16string options);                               // a NUL is put behind them
  void CutOptions(std::uint32_t size) { self_.LoadOptionsSize = size; }  // bytes
  void SetVariable(const std::u16string& name, const EFI_GUID& vendor, std::uint32_t attributes, const Bytes& bytes);
  const Variable* FindVariable(const std::u16string& name, const EFI_GUID& vendor) const;  // null without one
  void SetSecureBoot(bool is_on);
  // What is not free, without what firmware had: what the application has taken.
  std::vector<FakeEfiMemory::Entry> Taken() const;

 private:
  friend struct FakeServices;

  // For FakeServices: counts the call, and says whether it is to fail.
  EFI_STATUS Enter(const char* service);
  Image* FindImage(EFI_HANDLE handle);
  void UpdateTable();

  EFI_SYSTEM_TABLE table_{};
  EFI_BOOT_SERVICES boot_{};
  EFI_RUNTIME_SERVICES runtime_{};
  SIMPLE_TEXT_OUTPUT_INTERFACE console_{};
  EFI_FILE_IO_INTERFACE volume_{};
  EFI_LOADED_IMAGE self_{};
  int device_ = 0;
  std::u16string vendor_ = u"Fake";
  std::u16string options_;
};

}  // namespace holdfast::test
