// SPDX-License-Identifier: BSD-2-Clause
// What is measured from firmware, and into which register.
//
// Ours: docs/holdfast-stage.7.  Each event is an EV_IPL whose data is one of the texts below; its digest is that of the
// bytes it speaks of.  They come in this order: one for each handover tree, the command line, of a kernel that firmware
// does not start the kernel and its initrd, the decision.

#pragma once

#include <cstdint>

namespace holdfast {

inline constexpr std::uint32_t kMeasurementPcr = 15;  // no firmware extends it
inline constexpr std::uint32_t kEventIpl = 0x0d;      // EV_IPL (TCG PC Client Platform Firmware Profile, 10.4.1)

inline constexpr const char* kEventHandover = "holdfast: handover";         // the tree: ours, or KHO's
inline constexpr const char* kEventCommandLine = "holdfast: command line";  // the kernel's, without a NUL
// The bzImage; at the vmlinux entry of a bundle that has the payload apart, that in another event behind it.
inline constexpr const char* kEventKernel = "holdfast: kernel";
inline constexpr const char* kEventInitrd = "holdfast: initrd";      // as the kernel gets it; empty without one
inline constexpr const char* kEventDecision = "holdfast: decision";  // SayDecision()'s text

}  // namespace holdfast
