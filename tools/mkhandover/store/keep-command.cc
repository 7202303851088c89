// SPDX-License-Identifier: BSD-2-Clause
// mkhandover keep: files' contents in memory that the next kexec leaves alone.

#include "common/format/handover-v1.h"

#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/store/walk.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// Standard input may be of any size: that takes address space only.
constexpr std::uint64_t kUnknownSize = std::uint64_t{1} << 40;

struct Amount {
  std::uint64_t bytes = 0;     // to be copied or described, 0 where nobody knows
  std::uint64_t capacity = 0;  // of address space
};

Amount AmountOf(const std::vector<FoundFile>& files) {
  Amount out;
  bool is_known = true;
  for (const FoundFile& file : files) {
    is_known = is_known && file.object.about.kind != StoreObjectKind::kStream;
    out.bytes += file.object.about.size;
    // Every block begins with a page, and data and holes may come in turns.
    out.capacity += 2 * AlignUp(file.object.about.size, kPageSize) + kPageSize;
  }
  out.capacity += is_known ? 0 : kUnknownSize;
  out.bytes = is_known ? out.bytes : 0;
  return out;
}

std::uint64_t DescribedBytes(const StoreModel& model, const KeptNode& node) {
  std::uint64_t sum = 0;
  for (const std::uint32_t number : model.FilesOf(node)) {
    sum += model.files[number].kind == StoreFileKind::kDescribed ? model.files[number].size() : 0;
  }
  return sum;
}

}  // namespace

ExitCode RunKeep(const KeepOptions& options, Output& output) {
  Store store(options.store, Store::For::kWriting);
  WarnOf(store, output);
  const std::vector<FoundFile> files = FindFiles(options.files, output);
  const Amount amount = AmountOf(files);
  {
    Saver saver(store, options.name,
                {.zstd = options.zstd,
                 .digest_described = options.digest,
                 .fence = *FenceFromName(options.fence),
                 .add = options.add},
                amount.capacity);
    Progress progress(options.name, amount.bytes, output);
    SaveFiles(files, saver, progress);
    saver.Finish();
  }
  WarnOfLost(store, output);
  const KeptNode& node = store.Find(options.name);
  const std::uint64_t described = DescribedBytes(store.model(), node);
  if (output.json()) {
    Json out = JsonDocument();
    out["name"] = node.name;
    out["objects"] = node.objects.size();
    out["bytes"] = node.bytes();
    out["described_bytes"] = described;
    output.Line(ToText(out));
  } else {
    output.Line(Format("{}: {}, {} kept{}", node.name, CountText(node.objects.size(), "object"), SizeText(node.bytes()),
                       described == 0 ? "" : Format(", of which {} stay where they are", SizeText(described))));
  }
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
