// SPDX-License-Identifier: BSD-2-Clause
// mkhandover pcr: what a boot through the EFI application makes of PCR 15.

#include <optional>

#include "common/abi/measurement.h"
#include "common/plan/kernel-entry.h"
#include "tools/mkhandover/bundle-file.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/measured-boot.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

struct Handovers {
  std::vector<std::unique_ptr<HandoverFile>> trees;
  std::unique_ptr<HandoverFile> kho;
};

bool IsKho(const HandoverFile& file) { return file.foreign().list().size() == 1 && file.foreign().list()[0].kho; }

Handovers ReadHandovers(const PcrOptions& options) {
  Handovers out;
  for (const std::string& path : options.handovers) {
    auto file = std::make_unique<HandoverFile>(HandoverChoice{.file = path, .memory = options.memory});
    file->RequireNoProblem();
    if (file->tree() != nullptr) {
      out.trees.push_back(std::move(file));
    } else if (!IsKho(*file)) {
      throw Failure(ExitCode::kBadInput, Format("{}: is {}: of handovers only trees of {} and KHO are measured",
                                                file->name(), file->handover().dialect.view(), kDialectHoldfast));
    } else if (out.kho) {
      throw Failure(ExitCode::kUsage, Format("{}: a second KHO handover: there is one variable", file->name()));
    } else {
      out.kho = std::move(file);
    }
  }
  return out;
}

struct KernelFiles {
  std::vector<std::byte> kernel;
  std::vector<std::byte> initrd;
};

// Of the direct entries, where they are measured.
KernelFiles ReadKernel(const PcrOptions& options, KernelEntry entry) {
  if (IsEfiEntry(entry)) {
    if (options.kernel || !options.initrds.empty()) {
      throw Failure(ExitCode::kUsage,
                    "--kernel, --initrd: go with --entry vmlinux or bzimage: else firmware measures them");
    }
    return {};
  }
  if (!options.kernel) {
    throw Failure(ExitCode::kUsage, Format("--entry {}: measures the kernel: add --kernel FILE", options.entry));
  }
  return {.kernel = ReadFile(*options.kernel), .initrd = ReadInitrds(options.initrds)};
}

KernelEntry EntryOf(const std::string& word) {
  for (const KernelEntry entry :
       {KernelEntry::kVmlinux, KernelEntry::kBzImage, KernelEntry::kEfiImage, KernelEntry::kEfiHandover}) {
    if (word == KernelEntryName(entry)) {
      return entry;
    }
  }
  Bug();  // The command line knows no other.
}

std::optional<std::byte> ByteOf(std::string_view digits) {
  unsigned value = 0;
  for (const char c : digits) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) {
      return std::nullopt;
    }
    value = value << 4 | static_cast<unsigned>(is_digit ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return static_cast<std::byte>(value);
}

// What the register is before the application extends it: after a reset, zero.
std::vector<std::byte> StartOf(const std::optional<std::string>& digits, Bank bank) {
  std::vector<std::byte> out(DigestSize(bank));
  if (!digits) {
    return out;
  }
  const std::string_view text = *digits;
  bool is_good = text.size() == 2 * out.size();
  for (std::size_t i = 0; is_good && i < out.size(); ++i) {
    const auto byte = ByteOf(text.substr(2 * i, 2));
    is_good = byte.has_value();
    out[i] = byte.value_or(std::byte{});
  }
  if (!is_good) {
    throw Failure(ExitCode::kUsage, Format("--from {}: not the {} hexadecimal digits of a {} register", Printable(text),
                                           2 * out.size(), BankName(bank)));
  }
  return out;
}

struct Extended {
  std::vector<std::vector<std::byte>> digests;  // one an event
  std::vector<std::byte> value;
};

Json ToJson(Bank bank, const std::vector<MeasuredEvent>& events, const Extended& extended) {
  Json out = JsonDocument();
  out["pcr"] = kMeasurementPcr;
  out["bank"] = BankName(bank);
  out["events"] = Json::array();
  for (std::size_t i = 0; i < events.size(); ++i) {
    out["events"].push_back({{"event", events[i].text},
                             {"of", events[i].subject},
                             {"size", events[i].bytes.size()},
                             {"digest", HexDigits(extended.digests[i])}});
  }
  out["value"] = HexDigits(extended.value);
  return out;
}

void PrintText(Bank bank, const std::vector<MeasuredEvent>& events, const Extended& extended, Output& output) {
  for (std::size_t i = 0; i < events.size(); ++i) {
    output.Line(Format("event      {}, {} bytes", events[i].text, events[i].bytes.size()));
    if (!events[i].subject.empty()) {
      output.Line(Format("           {}", Printable(events[i].subject)));
    }
    output.Line(Format("           {} {}", BankName(bank), HexDigits(extended.digests[i])));
  }
  output.Line(Format("PCR {}     {} {}", kMeasurementPcr, BankName(bank), HexDigits(extended.value)));
}

}  // namespace

ExitCode RunPcr(const PcrOptions& options, Output& output) {
  const Handovers handovers = ReadHandovers(options);
  const KernelEntry entry = EntryOf(options.entry);
  const KernelFiles files = ReadKernel(options, entry);
  const Bank bank = BankFromName(options.bank).value();  // The command line knows no other.
  const auto events = EventsOf({.handovers = handovers.trees,
                                .kho = handovers.kho.get(),
                                .command_line = options.cmdline,
                                .kernel = files.kernel,
                                .initrd = files.initrd,
                                .mode = options.mode == ModeName(Mode::kNative) ? Mode::kNative : Mode::kFence,
                                .entry = entry,
                                .lost = options.lost});
  Extended extended{.digests = {}, .value = StartOf(options.from, bank)};
  for (const MeasuredEvent& event : events) {
    extended.digests.push_back(DigestOf(bank, event.bytes));
    extended.value = Extend(bank, extended.value, extended.digests.back());
  }
  if (output.json()) {
    output.Line(ToText(ToJson(bank, events, extended)));
  } else {
    PrintText(bank, events, extended, output);
  }
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
