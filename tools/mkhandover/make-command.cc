// SPDX-License-Identifier: BSD-2-Clause
// mkhandover make: describes memory that is to survive the next kexec.

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "common/console/wording.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/draft.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/handover-maker.h"
#include "tools/mkhandover/huge-file.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/option-values.h"
#include "tools/mkhandover/page-map.h"
#include "tools/mkhandover/range-lists.h"
#include "tools/mkhandover/report-file.h"
#include "tools/mkhandover/store/released.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

// In place, names of more ranges have them in a list.
constexpr std::size_t kMostInTree = 64;

// --ram-from none
constexpr std::string_view kNoMap = "none";

constexpr const char* kRoot = "/";

void AddFiles(const MakeOptions& options, Draft& draft, Output& output) {
  for (const std::string& path : options.pages_of) {
    FilePages pages = PagesOfFile(path);
    const std::size_t extents = pages.extents.size();
    const std::optional<Digest> digest = options.digest ? std::optional(DigestOfPages(path, pages)) : std::nullopt;
    const std::string name = draft.AddUnique({.name = MakeNodeName(std::filesystem::path(path).filename().string()),
                                              .owner = {},
                                              .fence = Fence::kReserved,
                                              .ranges = std::move(pages.extents),
                                              .sha256 = digest});
    output.Note(
        Format("{}: kept as {}, {} of {}-pages", path, name, CountText(extents, "extent"), SizeText(pages.page_size)));
  }
}

void AddRanges(const MakeOptions& options, Draft& draft) {
  for (const std::string& text : options.preserve) {
    PreserveOption option = ParsePreserveOption(text);
    if (option.name.empty()) {
      option.name = Format("mem-{:x}", option.range.start().raw());
    }
    draft.AddNamed(option);
  }
  for (const std::string& text : options.scratch) {
    draft.AddScratch(ParseRangeOption("--scratch", text));
  }
}

// What is RAM by --ram-from, or by this machine; null where nobody says.
std::unique_ptr<OwnedMap> FindMap(const MakeOptions& options) {
  if (!options.ram_from) {
    return MapOfThisMachine(kRoot);
  }
  return *options.ram_from == kNoMap ? nullptr : ReadMap(*options.ram_from, options.efi_descriptor_size);
}

void AddRam(const MakeOptions& options, const OwnedMap* map, const ReportFile* report, Draft& draft, Output& output) {
  if (!options.ram_from) {
    AddRamOfThisMachine(map, report, draft, output);
  } else if (map == nullptr) {
    draft.ForgetRam();
  } else {
    AddRamOf(map->map(), draft);
  }
}

// Gives what they release.
std::vector<PhysRange> AddHandovers(const MakeOptions& options, const OwnedMap* map, const Store* store, Draft& draft,
                                    Output& output) {
  const std::vector<PhysRange> index = store != nullptr ? store->IndexPlaces() : std::vector<PhysRange>();
  std::vector<PhysRange> released;
  for (const std::string& path : options.from) {
    HandoverChoice choice = options.from_all;
    choice.file = path;
    const HandoverFile file(choice, map != nullptr ? &map->map() : nullptr);
    file.RequireNoProblem();
    draft.Merge(file, index);
    const auto more = file.handover().released->view();
    released.insert(released.end(), more.begin(), more.end());
    if (file.handover().native) {
      output.Note(Format("{}: its scratch is left out, as the next kernel will not read {}", path,
                         file.handover().native->compatible));
    }
  }
  return released;
}

void WarnOfWhatIsNotRam(const Draft& draft, Output& output) {
  if (draft.ram().empty()) {
    return;
  }
  std::vector<PhysRange> storage(draft.ram().size());
  RangeSet ram(storage);
  for (const PhysRange& range : draft.ram()) {
    FailUnless(ram.Add(range), "ram");
  }
  for (const Draft::Node& node : draft.nodes()) {
    for (const PhysRange& range : node.ranges) {
      if (const auto missing = ram.FirstMissing(range)) {
        output.Warn(Format("{} {} is not RAM from {} on: the stage will refuse it", node.name, RangeText(range),
                           Hex(missing->start().raw())));
      }
    }
  }
}

struct Result {
  std::size_t size = 0;
  Digest digest{};
  std::optional<PhysAddr> address;
  std::string option;  // what to pass on the command line
  std::size_t num_lists = 0;
};

Result WriteOrdinary(const MakeOptions& options, const Draft& draft) {
  const std::vector<std::byte> tree = draft.Encode();
  WriteFile(options.output, tree);
  return {.size = tree.size(), .digest = DigestOf(tree), .address = std::nullopt, .option = {}, .num_lists = 0};
}

// Onto a huge page of its own, which the handover keeps as well.
Result WriteInPlace(const MakeOptions& options, Draft& draft) {
  HugePageFile file(options.output);
  draft.Reserve({});
  draft.AddUnique({.name = std::string(Draft::kOwnName),
                   .owner = std::string(kOwnPageOwner),
                   .fence = Fence::kReserved,
                   .ranges = {file.range()},
                   .sha256 = std::nullopt});
  draft.Finish();
  const Draft::InPlace made = draft.EncodeAt(file.range(), options.range_list ? 0 : kMostInTree);
  std::memcpy(file.bytes().data(), made.bytes.data(), made.bytes.size());
  Result result{.size = made.tree_size,
                .digest = DigestOf(file.bytes().first(made.tree_size)),
                .address = file.range().start(),
                .option = {},
                .num_lists = made.num_lists};
  result.option = Format("holdfast={},{},{}", Hex(result.address->raw()), result.size, HexDigits(result.digest));
  file.Keep();
  return result;
}

