// SPDX-License-Identifier: BSD-2-Clause
// Pictures of memory, for a terminal.

#include <algorithm>
#include <vector>

#include "tools/mkhandover/picture.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::size_t kStripCells = 72;
constexpr std::size_t kBarCells = 26;
constexpr std::size_t kMaxRows = 40;

struct Glyphs {
  std::string_view ram;
  std::string_view kept;
  std::string_view partly;  // a cell of which less than half is kept
  std::string_view other;
  std::string_view cut;  // a bar that is longer than its column
  std::string_view hole;
  std::string_view open;
  std::string_view close;
};
constexpr Glyphs kUnicode = {"░", "█", "▓", "┄", "›", "⋮", "▕", "▏"};
constexpr Glyphs kAscii = {".", "#", "+", "-", ">", ":", "|", "|"};

std::string Repeat(std::string_view glyph, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += glyph;
  }
  return out;
}

enum class Cell { kRam, kPartly, kKept };

// Bytes of one cell of a strip, and how many of them are kept.
struct CellContent {
  std::uint64_t bytes = 0;
  std::uint64_t kept = 0;
};

// Memory laid end to end, without what is none, in `num_cells` equal parts.
std::vector<CellContent> FillCells(std::span<const Stretch> stretches, std::size_t num_cells) {
  std::vector<CellContent> cells(num_cells);
  const std::uint64_t total = MemoryBytes(stretches);
  // The last cell takes the remainder of the division as well.
  const std::uint64_t per_cell = std::max<std::uint64_t>(1, total / num_cells);
  std::uint64_t position = 0;
  for (const Stretch& stretch : stretches) {
    for (std::uint64_t left = stretch.is_memory() ? stretch.range.size() : 0; left != 0;) {
      const std::size_t i = std::min<std::size_t>(position / per_cell, num_cells - 1);
      const std::uint64_t room = i + 1 == num_cells ? left : (i + 1) * per_cell - position;
      const std::uint64_t part = std::min(left, room);
      cells[i].bytes += part;
      cells[i].kept += stretch.kept != nullptr ? part : 0;
      position += part;
      left -= part;
    }
  }
  return cells;
}

Cell KindOf(const CellContent& content) {
  if (content.kept == 0) {
    return Cell::kRam;
  }
  return content.kept >= content.bytes - content.kept ? Cell::kKept : Cell::kPartly;
}

class TerminalPicture {
 public:
  TerminalPicture(std::span<const Stretch> stretches, Output& output)
      : stretches_(stretches), output_(output), glyphs_(output.terminal().unicode ? kUnicode : kAscii) {
    CutIntoRows();
    for (const std::span<const Stretch>& row : rows_) {
      if (row.front().is_memory()) {
        scale_ = std::max(scale_, SizeOf(row));
      }
    }
  }

  void Draw() {
    const std::uint64_t memory = MemoryBytes(stretches_);
    const std::uint64_t kept = KeptBytes(stretches_);
    const auto pieces = std::count_if(stretches_.begin(), stretches_.end(),
                                      [](const Stretch& stretch) { return stretch.kept != nullptr; });
    output_.Line(Format("{} of memory, {} kept in {}", SizeText(memory), SizeText(kept),
                        CountText(static_cast<std::uint64_t>(pieces), "range")));
    output_.Line(Format("{}{}{}", glyphs_.open, Strip(stretches_, kStripCells), glyphs_.close));
    output_.Line("");
    DrawRows();
    output_.Line("");
    DrawLegend();
  }

 private:
  std::string Kept(std::string_view glyph, std::size_t count) const {
    return output_.Coloured(Colour::kKept, Repeat(glyph, count));
  }
  std::string Ram(std::size_t count) const { return output_.Coloured(Colour::kRam, Repeat(glyphs_.ram, count)); }
  std::string Other(std::size_t count) const { return output_.Coloured(Colour::kOther, Repeat(glyphs_.other, count)); }

