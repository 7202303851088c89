// SPDX-License-Identifier: BSD-2-Clause
// Where `load` gets its handover from: a file, a store, or the report of this boot.

#include "tools/mkhandover/handover-source.h"

#include <algorithm>
#include <set>

#include "common/format/command-line.h"
#include "tools/mkhandover/digest.h"
#include "tools/mkhandover/draft.h"
#include "tools/mkhandover/handover-maker.h"
#include "tools/mkhandover/huge-file.h"
#include "tools/mkhandover/page-map.h"
#include "tools/mkhandover/report-file.h"
#include "tools/mkhandover/store/released.h"
#include "tools/mkhandover/store/store-check.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kDevMem = "/dev/mem";

std::unique_ptr<HandoverFile> WithoutProblem(std::unique_ptr<HandoverFile> file) {
  if (file != nullptr) {
    file->RequireNoProblem();
  }
  return file;
}

std::unique_ptr<HandoverFile> TreeOf(std::vector<std::byte> tree, const std::string& name) {
  return WithoutProblem(std::make_unique<HandoverFile>(std::move(tree), name));
}

// As it goes into the bundle: whatever dialect it is, the stage will find a tree of ours.
std::unique_ptr<HandoverFile> ReadAsTree(const HandoverChoice& choice) {
  auto file = WithoutProblem(std::make_unique<HandoverFile>(choice));
  return file->tree() != nullptr ? std::move(file) : TreeOf(AsTree(*file), file->name());
}

class FileSource final : public HandoverSource {
 public:
  explicit FileSource(const HandoverChoice& choice) : HandoverSource(ReadAsTree(choice)), choice_(choice) {}

  std::span<const std::byte> for_bundle() const override { return handover()->tree()->bytes(); }

  void CheckAgain() const override {
    const auto now = ReadAsTree(choice_);
    const auto before = for_bundle();
    const auto after = now->tree()->bytes();
    if (!std::equal(before.begin(), before.end(), after.begin(), after.end())) {
      throw Failure(ExitCode::kFound,
                    Format("{}: was changed while it was put into the bundle: run this again", handover()->name()));
    }
    if (IsOnHugetlbfs(choice_.file)) {
      CheckOwnPages(PagesOfFile(choice_.file).extents, *handover());
    }
  }

 private:
  HandoverChoice choice_;
};

// It lies in memory which nobody may read, but the stage left a copy of it in its report.
class ReportSource final : public HandoverSource {
 public:
  ReportSource(std::span<const HandoverOption> options, const std::filesystem::path& root)
      : HandoverSource(Find(options, root)) {}

  std::span<const std::byte> for_bundle() const override { return {}; }
  void CheckAgain() const override {}

 private:
  static std::unique_ptr<HandoverFile> Find(std::span<const HandoverOption> options,
                                            const std::filesystem::path& root) {
    const auto report = options.empty() ? nullptr : ReadReportOfThisBoot(root);
    if (report == nullptr) {
      return nullptr;
    }
    auto copy = report->handover();
    return !copy.empty() && DigestOf(copy) == options[0].digest ? TreeOf(std::move(copy), "the report's handover")
                                                                : nullptr;
  }
};

class StoreSource final : public HandoverSource {
 public:
  // `releases`: the store is what this boot's report leads to, so that what it has forgotten may go.
  StoreSource(std::unique_ptr<Store> store, bool releases, const std::filesystem::path& root, Output& output)
      : HandoverSource(Make(*store, releases, root, output)), store_(std::move(store)), kept_(handover()->pieces()) {}

  static std::unique_ptr<Store> Open(const StoreChoice& choice, Output& output) {
    auto store = std::make_unique<Store>(choice, Store::For::kWriting);
    WarnOf(*store, output);
    store->Commit(store->model());  // with the addresses of now
    WarnOfLost(*store, output);
    return store;
  }

  std::span<const std::byte> for_bundle() const override { return handover()->tree()->bytes(); }

