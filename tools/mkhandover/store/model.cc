// SPDX-License-Identifier: BSD-2-Clause
// A store's index as values: files with pages, nodes, objects.

#include "tools/mkhandover/store/model.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/range-lists.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::size_t kFirstGuess = std::size_t{1} << 20;

class Collector {
 public:
  Collector(StoreModel& model, const std::string& name) : model_(model), name_(name) {}

  void Take(const StoreRecord& record) {
    switch (record.kind) {
      case StoreRecordKind::kFile:
        return TakeFile(record.file);
      case StoreRecordKind::kNode:
        return TakeNode(record.node);
      case StoreRecordKind::kObject:
        return TakeObject(record.object);
      case StoreRecordKind::kAttribute:
        object().attributes.push_back({.name = std::string(record.attribute.name),
                                       .value = {record.attribute.value.begin(), record.attribute.value.end()}});
        return;
      case StoreRecordKind::kExtent:
        return TakeExtent(record.extent);
    }
    Bug();
  }

 private:
  KeptObject& object() { return model_.nodes.back().objects.back(); }

  [[noreturn]] void FailWith(const std::string& what) const {
    throw Failure({Errc::kMalformed, 0}, Format("{}: {}: {}", name_, ErrcName(Errc::kMalformed), what));
  }

  void TakeFile(const StoreFile& file) {
    KeptFile out{.kind = file.kind, .page_shift = file.page_shift, .name = std::string(file.name), .runs = {}};
    for (std::size_t i = 0; i < file.num_runs(); ++i) {
      out.runs.push_back(file.run(i));
    }
    sizes_.push_back(out.size());
    model_.files.push_back(std::move(out));
  }

  void TakeNode(const StoreNode& node) {
    if (model_.Find(node.name) != nullptr) {
      FailWith(Format("the node {} stands twice", node.name));
    }
    paths_.clear();
    model_.nodes.push_back({.name = std::string(node.name),
                            .generation = node.generation,
                            .time_seconds = node.time_seconds,
                            .fence = node.fence,
                            .objects = {}});
  }

  void TakeObject(const StoreObject& object) {
    if (!paths_.insert(object.path).second) {
      FailWith(Format("{} stands twice in the node {}", Printable(object.path), model_.nodes.back().name));
    }
    auto& objects = model_.nodes.back().objects;
    if (object.kind == StoreObjectKind::kHardLink) {
      const StoreObjectKind first = objects.at(object.link).about.kind;
      if (first == StoreObjectKind::kHardLink || first == StoreObjectKind::kDirectory) {
        FailWith(Format("{} is a link of what can have none", Printable(object.path)));
      }
    }
    KeptObject out{.about = object,
                   .path = std::string(object.path),
                   .target = std::string(object.target),
                   .attributes = {},
                   .extents = {}};
    out.about.path = {};
    out.about.target = {};
    objects.push_back(std::move(out));
  }

  void TakeExtent(const StoreExtent& extent) {
    const std::uint64_t size = sizes_.at(extent.file);
    if (extent.file_offset > size || extent.stored_size > size - extent.file_offset) {
      FailWith(Format("{} at offset {} lies behind the end of its pages", Printable(object().path), extent.offset));
    }
    object().extents.push_back(extent);
  }

  StoreModel& model_;
  const std::string& name_;
  std::vector<std::uint64_t> sizes_;
  std::set<std::string_view> paths_;  // of the node: views into the index
};

std::vector<std::byte> StoredRuns(const KeptFile& file) {
  std::vector<std::byte> out(file.runs.size() * sizeof(StoredRun));
  for (std::size_t i = 0; i < file.runs.size(); ++i) {
    const StoredRun run{.start = Le64(file.runs[i].start().raw()), .size = Le64(file.runs[i].size())};
    std::memcpy(out.data() + i * sizeof(run), &run, sizeof(run));
  }
  return out;
}

Status WriteObject(const KeptObject& object, StoreIndexWriter& writer) {
  TRY(writer.AddObject(object.View()));
  for (const KeptAttribute& attribute : object.attributes) {
    TRY(writer.AddAttribute({.name = attribute.name, .value = attribute.value}));
  }
  for (const StoreExtent& extent : object.extents) {
    TRY(writer.AddExtent(extent));
  }
  return kDone;
}

