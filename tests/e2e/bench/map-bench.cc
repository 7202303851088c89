// SPDX-License-Identifier: BSD-2-Clause
// Measures in a guest what it takes after a kexec to find kept memory by name and map it, through /dev/mem.
//
//   map-bench
//
// The guest is emulated: what says something is how the time grows with the size, and what it is beside memcpy of as
// many bytes in the same guest.

#include <array>
#include <cstdio>
#include <exception>
#include <sstream>

#include "tests/e2e/store-scenario.h"
#include "tests/support/line.h"

namespace holdfast::e2e {
namespace {

constexpr std::array kMib = {64U, 128U, 256U, 512U, 1024U, 2048U};
constexpr unsigned kRounds = 3;

struct Times {
  double map = 0;
  double there = 0;
  double ordinary = 0;
};

Times TimesOf(Guest& guest, const std::string& name) {
  Times best;
  for (unsigned round = 0; round < kRounds; ++round) {
    std::istringstream in(guest.Run("keeper time " + name).output);
    Times times;
    if (!(in >> times.map >> times.there >> times.ordinary))
      throw GuestFailure("keeper time " + name + " says nothing");
    if (round == 0 || times.map < best.map) best = times;
  }
  return best;
}

void Run() {
  const Hop hop{.kernel = "6.12", .way = Way::kImage};
  Luggage luggage = LuggageFor({hop});
  luggage.files.push_back({GuestProgram("keeper"), "/bin/keeper"});
  Guest guest({.memory = "8G", .kernel = "6.1", .files = luggage.files});
  guest.Run("echo 2048 > /proc/sys/vm/nr_hugepages");
  for (const unsigned mib : kMib) {
    const std::string name = std::to_string(mib);
    guest.Run("fallocate -l " + name + "M /dev/hugepages/" + name + " && keeper describe " + name + " /dev/hugepages/" +
              name);
  }
  JumpWithStore(guest, hop);

  std::printf("\nkept memory, mapped after a kexec (emulated)\n");
  std::printf("     size   huge pages        map   of memcpy   reading there   of ordinary memory\n");
  std::vector<Point> points;
  for (const unsigned mib : kMib) {
    const Times times = TimesOf(guest, std::to_string(mib));
    points.push_back({mib / 2.0, times.map});
    std::printf("%5u MiB   %10u  %6.1f ms  %9.4f  %10.1f ms   %17.2fx\n", mib, mib / 2, times.map * 1e3,
                times.map / times.ordinary, times.there * 1e3, times.ordinary / times.there);
  }
  const Line line = FitLine(points);
  std::printf("the line of least squares: %.2f ms + %.2f us a huge page\n", line.fixed * 1e3, line.slope * 1e6);
}

}  // namespace
}  // namespace holdfast::e2e

int main() {
  try {
    holdfast::e2e::Run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "map-bench: %s\n", error.what());
    return 1;
  }
}
