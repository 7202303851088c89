// SPDX-License-Identifier: BSD-2-Clause
// Any bytes behind a sound ELF file, where an unpacked kernel has its relocation tables.

#include "tests/fuzz/fuzz-input.h"
#include "tests/fuzz/vmlinux-checks.h"
#include "tests/support/kernel-files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  test::TestVmlinux kernel = {.entry = test::kTestLoadAddress,
                              .segments = {{.physical_address = test::kTestLoadAddress,
                                            .memory_size = 0x1000,
                                            .bytes = test::Filled(64, 0x11)}},
                              .tables = {}};
  std::vector<std::byte> file = kernel.Build();
  const auto tables = std::as_bytes(std::span(data, size));
  file.insert(file.end(), tables.begin(), tables.end());
  fuzz::CheckVmlinux(file, test::kTestLoadAddress);
  return 0;
}
