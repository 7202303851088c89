// SPDX-License-Identifier: BSD-2-Clause
// Pages of files that the kernel has put aside for memory failure (Documentation/mm/hwpoison.rst).

#pragma once

#include <cstddef>
#include <span>

namespace holdfast::tool {

// Maps the pages of mapped bytes for reading; false where one of them is put aside: to touch it would end in SIGBUS.
// True where the kernel cannot say: it is older than Linux 5.14, or no file is mapped.
bool CanBeRead(std::span<const std::byte> bytes);

}  // namespace holdfast::tool
