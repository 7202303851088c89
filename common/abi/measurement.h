// SPDX-License-Identifier: BSD-2-Clause
// What is measured from firmware, and into which register.
//
// Ours: docs/holdfast-stage.7.  Each event is an EV_IPL whose data is one of the texts below; its digest is that of the
// bytes it speaks of.  They come in this order: one for each handover tree, the command line, the decision.

#pragma once

#include <cstdint>

namespace holdfast {

inline constexpr std::uint32_t kMeasurementPcr = 15;  // no firmware extends it
inline constexpr std::uint32_t kEventIpl = 0x0d;      // EV_IPL (TCG PC Client Platform Firmware Profile, 10.4.1)

inline constexpr const char* kEventHandover = "holdfast: handover";         // the tree
inline constexpr const char* kEventCommandLine = "holdfast: command line";  // the kernel's, without a NUL
inline constexpr const char* kEventDecision = "holdfast: decision";         // SayDecision()'s text

}  // namespace holdfast
