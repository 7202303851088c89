// SPDX-License-Identifier: BSD-2-Clause
// From a guest's options to its initramfs and QEMU's command line.

#include "tests/e2e/qemu-command.h"

#include <array>

#include "tests/e2e/initramfs.h"
#include "tests/e2e/tpm.h"

namespace holdfast::e2e {
namespace {

// Put into every guest if it has been built; a guest that needs one that is missing says so itself.
struct Tool {
  std::filesystem::path source;
  const char* path;
};

std::vector<Tool> Tools(const GuestOptions& options) {
  return {{Kexec(options.kexec_tools), "bin/kexec"},
          {StockKexec(options.kexec_tools), "bin/kexec-stock"},
          {Mkhandover(), "bin/mkhandover"},
          {GuestProgram("pattern"), "bin/pattern"},
          {GuestProgram("poke"), "bin/poke"}};
}

// Two features that QEMU's own translation is better off without.  Its cmpxchg16b (seen with QEMU 7.2) now and then
// leaves garbage in the flags, and 6.12, whose allocator uses it all the time, does not survive that; with fast string
// operations the kernel clears pages by an instruction that is translated into one step for each byte.
std::string Cpu(const GuestOptions& options, std::string_view accelerator) {
  std::string cpu = options.cpu;
  if (!accelerator.starts_with("tcg")) return cpu;
  for (const char* feature : {"cx16", "erms"}) {
    if (options.cpu.find(feature) == std::string::npos) cpu += std::string(",-") + feature;
  }
  return cpu;
}

// Several processors take turns: where each has a thread of its own, QEMU 7.2 loses races that real ones do not, and
// a kernel that patches its own code (7.2, static keys) then meets a breakpoint that nobody set.
std::string Accelerator(const GuestOptions& options, const std::string& accelerator) {
  return accelerator == "tcg" && options.cpus > 1 ? accelerator + ",thread=single" : accelerator;
}

std::string Chardev(Line line, const LineEnds& ends) {
  const auto index = static_cast<std::size_t>(line);
  return "socket,id=" + std::string(kLineNames[index]) + ",fd=" + std::to_string(ends[index]);
}

// With Secure Boot only code in system management mode can write the variables; sleep would need more of it.
void AddOvmf(const GuestOptions& options, const std::filesystem::path& folder, std::vector<std::string>& words) {
  const bool is_secure = options.firmware == Firmware::kOvmfSecure;
  const std::filesystem::path firmware = EnvironmentOr("OVMF", "/usr/share/OVMF");
  const std::filesystem::path variables = folder / "firmware-variables.fd";
  const char* fitting = is_secure ? "OVMF_VARS_4M.snakeoil.fd" : "OVMF_VARS_4M.fd";
  std::filesystem::copy_file(firmware / (options.variables.empty() ? fitting : options.variables), variables);
  const std::filesystem::path code = firmware / (is_secure ? "OVMF_CODE_4M.secboot.fd" : "OVMF_CODE_4M.fd");
  words.insert(words.end(), {"-drive", "if=pflash,format=raw,unit=0,readonly=on,file=" + code.string(), "-drive",
                             "if=pflash,format=raw,unit=1,file=" + variables.string()});
  if (is_secure) {
    words.insert(words.end(),
                 {"-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1"});
  }
}

}  // namespace

void WriteInitramfs(const GuestOptions& options, const std::filesystem::path& file) {
  CpioWriter archive(file);
  AddWorld(archive, options.modules);
  for (const Tool& tool : Tools(options)) {
    if (std::filesystem::exists(tool.source)) archive.File(tool.path, ReadFile(tool.source));
  }
  for (const std::string& kernel : options.carried) archive.File("kernels/" + kernel, ReadFile(KernelImage(kernel)));
  for (const GuestFile& extra : options.files) archive.File(extra.path, ReadFile(extra.source));
  archive.Finish();
}

std::vector<std::string> QemuCommand(const GuestOptions& options, const std::filesystem::path& folder,
                                     const LineEnds& ends, const GuestMemory& memory) {
  const std::string accelerator = EnvironmentOr("ACCEL", "tcg");
  const bool is_secure = options.firmware == Firmware::kOvmfSecure;
  const std::string ram = "memory-backend-file,id=ram,share=on,size=" + std::to_string(memory.size()) +
                          ",mem-path=/proc/self/fd/" + std::to_string(memory.fd());
  std::vector<std::string> words = {EnvironmentOr("QEMU", "qemu-system-x86_64"),
                                    "-nodefaults",
                                    "-display",
                                    "none",
                                    "-no-user-config",
                                    "-accel",
                                    Accelerator(options, accelerator),
                                    "-cpu",
                                    Cpu(options, accelerator),
                                    "-smp",
                                    std::to_string(options.cpus),
                                    "-m",
                                    std::to_string(memory.size() >> 20),
                                    "-object",
                                    ram,
                                    "-machine",
                                    std::string("q35,memory-backend=ram") + (is_secure ? ",smm=on" : "")};
  const auto add = [&words](std::initializer_list<std::string> more) { words.insert(words.end(), more); };

  if (options.firmware != Firmware::kSeaBios) AddOvmf(options, folder, words);
  if (options.tpm) {
    add({"-chardev", "socket,id=tpm,path=" + Tpm::Socket(folder).string(), "-tpmdev", "emulator,id=tpm0,chardev=tpm"});
    add({"-device", "tpm-crb,tpmdev=tpm0"});
  }
  for (std::size_t i = 0; i < options.disks.size(); ++i) {
    const std::string disk = "disk" + std::to_string(i);
    add({"-drive", "if=none,format=raw,id=" + disk + ",file=" + options.disks[i].string()});
    add({"-device", "virtio-blk-pci,drive=" + disk + ",bootindex=" + std::to_string(i)});
  }

  const std::string command_line = options.command_line.value_or(std::string(kConsoleOptions) +
                                                                 (options.append.empty() ? "" : " ") + options.append);
  if (!options.kernel.empty()) {
    add({"-kernel", KernelImage(options.kernel).string(), "-initrd", (folder / "initramfs").string(), "-append",
         command_line});
  }

  add({"-chardev", Chardev(Line::kConsole, ends), "-serial", "chardev:console"});
  add({"-chardev", Chardev(Line::kCommands, ends), "-serial", "chardev:commands"});
  add({"-chardev", Chardev(Line::kControl, ends), "-mon", "chardev=control,mode=control"});
  add({"-chardev", Chardev(Line::kDebug, ends), "-device", "isa-debugcon,iobase=0xe9,chardev=debug"});
  if (!options.reboots) add({"-no-reboot"});
  words.insert(words.end(), options.qemu.begin(), options.qemu.end());
  return words;
}

}  // namespace holdfast::e2e
