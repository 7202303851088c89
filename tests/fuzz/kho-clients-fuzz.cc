// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as what KHO's clients hand over: pages for LUO, its sessions, files and memfds, the sender and kho_test's
// array; or, behind a first byte that is odd, a tree.

#include "common/format/kho-clients.h"
#include "tests/fuzz/page-memory.h"

namespace holdfast {
namespace {

using fuzz::PageMemory;

Status CheckFolio(void*, const KhoFolio& folio) {
  fuzz::Check(folio.start < PhysAddr(kPhysLimit), "a folio begins below the limit");
  fuzz::Check(IsAligned(folio.start.raw(), kPageSize), "a folio begins at a page");
  return kDone;
}

Status CheckFile(void* context, const KhoFileFacts& file) {
  const auto& memory = *static_cast<const PhysMemory*>(context);
  fuzz::Check(file.compatible.size() < 48, "a name ends");
  if (const auto memfd = DecodeKhoMemfd(file.data, memory); memfd.ok()) {
    static_cast<void>(ListKhoMemfdFolios(memfd.value(), memory, Sink<KhoFolio>(&CheckFolio, nullptr)));
  }
  return kDone;
}

Status CheckSession(void* context, const KhoSessionFacts& session) {
  fuzz::Check(session.name.size() < 64, "a name ends");
  const auto& memory = *static_cast<const PhysMemory*>(context);
  static_cast<void>(ListKhoFiles(session, memory, Sink<KhoFileFacts>(&CheckFile, context)));
  return kDone;
}

Status CheckArea(void*, const KhoReservedArea& area) {
  fuzz::Check(!area.range.empty() && area.range.end() <= PhysAddr(kPhysLimit), "an area lies below the limit");
  return kDone;
}

Status CheckBlock(void*, const KeptBlock& block) {
  fuzz::Check(block.order >= 0 && block.range.size() == kPageSize << block.order, "a folio has its order's size");
  fuzz::Check(IsAligned(block.range.start().raw(), block.range.size()), "a folio begins at its size");
  fuzz::Check(block.range.end() <= PhysAddr(kPhysLimit), "a folio ends at or below the limit");
  return kDone;
}

void LookAtTrees(const KhoClient& client, const PhysMemory& memory) {
  static_cast<void>(ListKhoReservedAreas(client, memory, Sink<KhoReservedArea>(&CheckArea, nullptr)));
  static_cast<void>(DecodeKhoTest(client, memory, BlockSink(&CheckBlock, nullptr)));
}

// A tree that no input could make word by word, of a test whose array is.
void WriteTestTree(PageMemory& input) {
  FdtWriter writer(input.bytes().last(kPageSize));
  const Le32 magic(kho_test::kMagic);
  const Le32 num_folios(static_cast<std::uint32_t>(input.header_word(2)));
  const KhoVmalloc area{Le64(PageMemory::PageAt(input.header()[1]).raw()), Le32(input.header()[5]), Le16(0),
                        Le16(input.header()[6])};
  writer.BeginNode("");
  writer.String(kho_fdt::kPropCompatible, kho_test::kCompatible);
  writer.Bytes(kho_test::kPropMagic, std::as_bytes(std::span(&magic, 1)));
  writer.BeginNode(kho_test::kNodeData);
  writer.Bytes(kho_test::kPropNumFolios, std::as_bytes(std::span(&num_folios, 1)));
  writer.Bytes(kho_test::kPropFolios, std::as_bytes(std::span(&area, 1)));
  writer.EndNode();
  writer.EndNode();
  fuzz::Check(writer.Finish().ok(), "the tree has room");
}

void LookAtPages(PageMemory& input) {
  WriteTestTree(input);
  const PhysMemory memory = input.memory();
  void* const context = const_cast<PhysMemory*>(&memory);
  const KhoClient client{.name = "any", .blob = PageMemory::PageAt(input.header()[1]), .size = 0};
  if (const auto luo = DecodeKhoLuo(client, memory); luo.ok()) {
    static_cast<void>(ListKhoSessions(luo.value().sessions, memory, Sink<KhoSessionFacts>(&CheckSession, context)));
  }
  if (const auto sender = DecodeKhoSender(client, memory); sender.ok()) {
    fuzz::Check(sender.value().release.size() < 65, "a release ends");
  }
  LookAtTrees({.name = "kho_test", .blob = PageMemory::PageAt(PageMemory::kPages - 1), .size = 0}, memory);
}

const std::byte* ReadTree(const void* backing, PhysRange range) {
  const auto bytes = static_cast<const fuzz::AlignedInput*>(backing)->bytes();
  const auto all = PhysRange::FromStartSize(PhysAddr(PageMemory::kStart), bytes.size()).value();
  return all.Contains(range) ? bytes.data() + (range.start().raw() - PageMemory::kStart) : nullptr;
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  if (size != 0 && data[0] % 2 != 0) {
    const fuzz::AlignedInput tree(data + 1, size - 1);
    const KhoClient client{.name = "any", .blob = PageMemory::PageAt(0), .size = size - 1};
    LookAtTrees(client, PhysMemory(&ReadTree, &tree));
    return 0;
  }
  PageMemory pages(data, size);
  LookAtPages(pages);
  return 0;
}
