// SPDX-License-Identifier: BSD-2-Clause
// libholdfast: the store behind a C header.

#include "tools/mkhandover/store/holdfast.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "tools/mkhandover/store/give-back.h"
#include "tools/mkhandover/store/library.h"
#include "tools/mkhandover/store/open-store.h"
#include "tools/mkhandover/text.h"

namespace tool = holdfast::tool;
using holdfast::StoreData;
using tool::Try;

namespace {

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

}  // namespace

const char* holdfast_error(void) { return tool::last_error.c_str(); }

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

int holdfast_drop(holdfast_store* store, const char* name) {
  return Try([&] { tool::DropNode(store->store, name); });
}

namespace holdfast::tool {

thread_local std::string last_error;

holdfast_store* OpenStore(const StoreChoice& choice, bool writable) {
  return new holdfast_store{{choice, writable ? Store::For::kWriting : Store::For::kReading}};
}

}  // namespace holdfast::tool
