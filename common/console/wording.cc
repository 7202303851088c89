// SPDX-License-Identifier: BSD-2-Clause
// Every line of text that the stage prints.

#include "common/console/wording.h"

#include "common/base/version.h"

namespace holdfast {
namespace {

void AppendCountOfEntries(TextWriter& out, std::uint64_t count) {
  out.Dec(count).Text(count == 1 ? " entry" : " entries");
}

// A thing in a sentence: "initrd [0x1000, 0x2000)", "kept guest0".  What is not known is left out.
struct Thing {
  std::string_view name;
  PhysRange range;
  bool kept = false;

  bool known() const { return kept || !name.empty() || !range.empty(); }
};

void AppendThing(TextWriter& out, const Thing& thing, std::string_view if_unknown) {
  if (!thing.known()) {
    out.Text(if_unknown);
    return;
  }
  std::string_view gap;
  if (thing.kept) {
    out.Text("kept");
    gap = " ";
  }
  if (!thing.name.empty()) {
    out.Text(gap).Untrusted(thing.name);
    gap = " ";
  }
  if (!thing.range.empty()) {
    AppendRange(out.Text(gap), thing.range);
  }
}

// "handover [0x1000, 0x2000): ", or nothing for a thing without name and range.
TextWriter& AppendSubject(TextWriter& out, const Thing& thing) {
  if (thing.known()) {
    AppendThing(out, thing, "");
    out.Text(": ");
  }
  return out;
}

void DescribeUnknownCompatible(TextWriter& out, const Problem& problem) {
  if (!problem.what.empty()) {
    out.Untrusted(problem.what);
    if (!problem.range.empty()) {
      out.Text(" at ").Hex(problem.range.start().raw());
    }
    out.Text(": ");
  }
  out.Text(problem.what == "handover" ? "compatible is not holdfast,handover-v1" : "compatible is not known");
}

void DescribeMeeting(TextWriter& out, const Problem& problem, const Thing& thing, const Thing& other) {
  AppendThing(out, thing, "something");
  AppendThing(out.Text(" meets "), other, "something else");
  if (!thing.range.Overlaps(other.range)) {
    out.Text(" at ").Hex(problem.where);
  }
}

void DescribeNotRam(TextWriter& out, const Problem& problem, const Thing& thing) {
  AppendThing(out, thing, "something");
  out.Text(" is not RAM: ");
  if (problem.type) {
    AppendMemType(out, *problem.type);
  } else {
    out.Text("no memory");
  }
  out.Text(" at ").Hex(problem.where);
}

// "memmap=1G@2G at byte 17 of the command line takes kept guest0 [0x1000, 0x2000)".  The region that an option names is
// left out: it stands in the option.
void DescribeConflict(TextWriter& out, const Problem& problem, const Thing& other) {
  out.Untrusted(problem.what.empty() ? "an option" : problem.what);
  out.Text(" at byte ").Dec(problem.where).Text(" of the command line");
  AppendThing(out.Text(other.kept ? " takes " : " contradicts "), other, "another option");
}

// Where no value is meant, none is named.
void DescribeUnsupported(TextWriter& out, const Problem& problem, const Thing& thing) {
  AppendSubject(out, thing);
  if (!problem.other.empty()) {
    out.Untrusted(problem.other).Text(" ");
  }
  out.Text("not supported");
  if (problem.where != 0) {
    out.Text(": ").Hex(problem.where);
  }
}

void DescribeFault(TextWriter& out, const Problem& problem) {
  out.Untrusted(problem.what.empty() ? "exception" : problem.what).Text(" at ").Hex(problem.where);
  if (!problem.range.empty()) {
    out.Text(" on ").Hex(problem.range.start().raw());
  }
}

}  // namespace

void SayHello(TextWriter& out, std::string_view shell, std::string_view loader) {
  out.Text(kVersion).Text(" ").Text(shell).Text(" on ").Untrusted(loader);
}

void SayHandover(TextWriter& out, std::string_view dialect, std::uint64_t ranges, std::uint64_t bytes) {
  out.Text("handover ").Untrusted(dialect.empty() ? "none" : dialect).Text(", ");
  out.Count(ranges, "range").Text(", ").Size(bytes).Text(" kept");
}

void SayMode(TextWriter& out, std::string_view mode, std::uint64_t entries, std::uint64_t closed_bytes) {
  out.Text("mode ").Text(mode).Text(", map ");
  AppendCountOfEntries(out, entries);
  out.Text(", ").Size(closed_bytes).Text(" closed over");
}

void SayNotNative(TextWriter& out, const Problem& problem) {
  out.Text("not native: ");
  DescribeProblem(out, problem);
}

void SayDigest(TextWriter& out, std::uint64_t bytes, std::uint64_t segments) {
  out.Text("digest ok, ").Size(bytes).Text(" in ").Count(segments, "segment");
}

void SayDigestSkipped(TextWriter& out) { out.Text("digest skipped, the loader asked for it"); }

void SayPassedOn(TextWriter& out, std::string_view what) { out.Text(what).Text(", passed on as it was loaded"); }

void SayNotKept(TextWriter& out, std::string_view what) { out.Text(what).Text(", nothing is kept"); }

void SayFenced(TextWriter& out, std::string_view what, PhysRange range) {
  AppendThing(out, {what, range}, "");
  out.Text(" is fenced already");
}

void SayKernel(TextWriter& out, PhysAddr address, std::uint64_t index, std::uint64_t count) {
  out.Text("kernel at ").Hex(address.raw()).Text(", slot ").Dec(index + 1).Text(" of ").Dec(count);
}

void SayPlacesItself(TextWriter& out, std::uint64_t count) { out.Text("kernel places itself, ").Count(count, "slot"); }

void SayContents(TextWriter& out, std::uint64_t verified, std::uint64_t without) {
  out.Text("contents ").Dec(verified).Text(" verified, ").Dec(without).Text(" without a digest");
}

void SayLost(TextWriter& out, std::string_view name, PhysRange first, std::uint64_t bytes) {
  AppendThing(out.Text("lost "), {name, first}, "something");
  out.Text(", ").Size(bytes).Text(": not what its digest says");
}

void SayIgnored(TextWriter& out, std::string_view what) {
  out.Text(what).Text(" from outside is ignored under Secure Boot");
}

void SayOtherFence(TextWriter& out, std::string_view name, Fence fence) {
  out.Untrusted(name).Text(" is fenced as reserved, not as ").Text(FenceName(fence));
}

void SayNoText(TextWriter& out, std::string_view what) { out.Text(what).Text(" is no text, and ignored"); }

void SayRestored(TextWriter& out, std::string_view what, bool is_restored) {
  out.Text(what).Text(is_restored ? " is set again" : " is lost: firmware does not take it");
}

void SayMeasured(TextWriter& out, std::uint32_t pcr) { out.Text("measured into PCR ").Dec(pcr); }

void SayNotMeasured(TextWriter& out, std::string_view why) { out.Text("not measured: ").Text(why); }

void SayOverwriteRequest(TextWriter& out, std::string_view state) { out.Text("overwrite request ").Text(state); }

void SayLeftOut(TextWriter& out, std::string_view what) { out.Text("report left out ").Text(what); }

void SayReturned(TextWriter& out) { out.Text("back to the boot manager"); }

void SayDecision(TextWriter& out, std::string_view mode, std::string_view entry, std::uint64_t ranges,
                 std::uint64_t bytes, std::uint64_t lost) {
  out.Text("mode ").Text(mode).Text(", entry ").Text(entry).Text(", ").Count(ranges, "range").Text(", ");
  out.Dec(bytes).Text(" bytes, lost ").Dec(lost);
}

void SayRefused(TextWriter& out, const Problem& problem) {
  out.Text("refused: ").Text(ErrcName(problem.code)).Text(": ");
  DescribeProblem(out, problem);
}

void SayReset(TextWriter& out, std::uint32_t seconds) { out.Text("reset in ").Dec(seconds).Text(" s"); }

void SayHalted(TextWriter& out) { out.Text("halted"); }

void DescribeProblem(TextWriter& out, const Problem& problem) {
  const bool what_is_kept =
      problem.code == Errc::kKeptNotRam || problem.code == Errc::kKeptOverlap || problem.code == Errc::kContentsLost;
  const bool other_is_kept =
      problem.code == Errc::kKeptOverlap ||
      ((problem.code == Errc::kOverlap || problem.code == Errc::kConflict) && problem.kept.has_value());
  const Thing thing{problem.what, problem.range, what_is_kept};
  const Thing other{problem.other, problem.other_range, other_is_kept};
  switch (problem.code) {
    case Errc::kTruncated:
      AppendSubject(out, thing).Text("cut off at byte ").Dec(problem.where);
      return;
    case Errc::kBadMagic:
      AppendSubject(out, thing).Text("wrong magic at byte ").Dec(problem.where);
      return;
    case Errc::kBadVersion:
      AppendSubject(out, thing).Text("version ").Hex(problem.where).Text(" is not known");
      return;
    case Errc::kBadDigest:
      AppendSubject(out, thing).Text("digest differs");
      return;
    case Errc::kMalformed:
      AppendSubject(out, thing);
      if (problem.is_address) {
        out.Text("malformed at ").Hex(problem.where);
      } else {
        out.Text("malformed at byte ").Dec(problem.where);
      }
      return;
    case Errc::kMisaligned:
      AppendSubject(out, thing).Text("misaligned at ").Hex(problem.where);
      return;
    case Errc::kOutOfBounds:
      AppendSubject(out, thing).Text("out of bounds at ").Hex(problem.where);
      return;
    case Errc::kUnreadable:
      AppendSubject(out, thing).Text("no readable memory at ").Hex(problem.where);
      return;
    case Errc::kUnknownCompatible:
      DescribeUnknownCompatible(out, problem);
      return;
    case Errc::kNotFinalized:
      AppendSubject(out, thing).Text("its sender has not finalized it, no map at ").Hex(problem.where);
      return;
    case Errc::kUnsupported:
      DescribeUnsupported(out, problem, thing);
      return;
    case Errc::kCycle:
      AppendThing(out, thing, "a list");
      out.Text(" comes back to ").Hex(problem.where);
      return;
    case Errc::kTableFull:
      AppendSubject(out, thing).Text("more than ");
      AppendCountOfEntries(out, problem.where);
      return;
    case Errc::kTooLarge:
      AppendSubject(out, thing).Text("more than ").Hex(problem.where).Text(" bytes");
      return;
    case Errc::kKeptOverlap:
    case Errc::kOverlap:
      DescribeMeeting(out, problem, thing, other);
      return;
    case Errc::kKeptNotRam:
    case Errc::kNotRam:
      DescribeNotRam(out, problem, thing);
      return;
    case Errc::kOutsideScratch:
      AppendSubject(out, thing).Text("not in scratch at ").Hex(problem.where);
      return;
    case Errc::kNoSlot:
      out.Text("no place for ");
      AppendThing(out, thing, "something");
      out.Text(", ").Hex(problem.where).Text(" bytes");
      return;
    case Errc::kConflict:
      DescribeConflict(out, problem, other);
      return;
    case Errc::kFirmware:
      AppendSubject(out, thing).Text("firmware says ").Hex(problem.where);
      return;
    case Errc::kNotFound:
      AppendThing(out, thing, "something");
      out.Text(" is not there");
      return;
    case Errc::kUntrusted:
      AppendThing(out, thing, "something");
      out.Text(" is not trusted under Secure Boot");
      return;
    case Errc::kContentsLost:
      AppendThing(out, thing, "something");
      out.Text(" is not what its digest says");
      return;
    case Errc::kFault:
      DescribeFault(out, problem);
      return;
  }
  Bug();
}

void AppendRange(TextWriter& out, PhysRange range) {
  out.Text("[").Hex(range.start().raw()).Text(", ").Hex(range.end().raw()).Text(")");
}

void AppendMemType(TextWriter& out, MemType type) {
  switch (type) {
    case MemType::kUsable:
      out.Text("usable");
      return;
    case MemType::kReserved:
      out.Text("reserved");
      return;
    case MemType::kAcpi:
      out.Text("ACPI tables");
      return;
    case MemType::kNvs:
      out.Text("ACPI NVS");
      return;
    case MemType::kUnusable:
      out.Text("unusable");
      return;
    case MemType::kPmem:
      out.Text("pmem");
      return;
    case MemType::kPram:
      out.Text("pram");
      return;
    case MemType::kReservedKern:
      out.Text("reserved by the kernel");
      return;
    case MemType::kSoftReserved:
      out.Text("soft-reserved");
      return;
  }
  out.Text("type ").Dec(static_cast<std::uint32_t>(type));  // Not ours to name, but it may stand in a map.
}

std::string_view FenceName(Fence fence) {
  switch (fence) {
    case Fence::kReserved:
      return "reserved";
    case Fence::kHeld:
      return "held";
    case Fence::kPmem:
      return "pmem";
    case Fence::kPram:
      return "pram";
  }
  Bug();
}

}  // namespace holdfast
