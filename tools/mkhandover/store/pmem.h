// SPDX-License-Identifier: BSD-2-Clause
// Ranges of memory that the kernel gives devices of their own, as /sys tells.
//
// nd_e820 makes a region and a namespace of every run of pages of type 12 in the map, and nd_pmem a block device of
// each (drivers/nvdimm/e820.c, pmem.c); dax_pmem makes a character device of one that somebody has reserved for it
// (drivers/dax/pmem.c).  Nodes that touch share one.  What has a device is not to be had through /dev/mem.

#pragma once

#include <string>
#include <vector>

#include "common/mem/phys-range.h"

namespace holdfast::tool {

struct PmemDevice {
  PhysRange range;
  std::string path;   // "/dev/pmem0", "/dev/dax0.0"
  std::string owner;  // "namespace0.0" where the device is the whole of that namespace, "dax0.0"

  bool is_whole_namespace() const { return owner.starts_with("namespace"); }
};

// By address.  `root` is in the place of "/" for tests.  One that does not say where it lies is left out.
std::vector<PmemDevice> FindPmemDevices(const std::string& root);

}  // namespace holdfast::tool
