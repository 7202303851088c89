// SPDX-License-Identifier: BSD-2-Clause
// Every line of text that the stage prints.
//
// The lines are a contract: programs wait for them, and a unit test holds each.
// None of them has the prefix "holdfast: ", which Console adds.

#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/text-writer.h"
#include "common/mem/memory-map.h"
#include "common/mem/phys-range.h"
#include "common/mem/preserved-map.h"
#include "common/mem/problem.h"

namespace holdfast {

// "VERSION SHELL on KERNEL-LOADER"
void SayHello(TextWriter& out, std::string_view shell, std::string_view loader);
// "handover DIALECT, N ranges, SIZE kept"; "handover none, 0 ranges, 0 B kept" for an empty dialect.
void SayHandover(TextWriter& out, std::string_view dialect, std::uint64_t ranges, std::uint64_t bytes);
// "mode MODE, map N entries, SIZE closed over"
void SayMode(TextWriter& out, std::string_view mode, std::uint64_t entries, std::uint64_t closed_bytes);
// "not native: what and where": why a fence is put around what a kernel could have taken by itself.
void SayNotNative(TextWriter& out, const Problem& problem);
// "digest ok, SIZE in N segments"
void SayDigest(TextWriter& out, std::uint64_t bytes, std::uint64_t segments);
// "digest skipped, the loader asked for it"
void SayDigestSkipped(TextWriter& out);
// "WHAT, passed on as it was loaded": nothing is fenced and nothing moves.
void SayPassedOn(TextWriter& out, std::string_view what);
// "WHAT, nothing is kept": no handover is looked for.
void SayNotKept(TextWriter& out, std::string_view what);
// "WHAT [0x1000, 0x3000) is fenced already": by an earlier stage, and it is not read again.
void SayFenced(TextWriter& out, std::string_view what, PhysRange range);
// "kernel at 0xADDRESS, slot I of N"; slots are counted from 1 here, as people do.
void SayKernel(TextWriter& out, PhysAddr address, std::uint64_t index, std::uint64_t count);
// "refused: RULE: what and where"
void SayRefused(TextWriter& out, const Problem& problem);
// "reset in N s" or "halted": what the owner's policy makes of a refusal.
void SayReset(TextWriter& out, std::uint32_t seconds);
void SayHalted(TextWriter& out);

// The "what and where" of a problem alone: one clause without a full stop, for the tool and the report.
void DescribeProblem(TextWriter& out, const Problem& problem);
// "[0x1000, 0x3000)"
void AppendRange(TextWriter& out, PhysRange range);

// "reserved", "usable", ... and "type N" for types without a name.
void AppendMemType(TextWriter& out, MemType type);
std::string_view FenceName(Fence fence);

}  // namespace holdfast
