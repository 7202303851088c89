// SPDX-License-Identifier: BSD-2-Clause
// What Holdfast adds to a journey: the description, the plan, and the stage's own account of the jump.

#include "tests/e2e/demo/stage-account.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/e2e/console-log.h"
#include "tests/e2e/demo/journey.h"
#include "tests/e2e/demo/story.h"

namespace holdfast::demo {
namespace {

using Json = nlohmann::json;

constexpr const char* kMapSource = "--map /sys/firmware/memmap";

std::uint64_t Address(const Json& text) { return std::stoull(text.get<std::string>(), nullptr, 0); }

std::string PlanArguments() {
  return std::string(kMapSource) + " --handover " + std::string(e2e::kHandoverFile) + " --kernel /kernels/" + kKernel +
         " --initrd /tmp/initrd";
}

std::uint64_t KernelCode(e2e::Guest& guest) {
  for (const e2e::Resource& resource : guest.Iomem()) {
    if (resource.name == "Kernel code") return resource.start;
  }
  throw e2e::GuestFailure("/proc/iomem does not say where the kernel is");
}

// Counts of the time-stamp counter in a second, as the kernel found it.
double CounterRate(e2e::Guest& guest) {
  const std::string line = guest.Run("dmesg | grep -m 1 'tsc: Detected .* MHz'").output;
  const std::string_view before = "Detected ";
  return std::stod(line.substr(line.find(before) + before.size())) * 1e6;
}

}  // namespace

Foretold AskForPlan(e2e::Guest& guest) {
  const e2e::Plan plan = e2e::AskForPlan(guest, PlanArguments());
  std::string text = guest.TryRun("mkhandover plan " + PlanArguments()).output;
  if (plan.verdict != "ok") throw e2e::GuestFailure("mkhandover plan refuses: " + text);
  return {text.substr(0, text.find("\nmap ") + 1) + "map        " + std::to_string(plan.map.size()) + " entries\n",
          plan.preserved};
}

std::string CheckSegments(e2e::Guest& guest, const e2e::CommandResult& load) {
  // "segment[0].mem   = 0x99000" and "segment[0].memsz = 0x1000", as `kexec -d` prints them.
  std::string command =
      std::string("mkhandover check ") + kMapSource + " --handover " + std::string(e2e::kHandoverFile);
  std::istringstream lines(load.output + load.errors);
  std::uint64_t num_segments = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("segment[")) continue;
    const std::string value = line.substr(line.find("= ") + 2);
    if (line.find("].mem ") != std::string::npos) command += " --segment " + value;
    if (line.find("].memsz") != std::string::npos) command += "+" + value + ",segment" + std::to_string(num_segments++);
  }
  if (num_segments == 0) throw e2e::GuestFailure("kexec -d told of no segments");
  const e2e::CommandResult result = guest.TryRun(command);
  if (result.status != 0) throw e2e::GuestFailure("mkhandover check: " + result.output + result.errors);
  return Count(num_segments, "segment") + ": " + result.output;
}

Account ReadAccount(e2e::Guest& guest) {
  const Json report = Json::parse(guest.Run("mkhandover report --json").output);
  Account account;
  account.kernel_address = Address(report.at("slot").at("start"));
  account.kernel_code = KernelCode(guest);
  account.num_entries_before = report.at("map_before").size();
  account.num_entries = report.at("map").size();
  account.slot = report.at("slot").at("index").get<std::uint64_t>() + 1;
  account.num_slots = report.at("slot").at("count");
  account.kept_bytes = report.at("bytes");
  account.num_kept = report.at("preserved").size();

  const Json& stamps = report.at("timestamps");
  const double rate = CounterRate(guest);
  const auto seconds_at = [&](const Json& stamp) {
    return static_cast<double>(stamp.at("tsc").get<std::uint64_t>() - stamps.at(0).at("tsc").get<std::uint64_t>()) /
           rate;
  };
  for (const Json& stamp : stamps) {
    if (stamp.at("name") == "digest") account.digest_seconds = seconds_at(stamp);
    account.stage_seconds = seconds_at(stamp);
  }
  return account;
}

std::string StageLines(const e2e::Guest& guest) {
  std::istringstream lines(guest.ConsoleText());
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("holdfast: ")) found += line + "\n";
  }
  return found;
}

std::string E820Lines(const e2e::Guest& guest, const std::vector<e2e::Extent>& preserved) {
  std::istringstream lines(guest.BootText());
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    bool is_kept = false;
    const e2e::Map map = e2e::ParseE820(line + "\n");
    if (map.empty()) continue;
    for (const e2e::Extent& extent : preserved) {
      if (e2e::BytesWithin(map, e2e::kReserved, extent.start, extent.end()) != 0) is_kept = true;
    }
    found += e2e::Message(line);
    if (is_kept) found += kKeptMark;
    found += "\n";
  }
  return found;
}

void DrawMap(e2e::Guest& guest, const std::filesystem::path& folder) {
  guest.Run("mkhandover report -q --handover /run/handover.dtb");
  std::ofstream(folder / "handover.dtb", std::ios::binary) << guest.Pull("/run/handover.dtb");
  std::ofstream(folder / "map") << E820Lines(guest, {});
  const std::string command = "'" + (e2e::BuildDir() / "mkhandover").string() + "' map --map '" +
                              (folder / "map").string() + "' --handover '" + (folder / "handover.dtb").string() + "'";
  std::fflush(stdout);
  if (std::system(command.c_str()) != 0) throw e2e::GuestFailure("mkhandover map draws nothing");
}

}  // namespace holdfast::demo
