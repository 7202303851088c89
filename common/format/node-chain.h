// SPDX-License-Identifier: BSD-2-Clause
// The setup_data nodes that a stage puts before those of its loader.
//
// A node lies where the kernel will read it: its address in memory is its physical one, in every shell.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/abi/boot-params.h"
#include "common/abi/setup-data.h"
#include "common/format/boot-report.h"
#include "common/mem/memory-map.h"
#include "common/mem/phys-range.h"

namespace holdfast {

// A setup_data node with its payload behind it.
template <typename Payload>
struct Node {
  SetupDataHeader header;
  Payload payload;
};

// A chain that is put together from its end: each node gets the one that was linked before it as its next.
class NodeChain {
 public:
  // `tail` is the address of the first node that is there already, or 0.
  explicit NodeChain(std::uint64_t tail) : next_(tail) {}

  // The payload, of that many bytes, lies behind `header`.
  void Prepend(SetupDataHeader& header, std::uint32_t type, std::size_t payload_size);
  std::uint64_t head() const { return next_; }

 private:
  std::uint64_t next_;
};

// The report, encoded into `payload`, which lies behind `header`.  EncodeBootReport()'s errors; then nothing is linked.
Status PrependReport(const BootReport& report, SetupDataHeader& header, std::span<std::byte> payload, NodeChain& chain);

// `map` goes into `params`, and what does not fit there into a SETUP_E820_EXT node, if anything does not.  `payload`
// lies behind `header`.  EncodeE820()'s errors; then nothing is linked.
Status PrependE820(const MemoryMap& map, BootParams& params, SetupDataHeader& header, std::span<E820Entry> payload,
                   NodeChain& chain);

// A SETUP_INDIRECT node for each range, so that the kernel keeps its own allocator off it.
// Pre: nodes.size() >= held.size().
void PrependHeld(std::span<const PhysRange> held, std::span<Node<SetupIndirect>> nodes, NodeChain& chain);

}  // namespace holdfast
