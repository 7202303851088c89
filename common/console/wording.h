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
// "kernel places itself, N slots": its EFI stub does, off what is fenced.
void SayPlacesItself(TextWriter& out, std::uint64_t count);
// "contents N verified, N without a digest"
void SayContents(TextWriter& out, std::uint64_t verified, std::uint64_t without);
// "lost NAME [0x1000, 0x3000), SIZE: not what its digest says": and the boot goes on without it.
void SayLost(TextWriter& out, std::string_view name, PhysRange first, std::uint64_t bytes);
// "WHAT from outside is ignored under Secure Boot"
void SayIgnored(TextWriter& out, std::string_view what);
// "NAME is fenced as reserved, not as FENCE": no other type goes through this entry.
void SayOtherFence(TextWriter& out, std::string_view name, Fence fence);
// "WHAT is no text, and ignored"
void SayNoText(TextWriter& out, std::string_view what);
// "WHAT is set again", for the next boot, or "WHAT is lost: firmware does not take it".
void SayRestored(TextWriter& out, std::string_view what, bool is_restored);
// "measured into PCR N", "not measured: WHY"
void SayMeasured(TextWriter& out, std::uint32_t pcr);
void SayNotMeasured(TextWriter& out, std::string_view why);
// "overwrite request STATE": "clear", "set", or "cleared".
void SayOverwriteRequest(TextWriter& out, std::string_view state);
// "report left out WHAT"
void SayLeftOut(TextWriter& out, std::string_view what);
// "back to the boot manager": what from firmware becomes of a refusal.
void SayReturned(TextWriter& out);

// The decision in one line, as it is measured: "mode MODE, entry ENTRY, N ranges, N bytes, lost N".  It says nothing
// that differs from boot to boot, so that it can be computed before one.
void SayDecision(TextWriter& out, std::string_view mode, std::string_view entry, std::uint64_t ranges,
                 std::uint64_t bytes, std::uint64_t lost);

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