Result<std::span<const std::byte>> Write(const StoreModel& model, std::span<std::byte> storage) {
  StoreIndexWriter writer;
  TRY(StoreIndexWriter::Begin(storage, static_cast<std::uint32_t>(model.files.size()),
                              static_cast<std::uint32_t>(model.nodes.size()), writer));
  for (const KeptFile& file : model.files) {
    const std::vector<std::byte> runs = StoredRuns(file);
    TRY(writer.AddFile({.kind = file.kind, .page_shift = file.page_shift, .name = file.name, .runs = runs}));
  }
  for (const KeptNode& node : model.nodes) {
    TRY(writer.AddNode({.name = node.name,
                        .generation = node.generation,
                        .time_seconds = node.time_seconds,
                        .fence = node.fence,
                        .num_objects = static_cast<std::uint32_t>(node.objects.size())}));
    for (const KeptObject& object : node.objects) {
      TRY(WriteObject(object, writer));
    }
  }
  return writer.Finish();
}

}  // namespace

std::optional<std::uint64_t> FirstWithin(const std::vector<FileStretch>& stretches, std::uint64_t offset,
                                         std::uint64_t size) {
  const auto first = std::find_if(stretches.begin(), stretches.end(), [&](const FileStretch& each) {
    return each.offset < offset + size && offset < each.offset + each.size;
  });
  return first == stretches.end() ? std::nullopt : std::optional(std::max(offset, first->offset));
}

std::uint64_t KeptFile::size() const { return BytesIn(runs); }

std::vector<PhysRange> KeptFile::KeptRuns() const {
  std::vector<PhysRange> out;
  std::remove_copy_if(runs.begin(), runs.end(), std::back_inserter(out), IsLostRun);
  return out;
}

std::vector<FileStretch> KeptFile::Lost() const {
  std::vector<FileStretch> out;
  std::uint64_t offset = 0;
  for (const PhysRange& run : runs) {
    if (IsLostRun(run)) {
      out.push_back({.offset = offset, .size = run.size()});
    }
    offset += run.size();
  }
  return out;
}

StoreObject KeptObject::View() const {
  StoreObject out = about;
  out.path = path;
  out.target = target;
  return out;
}

std::uint64_t KeptNode::bytes() const {
  std::uint64_t sum = 0;
  for (const KeptObject& object : objects) {
    for (const StoreExtent& extent : object.extents) {
      sum += extent.size;
    }
  }
  return sum;
}

const KeptNode* StoreModel::Find(std::string_view name) const {
  const auto it = std::find_if(nodes.begin(), nodes.end(), [&](const KeptNode& node) { return node.name == name; });
  return it == nodes.end() ? nullptr : &*it;
}

std::vector<std::uint32_t> StoreModel::FilesOf(const KeptNode& node) const {
  std::set<std::uint32_t> out;
  for (const KeptObject& object : node.objects) {
    for (const StoreExtent& extent : object.extents) {
      out.insert(extent.file);
    }
  }
  return {out.begin(), out.end()};
}

std::vector<PhysRange> StoreModel::CarriedRuns() const {
  std::vector<PhysRange> out;
  for (const KeptFile& file : files) {
    if (file.kind == StoreFileKind::kCarried) {
      const std::vector<PhysRange> runs = file.KeptRuns();
      out.insert(out.end(), runs.begin(), runs.end());
    }
  }
  SortAndJoin(out, /*overlapping=*/true);
  return out;
}

void StoreModel::Remove(std::string_view name) {
  std::erase_if(nodes, [&](const KeptNode& node) { return node.name == name; });
  std::set<std::uint32_t> used;
  for (const KeptNode& node : nodes) {
    const auto numbers = FilesOf(node);
    used.insert(numbers.begin(), numbers.end());
  }
  std::vector<std::uint32_t> renumbered(files.size());
  std::vector<KeptFile> left;
  for (std::uint32_t i = 0; i < files.size(); ++i) {
    renumbered[i] = static_cast<std::uint32_t>(left.size());
    if (used.contains(i)) {
      left.push_back(std::move(files[i]));
    }
  }
  files = std::move(left);
  for (KeptNode& node : nodes) {
    for (KeptObject& object : node.objects) {
      for (StoreExtent& extent : object.extents) {
        extent.file = renumbered[extent.file];
      }
    }
  }
}

StoreModel DecodeStore(std::span<const std::byte> index, const std::string& name) {
  StoreModel model;
  Collector collector(model, name);
  StoreIndexReader reader;
  FailUnless(StoreIndexReader::Open(index, reader), name);
  while (!reader.done()) {
    StoreRecord record;
    FailUnless(reader.Next(record), name);
    collector.Take(record);
  }
  return model;
}

std::vector<std::byte> EncodeStore(const StoreModel& model) {
  for (std::size_t room = kFirstGuess;; room *= 2) {
    std::vector<std::byte> storage(room);
    const auto index = Write(model, storage);
    if (index.ok()) {
      storage.resize(index.value().size());
      return storage;
    }
    if (index.error().code != Errc::kTableFull || room >= kMaxStoreIndexSize) {
      FailToDecode("the store's index", index.error());
    }
  }
}

}  // namespace holdfast::tool
