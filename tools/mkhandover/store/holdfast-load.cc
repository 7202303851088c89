// SPDX-License-Identifier: BSD-2-Clause
// libholdfast: loading.

#include <algorithm>
#include <cstring>
#include <mutex>

#include "tools/mkhandover/store/extents.h"
#include "tools/mkhandover/store/library.h"
#include "tools/mkhandover/text.h"

namespace tool = holdfast::tool;
using holdfast::Errc;
using holdfast::StoreData;
using holdfast::StoreEncoding;
using holdfast::StoreExtent;
using tool::Try;

namespace {

[[noreturn]] void FailForLost(const holdfast_load& load, holdfast::Error error) {
  throw tool::Failure({Errc::kContentsLost, error.where},
                      tool::DescribeLost(load.node, {.path = load.object().path, .error = error}));
}

std::span<const std::byte> Read(holdfast_load& load, const StoreExtent& extent) {
  const auto bytes = tool::ReadExtent(*load.kept, extent, load.buffer);
  if (!bytes.ok()) {
    FailForLost(load, bytes.error());
  }
  return bytes.value();
}

// What an extent without a digest has of [begin, end), which are offsets in its data.
void CopyPlain(holdfast_load& load, const StoreExtent& extent, std::uint64_t begin, std::uint64_t end, std::byte* to) {
  StoreExtent wanted = extent;
  wanted.offset = begin;
  wanted.file_offset += begin - extent.offset;
  wanted.size = wanted.stored_size = end - begin;
  tool::ForEachBlock(*load.kept, wanted, [&](const StoreExtent& block) {
    const auto bytes = Read(load, block);
    std::memcpy(to + (block.offset - begin), bytes.data(), bytes.size());
  });
}

std::span<const std::byte> BlockOf(holdfast_load& load, const StoreExtent& extent) {
  if (load.block != &extent) {
    load.block = nullptr;
    load.decoded = Read(load, extent);
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
    if (extent.data != data || begin >= end) {
      continue;
    }
    if (!extent.digest && extent.encoding == StoreEncoding::kPlain) {
      CopyPlain(load, extent, begin, end, to.data() + (begin - offset));
    } else {
      std::memcpy(to.data() + (begin - offset), BlockOf(load, extent).data() + (begin - extent.offset), end - begin);
    }
  }
}

std::size_t Left(std::uint64_t size, std::uint64_t offset, std::size_t wish) {
  return offset >= size ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(wish, size - offset));
}

}  // namespace

int holdfast_prepare_load(holdfast_store* store, const char* name, holdfast_load** load) {
  *load = nullptr;
  return Try([&] {
    auto kept = store->store.snapshot();
    const tool::KeptNode& node = kept->Find(name);
    kept->Hold(node);
    *load = new holdfast_load{.store = *store, .kept = std::move(kept), .node = node};
  });
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
    // Somebody will touch all of it.
    const auto bytes = load->kept->Read(last->file, start, object.about.size);
    if (!bytes.ok()) {
      FailForLost(*load, {bytes.error().code, bytes.error().where - start});
    }
    auto mapped = load->kept->Map(last->file);
    {
      const std::lock_guard lock(load->store.mutex);
      load->store.mapped.push_back(std::move(mapped));
    }
    *pages = bytes.value().data();
    *size = bytes.value().size();
  });
}

void holdfast_finish_load(holdfast_load* load) { delete load; }
