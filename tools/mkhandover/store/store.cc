// SPDX-License-Identifier: BSD-2-Clause
// The store of this machine.

#include "tools/mkhandover/store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/handover-file.h"
#include "tools/mkhandover/option-values.h"
#include "tools/mkhandover/output.h"
#include "tools/mkhandover/range-lists.h"
#include "tools/mkhandover/report-file.h"
#include "tools/mkhandover/store/index-file.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kIndexName = "index";
constexpr std::string_view kDataPrefix = "data-";
constexpr const char* kDevMem = "/dev/mem";

std::unique_ptr<PageSource> SourceOf(const StoreChoice& choice) {
  if (!choice.plain) {
    return MakeHugePageSource();
  }
  const std::size_t comma = choice.plain->rfind(',');
  if (comma == std::string::npos) {
    throw Failure(ExitCode::kUsage, Format("--plain {}: not ROOT,SIZE", *choice.plain));
  }
  const std::uint64_t page_size = ParseSizeOption("--plain", std::string_view(*choice.plain).substr(comma + 1));
  if (!IsPowerOfTwo(page_size) || page_size < kPageSize || page_size > kGiB) {
    throw Failure(ExitCode::kUsage, Format("--plain {}: no size of a page", *choice.plain));
  }
  return MakePlainSource(choice.plain->substr(0, comma), page_size);
}

// No two files may have a page in common: one of them would not be what its node says.
void RequireDisjoint(const StoreModel& model) {
  struct Owned {
    PhysRange range;
    const KeptFile* file;
  };
  std::vector<Owned> all;
  for (const KeptFile& file : model.files) {
    for (const PhysRange& run : file.runs) {
      all.push_back({run, &file});
    }
  }
  std::sort(all.begin(), all.end(), [](const Owned& a, const Owned& b) { return a.range.start() < b.range.start(); });
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i - 1].range.Overlaps(all[i].range)) {
      throw Failure({Errc::kKeptOverlap, all[i].range.start().raw()},
                    Format("{}: {} {} is kept as {} already", ErrcName(Errc::kKeptOverlap), all[i].file->name,
                           RangeText(all[i].range), all[i - 1].file->name));
    }
  }
}

}  // namespace

Store::Store(const StoreChoice& choice, For use) : choice_(choice), pages_(SourceOf(choice)) {
  choice_.folder = std::filesystem::absolute(choice_.folder).lexically_normal().string();
  Lock(use);
  ReadKept();
  const std::string index = choice_.folder + "/" + kIndexName;
  if (std::filesystem::exists(index)) {
    index_ = std::make_unique<IndexFile>(index);
    model_ = DecodeStore(index_->index(), index);
    model_.sequence = index_->sequence();
    has_broken_root_ = index_->other_is_broken();
  } else {
    ReadCarried();
  }
  if (use == For::kWriting) {
    RemoveStrays();
  }
}

Store::~Store() = default;

