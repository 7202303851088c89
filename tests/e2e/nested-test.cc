// SPDX-License-Identifier: BSD-2-Clause
// A host of virtual machines restarts its kernel: the machine's memory stays, and the machine goes on.

#include <catch2/catch.hpp>

#include <array>
#include <cstdio>
#include <memory>
#include <sstream>

#include "tests/e2e/scenario.h"

namespace holdfast::e2e {
namespace {

constexpr std::string_view kQemu = "/usr/bin/qemu-system-x86_64";
constexpr std::string_view kTcg = "/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so";
constexpr std::string_view kSaid = "guest 00000001 ok";

// A program of this machine with all that it is linked with.
std::vector<GuestFile> WithLibraries(std::string_view program) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("ldd " + std::string(program)).c_str(), "r"), pclose);
  REQUIRE(pipe != nullptr);
  std::string text;
  std::array<char, 4096> part;
  for (std::size_t n = 0; (n = std::fread(part.data(), 1, part.size(), pipe.get())) != 0;) {
    text.append(part.data(), n);
  }
  std::vector<GuestFile> out = {{std::string(program), std::string(program)}};
  // "NAME => /PATH (ADDRESS)", "/PATH (ADDRESS)"
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (word.starts_with('/')) {
      out.push_back({word, word});
    }
  }
  REQUIRE(out.size() > 2);
  return out;
}

// QEMU in the background.  It has its monitor's pipe open for writing, too, so that it never sees the end of it.
std::string Start(const std::string& more) {
  return "rm -f /tmp/monitor /tmp/serial; mkfifo /tmp/monitor; " + std::string(kQemu) +
         " -nodefaults -display none -machine microvm,accel=tcg,memory-backend=ram -bios /nested.bin -m 32M"
         " -object memory-backend-file,id=ram,size=32M,mem-path=/dev/hugepages/machine,share=on" +
         more +
         " -serial file:/tmp/serial -monitor stdio <> /tmp/monitor > /tmp/monitor.log 2>&1 & echo $! > /tmp/qemu.pid";
}

void Tell(Guest& guest, const std::string& command) { guest.Run("echo '" + command + "' > /tmp/monitor"); }

void WaitForLines(Guest& guest, unsigned count) {
  guest.Run("while :; do n=$(grep -c '^guest' /tmp/serial); [ \"${n:-0}\" -lt " + std::to_string(count) +
            " ] || exit 0; kill -0 \"$(cat /tmp/qemu.pid)\" || { cat /tmp/monitor.log >&2; exit 1; }; sleep 0.1; done");
}

// The numbers that it said, each of which has to be "ok".  A line that was being said when the machine stopped has its
// beginning in one file and its end in the other.
std::vector<unsigned long> Counts(Guest& guest) {
  const std::string text = guest.Run("cat /tmp/serial").output;
  std::vector<unsigned long> out;
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = text.substr(at, end - at);
    if (at == 0 && !line.starts_with("guest ")) {
      continue;
    }
    CAPTURE(line);
    REQUIRE(line.size() == kSaid.size());
    CHECK(line.ends_with(" ok"));
    out.push_back(std::stoul(line.substr(6, 8), nullptr, 16));
  }
  return out;
}

}  // namespace

TEST_CASE("A virtual machine goes on after its host has changed its kernel", "[e2e][store][nested]") {
  std::vector<GuestFile> files = WithLibraries(kQemu);
  files.push_back({std::string(kTcg), std::string(kTcg)});
  files.push_back({EnvironmentOr("HOLDFAST_BUILD", "build") + "/guest/nested.bin", "/nested.bin"});
  Guest guest({.memory = "2G", .kernel = "6.1", .carried = {"6.12"}, .files = std::move(files)});
  guest.Run("echo 48 > /proc/sys/vm/nr_hugepages");
  guest.Run(Start(",prealloc=on"));
  WaitForLines(guest, 3);

  // The machine's state without its memory, which stays where it is.
  Tell(guest, "migrate_set_capability x-ignore-shared on");
  Tell(guest, "migrate \"exec:cat > /tmp/state.new && mv /tmp/state.new /tmp/state\"");
  guest.Run("while ! [ -e /tmp/state ]; do sleep 0.1; done");
  const auto before = Counts(guest);
  REQUIRE(before.size() >= 3);
  Tell(guest, "quit");
  guest.Run("mkhandover keep --name machine /dev/hugepages/machine");
  guest.Run("mkhandover keep --name state /tmp/state");
  HandoverOption option =
      ParseOption(guest.Run("mkhandover make -o /dev/hugepages/handover --store /dev/hugepages/holdfast").output);
  LoadKernel(guest, {.kernel = "6.12", .append = option.text()});
  guest.Kexec();

  const CommandResult no_pages = guest.RunFails("mkhandover restore machine -C /dev/hugepages");
  CHECK(no_pages.status == 7);
  CHECK(no_pages.errors ==
        "mkhandover: /dev/hugepages/machine: no free huge pages for its 32 MiB: raise /proc/sys/vm/nr_hugepages\n");
  guest.Run("echo 16 > /proc/sys/vm/nr_hugepages");
  const CommandResult no_size = guest.RunFails("mkhandover restore state -C /dev/hugepages");
  CHECK(no_size.status == 6);
  CHECK(no_size.errors.find(" bytes are no number of pages of 2 MiB, and a file on hugetlbfs has nothing else: give -C "
                            "DIR elsewhere\n") != std::string::npos);
  guest.Run("mkhandover restore machine -C /dev/hugepages");
  guest.Run("mkhandover restore state -C /tmp");
  guest.Run(Start(" -incoming defer"));
  Tell(guest, "migrate_set_capability x-ignore-shared on");
  Tell(guest, "migrate_incoming \"exec:cat /tmp/state\"");
  WaitForLines(guest, 3);
  Tell(guest, "quit");
  const auto after = Counts(guest);
  REQUIRE(after.size() >= 3);
  CHECK(after.front() > before.back());
  CHECK(after.front() <= before.back() + 2);
}

}  // namespace holdfast::e2e