  std::string Strip(std::span<const Stretch> stretches, std::size_t num_cells) const {
    if (MemoryBytes(stretches) == 0) {
      return Other(num_cells);
    }
    const std::vector<CellContent> cells = FillCells(stretches, num_cells);
    std::string out;
    // One run of a kind at a time: a colour is switched on once for it.
    for (std::size_t i = 0; i < cells.size();) {
      std::size_t end = i;
      const Cell kind = KindOf(cells[i]);
      while (end < cells.size() && KindOf(cells[end]) == kind) {
        ++end;
      }
      switch (kind) {
        case Cell::kRam:
          out += Ram(end - i);
          break;
        case Cell::kPartly:
          out += Kept(glyphs_.partly, end - i);
          break;
        case Cell::kKept:
          out += Kept(glyphs_.kept, end - i);
          break;
      }
      i = end;
    }
    return out;
  }

  // Cells of a bar for so many bytes: to scale, never none.
  std::size_t CellsFor(std::uint64_t bytes) const {
    // Both are below 2^52 and the product with 26 stays below 2^57.
    const std::uint64_t cells = (bytes * kBarCells + scale_ / 2) / std::max<std::uint64_t>(1, scale_);
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(cells, 1, kBarCells));
  }

  void Row(PhysRange range, const std::string& bar, std::size_t cells, std::string_view label) {
    output_.Line(Format("{}  {:>10}  {}{}  {}", HexWide(range.start().raw()), SizeText(range.size()), bar,
                        std::string(kBarCells - cells, ' '), label));
  }

  void DrawStretch(const Stretch& stretch) {
    if (stretch.is_hole()) {
      output_.Line(Format("{:>18}  {:>10}  {}", glyphs_.hole, SizeText(stretch.range.size()),
                          output_.Coloured(Colour::kOther, "nothing")));
      return;
    }
    const std::size_t cells = CellsFor(stretch.range.size());
    if (stretch.kept != nullptr) {
      Row(stretch.range, Kept(glyphs_.kept, cells), cells, output_.Coloured(Colour::kKept, LabelOf(stretch)));
    } else if (stretch.is_memory()) {
      Row(stretch.range, Ram(cells), cells, LabelOf(stretch));
    } else {
      const bool is_cut = stretch.range.size() > scale_;
      const std::string bar = is_cut ? Other(cells - 1) + std::string(glyphs_.cut) : Other(cells);
      Row(stretch.range, bar, cells, LabelOf(stretch));
    }
  }

  // RAM and what is kept in it, as one row.
  void DrawGroup(std::span<const Stretch> group) {
    const PhysRange range = PhysRange::FromStartEnd(group.front().range.start(), group.back().range.end()).value();
    const auto pieces =
        std::count_if(group.begin(), group.end(), [](const Stretch& stretch) { return stretch.kept != nullptr; });
    const std::string label = Format("usable, {} kept in {}", SizeText(KeptBytes(group)),
                                     CountText(static_cast<std::uint64_t>(pieces), "range"));
    const std::size_t cells = CellsFor(range.size());
    Row(range, Strip(group, cells), cells, output_.Coloured(Colour::kKept, label));
  }

  static std::uint64_t SizeOf(std::span<const Stretch> row) {
    return row.back().range.end().raw() - row.front().range.start().raw();
  }

  // A row is one stretch, or a run of RAM and what is kept in it.
  void CutIntoRows() {
    const bool groups = stretches_.size() > kMaxRows && !output_.verbose();
    for (std::size_t i = 0; i < stretches_.size();) {
      std::size_t end = i;
      while (groups && end < stretches_.size() && stretches_[end].is_memory()) {
        ++end;
      }
      const std::size_t count = end > i + 2 ? end - i : 1;
      rows_.push_back(stretches_.subspan(i, count));
      i += count;
    }
  }

  void DrawRows() {
    for (const std::span<const Stretch>& row : rows_) {
      if (row.size() == 1) {
        DrawStretch(row.front());
      } else {
        DrawGroup(row);
      }
    }
  }

  void DrawLegend() {
    output_.Line(Format("{} kept   {} less than half kept   {} RAM   {} not RAM   {} no memory", Kept(glyphs_.kept, 1),
                        Kept(glyphs_.partly, 1), Ram(1), Other(1), glyphs_.hole));
  }

  std::span<const Stretch> stretches_;
  Output& output_;
  const Glyphs& glyphs_;
  std::vector<std::span<const Stretch>> rows_;
  std::uint64_t scale_ = 0;  // bytes of the longest row that is memory
};

}  // namespace

void DrawInTerminal(std::span<const Stretch> stretches, Output& output) { TerminalPicture(stretches, output).Draw(); }

}  // namespace holdfast::tool
