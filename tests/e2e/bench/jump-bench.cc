// SPDX-License-Identifier: BSD-2-Clause
// Measures a kexec in a guest, from the old kernel's last line to the new one's first: plain, and through the image.
//
//   jump-bench [ROUNDS]      by default 5 of each kind, in turns
//
// The time is the host's, and each kind is told in proportion to plain `kexec -c`, since an emulator's seconds mean
// little.  The least of the rounds says most: what lands on pages that the emulator has translated takes it many times
// as long, and where a kernel lands is random.  What the stage itself took is told by its own marks, in millions of the
// time-stamp counter's ticks.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "tests/e2e/image-scenario.h"

namespace holdfast::e2e {
namespace {

using Clock = std::chrono::steady_clock;

struct Kind {
  std::string name;
  std::string kernel;  // as the guest carries it
  std::string flags;
  bool is_plain = false;
};

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {{"kexec -c, plain", "6.12", "-c -l", true},
                                          {"kexec -s, plain", "6.12", "-s -l", true},
                                          {"kexec -c, image, vmlinux", "vmlinux", "-c -l"},
                                          {"kexec -c, image, bzimage", "bzimage", "-c -l"},
                                          {"kexec -s, image, vmlinux", "vmlinux", "-s -l"}};
  return kinds;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double Least(const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); }

// Seconds from "Starting new kernel" to "Linux version", which is the first that a kernel says of itself.
double Jump(Guest& guest, const Kind& kind) {
  LoadKernel(guest, {.kernel = kind.kernel, .kexec = "kexec-stock", .flags = kind.flags});
  guest.Leave("kexec-stock -e");
  guest.Expect("kexec_core: Starting new kernel");
  const Clock::time_point start = Clock::now();
  guest.Expect("Linux version ");
  const std::chrono::duration<double> seconds = Clock::now() - start;
  guest.Expect("init: up ");
  return seconds.count();
}

// Each step of the stage: from the mark before it, in millions of ticks.
using Steps = std::map<std::string, std::vector<double>>;

void AddSteps(Guest& guest, std::vector<std::string>& order, Steps& steps) {
  const StageReport report = ReadReport(guest);
  for (std::size_t i = 1; i < report.marks.size(); ++i) {
    const StageReport::Mark& mark = report.marks[i];
    if (std::find(order.begin(), order.end(), mark.name) == order.end()) order.push_back(mark.name);
    steps[mark.name].push_back(static_cast<double>(mark.tsc - report.marks[i - 1].tsc) / 1e6);
  }
}

int Run(int rounds) {
  Guest guest({.memory = "1G",
               .kernel = "6.12",
               .carried = {"6.12"},
               .files = {{StageWith("6.12", "vmlinux"), "/kernels/vmlinux"},
                         {StageWith("6.12", "bzimage"), "/kernels/bzimage"}},
               .life_span = Seconds(3600)});
  std::map<std::string, std::vector<double>> seconds;
  std::map<std::string, Steps> steps;
  std::vector<std::string> order;
  for (int round = 0; round < rounds; ++round) {
    for (const Kind& kind : Kinds()) {
      seconds[kind.name].push_back(Jump(guest, kind));
      if (!kind.is_plain) AddSteps(guest, order, steps[kind.name]);
    }
  }

  const double plain = Median(seconds[Kinds().front().name]);
  const double plain_least = Least(seconds[Kinds().front().name]);
  for (const Kind& kind : Kinds()) {
    const double median = Median(seconds[kind.name]);
    const double least = Least(seconds[kind.name]);
    std::printf("jump  %-26s median %6.2f s, %5.2f of plain   least %6.2f s, %5.2f of plain\n", kind.name.c_str(),
                median, median / plain, least, least / plain_least);
  }
  for (const Kind& kind : Kinds()) {
    for (const std::string& step : order) {
      if (!kind.is_plain && steps[kind.name].contains(step)) {
        std::printf("stage %-26s %8.1f Mticks  %s\n", kind.name.c_str(), Median(steps[kind.name][step]), step.c_str());
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace holdfast::e2e

int main(int argc, char** argv) {
  try {
    const int rounds = argc > 1 ? std::stoi(argv[1]) : 5;
    if (rounds < 1) throw std::runtime_error("at least one round");
    return holdfast::e2e::Run(rounds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "jump-bench: %s\n", error.what());
    return 1;
  }
}
