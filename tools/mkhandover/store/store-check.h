// SPDX-License-Identifier: BSD-2-Clause
// Whether a store's pages lie where its index and a handover say.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/mkhandover/kept-pieces.h"

namespace holdfast::tool {

class Store;

// A file of a store, and where its pages lie, in the order of the file.
struct FilePlace {
  std::string node;  // what a handover calls its pages
  std::string file;
  std::vector<PhysRange> recorded;  // by the index
  std::vector<PhysRange> now;

  bool operator==(const FilePlace&) const = default;
};
// The index, then the files of each node.  Asks for every page of this boot once more; ends in a Failure for a file
// that is gone or has holes, and where the store has no index of this boot.
std::vector<FilePlace> PlacesOf(const Store& store);

// What a handover keeps, by name.
class KeptByName {
 public:
  explicit KeptByName(std::span<const KeptPiece> pieces);
  // Ascending, joined where they touch.
  const std::vector<PhysRange>& Of(std::string_view name) const;

 private:
  std::map<std::string, std::vector<PhysRange>, std::less<>> ranges_;
};

// Why a file is not as it was.
struct MovedFile {
  std::string node;
  std::string file;
  // What is kept there is something else; then nothing below counts.
  std::optional<std::uint64_t> size_now;
  std::uint64_t size_recorded = 0;
  std::uint64_t offset = 0;      // of its first byte that is not where it should be
  std::optional<PhysAddr> from;  // where the index has that byte, if elsewhere
  PhysRange to;                  // where it is now, with what follows it in memory
  bool is_kept = false;          // under the node's name
};

// The first of the file's pages that lies elsewhere than the index says, or that `kept` does not have under the node's
// name; nullopt where all is as it should be.
std::optional<MovedFile> FindMoved(const FilePlace& place, const KeptByName& kept);
// One for each file of which there is something to say.
std::vector<MovedFile> FindMoved(std::span<const FilePlace> places, const KeptByName& kept);

// "moved: NODE: FILE from offset 0x0 on was at 0x1000 and lies at [0x3000, 0x5000), which the handover does not keep";
// what to do comes behind it.
std::string DescribeMoved(const MovedFile& moved);

}  // namespace holdfast::tool
