// SPDX-License-Identifier: BSD-2-Clause
// libholdfast: the store behind a C header.

#include "tools/mkhandover/store/holdfast.h"
#include "tools/mkhandover/store/give-back.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/store/give-back.h"
#include "tools/mkhandover/store/open-store.h"
#include "tools/mkhandover/store/restorer.h"
#include "tools/mkhandover/store/saver.h"
#include "tools/mkhandover/text.h"

namespace tool = holdfast::tool;
using holdfast::StoreData;
using holdfast::StoreEncoding;
using holdfast::StoreExtent;

struct holdfast_store {
  tool::Store store;
};

struct holdfast_save {
  tool::Saver saver;
  std::uint32_t object = 0;
  bool has_object = false;
  std::vector<std::byte> bytes{};  // of the object's byte data, not saved yet
};

struct holdfast_load {
  tool::Store& store;
  tool::KeptNode node;     // a copy: the store may be saved to meanwhile
  std::size_t next = 0;    // object
  std::uint64_t read = 0;  // bytes of byte data
  // The block that was verified last.
  const StoreExtent* block = nullptr;
  std::vector<std::byte> buffer{};
  std::span<const std::byte> decoded{};

  const tool::KeptObject& object() const {
    if (next == 0) {
      throw tool::Failure(tool::ExitCode::kUsage, "no object yet: ask for one first");
    }
    return node.objects.at(next - 1);
  }
};

namespace {

thread_local std::string last_error;

// Nothing is thrown into C.
template <typename Act>
int Try(Act act) {
  try {
    last_error.clear();
    act();
    return 0;
  } catch (const tool::Failure& failure) {
    last_error = failure.what();
    return static_cast<int>(failure.code());
  } catch (const std::exception& failure) {
    last_error = failure.what();
    return static_cast<int>(tool::ExitCode::kSystem);
  }
}

tool::KeptObject& ObjectOf(holdfast_save& save) {
  if (!save.has_object) {
    throw tool::Failure(tool::ExitCode::kUsage, "no object yet: begin one first");
  }
  return save.saver.object(save.object);
}

tool::Saver::ReadFn CopyOf(const std::byte* from) {
  return [from](std::span<std::byte> to) { std::memcpy(to.data(), from, to.size()); };
}

void SaveBytes(holdfast_save& save) {
  if (!save.bytes.empty()) {
    auto& about = ObjectOf(save).about;
    save.saver.AddBlock(save.object, StoreData::kBytes, about.byte_size, save.bytes.size(), CopyOf(save.bytes.data()));
    about.byte_size += save.bytes.size();
    save.saver.Wait();
    save.bytes.clear();
  }
}

// What begins at `offset` of the object's page data.
void RequireAscending(const tool::KeptObject& object, std::uint64_t offset) {
  if (offset < object.about.size) {
    throw tool::Failure(tool::ExitCode::kUsage,
                        tool::Format("{}: offset {} is saved already: offsets ascend", object.path, offset));
  }
}

std::span<const std::byte> BlockOf(holdfast_load& load, const StoreExtent& extent) {
  if (load.block != &extent) {
    load.block = nullptr;
    const auto bytes = tool::ReadExtent(load.store, extent, load.buffer);
    if (!bytes.ok()) {
      throw tool::Failure(bytes.error(), tool::Format("{}: {}: {} from offset {} on is not what its digest says",
                                                      holdfast::ErrcName(bytes.error().code), load.node.name,
                                                      tool::Printable(load.object().path), extent.offset));
    }
    load.decoded = bytes.value();
    load.block = &extent;
  }
  return load.decoded;
}

// Copies what there is of [offset, offset + to.size()); holes are zeros.
void Copy(holdfast_load& load, StoreData data, std::uint64_t offset, std::span<std::byte> to) {
  std::fill(to.begin(), to.end(), std::byte{0});
  for (const StoreExtent& extent : load.object().extents) {
    const std::uint64_t begin = std::max(extent.offset, offset);
    const std::uint64_t end = std::min(extent.offset + extent.size, offset + to.size());
    if (extent.data == data && begin < end) {
      std::memcpy(to.data() + (begin - offset), BlockOf(load, extent).data() + (begin - extent.offset), end - begin);
    }
  }
}

std::size_t Left(std::uint64_t size, std::uint64_t offset, std::size_t wish) {
  return offset >= size ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(wish, size - offset));
}

}  // namespace

const char* holdfast_error(void) { return last_error.c_str(); }

int holdfast_open(const char* folder, int writable, holdfast_store** store) {
  tool::StoreChoice choice;
  if (folder != nullptr) {
    choice.folder = folder;
  }
  *store = nullptr;
  return Try([&] { *store = tool::OpenStore(choice, writable != 0); });
}

void holdfast_close(holdfast_store* store) { delete store; }

int holdfast_prepare_save(holdfast_store* store, const char* name, uint64_t capacity, holdfast_save** save) {
  *save = nullptr;
  return Try([&] { *save = new holdfast_save{.saver = {store->store, name, {}, capacity}}; });
}

int holdfast_save_object(holdfast_save* save, const char* name) {
  return Try([&] {
    SaveBytes(*save);
    tool::KeptObject object;
    object.about.kind = holdfast::StoreObjectKind::kStream;
    object.about.mode = 0600;
    object.path = name;
    save->object = save->saver.AddObject(std::move(object));
    save->has_object = true;
  });
}

