// SPDX-License-Identifier: BSD-2-Clause
// A boot, from the loader's jump to the next kernel's: what both kexec shells do alike, and what they know.
//
// Each step ends the boot where it must not go on.

#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "common/arch/x86/consoles.h"
#include "common/arch/x86/cpu.h"
#include "common/arch/x86/exceptions.h"
#include "common/arch/x86/start-next-kernel.h"
#include "common/base/text-writer.h"
#include "common/codec/sha256.h"
#include "common/console/console.h"
#include "common/format/boot-report.h"
#include "common/format/handover.h"
#include "common/format/read-handovers.h"
#include "common/plan/boot-plan.h"
#include "common/plan/kernel-entry.h"
#include "purgatory/ending.h"
#include "purgatory/loaded-boot.h"
#include "purgatory/storage.h"

namespace holdfast::purgatory {

using x86::StartState;

struct ConsoleOptions {
  std::uint16_t serial_base = 0;
  std::uint32_t serial_baud = 0;
  bool vga = false;
  bool reset_vga = false;
};

// The consoles that there are, and the devices behind them.
class Consoles {
 public:
  explicit Consoles(const ConsoleOptions& options);
  Consoles(const Consoles&) = delete;
  Consoles& operator=(const Consoles&) = delete;

  // Consoles that are known only once boot_params were read; or another speed for the first serial port.
  void AddSerial(std::uint16_t base, std::uint32_t baud);
  void AddVga() { console_.AddSink(vga_.Open(/*reset=*/false)); }
  Console& console() { return console_; }

 private:
  Console console_;
  std::uint16_t serial_base_;
  x86::SerialPort serial_;
  x86::SerialPort second_serial_{0, 0};
  x86::VgaText vga_;
};

class Timeline {
 public:
  // A mark that does not fit is left out.
  void Mark(std::string_view name);
  std::span<const Timestamp> view() const { return marks_.view(); }

 private:
  FixedVector<Timestamp, 16> marks_;
};

// SHA-256 by the processor's own instructions where it has them.
class Hasher {
 public:
  Sha256BlocksFn blocks() const { return has_sha_ni_ ? &Sha256NiBlocks : &Sha256Blocks; }

 private:
  bool has_sha_ni_ = x86::HasShaNi();
  x86::SseScope sse_;
};

class Boot {
 public:
  Boot(Storage& storage, const ConsoleOptions& consoles);

 protected:
  // Says one line, put together by a function of common/console/wording.h.
  template <typename Say, typename... Args>
  void SayLine(Say say, Args... args) {
    LineBuffer line;
    say(line, args...);
    consoles_.console().Line(line.view());
  }

  // A guest whose host may not see its memory needs page tables and port accesses that the stage does not have.  Where
  // every port access faults (SEV-ES, TDX), the machine was reset before this could say so.
  void RefuseConfidential();
  // boot_params and all that it leads to.
  void ReadBootParams(PhysAddr address);
  // The handovers that there are, on the loader's nodes, and on `lines`; `trees` has the bundle's.
  void FindHandoversOn(std::array<std::string_view, kMaxCommandLines> lines, std::span<const TreePlace> trees = {});
  void SwitchTables();
  // What they release is RAM from here on.
  void ReadHandovers();
  // Of handovers that were passed over; hides a KHO node among them from the next kernel.
  void SayNotRead();
  // The decision, or the end.
  void MakePlan(const BootInputs& inputs);
  // How a kernel with this setup header can be entered on this processor, as far as that tells.
  static EntryFacts EntryFactsHere(const SetupHeader& header);
  // The last step before memory is written: prepares what the next kernel reads in our own memory, which `stage` is,
  // and says what is going to happen.
  void Prepare(std::string_view shell, std::string_view loader, PhysRange stage);

  // First of all, and before the consoles touch a port.
  struct ExceptionTable {
    ExceptionTable() { x86::InstallExceptionTable(); }
  };

  BootReport Report(std::string_view shell, std::string_view loader) const;
  static Status MakeReadable(void* self, const KeptBlock& block);
  void HideKho();
  void Release();

  ExceptionTable exceptions_;
  Storage& storage_;
  Timeline time_;
  Consoles consoles_;
  Ending ending_;
  x86::ReadableMemory readable_;
  PhysMemory memory_ = readable_.memory();
  std::optional<x86::IdentityMap> tables_;
  LoadedBoot loaded_;
  FoundHandovers handovers_;
  PreservedMap kept_;
  RangeSet scratch_;
  RangeSet native_scratch_;
  RangeSet ram_;
  RangeSet released_;
  Handover handover_{kept_, scratch_, ram_, &released_};
  MemoryMap map_;  // the loader's, with what the handovers release as RAM
  BootPlan plan_;
};

}  // namespace holdfast::purgatory
