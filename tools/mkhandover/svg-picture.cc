// SPDX-License-Identifier: BSD-2-Clause
// Pictures of memory, as SVG.
//
// Each row is a window of addresses of one size, a power of two, so that a kept range has its true length beside
// the others.  Windows in which there is no memory are left out and marked.

#include <algorithm>
#include <array>
#include <bit>

#include "common/console/wording.h"
#include "tools/mkhandover/picture.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr std::uint64_t kMaxWindows = 24;
constexpr std::size_t kMaxListed = 32;

constexpr int kMargin = 24;
constexpr int kLabelWidth = 168;
constexpr int kBarWidth = 840;
constexpr int kRowHeight = 18;
constexpr int kRowStep = 24;
constexpr int kSkipStep = 20;
constexpr int kWidth = 2 * kMargin + kLabelWidth + kBarWidth;
constexpr double kMinVisible = 1.5;

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string_view ClassOf(const Stretch& stretch) {
  if (stretch.kept != nullptr) {
    return "kept";
  }
  if (!stretch.type) {
    return "hole";
  }
  switch (*stretch.type) {
    case MemType::kUsable:
    case MemType::kReservedKern:
      return "ram";
    case MemType::kAcpi:
    case MemType::kNvs:
      return "acpi";
    case MemType::kPmem:
    case MemType::kPram:
    case MemType::kSoftReserved:
      return "pmem";
    case MemType::kReserved:
    case MemType::kUnusable:
      return "reserved";
  }
  return "reserved";
}

