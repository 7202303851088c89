// SPDX-License-Identifier: BSD-2-Clause
// The words for the rules.

#include "common/base/result.h"

namespace holdfast {

std::string_view ErrcName(Errc code) {
  switch (code) {
    case Errc::kTruncated:
      return "truncated";
    case Errc::kBadMagic:
      return "bad-magic";
    case Errc::kBadVersion:
      return "bad-version";
    case Errc::kBadDigest:
      return "bad-digest";
    case Errc::kMalformed:
      return "malformed";
    case Errc::kMisaligned:
      return "misaligned";
    case Errc::kOutOfBounds:
      return "out-of-bounds";
    case Errc::kUnreadable:
      return "unreadable";
    case Errc::kUnknownCompatible:
      return "unknown-compatible";
    case Errc::kNotFinalized:
      return "not-finalized";
    case Errc::kUnsupported:
      return "unsupported";
    case Errc::kCycle:
      return "cycle";
    case Errc::kTableFull:
      return "table-full";
    case Errc::kTooLarge:
      return "too-large";
    case Errc::kKeptOverlap:
      return "kept-overlap";
    case Errc::kKeptNotRam:
      return "kept-not-ram";
    case Errc::kOverlap:
      return "overlap";
    case Errc::kNotRam:
      return "not-ram";
    case Errc::kOutsideScratch:
      return "outside-scratch";
    case Errc::kNoSlot:
      return "no-slot";
    case Errc::kConflict:
      return "conflict";
    case Errc::kFault:
      return "fault";
    case Errc::kFirmware:
      return "firmware";
    case Errc::kNotFound:
      return "not-found";
    case Errc::kUntrusted:
      return "untrusted";
    case Errc::kContentsLost:
      return "contents-lost";
  }
  Bug();
}

}  // namespace holdfast
