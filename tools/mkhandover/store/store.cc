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

std::string ParentOf(const std::string& folder) {
  const std::filesystem::path path(folder);
  return (path.has_filename() ? path : path.parent_path()).parent_path().string();  // "DIR/" is DIR.
}

// Invalid where there is none.
Descriptor OpenFolder(const std::string& path) {
  Descriptor out(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out.valid() && errno != ENOENT) {
    FailWithErrno(path);
  }
  return out;
}

[[noreturn]] void FailInUse(const std::string& folder) {
  throw Failure(ExitCode::kSystem, Format("{}: in use by another program: try again when it is done", folder));
}

// The lock of a folder in which the store's is to be.  Not that of flock(), which other users of hugetlbfs take and
// wait for; for writing nobody can have this one, as a folder is not opened so.
struct flock ParentLock(short type) {
  struct flock out {};
  out.l_type = type;
  out.l_whence = SEEK_SET;
  return out;
}

void LockForReaders(const Descriptor& parent, const std::string& folder) {
  const struct flock lock = ParentLock(F_RDLCK);
  if (fcntl(parent.get(), F_OFD_SETLK, &lock) != 0) {
    FailWithErrno(ParentOf(folder));
  }
}

bool HasReaders(const Descriptor& parent) {
  struct flock lock = ParentLock(F_WRLCK);
  return fcntl(parent.get(), F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

}  // namespace

Store::Store(const StoreChoice& choice, For use)
    : choice_(choice), pages_(SourceOf(choice)), is_writable_(use == For::kWriting) {
  choice_.folder = std::filesystem::absolute(choice_.folder).lexically_normal().string();
  Lock(use);
  ReadKept();
  const std::string index = IndexPath();
  StoreModel model;
  if (std::filesystem::exists(index)) {
    index_ = std::make_unique<IndexFile>(index);
    model = DecodeStore(index_->index(), index);
    model.sequence = index_->sequence();
    has_broken_root_ = index_->other_is_broken();
  } else {
    model = ReadCarried();
  }
  now_ = std::make_shared<StoreSnapshot>(*this, std::move(model));
  if (use == For::kWriting) {
    RemoveStrays();
  }
}

Store::~Store() = default;

void Store::MakeFolder() const {
  if (!pages_->Holds(std::filesystem::exists(choice_.folder) ? choice_.folder : ParentOf(choice_.folder))) {
    throw Failure(ExitCode::kBadInput,
                  Format("{}: not on hugetlbfs, whose pages alone sit still: give --store DIR on one, or mount -t "
                         "hugetlbfs none /dev/hugepages",
                         choice_.folder));
  }
  if (mkdir(choice_.folder.c_str(), 0700) != 0 && errno != EEXIST) {
    FailWithErrno(choice_.folder);
  }
}

// Nobody waits here.  Who reads locks the parent and then looks for the folder again, who writes has the folder and
// then asks about the parent: one of two at least sees the other.
void Store::Lock(For use) {
  if (use == For::kWriting) {
    MakeFolder();
  }
  lock_.emplace(OpenFolder(choice_.folder));
  Descriptor parent = OpenFolder(ParentOf(choice_.folder));
  if (!lock_->valid() && parent.valid()) {
    LockForReaders(parent, choice_.folder);
    lock_.emplace(OpenFolder(choice_.folder));
  }
  if (!lock_->valid()) {
    lock_.emplace(std::move(parent));  // Nothing was kept in this boot.
    return;
  }
  if (flock(lock_->get(), (use == For::kWriting ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      FailInUse(choice_.folder);
    }
    FailWithErrno(choice_.folder);
  }
  if (use == For::kWriting && HasReaders(parent)) {
    FailInUse(choice_.folder);
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
    if (piece.owner != kStoreOwner) {
      continue;  // Whatever its name.
    }
    kept_for_us_.push_back(piece.range);
    if (piece.name == kStoreNodeName) {
      carried_index_.push_back(piece.range);
    }
  }
  SortAndJoin(kept_, /*overlapping=*/true);
  SortAndJoin(kept_for_us_, /*overlapping=*/true);
  SortAndJoin(carried_index_, /*overlapping=*/true);
  if (choice_.handover && is_writable_) {
    RequireNoOther(carried_index_);
  }
}

// A folder has one index: to take another store over would forget what this boot's report leads to, and the next
// handover would release it.
void Store::RequireNoOther(std::span<const PhysRange> index) const {
  const auto report = ReadReportOfThisBoot("/");
  if (report == nullptr || report->report().handover.empty()) {
    return;
  }
  const HandoverFile handover(report->handover(), "the report's handover", kDevMem);
  const std::vector<PhysRange> known(index.begin(), index.end());
  for (const KeptPiece& piece : handover.pieces()) {
    if (piece.name == kStoreNodeName && piece.owner == kStoreOwner && !Minus({piece.range}, known).empty()) {
      throw Failure(ExitCode::kFound,
                    Format("{}: leads to another store than the report of this boot, which would be forgotten: restore "
                           "from it, then keep that without --handover",
                           *choice_.handover));
    }
  }
}

// The store as the earlier kernel left it.
StoreModel Store::ReadCarried() {
  if (carried_index_.empty()) {
    return {};
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
  StoreModel model = DecodeStore(index, name);
  model.sequence = root.sequence;
  has_broken_root_ = root.other_is_broken;
  for (KeptFile& each : model.files) {
    each.kind = StoreFileKind::kCarried;
  }
  return model;
}

void WarnOf(const Store& store, Output& output) {
  if (store.has_broken_root()) {
    output.Warn(
        Format("{}: one of the two roots of its index is broken: what was saved last may be missing", store.folder()));
  }
}

void WarnOfLost(const Store& store, Output& output) {
  const StoreModel& model = store.model();
  for (const KeptNode& node : model.nodes) {
    for (const std::uint32_t number : model.FilesOf(node)) {
      const KeptFile& file = model.files[number];
      const auto lost = file.Lost();
      if (lost.empty() || file.kind == StoreFileKind::kCarried) {
        continue;  // What an earlier kernel left out was named then, and is by restore.
      }
      std::uint64_t size = 0;
      for (const FileStretch& each : lost) {
        size += each.size;
      }
      const std::uint64_t count = size / file.page_size();
      output.Warn(Format("{}: {} from offset {} on, {}: left out: the kernel has put {} aside for memory failure",
                         node.name, Printable(store.PathOf(file)), Hex(lost.front().offset), SizeText(size),
                         count == 1 ? "this page" : Format("{} of it", CountText(count, "page"))));
    }
  }
}

std::string Store::PathOf(const KeptFile& file) const {
  return file.kind == StoreFileKind::kOwn ? choice_.folder + "/" + file.name : file.name;
}

std::vector<PhysRange> Store::RunsNow(const KeptFile& file) const {
  return file.kind == StoreFileKind::kCarried ? file.runs : pages_->RunsOf(PathOf(file));
}

std::vector<PhysRange> Store::Forgotten() const {
  const std::vector<PhysRange> named = model().CarriedRuns();
  std::vector<PhysRange> out = Minus(kept_for_us_, named);
  // While there is no newer index, and for what a copy of the earlier handover still leads to.
  if (index_ == nullptr || !named.empty()) {
    out = Minus(out, carried_index_);
  }
  for (const auto& each : earlier_) {
    if (const auto held = each.lock()) {
      out = Minus(out, held->model().CarriedRuns());
    }
  }
  return out;
}

std::vector<PhysRange> Store::IndexRuns() const {
  return index_ == nullptr ? std::vector<PhysRange>() : pages_->RunsOf(IndexPath());
}

std::vector<PhysRange> Store::IndexPlaces() const {
  std::vector<PhysRange> out = RecordedIndexRuns();
  out.insert(out.end(), carried_index_.begin(), carried_index_.end());
  SortAndJoin(out, /*overlapping=*/true);
  return out;
}

std::vector<PhysRange> Store::RecordedIndexRuns() const {
  return index_ == nullptr ? std::vector<PhysRange>() : index_->RecordedRuns();
}

std::unique_ptr<MappedRuns> Store::Map(const KeptFile& file) {
  if (file.kind != StoreFileKind::kCarried) {
    return MapFile(PathOf(file), file.size());
  }
  if (kept_.empty()) {
    throw Failure(ExitCode::kFound,
                  Format("{}: no report says what was kept: this kernel was not started by Holdfast", file.name));
  }
  std::vector<PhysRange> runs = file.KeptRuns();
  SortAndJoin(runs, /*overlapping=*/true);
  if (const auto lost = Minus(runs, kept_); !lost.empty()) {
    throw Failure({Errc::kContentsLost, lost.front().start().raw()},
                  Format("{}: {}: {} was not kept on the way into this kernel", ErrcName(Errc::kContentsLost),
                         file.name, RangeText(lost.front())));
  }
  const std::lock_guard lock(mutex_);
  return memory().Map(file.runs);
}

}  // namespace holdfast::tool
