// SPDX-License-Identifier: BSD-2-Clause
// What this machine's kernel says of it in /sys and /proc.

#include "tools/mkhandover/machine.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "common/format/command-line.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/map-source.h"
#include "tools/mkhandover/map-text.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kBootParams = "sys/kernel/boot_params/data";
constexpr const char* kMemmap = "sys/firmware/memmap";
constexpr const char* kEfi = "sys/firmware/efi";
constexpr const char* kCpuinfo = "proc/cpuinfo";
constexpr const char* kCommandLine = "proc/cmdline";
constexpr const char* kKhoOut = "sys/kernel/debug/kho/out";
constexpr const char* kKexecLoaded = "sys/kernel/kexec_loaded";

template <typename Visit>
void ForEachLine(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

BootParams ReadBootParams(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = ReadFile(path.string());
  BootParams params;
  if (bytes.size() != sizeof(params)) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: {} bytes are not the {} of boot_params", path.string(), bytes.size(), sizeof(params)));
  }
  std::memcpy(&params, bytes.data(), sizeof(params));
  return params;
}

std::uint64_t ReadNumber(const std::filesystem::path& path) {
  const std::string text = ReadTextFile(path.string());
  const auto value = ParseHex(text);
  if (!value) {
    throw Failure(ExitCode::kBadInput, Format("{}: not an address: {}", path.string(), Printable(Trim(text))));
  }
  return *value;
}

// Empty where there is no such file.
std::string ReadIfThere(const std::filesystem::path& path) {
  std::error_code none;
  return std::filesystem::exists(path, none) ? ReadTextFile(path.string()) : std::string();
}

std::unique_ptr<EfiMachine> ReadEfi(const std::filesystem::path& efi, const EfiInfo& info) {
  auto out = std::make_unique<EfiMachine>();
  out->info = info;
  out->runtime_map = ReadRuntimeMap(efi / "runtime-map");
  out->fw_vendor = ReadNumber(efi / "fw_vendor");
  out->config_table = ReadNumber(efi / "config_table");
  out->smbios = FindInSystab(ReadIfThere(efi / "systab"), "SMBIOS").value_or(0);
  return out;
}

// 64-bit firmware alone can be gone on with.
std::unique_ptr<EfiMachine> ReadEfiIfUsable(const std::filesystem::path& efi, const EfiInfo& info, Output& output) {
  std::error_code none;
  if (!std::filesystem::is_directory(efi, none)) {
    return nullptr;
  }
  if (info.loader_signature.value() != kEfiSignature64) {
    output.Warn("this kernel was not started with 64-bit EFI: the next one will have no EFI runtime services");
    return nullptr;
  }
  try {
    return ReadEfi(efi, info);
  } catch (const std::exception& failure) {
    output.Warn(Format("the next kernel will have no EFI runtime services: {}", failure.what()));
    return nullptr;
  }
}

}  // namespace

std::vector<EfiMemoryDescriptor> ReadRuntimeMap(const std::filesystem::path& directory) {
  std::map<std::uint64_t, EfiMemoryDescriptor> by_number;
  for (const auto& child : std::filesystem::directory_iterator(directory)) {
    const std::string name = child.path().filename().string();
    if (name.empty() || !std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      continue;
    }
    by_number[std::stoull(name)] = {.type = Le32(static_cast<std::uint32_t>(ReadNumber(child.path() / "type"))),
                                    .padding = Le32(0),
                                    .physical_start = Le64(ReadNumber(child.path() / "phys_addr")),
                                    .virtual_start = Le64(ReadNumber(child.path() / "virt_addr")),
                                    .number_of_pages = Le64(ReadNumber(child.path() / "num_pages")),
                                    .attribute = Le64(ReadNumber(child.path() / "attribute"))};
  }
  if (by_number.empty()) {
    throw Failure(ExitCode::kBadInput, Format("{}: no descriptors", directory.string()));
  }
  std::vector<EfiMemoryDescriptor> out;
  for (const auto& [number, descriptor] : by_number) {
    out.push_back(descriptor);
  }
  return out;
}

std::optional<std::uint64_t> FindInSystab(std::string_view text, std::string_view name) {
  std::optional<std::uint64_t> found;
  ForEachLine(text, [&](std::string_view line) {
    if (!found && line.starts_with(name) && line.substr(name.size()).starts_with('=')) {
      found = ParseHex(line.substr(name.size() + 1));
    }
  });
  return found;
}

bool ShowsFlag(std::string_view cpuinfo, std::string_view flag) {
  bool shows = false;
  ForEachLine(cpuinfo, [&](std::string_view line) {
    shows = shows || (line.starts_with("flags") && Format("{} ", line).find(Format(" {} ", flag)) != std::string::npos);
  });
  return shows;
}

// A host shows sev as well, but runs on no hypervisor; a guest that is not encrypted is not shown it.
bool ShowsConfidential(std::string_view cpuinfo) {
  return ShowsFlag(cpuinfo, "tdx_guest") || (ShowsFlag(cpuinfo, "hypervisor") && ShowsFlag(cpuinfo, "sev"));
}

bool AsksForKho(std::string_view cmdline) {
  // The last one holds, a boolean as kstrtobool() (lib/kstrtox.c) reads it.
  const auto option = FindLastOption(Trim(cmdline), "kho");
  if (!option || option->value.empty()) {
    return false;
  }
  const std::string_view value = option->value;
  return value[0] == '1' || value[0] == 'y' || value[0] == 'Y' || value[0] == 't' || value[0] == 'T' ||
         value.starts_with("on") || value.starts_with("oN") || value.starts_with("On") || value.starts_with("ON");
}

Machine ReadMachine(const std::filesystem::path& root, Output& output) {
  Machine out;
  out.params = ReadBootParams(root / kBootParams);
  const std::string memmap = (root / kMemmap).string();
  out.map = LayOut(ReadMemmapDirectory(memmap), memmap);
  out.efi = ReadEfiIfUsable(root / kEfi, out.params.efi_info, output);
  out.acpi_rsdp = out.params.acpi_rsdp_addr.value();
  if (out.acpi_rsdp == 0) {
    const std::string systab = ReadIfThere(root / kEfi / "systab");
    out.acpi_rsdp = FindInSystab(systab, "ACPI20").value_or(FindInSystab(systab, "ACPI").value_or(0));
  }
  const std::string cpuinfo = ReadIfThere(root / kCpuinfo);
  // A kernel shows it only where it runs in 5-level paging.
  out.is_5_levels = ShowsFlag(cpuinfo, "la57");
  out.is_confidential = ShowsConfidential(cpuinfo);
  // The folder is there only where debugfs is; without it the command line tells.
  out.hands_over_by_kho = std::filesystem::exists(root / kKhoOut) || AsksForKho(ReadIfThere(root / kCommandLine));
  out.has_loaded_kernel = Trim(ReadIfThere(root / kKexecLoaded)) == "1";
  return out;
}

}  // namespace holdfast::tool
