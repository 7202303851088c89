// SPDX-License-Identifier: BSD-2-Clause
// What brings a handover, found out by looking: a file, or a directory of the running kernel.

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/mem/phys-range.h"

namespace holdfast::tool {

// The payload of a setup_data node of type 10.
struct KhoNode {
  std::vector<std::byte> payload;
};
// A KHO device tree on its own, with the areas of scratch where they are known.
struct KhoTree {
  std::vector<std::byte> tree;
  std::vector<PhysRange> areas;
};
// A device tree with /chosen/default_pmpool.
struct PmpoolTree {
  std::vector<std::byte> tree;
};
// A command line that names pkram=, pmpool=, prmem_meta=, badram= or memmap=.
struct OptionsText {
  std::string text;
};
// Anything else: a tree of our own, or nothing that is known.
struct OtherFile {
  std::vector<std::byte> bytes;
};
using FoundCarrier = std::variant<KhoNode, KhoTree, PmpoolTree, OptionsText, OtherFile>;

// Lies below /sys or /proc: then it speaks of this machine's memory.
bool IsLive(const std::string& path);

// Begins as a flattened device tree does.
bool IsTree(std::span<const std::byte> bytes);

// Ends in a Failure where a kernel shows less of a device tree than its header says.
void CheckWhole(std::span<const std::byte> tree, const std::string& name);

// What the bytes of a file are.
FoundCarrier RecognizeFile(std::vector<std::byte> bytes);

// A directory laid out like /sys/kernel/boot_params/setup_data (N/type, N/data; of KHO also a node that the stage has
// hidden) or like /sys/kernel/debug/kho/in (fdt, and where there are any scratch_phys and scratch_len, a number a
// line).  Ends in a Failure for any other, and where no handover is in it.
std::vector<FoundCarrier> FindInDirectory(const std::string& path);

}  // namespace holdfast::tool