  void CheckAgain() const override {
    const std::vector<MovedFile> moved = FindMoved(PlacesOf(*store_), kept_);
    if (moved.empty()) {
      return;
    }
    const std::string what = DescribeMoved(moved.front());
    if (moved.front().size_now) {
      throw Failure(ExitCode::kFound, Format("{}: drop {} and keep it again", what, moved.front().node));
    }
    throw PagesMoved(Format("{}: run mkhandover load again", what));
  }

 private:
  static std::unique_ptr<HandoverFile> Make(const Store& store, bool releases, const std::filesystem::path& root,
                                            Output& output) {
    const auto report = AskForReport(root, output);
    const auto map = MapOfThisMachine(root);
    Draft draft;
    draft.generation = report ? report->report().generation : 0;
    AddRamOfThisMachine(map.get(), report.get(), draft, output);
    AddStore(store, draft, output);
    if (report != nullptr) {
      const ReleaseWish wish{.with_store = releases, .map = map != nullptr ? &map->map() : nullptr};
      draft.Release(ReleasedBy(*report, wish, output));
      WarnOfWhatIsLeftOut(*report, draft, output);
    }
    Finish(draft, output);
    return TreeOf(draft.Encode(), store.folder());
  }

  // What was kept on the way into this kernel by others than the store.
  static void WarnOfWhatIsLeftOut(const ReportFile& report, const Draft& draft, Output& output) {
    if (report.report().handover.empty()) {
      return;
    }
    const HandoverFile before(report.handover(), "the report's handover", kDevMem);
    std::set<std::string> names;
    for (const KeptPiece& piece : before.pieces()) {
      if (piece.owner != kStoreOwner && piece.owner != kOwnPageOwner) {
        names.insert(piece.name);
      }
    }
    for (const Draft::Node& node : draft.nodes()) {
      names.erase(node.name);
    }
    std::string list;
    for (const std::string& name : names) {
      list += (list.empty() ? "" : ", ") + name;
    }
    if (!list.empty()) {
      output.Warn(
          Format("{}: was kept on the way into this kernel and is not in the store, so not handed on: make --store "
                 "--from, then load --handover, hands on both",
                 list));
    }
  }

  std::unique_ptr<Store> store_;
  KeptByName kept_;
};

void WarnOfUnknown(std::span<const HandoverOption> options, const HandoverFile* handover, Output& output) {
  const auto is_known = [handover](const HandoverOption& option) {
    return handover != nullptr && DigestOf(handover->tree()->bytes()) == option.digest;
  };
  if (!std::all_of(options.begin(), options.end(), is_known)) {
    output.Warn(
        "a handover that holdfast= names cannot be read, so nothing is placed with regard to what it keeps: "
        "give --handover FILE");
  }
}

}  // namespace

std::unique_ptr<HandoverSource> FindHandoverSource(const LoadOptions& options, const std::string& cmdline,
                                                   const std::filesystem::path& root, Output& output) {
  FixedVector<HandoverOption, kMaxHandoverOptions> named;
  FailUnless(FindHandoverOptions(cmdline, named), "the command line: holdfast=");
  std::unique_ptr<HandoverSource> source;
  if (options.with_store) {
    source =
        std::make_unique<StoreSource>(StoreSource::Open(options.store, output), !options.store.handover, root, output);
  } else if (options.handover.given()) {
    source = std::make_unique<FileSource>(options.handover);
  } else {
    source = std::make_unique<ReportSource>(named.view(), root);
  }
  WarnOfUnknown(named.view(), source->handover(), output);
  return source;
}

void CheckOwnPages(std::span<const PhysRange> pages, const HandoverFile& handover) {
  std::vector<PhysRange> storage(handover.handover().kept.size() + 1);
  RangeSet kept(storage);
  for (const KeptRange& each : handover.handover().kept.view()) {
    FailUnless(kept.Add(each.range), handover.name());
  }
  for (const PhysRange& page : pages) {
    if (const auto missing = kept.FirstMissing(page)) {
      throw Failure(ExitCode::kFound, Format("{}: its page {} is not among what it keeps: make the handover again",
                                             handover.name(), RangeText(*missing)));
    }
  }
}

}  // namespace holdfast::tool
