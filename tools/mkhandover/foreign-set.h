// SPDX-License-Identifier: BSD-2-Clause
// All handovers of other systems that one file or directory brings, and the memory that they lead into.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/mkhandover/capture.h"
#include "tools/mkhandover/carriers.h"
#include "tools/mkhandover/dialect.h"
#include "tools/mkhandover/foreign.h"
#include "tools/mkhandover/overlay.h"

namespace holdfast::tool {

// Where memory is read.
struct MemoryChoice {
  std::optional<std::string> capture{};  // --memory
  bool is_live = false;                  // this machine's, where there is no capture
};

class ForeignSet {
 public:
  ForeignSet() = default;
  // Reads every carrier but OtherFile, of which there is none.  `name` is for messages.  Ends in a Failure where one
  // does not decode, where memory is needed that was not given, and where none of them is the dialect that is wanted.
  ForeignSet(const std::vector<FoundCarrier>& found, const DialectWish& wish, const MemoryChoice& memory,
             const std::string& name);

  const std::vector<ForeignHandover>& list() const { return list_; }
  // Pre: the list is not empty.
  PhysMemory memory() const { return overlay_->memory(); }

 private:
  void Read(const KhoNode& node);
  void Read(const KhoTree& tree);
  void Read(const PmpoolTree& tree);
  void Read(const OptionsText& options);
  void Read(const OtherFile&) {}
  void ReadLists(std::string_view line);
  void ReadList(std::string_view dialect, std::string_view option, std::string_view line);

  bool LooksForKho();
  // Of this machine or of the capture; ends in a Failure where there is neither.
  PhysMemory Memory();
  void Keep(ForeignHandover handover);
  bool Wants(std::string_view dialect) const { return wish_.Takes(dialect); }

  DialectWish wish_;
  MemoryChoice choice_;
  std::string name_;
  std::unique_ptr<Capture> capture_;
  std::unique_ptr<Overlay> overlay_;
  std::vector<ForeignHandover> list_;
  std::string refused_;  // dialects that were found and are not wanted
};

}  // namespace holdfast::tool
