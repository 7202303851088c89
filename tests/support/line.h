// SPDX-License-Identifier: BSD-2-Clause
// The straight line through what was measured.

#pragma once

#include <vector>

namespace holdfast {

struct Point {
  double x;
  double y;
};

struct Line {
  double fixed;
  double slope;

  double At(double x) const { return fixed + slope * x; }
};

// By least squares.  Pre: there is a point; with one, or with all above each other, the line is flat.
inline Line FitLine(const std::vector<Point>& points) {
  const auto count = static_cast<double>(points.size());
  double x = 0;
  double y = 0;
  for (const Point& point : points) {
    x += point.x / count;
    y += point.y / count;
  }
  double above = 0;
  double below = 0;
  for (const Point& point : points) {
    above += (point.x - x) * (point.y - y);
    below += (point.x - x) * (point.x - x);
  }
  const double slope = below == 0 ? 0 : above / below;
  return {.fixed = y - slope * x, .slope = slope};
}

}  // namespace holdfast
