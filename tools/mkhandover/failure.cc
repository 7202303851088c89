// SPDX-License-Identifier: BSD-2-Clause
// Why a verb cannot go on, and the status with which the program then ends.

#include "tools/mkhandover/failure.h"

#include <cerrno>
#include <system_error>

#include "common/base/text-writer.h"
#include "common/console/wording.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {

ExitCode ExitFor(Errc code) {
  switch (code) {
    case Errc::kOverlap:
    case Errc::kKeptOverlap:
      return ExitCode::kOverlap;
    case Errc::kNoSlot:
      return ExitCode::kNoSlot;
    case Errc::kTableFull:
      return ExitCode::kTableFull;
    case Errc::kKeptNotRam:
    case Errc::kNotRam:
    case Errc::kOutsideScratch:
    case Errc::kConflict:
    case Errc::kFault:
    case Errc::kUntrusted:
    case Errc::kContentsLost:
      return ExitCode::kFound;
    case Errc::kFirmware:
      return ExitCode::kSystem;
    case Errc::kTruncated:
    case Errc::kTooLarge:
    case Errc::kBadMagic:
    case Errc::kBadVersion:
    case Errc::kBadDigest:
    case Errc::kMalformed:
    case Errc::kMisaligned:
    case Errc::kOutOfBounds:
    case Errc::kUnreadable:
    case Errc::kUnknownCompatible:
    case Errc::kNotFinalized:
    case Errc::kUnsupported:
    case Errc::kCycle:
    case Errc::kNotFound:
      return ExitCode::kBadInput;
  }
  return ExitCode::kBadInput;
}

std::string_view ExitWord(ExitCode code) {
  switch (code) {
    case ExitCode::kFine:
      return "fine";
    case ExitCode::kFound:
      return "found";
    case ExitCode::kUsage:
      return "usage";
    case ExitCode::kOverlap:
      return "overlap";
    case ExitCode::kNoSlot:
      return "no-slot";
    case ExitCode::kTableFull:
      return "table-full";
    case ExitCode::kBadInput:
      return "bad-input";
    case ExitCode::kSystem:
      return "system";
  }
  return "unknown";
}

std::string DescribeWhat(const Problem& problem) {
  TextBuffer<1024> text;
  DescribeProblem(text, problem);
  return std::string(text.view());
}

std::string DescribeRule(const Problem& problem) {
  return Format("{}: {}", ErrcName(problem.code), DescribeWhat(problem));
}

void FailWithErrno(const std::string& what) {
  const std::error_code reason(errno, std::generic_category());
  throw Failure(ExitCode::kSystem, Format("{}: {}", what, reason.message()));
}

void FailToDecode(const std::string& what, Error error) {
  throw Failure(error, Format("{}: {}", what, DescribeRule({.code = error.code, .where = error.where})));
}

void FailToDecodeAt(const std::string& what, Error error) {
  throw Failure(error,
                Format("{}: {}", what, DescribeRule({.code = error.code, .where = error.where, .is_address = true})));
}

}  // namespace holdfast::tool
