// SPDX-License-Identifier: BSD-2-Clause
// A QEMU guest that tests give orders to and listen to.
//
// The guest's first serial line is its console, the second one carries
// commands.  Every wait has a limit; one that fails throws GuestFailure with the
// last lines of the console, and Catch2 reports that.  While it waits, a panic,
// a forbidden line, a reset nobody waits for, the end of QEMU, a long silence and
// the guest's life span all end the wait.
//
// No guest outlives its Guest, nor the thread that made it.

#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/environment.h"
#include "tests/e2e/guest-memory.h"
#include "tests/e2e/memory-report.h"

namespace holdfast::e2e {

enum class Firmware { kSeaBios, kOvmf, kOvmfSecure };  // with Secure Boot: the test keys that Debian's OVMF comes with

// A file that the guest finds at `path`.
struct GuestFile {
  std::filesystem::path source;
  std::string path;
};

// Needed by every kernel in the guest that is to be heard; and the timer is believed to tick, which an emulator on a
// busy host cannot always show in the time that a kernel allows for it.
inline constexpr std::string_view kConsoleOptions =
    "console=ttyS0,115200 loglevel=7 printk.devkmsg=on earlyprintk=serial,ttyS0,115200 no_timer_check";

struct GuestOptions {
  Firmware firmware = Firmware::kSeaBios;
  std::string variables = {};  // OVMF's, as the guest finds them; a name in its folder, or what fits the firmware
  bool tpm = false;            // a TPM 2.0, by swtpm
  std::string memory = "1G";
  unsigned cpus = 1;
  std::string cpu = "max";

  std::string kernel = "6.1";                     // boots first; a name below kernels/, or empty: what firmware finds
  std::vector<std::filesystem::path> disks = {};  // that firmware tries to boot from, in this order
  std::vector<std::string> carried = {};          // further kernels, in the guest as /kernels/NAME
  std::string append = {};                        // added to kConsoleOptions
  std::optional<std::string> command_line = {};   // in place of kConsoleOptions and `append`

  std::string kexec_tools = "bookworm";   // whose; in the guest: /bin/kexec with our purgatory, /bin/kexec-stock
  std::vector<std::string> modules = {};  // drivers, below build/kernels/*/modules; in the guest /lib/modules/RELEASE
  std::vector<GuestFile> files = {};   // beside kexec, mkhandover, pattern and poke, which are there if they are built
  std::vector<std::string> qemu = {};  // further words for QEMU

  bool may_panic = false;              // for a crash kernel, which is started by a panic
  bool reboots = true;                 // a reset starts over; otherwise it ends QEMU
  Milliseconds silence = Seconds(60);  // without any sign of life while a line is waited for
  Milliseconds life_span = Seconds(900);
};

class GuestFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct CommandResult {
  int status = 0;
  std::string output;
  std::string errors;
};

inline constexpr Milliseconds kBootLimit = Seconds(120);
inline constexpr Milliseconds kCommandLimit = Seconds(120);

class Guest {
 public:
  explicit Guest(GuestOptions options);  // starts it; the first command waits until it is up
  ~Guest();
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  // Commands, each for a shell of its own.  All limits are before scaling.
  CommandResult Run(const std::string& command, Milliseconds limit = kCommandLimit);       // status 0, or it throws
  CommandResult RunFails(const std::string& command, Milliseconds limit = kCommandLimit);  // any other, or it throws
  CommandResult TryRun(const std::string& command, Milliseconds limit = kCommandLimit);
  void Push(const std::string& path, std::string_view content);
  std::string Pull(const std::string& path);

  // The console.  Expect waits for a line that starts so (a kernel's time stamp aside), after the one expected
  // last, and returns it whole.  Never forbids a start of a line, for what was said and for what will be.
  std::string Expect(std::string_view prefix, Milliseconds limit = kBootLimit);
  void Never(const std::vector<std::string>& prefixes);
  std::string ConsoleText() const;
  std::string BootText() const;  // since the current kernel began
  // Waits until that was written to the debug port, 0xe9.
  void ExpectOnDebugPort(const std::string& text, Milliseconds limit = kBootLimit);
  // Expect for that port, where a firmware's console neither breaks lines nor moves its cursor about.
  std::string ExpectDebugLine(std::string_view prefix, Milliseconds limit = kBootLimit);

  // Coming and going.
  void WaitForInit(Milliseconds limit = kBootLimit);  // of the kernel that is starting
  // Runs the command, which is to end this kernel, and waits for the next one's init.
  void Kexec(const std::string& command = "kexec -e", Milliseconds limit = kBootLimit);
  // The same without the second part: the command was sent, what follows is on the console.
  void Leave(const std::string& command = "kexec -e");
  void WaitForReset(Milliseconds limit = kBootLimit);  // consumes one; the guest then starts over, or has ended
  void SystemReset();                                  // from outside, like the button
  void Stop();                                         // the processors, for a look at memory that holds still
  void Continue();
  bool HasEnded() const;

  // All memory as it is, into an ELF core by physical address, by QEMU.
  void Dump(const std::filesystem::path& file);

  // What the current kernel says of its memory.
  const std::string& kernel_release();
  Map E820();
  std::vector<Resource> Iomem();
  std::uint64_t PresentPages();
  std::uint64_t MemTotalKib();
  std::uint64_t ManagedKib();  // T of "Memory: AK/TK available"

  const GuestMemory& memory() const;  // from outside, at any time
  const GuestOptions& options() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// "512M", "2G" to bytes.
std::uint64_t ParseSize(std::string_view text);

}  // namespace holdfast::e2e