Json ToJson(const MakeOptions& options, const Draft& draft, const Result& result) {
  Json out = JsonDocument();
  out["output"] = options.output;
  if (result.address) {
    out["start"] = JsonAddress(result.address->raw());
  }
  out["size"] = result.size;
  out["sha256"] = HexDigits(result.digest);
  if (!result.option.empty()) {
    out["option"] = result.option;
  }
  if (result.num_lists != 0) {
    out["range_lists"] = result.num_lists;
  }
  out["generation"] = draft.generation;
  std::vector<std::pair<PhysRange, const Draft::Node*>> ranges;
  for (const Draft::Node& node : draft.nodes()) {
    for (const PhysRange& range : node.ranges) {
      ranges.emplace_back(range, &node);
    }
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.first.start() < b.first.start(); });
  Json preserved = Json::array();
  for (const auto& [range, node] : ranges) {
    Json item = JsonStartSize(range);
    item["name"] = node->name;
    item["fence"] = FenceName(node->fence);
    if (node->sha256) {
      item["sha256"] = HexDigits(*node->sha256);
    }
    preserved.push_back(std::move(item));
  }
  out["preserved"] = std::move(preserved);
  out["bytes"] = draft.bytes();
  out["released"] = JsonRanges(draft.released());
  return out;
}

void SetPolicy(const MakeOptions& options, Draft& draft) {
  draft.policy.on_refusal = options.on_refusal.value_or(draft.policy.on_refusal);
  draft.policy.refusal_delay_seconds = options.refusal_delay.value_or(draft.policy.refusal_delay_seconds);
  draft.policy.kaslr = options.kaslr.value_or(draft.policy.kaslr);
  draft.policy.on_loss = options.on_loss.value_or(draft.policy.on_loss);
  draft.policy.overwrite_request = options.overwrite_request.value_or(draft.policy.overwrite_request);
}

}  // namespace

ExitCode RunMake(const MakeOptions& options, Output& output) {
  if (options.preserve.empty() && options.pages_of.empty() && options.from.empty() && !options.with_store) {
    throw Failure(ExitCode::kUsage,
                  "make: nothing to keep: give --pages-of FILE, --preserve START+SIZE, --store DIR or --from "
                  "FILE");
  }
  if (options.digest && options.pages_of.empty()) {
    throw Failure(ExitCode::kUsage, "--digest: is of the files of --pages-of: give one");
  }
  const bool in_place = IsOnHugetlbfs(options.output);
  if (options.range_list && !in_place) {
    throw Failure(ExitCode::kUsage, "--range-list: a list has to stay where the handover says: give -o on hugetlbfs");
  }
  for (const std::string& path : options.pages_of) {
    std::error_code none;
    if (std::filesystem::equivalent(path, options.output, none)) {
      throw Failure(ExitCode::kUsage, Format("--pages-of {}: is the output as well, which is kept anyway", path));
    }
  }
  const auto report = AskForReport(kRoot, output);
  Draft draft;
  draft.generation = report ? report->report().generation : 0;
  if (in_place) {
    draft.Reserve(Draft::kOwnName);
  }
  const auto map = FindMap(options);
  const auto store = options.with_store ? std::make_unique<Store>(options.store, Store::For::kWriting) : nullptr;
  if (store != nullptr) {
    WarnOf(*store, output);
  }
  const ReleaseWish wish{.with_store = options.with_store && !options.store.handover,
                         .handed_on = AddHandovers(options, map.get(), store.get(), draft, output),
                         .map = map != nullptr ? &map->map() : nullptr};
  AddRanges(options, draft);
  AddRam(options, map.get(), report.get(), draft, output);
  SetPolicy(options, draft);
  // Last, because pages might still move.
  AddFiles(options, draft, output);
  if (store != nullptr) {
    store->Commit(store->model());  // with the addresses of now
    WarnOfLost(*store, output);
    AddStore(*store, draft, output);
  }
  if (report != nullptr) {
    draft.Release(ReleasedBy(*report, wish, output));
  }
  Finish(draft, output);  // Nothing is written of a handover that would be refused.
  const Result result = in_place ? WriteInPlace(options, draft) : WriteOrdinary(options, draft);
  WarnOfWhatIsNotRam(draft, output);

  output.Note(Format("{}: {} bytes, {}, {} kept, sha256 {}", options.output, result.size,
                     CountText(draft.num_ranges(), "range"), SizeText(draft.bytes()), HexDigits(result.digest)));
  if (!draft.released().empty()) {
    output.Note(Format("{}: {} in {} is kept no more, and the system's again after the kexec", options.output,
                       SizeText(BytesIn(draft.released())), CountText(draft.released().size(), "range")));
  }
  if (!result.option.empty()) {
    output.Note(Format("the option goes to a kexec; for a reset through firmware: mkhandover variable --set {}",
                       result.option));
  }
  if (output.json()) {
    output.Line(ToText(ToJson(options, draft, result)));
  } else if (!result.option.empty()) {
    output.Line(result.option);
  }
  return ExitCode::kFine;
}

}  // namespace holdfast::tool
