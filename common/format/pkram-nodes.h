// SPDX-License-Identifier: BSD-2-Clause
// PKRAM's contents: named nodes, their objects, and the pages and bytes of each.  For people who look inside; the stage
// needs none of it.
//
// Layouts: common/abi/pkram.h.

#pragma once

#include <cstdint>
#include <string_view>

#include "common/mem/phys-memory.h"
#include "common/mem/preserved-map.h"

namespace holdfast {

// How the objects are written.  The two of the page-table form have no field that tells them apart: kRfc2020 is tried
// first, and holds if all that it leads to is preserved.
enum class PkramObjectForm : std::uint8_t { kRfc2020, kIntel2020, kStreams };

struct PkramNode {
  PhysAddr at;
  std::string_view name;  // in the node's page
};
struct PkramObject {
  PhysAddr at;
  PkramObjectForm form = PkramObjectForm::kStreams;
  std::uint64_t data_length = 0;  // bytes of its byte stream
};
struct PkramPage {
  PhysRange range{};
  bool is_data = false;     // a page of the byte stream, else one with a place in a file
  std::uint64_t index = 0;  // pages from the start of the file or the stream
  std::uint8_t order = 0;
  std::uint8_t flags = 0;  // as stored: bit 0 is a transparent huge page in the series of 2020 and 2021
};

// Takes what is met: a node, then each of its objects (the newest first), then the pages of that object.  An error ends
// the walk: it is the walk's result.
class PkramSink {
 public:
  using NodeFn = Status (*)(void* context, const PkramNode& node);
  using ObjectFn = Status (*)(void* context, const PkramObject& object);
  using PageFn = Status (*)(void* context, const PkramPage& page);

  constexpr PkramSink(NodeFn node, ObjectFn object, PageFn page, void* context)
      : node_(node), object_(object), page_(page), context_(context) {}
  Status Node(const PkramNode& node) const { return node_(context_, node); }
  Status Object(const PkramObject& object) const { return object_(context_, object); }
  Status Page(const PkramPage& page) const { return page_(context_, page); }

 private:
  NodeFn node_;
  ObjectFn object_;
  PageFn page_;
  void* context_;
};

inline constexpr std::uint64_t kMaxPkramNodes = 1024;
inline constexpr std::uint64_t kMaxPkramLinks = std::uint64_t{1} << 22;  // pages of objects and links together

// Walks everything that hangs below the super block.  `kept` is sealed and has what DecodePkram() gave.
//
// Errors (where: a physical address if not said otherwise): kMalformed: what the specification's Validator lines
// refuse: a page outside of what is kept (the page), a node that is still being saved or loaded, a name without an end
// or that another node has (the node), a byte stream with another number of pages than its length asks for (the
// object); kMisaligned: a page that is no multiple of its size; kCycle; kTooLarge (where: how many are allowed);
// kUnreadable; kOutOfBounds; the sink's.
Status WalkPkramNodes(PhysAddr super_block, const PhysMemory& memory, const PreservedMap& kept, const PkramSink& sink);

}  // namespace holdfast