constexpr std::string_view kStyle = R"(  <style>
    .paper { fill: #ffffff }
    text { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 12px; fill: #24292f }
    .title { font-family: system-ui, "DejaVu Sans", Helvetica, Arial, sans-serif; font-size: 19px; font-weight: 600 }
    .soft { fill: #6e7781 }
    .track { fill: #f3f4f6 }
    .kept { fill: #c2410c }
    .ram { fill: #a9d3e8 }
    .acpi { fill: #b7a6dd }
    .pmem { fill: #e3c567 }
    .reserved { fill: #b6bcc4 }
    .hole { fill: none }
    .cut { stroke: #8c959f; stroke-width: 1; stroke-dasharray: 2 4 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #14181d }
      text { fill: #e2e6ea }
      .soft { fill: #8b949e }
      .track { fill: #1f252c }
      .kept { fill: #ff8a4c }
      .ram { fill: #2f617d }
      .acpi { fill: #6a5a96 }
      .pmem { fill: #8d7526 }
      .reserved { fill: #4a525c }
    }
  </style>
)";

class SvgPicture {
 public:
  explicit SvgPicture(std::span<const Stretch> stretches) : stretches_(stretches) { CollectWindows(); }

  std::string Draw() {
    DrawTitle();
    DrawLegend();
    DrawWindows();
    DrawList();
    const int height = y_ + kMargin;
    const std::string title = Escaped(title_);
    return Format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\">\n"
        "  <title>{2}</title>\n{3}  <rect class=\"paper\" width=\"{0}\" height=\"{1}\"/>\n{4}</svg>\n",
        kWidth, height, title, kStyle, body_);
  }

 private:
  struct Window {
    PhysRange range;
    bool is_after_gap = false;
  };

  // Windows of one size in which there is memory; as small as their number allows.
  void CollectWindows() {
    const std::uint64_t memory = std::max<std::uint64_t>(MemoryBytes(stretches_), 1);
    for (window_size_ = std::max(std::bit_ceil(memory / kMaxWindows + 1), kMiB);; window_size_ *= 2) {
      windows_.clear();
      if (TryWindows() || window_size_ >= kPhysLimit / 2) {
        return;
      }
    }
  }

  bool TryWindows() {
    for (const Stretch& stretch : stretches_) {
      if (!stretch.is_memory()) {
        continue;
      }
      const PhysRange whole = stretch.range.RoundedOut(window_size_);
      std::uint64_t start = whole.start().raw();
      if (!windows_.empty()) {
        start = std::max(start, windows_.back().range.end().raw());
      }
      for (; start < whole.end().raw(); start += window_size_) {
        if (windows_.size() == kMaxWindows) {
          return false;
        }
        const bool gap = !windows_.empty() && windows_.back().range.end().raw() != start;
        windows_.push_back({PhysRange::FromStartSize(PhysAddr(start), window_size_).value(), gap});
      }
    }
    return true;
  }

  void Text(int x, int y, std::string_view css, std::string_view text) {
    body_ += Format("  <text x=\"{}\" y=\"{}\"{}>{}</text>\n", x, y,
                    css.empty() ? std::string() : Format(" class=\"{}\"", css), Escaped(text));
  }

  void DrawTitle() {
    std::size_t pieces = 0;
    for (const Stretch& stretch : stretches_) {
      pieces += stretch.kept != nullptr ? 1 : 0;
    }
    title_ = Format("{} of memory, {} kept in {}", SizeText(MemoryBytes(stretches_)), SizeText(KeptBytes(stretches_)),
                    CountText(pieces, "range"));
    y_ = kMargin + 14;
    Text(kMargin, y_, "title", title_);
    y_ += 22;
    Text(kMargin, y_, "soft", Format("each row is {} of physical addresses", SizeText(window_size_)));
  }

  void DrawLegend() {
    struct Item {
      std::string_view css;
      std::string_view label;
    };
    constexpr std::array<Item, 5> kItems = {
        {{"kept", "kept"}, {"ram", "RAM"}, {"reserved", "reserved"}, {"acpi", "ACPI"}, {"pmem", "persistent"}}};
    int x = kMargin + kLabelWidth + kBarWidth - 5 * 104;
    for (const Item& item : kItems) {
      body_ += Format("  <rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" rx=\"2\"/>\n", item.css, x,
                      y_ - 10);
      Text(x + 18, y_, {}, item.label);
      x += 104;
    }
    y_ += 16;
  }

  // Kept stretches come last, so that a small one is not painted over.
  void DrawWindow(const Window& window) {
    const int left = kMargin + kLabelWidth;
    Text(kMargin, y_ + 13, "soft", HexWide(window.range.start().raw()));
    body_ += Format("  <rect class=\"track\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\"/>\n", left, y_,
                    kBarWidth, kRowHeight);
    for (const bool kept : {false, true}) {
      for (const Stretch& stretch : Within(window.range)) {
        const PhysRange part = stretch.range.Intersection(window.range);
        if (part.empty() || stretch.is_hole() || (stretch.kept != nullptr) != kept) {
          continue;
        }
        const double scale = static_cast<double>(kBarWidth) / static_cast<double>(window.range.size());
        const double x = static_cast<double>(part.start().raw() - window.range.start().raw()) * scale;
        const double width = std::max(static_cast<double>(part.size()) * scale, kept ? kMinVisible : 0.0);
        body_ += Format(
            "  <rect class=\"{}\" x=\"{:.2f}\" y=\"{}\" width=\"{:.2f}\" height=\"{}\"><title>{}</title></rect>\n",
            ClassOf(stretch), left + x, y_, width, kRowHeight,
            Escaped(Format("{} {} {}", RangeText(stretch.range), SizeText(stretch.range.size()), LabelOf(stretch))));
      }
    }
    y_ += kRowStep;
  }

  std::span<const Stretch> Within(PhysRange range) const {
    const auto first = std::partition_point(stretches_.begin(), stretches_.end(), [range](const Stretch& stretch) {
      return stretch.range.end() <= range.start();
    });
    const auto last = std::partition_point(
        first, stretches_.end(), [range](const Stretch& stretch) { return stretch.range.start() < range.end(); });
    return {first, last};
  }

  void DrawWindows() {
    PhysAddr before;
    for (const Window& window : windows_) {
      if (window.is_after_gap) {
        const std::uint64_t gap = window.range.start().raw() - before.raw();
        body_ += Format("  <line class=\"cut\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n", kMargin + kLabelWidth,
                        y_ + 5, kMargin + kLabelWidth + kBarWidth, y_ + 5);
        Text(kMargin, y_ + 9, "soft", Format("  {} without memory", SizeText(gap)));
        y_ += kSkipStep;
      }
      DrawWindow(window);
      before = window.range.end();
    }
  }

  // Two columns, read row by row.
  void DrawList() {
    constexpr int kColumn = (kLabelWidth + kBarWidth) / 2;
    y_ += 8;
    std::size_t listed = 0;
    std::size_t left_out = 0;
    for (const Stretch& stretch : stretches_) {
      if (stretch.kept == nullptr) {
        continue;
      }
      if (listed == kMaxListed) {
        ++left_out;
        continue;
      }
      const bool is_left = listed % 2 == 0;
      y_ += is_left ? 16 : 0;
      Text(kMargin + (is_left ? 0 : kColumn), y_, {},
           Format("{}  {}  {}, fence {}", HexWide(stretch.range.start().raw()), SizeText(stretch.range.size()),
                  stretch.kept->name, FenceName(stretch.kept->fence)));
      ++listed;
    }
    if (left_out != 0) {
      y_ += 16;
      Text(kMargin, y_, "soft", Format("and {} more", left_out));
    }
  }

  std::span<const Stretch> stretches_;
  std::vector<Window> windows_;
  std::uint64_t window_size_ = 0;
  std::string title_;
  std::string body_;
  int y_ = 0;
};

}  // namespace

std::string DrawAsSvg(std::span<const Stretch> stretches) { return SvgPicture(stretches).Draw(); }

}  // namespace holdfast::tool
