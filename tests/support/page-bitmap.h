// SPDX-License-Identifier: BSD-2-Clause
// A model of memory that is too simple to be wrong: one label for each unit of it.
//
// Independent of common/mem, which property tests judge by it.  A unit is a page or a part of one; label 0 is
// nothing.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast::test {

class PageBitmap {
 public:
  explicit PageBitmap(std::size_t num_units, std::uint64_t unit_size = 4096)
      : labels_(num_units), unit_size_(unit_size) {}

  std::size_t size() const { return labels_.size(); }
  std::uint64_t unit_size() const { return unit_size_; }
  std::uint32_t& operator[](std::size_t unit) { return labels_.at(unit); }
  std::uint32_t operator[](std::size_t unit) const { return labels_.at(unit); }

  // Calls visit(label) for each unit of the addresses [start, end), which are multiples of the unit.
  template <typename Visit>
  void ForEach(std::uint64_t start, std::uint64_t end, Visit visit) {
    for (std::uint64_t unit = start / unit_size_; unit < end / unit_size_; ++unit) {
      visit(labels_.at(unit));
    }
  }
  void Fill(std::uint64_t start, std::uint64_t end, std::uint32_t label) {
    ForEach(start, end, [label](std::uint32_t& l) { l = label; });
  }

  // The longest stretches of one label, without those of label 0.
  struct Run {
    std::uint64_t start;
    std::uint64_t end;
    std::uint32_t label;
  };
  std::vector<Run> Runs() const {
    std::vector<Run> runs;
    for (std::size_t first = 0; first < size();) {
      std::size_t last = first;
      while (last < size() && labels_[last] == labels_[first]) {
        ++last;
      }
      if (labels_[first] != 0) {
        runs.push_back({first * unit_size_, last * unit_size_, labels_[first]});
      }
      first = last;
    }
    return runs;
  }

  std::uint64_t BytesOf(std::uint32_t label) const {
    return static_cast<std::uint64_t>(std::count(labels_.begin(), labels_.end(), label)) * unit_size_;
  }

  bool operator==(const PageBitmap&) const = default;

 private:
  std::vector<std::uint32_t> labels_;
  std::uint64_t unit_size_;
};

}  // namespace holdfast::test
