// SPDX-License-Identifier: BSD-2-Clause
// The steps of scenarios with a kernel that speaks KHO: what it keeps, and where.
//
// What such a kernel hands over is found here by a walk of its own, written from
// the format's description, so that it judges the stage's decoder and not itself.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/scenario.h"

namespace holdfast::e2e {

// The name below kernels/, and its options: a low, a global and a node's scratch area that take this harness's initrd.
inline constexpr std::string_view kKhoKernel = "kho";
inline constexpr std::string_view kKhoOptions = "kho=on liveupdate=on kho_scratch=96M,128M,32M";

// A guest of 1 GiB whose first kernel is that one, with `luo` in it; and the image with a kernel inside.
GuestOptions KhoGuest();
GuestOptions KhoGuestWithImage(const std::string& kernel, const std::string& entry);

// `kexec -s`, whose loader is the kernel's own: the only one that brings its handover along.
void LoadWithKernelsLoader(Guest& guest, const std::string& kernel, std::string_view append,
                           const std::string& more_flags = "");

// A file in memory that a live update session has, filled by `luo keep`; at most one at a time.
KeptPages KeepInSession(Guest& guest, std::string_view size, std::uint64_t seed = 0x5eed);
// The same, no two of its pages being neighbours.
KeptPages ScatterInSession(Guest& guest, std::string_view size, std::uint64_t seed = 0x5eed);
// Takes it back and hands it on; afterwards it may lie elsewhere.  `kept` must be intact.
KeptPages KeepOnInSession(Guest& guest, const KeptPages& kept);
// Takes it back, and says whether it is intact.
bool SessionHolds(Guest& guest, const KeptPages& kept);

// The areas that the running kernel sets aside for what boots next, as its debugfs tells.
std::vector<Extent> ScratchAreas(Guest& guest);

// What the running kernel hands over, as of now.
struct KhoMap {
  std::vector<Extent> preserved;   // joined
  std::vector<Extent> structures;  // the map's own pages, which are in no map; joined
};
// Physical address of the root tree, the one of its kind in a guest below 2.75 GiB whose kernel did not receive one
// itself.  Debugfs does not tell it: it shows the tree cut off at its first size.
std::uint64_t KhoTree(const Guest& guest);
// From outside, whoever runs (Linux 7.3, include/linux/kho/abi/kexec_handover.h: radix tree, kho-v4).
KhoMap WalkKhoMap(const Guest& guest, std::uint64_t tree);

// The bytes of these pages, to be compared with what they are later.
class Snapshot {
 public:
  Snapshot(const Guest& guest, const std::vector<Extent>& extents);
  std::uint64_t num_pages() const { return bytes_.size() / kPageBytes; }
  // Pages that differ from what they were.
  std::vector<Extent> Changed(const Guest& guest) const;

 private:
  static constexpr std::uint64_t kPageBytes = 4096;

  std::vector<Extent> extents_;
  std::vector<std::byte> bytes_;
};

std::uint64_t BytesOf(const std::vector<Extent>& extents);

// Those that do not lie inside one of the areas as a whole.
std::vector<Extent> NotInside(const std::vector<Extent>& areas, const std::vector<Extent>& extents);

// A sender that ends between two looks from outside at everything that it preserves.
class Farewell {
 public:
  explicit Farewell(Guest& guest);

  // Leaves for the image, and stops the processors for the second look as soon as it has said its first line.
  void Leave();

  std::uint64_t tree() const { return tree_; }
  const KhoMap& map() const { return map_; }                             // as it was when the sender had ended
  const std::vector<Extent>& last_words() const { return last_words_; }  // what of it the sender wrote on leaving
  std::vector<Extent> Changed() const;  // what of it, or of the map's own pages, is other than it was

 private:
  Guest& guest_;
  std::uint64_t tree_;
  Snapshot before_;
  KhoMap map_;
  std::vector<Extent> last_words_;
  std::optional<Snapshot> after_;
};

// Where the segments lie that the running kernel's own loader took last, with `kexec -d`.
std::vector<Extent> SegmentsOfKernelsLoader(Guest& guest);

// Where the running kernel found what it was given: initrd, command line, each setup_data node.
std::vector<Extent> GivenThings(Guest& guest);

}  // namespace holdfast::e2e
