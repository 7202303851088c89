// SPDX-License-Identifier: BSD-2-Clause
// Files on hugetlbfs.

#pragma once

#include <cstdint>
#include <string>

#include "tools/mkhandover/files.h"

namespace holdfast::tool {

// Whether `path`, or the folder where it would be made, is on hugetlbfs.
bool IsOnHugetlbfs(const std::string& path);
// "tmpfs", "ext4", ... or the magic number.
std::string FilesystemName(std::uint64_t magic);

struct HugeFile {
  Descriptor fd;  // for reading
  std::uint64_t page_size = 0;
  std::uint64_t size = 0;  // a number of pages, not 0
};
// Refuses a file that is not on hugetlbfs, is empty or has holes.
HugeFile OpenHugeFile(const std::string& path);

}  // namespace holdfast::tool