void Store::Lock(For use) {
  if (use == For::kWriting) {
    const std::string parent = std::filesystem::path(choice_.folder).parent_path().string();
    if (!pages_->Holds(std::filesystem::exists(choice_.folder) ? choice_.folder : parent)) {
      throw Failure(ExitCode::kBadInput,
                    Format("{}: not on hugetlbfs, whose pages alone sit still: give --store DIR on one, or mount -t "
                           "hugetlbfs none /dev/hugepages",
                           choice_.folder));
    }
    if (mkdir(choice_.folder.c_str(), 0700) != 0 && errno != EEXIST) {
      FailWithErrno(choice_.folder);
    }
  }
  lock_.emplace(open(choice_.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_->valid()) {
    if (errno == ENOENT) {
      return;  // Nothing was kept in this boot.
    }
    FailWithErrno(choice_.folder);
  }
  if (flock(lock_->get(), (use == For::kWriting ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      throw Failure(ExitCode::kSystem,
                    Format("{}: in use by another program: try again when it is done", choice_.folder));
    }
    FailWithErrno(choice_.folder);
  }
}

const PhysicalMemory& Store::memory() {
  if (memory_ == nullptr) {
    memory_ = choice_.memory ? std::make_unique<PhysicalMemory>(*choice_.memory) : std::make_unique<PhysicalMemory>();
  }
  return *memory_;
}

// Notes what the handover of this boot keeps; what of it is kept under our name comes back.
void Store::ReadKept() {
  std::vector<std::byte> tree;
  if (choice_.handover) {
    handover_name_ = *choice_.handover;
    tree = ReadFile(handover_name_);
  } else {
    const auto report = ReadReportOfThisBoot("/");
    if (report == nullptr || report->report().handover.empty()) {
      return;
    }
    handover_name_ = "the report's handover";
    tree = report->handover();
    generation_ = report->report().generation;
  }
  const HandoverFile handover(std::move(tree), handover_name_, choice_.memory.value_or(kDevMem));
  handover.RequireNoProblem();
  for (const KeptPiece& piece : handover.pieces()) {
    kept_.push_back(piece.range);
    if (piece.name == kStoreNodeName) {
      carried_index_.push_back(piece.range);
    }
  }
  SortAndJoin(kept_, /*overlapping=*/true);
  SortAndJoin(carried_index_, /*overlapping=*/true);
}

// The store as the earlier kernel left it.
void Store::ReadCarried() {
  if (carried_index_.empty()) {
    return;
  }
  const std::string name = Format("{}: the kept store", handover_name_);
  const auto mapped = memory().Map(carried_index_);
  StoreRoot root;
  FailUnless(FindStoreRoot(carried_index_, mapped->bytes(), root), name);
  std::vector<PhysRange> pages;
  for (const PhysAddr page : root.pages) {
    pages.push_back(PhysRange::FromStartSize(page, std::uint64_t{1} << root.page_shift).value());
  }
  std::vector<PhysRange> sorted = pages;
  SortAndJoin(sorted, /*overlapping=*/true);
  if (!Minus(sorted, carried_index_).empty()) {
    FailToDecode(name, {Errc::kMalformed, sizeof(StoredStoreRoot)});
  }
  const auto file = memory().Map(pages);
  const auto index = file->bytes().subspan(root.index_offset, root.index_size);
  FailUnless(VerifyStoreIndex(root, index, &Sha256Blocks), name);
  model_ = DecodeStore(index, name);
  model_.sequence = root.sequence;
  has_broken_root_ = root.other_is_broken;
  for (KeptFile& each : model_.files) {
    each.kind = StoreFileKind::kCarried;
  }
}

void WarnOf(const Store& store, Output& output) {
  if (store.has_broken_root()) {
    output.Warn(
        Format("{}: one of the two roots of its index is broken: what was saved last may be missing", store.folder()));
  }
}

const KeptNode& Store::Find(std::string_view name) const {
  const KeptNode* const node = model_.Find(name);
  if (node == nullptr) {
    throw Failure(ExitCode::kFound,
                  Format("{}: nothing is kept under that name: mkhandover list shows what is", Printable(name)));
  }
  return *node;
}

std::string Store::PathOf(const KeptFile& file) const {
  return file.kind == StoreFileKind::kOwn ? choice_.folder + "/" + file.name : file.name;
}

std::vector<PhysRange> Store::RunsNow(const KeptFile& file) const {
  return file.kind == StoreFileKind::kCarried ? file.runs : pages_->RunsOf(PathOf(file));
}

void Store::Refresh(StoreModel& model) const {
  for (KeptFile& file : model.files) {
    const std::uint64_t size = file.size();
    file.runs = RunsNow(file);
    if (size != 0 && file.size() != size) {
      throw Failure(ExitCode::kBadInput, Format("{}: was {} when it was kept and is {} now: drop what describes it and "
                                                "keep it again",
                                                file.name, SizeText(size), SizeText(file.size())));
    }
  }
}

void Store::Commit(StoreModel model) {
  Refresh(model);
  RequireDisjoint(model);
  const std::vector<std::byte> index = EncodeStore(model);
  // What could not be read again is not written.
  DecodeStore(index, "the store's new index");
  const std::string path = choice_.folder + "/" + kIndexName;
  if (index_ == nullptr) {
    IndexFile::Create(path, page_size(), index, model_.sequence + 1, *pages_);
    index_ = std::make_unique<IndexFile>(path);
  } else {
    index_->Write(index, *pages_);
  }
  const std::lock_guard lock(mutex_);
  for (auto& [number, mapped] : mapped_) {
    retired_.push_back(std::move(mapped));  // Somebody may still look at it.
  }
  mapped_.clear();
  model_ = std::move(model);
  model_.sequence = index_->sequence();
  RemoveStrays();
}

// Data files that no index names: of a save that was interrupted, or of a node that was dropped.
void Store::RemoveStrays() const {
  for (const auto& entry : std::filesystem::directory_iterator(choice_.folder)) {
    const std::string name = entry.path().filename().string();
    const bool is_used = std::any_of(model_.files.begin(), model_.files.end(), [&](const KeptFile& file) {
      return file.kind == StoreFileKind::kOwn && file.name == name;
    });
    if (name.starts_with(kDataPrefix) && !is_used) {
      std::filesystem::remove(entry.path());
    }
  }
}

std::vector<PhysRange> Store::ForgottenSince(const StoreModel& before) const {
  const std::vector<PhysRange> named = model_.CarriedRuns();
  std::vector<PhysRange> out = Minus(before.CarriedRuns(), named);
  if (index_ != nullptr) {
    const std::vector<PhysRange> index = Minus(carried_index_, named);
    out.insert(out.end(), index.begin(), index.end());
  }
  SortAndJoin(out, /*overlapping=*/true);
  // An index is believed about what it has, not about what else there is.
  return Within(out, kept_);
}

std::vector<PhysRange> Store::IndexRuns() const {
  return index_ == nullptr ? std::vector<PhysRange>() : pages_->RunsOf(choice_.folder + "/" + kIndexName);
}

std::vector<PhysRange> Store::RecordedIndexRuns() const {
  return index_ == nullptr ? std::vector<PhysRange>() : index_->RecordedRuns();
}

std::string Store::NewFileName() const {
  for (std::uint64_t number = model_.sequence + 1;; ++number) {
    const std::string name = Format("{}{}", kDataPrefix, number);
    if (!std::filesystem::exists(choice_.folder + "/" + name)) {
      return name;
    }
  }
}

std::span<const std::byte> Store::BytesOf(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  auto& mapped = mapped_[number];
  if (mapped == nullptr) {
    const KeptFile& file = model_.files.at(number);
    if (file.kind != StoreFileKind::kCarried) {
      mapped = MapFile(PathOf(file), file.size());
    } else {
      if (kept_.empty()) {
        throw Failure(ExitCode::kFound, Format("{}: no report says what was kept: this kernel was not started by "
                                               "Holdfast",
                                               file.name));
      }
      std::vector<PhysRange> runs = file.runs;
      SortAndJoin(runs, /*overlapping=*/true);
      if (const auto lost = Minus(runs, kept_); !lost.empty()) {
        throw Failure({Errc::kContentsLost, lost.front().start().raw()},
                      Format("{}: {}: {} was not kept on the way into this kernel", ErrcName(Errc::kContentsLost),
                             file.name, RangeText(lost.front())));
      }
      mapped = memory().Map(file.runs);
    }
  }
  return mapped->bytes();
}

}  // namespace holdfast::tool
