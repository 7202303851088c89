// SPDX-License-Identifier: BSD-2-Clause
// One guest's way through a kexec, and what became of the bytes in it.
//
// The same steps with Holdfast and without.  Every figure is read from the
// guest or from its memory; a step that fails throws GuestFailure.

#pragma once

#include <cstdint>
#include <string>

#include "tests/e2e/guest.h"
#include "tests/e2e/scenario.h"

namespace holdfast::demo {

inline constexpr const char* kKernel = "6.1";
inline constexpr const char* kMemory = "2G";
inline constexpr const char* kFile = "/dev/hugepages/guest-ram";
inline constexpr const char* kFileSize = "128M";

struct Figures {
  std::string release;  // of the kernel
  e2e::KeptPages kept;
  std::uint64_t ram_bytes = 0;  // in the first kernel's map
  double gap_seconds = 0;       // from `kexec -e` to the next kernel's init

  e2e::Map map;                      // the second kernel's
  std::uint64_t reserved_bytes = 0;  // of the file's pages, by that map
  std::uint64_t usable_bytes = 0;

  // Pages that are not as they were: as the second kernel's user space finds them through /dev/mem, and in the guest's
  // memory as QEMU has it.
  std::uint64_t differ_inside = 0;
  std::uint64_t taken_inside = 0;  // of these, those that the kernel calls its own and does not show
  std::uint64_t differ_outside = 0;
  std::uint64_t differ_after_load = 0;
  std::uint64_t load_bytes = 0;  // written meanwhile to the memory that was free
};

class Journey {
 public:
  // `kexec` is the loader's name in the guest.
  explicit Journey(std::string kexec);

  e2e::Guest& guest() { return guest_; }
  const Figures& figures() const { return figures_; }

  void Boot();
  void Fill(std::uint64_t seed);
  e2e::CommandResult Load(const std::string& option);  // on the next kernel's command line
  void Jump();
  void Look();       // are they still there?
  void PutToLoad();  // and after all free memory has been written?

 private:
  void LookFromInside();

  std::string kexec_;
  e2e::Guest guest_;
  Figures figures_;
};

}  // namespace holdfast::demo
