// SPDX-License-Identifier: BSD-2-Clause
// Pages of files that the kernel has put aside for memory failure.

#include "tools/mkhandover/memory-failure.h"

#include <sys/mman.h>

#include <cerrno>

#include "common/base/align.h"
#include "common/mem/phys-range.h"

namespace holdfast::tool {

bool CanBeRead(std::span<const std::byte> bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::size_t before = address % kPageSize;
  // madvise(2) takes a pointer to what may be written; this advice writes nothing.
  void* const page = const_cast<std::byte*>(bytes.data() - before);
  return madvise(page, bytes.size() + before, MADV_POPULATE_READ) == 0 || errno != EHWPOISON;
}

}  // namespace holdfast::tool
