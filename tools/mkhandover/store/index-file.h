// SPDX-License-Identifier: BSD-2-Clause
// The file of the index: two roots and two places, of which one counts while the other is written.

#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/format/store.h"
#include "tools/mkhandover/store/page-source.h"

namespace holdfast::tool {

// Of the roots that lie in `store`, which are kept pages, the current one.  Each begins with a page of the index file,
// whose address it knows.  kNotFound (where: 0), ChooseStoreRoot()'s.  `bytes` are those of `store`, in its order.
Status FindStoreRoot(std::span<const PhysRange> store, std::span<const std::byte> bytes, StoreRoot& out);

class IndexFile {
 public:
  // What is there, to be read.  Ends in a Failure where no root is sound or the index is not what its root says.
  explicit IndexFile(std::string path);
  // A new file with an index.  It gets its name when all is in it.
  static void Create(const std::string& path, std::uint64_t page_size, std::span<const std::byte> index,
                     std::uint64_t sequence, const PageSource& pages);
  ~IndexFile();
  IndexFile(const IndexFile&) = delete;
  IndexFile& operator=(const IndexFile&) = delete;

  std::uint64_t sequence() const { return root_.sequence; }
  bool other_is_broken() const { return root_.other_is_broken; }
  std::span<const std::byte> index() const;
  // Where its root says that the pages of the file lie, in the order of the file.
  std::vector<PhysRange> RecordedRuns() const;
  // The next index.  What was there counts until all of it is written.
  void Write(std::span<const std::byte> index, const PageSource& pages);

 private:
  void Map(std::uint64_t size);
  void Unmap();
  void WriteRoot(const StoreRoot& root);

  std::string path_;
  int fd_ = -1;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  StoreRoot root_;
};

}  // namespace holdfast::tool
