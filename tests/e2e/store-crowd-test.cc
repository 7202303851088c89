// SPDX-License-Identifier: BSD-2-Clause
// Ten thousand small files and a large one, with all that belongs to them.

#include <catch2/catch.hpp>

#include "tests/e2e/store-scenario.h"

namespace holdfast::e2e {
namespace {

constexpr Milliseconds kCrowdLimit = Seconds(400);

// Of 7 bytes to 18 KiB.
constexpr std::string_view kMakeCrowd = R"sh(
set -e
mkdir -p /tmp/crowd && cd /tmp/crowd
i=0; while [ $i -lt 40 ]; do mkdir $i; i=$((i + 1)); done
awk 'BEGIN {
  for (i = 0; i < 10000; ++i) {
    file = i % 40 "/" i
    text = "file " i
    for (n = i % 12; n > 0; --n) text = text text
    print text > file
    close(file)
  }
}'
find . -type f -name '*3' -exec chmod 4711 {} +
find . -type f -name '*4' -exec chown 1000:100 {} +
find . -type f -name '*5' -exec touch -d '1985-10-26 01:21:00' {} +
ln 1/1 2/hard
ln -s ../1/1 2/soft
pattern write large 1G 1
touch -d '2001-02-03 04:05:06' large 3 .
)sh";

// All that a tree is, as one sum: by the guest's busybox, a process for many files.
std::string SumOfTree(Guest& guest, const std::string& folder) {
  return guest
      .Run("cd " + folder +
               " && { find . -exec stat -c '%n %F %a %u %g %h %s %y' {} + && find . -type l -exec readlink {} \\; && "
               "find . -type f -exec sha256sum {} +; } | sort | tee /tmp/shown | sha256sum && wc -l < /tmp/shown",
           kCrowdLimit)
      .output;
}

}  // namespace

TEST_CASE("10,000 small files and one of 1 GiB come back as they were", "[e2e][store][exhaustive]") {
  const Hop hop{.kernel = "new", .way = Way::kImage};
  Guest guest({.memory = "4G", .cpus = 2, .kernel = "6.12", .files = LuggageFor({hop}).files});
  guest.Run("echo 600 > /proc/sys/vm/nr_hugepages");
  guest.Run(std::string(kMakeCrowd), kCrowdLimit);
  const std::string sum = SumOfTree(guest, "/tmp/crowd");
  // Each folder and file, the link and its target, and the sums.
  CHECK(sum.ends_with("\n" + std::to_string(41 + 10002 + 1 + 1 + 10002) + "\n"));
  guest.Run("mkhandover keep --name crowd /tmp/crowd", kCrowdLimit);
  JumpWithStore(guest, hop);
  guest.Run("mkhandover restore crowd -C /tmp", kCrowdLimit);
  CHECK(SumOfTree(guest, "/tmp/crowd") == sum);
}

}  // namespace holdfast::e2e