int holdfast_save_pages(holdfast_save* save, uint64_t offset, const void* data, size_t size) {
  return Try([&] {
    auto& object = ObjectOf(*save);
    RequireAscending(object, offset);
    const auto* from = static_cast<const std::byte*>(data);
    for (std::uint64_t at = offset, end = offset + size; at < end;) {
      const std::uint64_t length = std::min(holdfast::kMaxStoreBlock - at % holdfast::kMaxStoreBlock, end - at);
      save->saver.AddBlock(save->object, StoreData::kPages, at, length, CopyOf(from + (at - offset)));
      at += length;
    }
    object.about.size = offset + size;
    save->saver.Wait();  // The caller's memory is the caller's again.
  });
}

int holdfast_map_pages(holdfast_save* save, uint64_t offset, size_t size, void** pages) {
  return Try([&] {
    auto& object = ObjectOf(*save);
    RequireAscending(object, offset);
    *pages = save->saver.MapPages(save->object, offset, size).data();
    object.about.size = offset + size;
  });
}

int holdfast_describe_pages(holdfast_save* save, const char* path) {
  return Try([&] {
    RequireAscending(ObjectOf(*save), 0);
    save->saver.Describe(save->object, path);
  });
}

int holdfast_write_bytes(holdfast_save* save, const void* data, size_t size) {
  return Try([&] {
    ObjectOf(*save);
    std::span<const std::byte> left(static_cast<const std::byte*>(data), size);
    while (!left.empty()) {
      const auto part = left.first(std::min<std::size_t>(left.size(), holdfast::kMaxStoreBlock - save->bytes.size()));
      save->bytes.insert(save->bytes.end(), part.begin(), part.end());
      left = left.subspan(part.size());
      if (save->bytes.size() == holdfast::kMaxStoreBlock) {
        SaveBytes(*save);
      }
    }
  });
}

int holdfast_finish_save(holdfast_save* save) {
  const std::unique_ptr<holdfast_save> owned(save);
  return Try([&] {
    SaveBytes(*owned);
    owned->saver.Finish();
  });
}

void holdfast_discard_save(holdfast_save* save) { delete save; }

int holdfast_prepare_load(holdfast_store* store, const char* name, holdfast_load** load) {
  *load = nullptr;
  return Try([&] { *load = new holdfast_load{.store = store->store, .node = store->store.Find(name)}; });
}

int holdfast_load_object(holdfast_load* load, const char** name) {
  return Try([&] {
    *name = load->next < load->node.objects.size() ? load->node.objects[load->next++].path.c_str() : nullptr;
    load->read = 0;
  });
}

int holdfast_find_object(holdfast_load* load, const char* name) {
  return Try([&] {
    const auto& objects = load->node.objects;
    const auto found =
        std::find_if(objects.begin(), objects.end(), [&](const auto& each) { return each.path == name; });
    if (found == objects.end()) {
      throw tool::Failure(tool::ExitCode::kFound,
                          tool::Format("{}: holds no {}", load->node.name, tool::Printable(name)));
    }
    load->next = static_cast<std::size_t>(found - objects.begin()) + 1;
    load->read = 0;
  });
}

uint64_t holdfast_pages_size(const holdfast_load* load) { return load->next == 0 ? 0 : load->object().about.size; }
uint64_t holdfast_bytes_size(const holdfast_load* load) { return load->next == 0 ? 0 : load->object().about.byte_size; }

int holdfast_load_pages(holdfast_load* load, uint64_t offset, void* data, size_t size, size_t* done) {
  return Try([&] {
    *done = 0;
    const std::size_t length = Left(load->object().about.size, offset, size);
    Copy(*load, StoreData::kPages, offset, {static_cast<std::byte*>(data), length});
    *done = length;
  });
}

int holdfast_read_bytes(holdfast_load* load, void* data, size_t size, size_t* done) {
  return Try([&] {
    *done = 0;
    const std::size_t length = Left(load->object().about.byte_size, load->read, size);
    Copy(*load, StoreData::kBytes, load->read, {static_cast<std::byte*>(data), length});
    load->read += length;
    *done = length;
  });
}

int holdfast_map_object(holdfast_load* load, const void** pages, size_t* size) {
  return Try([&] {
    const tool::KeptObject& object = load->object();
    const StoreExtent* last = nullptr;
    for (const StoreExtent& extent : object.extents) {
      if (extent.data == StoreData::kBytes) {
        break;
      }
      const bool follows = last == nullptr ? extent.offset == 0
                                           : extent.offset == last->offset + last->size && extent.file == last->file &&
                                                 extent.file_offset == last->file_offset + last->size;
      if (!follows || extent.encoding != StoreEncoding::kPlain) {
        last = nullptr;
        break;
      }
      last = &extent;
    }
    if (last == nullptr || last->offset + last->size != object.about.size) {
      throw tool::Failure(tool::ExitCode::kUsage, tool::Format("{}: {} does not lie in one piece: load its pages",
                                                               load->node.name, tool::Printable(object.path)));
    }
    const std::uint64_t start = object.extents.front().file_offset;
    const auto bytes = load->store.BytesOf(last->file)
                           .subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(object.about.size));
    *pages = bytes.data();
    *size = bytes.size();
  });
}

void holdfast_finish_load(holdfast_load* load) { delete load; }

int holdfast_drop(holdfast_store* store, const char* name) {
  return Try([&] { tool::DropNode(store->store, name); });
}

namespace holdfast::tool {

holdfast_store* OpenStore(const StoreChoice& choice, bool writable) {
  return new holdfast_store{{choice, writable ? Store::For::kWriting : Store::For::kReading}};
}

}  // namespace holdfast::tool
