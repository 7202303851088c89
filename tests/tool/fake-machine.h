// SPDX-License-Identifier: BSD-2-Clause
// A machine's /sys and /proc, as far as a loader reads them.

#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/abi/boot-params.h"
#include "tests/tool/scratch-folder.h"

namespace holdfast::tool {

class FakeMachine {
 public:
  FakeMachine() {
    WriteParams();
    AddMemory(0, 0x9fbff, "System RAM");
    AddMemory(0x100000, 0x7fffffff, "System RAM");
    AddMemory(0xb0000000, 0xbfffffff, "Reserved");
    Write("proc/cpuinfo", "flags\t\t: fpu lm\n");
  }

  const std::filesystem::path& root() const { return folder_.path(); }
  BootParams params{};

  void WriteParams() const {
    std::string bytes(sizeof(params), '\0');
    std::memcpy(bytes.data(), &params, sizeof(params));
    Write("sys/kernel/boot_params/data", bytes);
  }

  void AddMemory(std::uint64_t first, std::uint64_t last, const char* type) {
    const std::string entry = "sys/firmware/memmap/" + std::to_string(num_memory_++) + "/";
    Write(entry + "start", Hex(first));
    Write(entry + "end", Hex(last));
    Write(entry + "type", std::string(type) + "\n");
  }

  void AddEfi() {
    params.efi_info.loader_signature.Set(kEfiSignature64);
    params.efi_info.systab.Set(0x7f001000);
    params.efi_info.memdesc_size.Set(48);
    params.efi_info.memmap.Set(0x7e000000);
    WriteParams();
    Write("sys/firmware/efi/fw_vendor", "0x7f002000\n");
    Write("sys/firmware/efi/config_table", "0x7f003000\n");
    Write("sys/firmware/efi/systab", "ACPI20=0x7f77d014\nACPI=0x7f77d000\nSMBIOS3=0x1\nSMBIOS=0x7f5c2000\n");
    for (std::uint64_t i = 0; i < 12; ++i) {
      AddRuntime(i, 0x7d000000 + i * 0x10000);
    }
  }

  void Write(const std::string& path, const std::string& text) const {
    const std::filesystem::path full = root() / path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full, std::ios::binary) << text;
  }
  void Remove(const std::string& path) const { std::filesystem::remove_all(root() / path); }

 private:
  static std::string Hex(std::uint64_t value) {
    char text[32];
    std::snprintf(text, sizeof(text), "0x%llx\n", static_cast<unsigned long long>(value));
    return text;
  }

  void AddRuntime(std::uint64_t number, std::uint64_t start) const {
    const std::string entry = "sys/firmware/efi/runtime-map/" + std::to_string(number) + "/";
    Write(entry + "type", "0x6\n");
    Write(entry + "phys_addr", Hex(start));
    Write(entry + "virt_addr", Hex(0xfffffffeff000000 + start));
    Write(entry + "num_pages", "0x10\n");
    Write(entry + "attribute", "0x800000000000000f\n");
  }

  ScratchFolder folder_;
  int num_memory_ = 0;
};

}  // namespace holdfast::tool
