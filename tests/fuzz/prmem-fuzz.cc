// SPDX-License-Identifier: BSD-2-Clause
// Any pages as prmem's, with a checksum that fits.

#include "common/format/prmem.h"

#include "tests/fuzz/page-memory.h"

namespace holdfast {
namespace {

constexpr std::size_t kMaxBlocks = 1024;

// Header: variant whose checksum is made to fit, metadata page, whether prmem= says a size.
void Walk(fuzz::PageMemory& input) {
  const auto& header = input.header();
  PrmemOption option{.metadata = fuzz::PageMemory::PageAt(header[1])};
  const auto page = input.bytes().subspan(option.metadata.raw() - fuzz::PageMemory::kStart, kPageSize);
  const auto word = [page](std::size_t offset) {
    Le64 stored;
    std::memcpy(&stored, page.data() + offset, sizeof(stored));
    return stored.value();
  };
  if (header[0] % 4 < kPrmemVariants.size()) {
    std::uint64_t sum = 0;
    for (std::size_t at = sizeof(Le64); at < kPrmemVariants[header[0] % 4].size; at += sizeof(Le64)) {
      sum += word(at);
    }
    const Le64 stored(sum);
    std::memcpy(page.data(), &stored, sizeof(stored));
  }
  option.size = header[2] % 2 == 0 ? 0 : word(16);

  static std::vector<KeptRange> storage(kMaxBlocks);
  PreservedMap kept{std::span(storage)};
  fuzz::BlockCheck blocks(kept);
  PrmemFacts facts;
  if (!DecodePrmem(option, input.memory(), blocks.sink(), facts).ok()) {
    return;
  }
  fuzz::Check(word(8) == option.metadata.raw(), "the metadata names itself");
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  for (const KeptRange& one : kept.view()) {
    count += one.kind == KeptKind::kMemory ? 1 : 0;
    bytes += one.kind == KeptKind::kMemory ? one.range.size() : 0;
  }
  fuzz::Check(count == facts.num_regions, "every region is given");
  fuzz::Check(bytes == word(facts.metadata_size == 184 ? 24 : 16), "regions are as large as they say together");

  std::uint64_t instances = 0;
  const PrmemInstanceSink sink(
      [](void* seen, const PrmemInstance& instance) -> Status {
        fuzz::Check(instance.name.size() < 32 && instance.subsystem.size() < 32, "texts end");
        ++*static_cast<std::uint64_t*>(seen);
        return kDone;
      },
      &instances);
  if (ListPrmemInstances(option, input.memory(), sink).ok()) {
    fuzz::Check(instances == facts.num_instances, "every instance is counted");
  }
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  fuzz::PageMemory input(data, size);
  Walk(input);
  return 0;
}
