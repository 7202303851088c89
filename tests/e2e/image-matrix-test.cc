// SPDX-License-Identifier: BSD-2-Clause
// The image between every two kernels, by every loader, through both entries, under both firmwares.
//
// One scenario for each cell of the product.  Those of kCover run always: each pair of kernels, and each loader with
// each entry and with each firmware.  `make matrix` runs all.

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>

#include "tests/e2e/image-scenario.h"

namespace holdfast::e2e {
namespace {

constexpr std::array kKernels = {"6.1", "6.12", "new"};
constexpr std::array kEntries = {"vmlinux", "bzimage"};
constexpr std::array kFirmwares = {Firmware::kSeaBios, Firmware::kOvmf};

std::vector<Loader> Loaders() {
  return {
      {.name = "kexec -c of bookworm", .kexec_tools = "bookworm", .flags = "-c -l", .told = "kexec-tools"},
      {.name = "kexec -s of bookworm", .kexec_tools = "bookworm", .flags = "-s -l", .told = "linux"},
      {.name = "kexec -c of trixie", .kexec_tools = "trixie", .flags = "-c -l", .told = "kexec-tools"},
      {.name = "kexec -s of trixie", .kexec_tools = "trixie", .flags = "-s -l", .told = "linux"},
      {.name = "mkhandover load --via segments", .kexec_tools = "bookworm", .via = "segments", .told = "mkhandover"},
      {.name = "mkhandover load --via file", .kexec_tools = "bookworm", .via = "file", .told = "linux"}};
}

std::string NameOf(Firmware firmware) { return firmware == Firmware::kOvmf ? "OVMF" : "SeaBIOS"; }

struct Cell {
  std::string from;
  std::string to;
  Loader loader;
  std::string entry;
  Firmware firmware = Firmware::kSeaBios;

  // tests/e2e/matrix-table.sh takes this apart.
  std::string name() const {
    return "Matrix: " + from + " to " + to + ", " + loader.name + ", " + entry + ", " + NameOf(firmware);
  }

  // `mkhandover load` brings a bundle of its own.  Making one in the guest is quick where the kernel's payload need
  // not be packed anew.
  Carrier carrier() const {
    return loader.is_ours() || (loader.kexec_tools == "trixie" && to != "6.1") ? Carrier::kInitrd : Carrier::kPayload;
  }
};

constexpr std::array kCover = {
    "Matrix: 6.1 to 6.1, kexec -c of bookworm, vmlinux, SeaBIOS",
    "Matrix: 6.1 to 6.12, kexec -c of bookworm, bzimage, OVMF",
    "Matrix: 6.1 to new, kexec -s of bookworm, vmlinux, OVMF",
    "Matrix: 6.12 to 6.1, kexec -s of bookworm, bzimage, SeaBIOS",
    "Matrix: 6.12 to 6.12, kexec -c of trixie, vmlinux, OVMF",
    "Matrix: 6.12 to new, kexec -c of trixie, bzimage, SeaBIOS",
    "Matrix: new to 6.1, kexec -s of trixie, vmlinux, SeaBIOS",
    "Matrix: new to 6.12, kexec -s of trixie, bzimage, OVMF",
    "Matrix: new to new, mkhandover load --via segments, vmlinux, SeaBIOS",
    "Matrix: 6.1 to 6.12, mkhandover load --via segments, bzimage, OVMF",
    "Matrix: 6.12 to 6.12, mkhandover load --via file, bzimage, SeaBIOS",
    "Matrix: 6.1 to 6.1, mkhandover load --via file, vmlinux, OVMF",
};

void Jump(Guest& guest, const Cell& cell, const std::string& handover_option) {
  if (cell.loader.is_ours()) {
    LeaveByOurLoader(guest, {.via = cell.loader.via, .kernel = cell.to, .entry = cell.entry});
    return;
  }
  LoadOptions options{.kernel = std::string(kStageName), .kexec = "kexec-stock", .flags = cell.loader.flags};
  if (cell.carrier() == Carrier::kInitrd) {
    MakeBundle(guest, cell.to, "--entry " + cell.entry + " --handover " + std::string(kHandoverFile));
    options.initrd = kBundleFile;
  } else {
    options.append = handover_option;
  }
  LoadKernel(guest, options);
  guest.Leave("kexec-stock -e");
}

void SurvivesImage(const Cell& cell) {
  const bool is_packed = cell.carrier() == Carrier::kPayload;
  Guest guest({.firmware = cell.firmware,
               .memory = "1G",
               .kernel = cell.from,
               .carried = is_packed ? std::vector<std::string>() : std::vector{cell.to},
               .kexec_tools = cell.loader.kexec_tools,
               .files = {is_packed ? StageFile(cell.to, cell.entry) : StageFile(Stage())}});
  const KeptPages kept = FillBelowSegments(guest);
  const std::string option = MakeHandover(guest, {kept});
  Jump(guest, cell, option);

  const StageLines lines = ExpectStage(guest, cell.loader.told);
  CHECK_THAT(lines.handover, Catch::StartsWith("holdfast: handover holdfast,handover-v1, "));
  CHECK_THAT(lines.mode, Catch::StartsWith("holdfast: mode fence, map "));
  CHECK(Damage(guest, kept) == "");
  if (cell.entry == "vmlinux") CHECK(KernelCode(guest) == lines.kernel_address());

  const StageReport report = ReadReport(guest);
  CHECK(report.shell == "image");
  CHECK(report.loader == cell.loader.told);
  CHECK(report.entry == cell.entry);
  CHECK(report.dialect == "holdfast,handover-v1");
  CHECK(report.bytes == kept.bytes() + kHugePageSize);  // with the handover's own page
  CHECK(report.wasted_bytes == 0);
}

class CellRun : public Catch::ITestInvoker {
 public:
  explicit CellRun(Cell cell) : cell_(std::move(cell)) {}
  void invoke() const override { SurvivesImage(cell_); }

 private:
  Cell cell_;
};

void Register(const Cell& cell) {
  const std::string name = cell.name();
  const bool is_covering = std::find(kCover.begin(), kCover.end(), name) != kCover.end();
  const std::string tags =
      std::string(is_covering ? "" : "[exhaustive]") + "[e2e][image][matrix]" + (cell.loader.is_ours() ? "[load]" : "");
  const Catch::AutoReg registered(new CellRun(cell), CATCH_INTERNAL_LINEINFO, "", {name, tags});
}

[[maybe_unused]] const bool g_all_registered = [] {
  for (const char* from : kKernels) {
    for (const char* to : kKernels) {
      for (const Loader& loader : Loaders()) {
        for (const char* entry : kEntries) {
          for (const Firmware firmware : kFirmwares) Register({from, to, loader, entry, firmware});
        }
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace holdfast::e2e
