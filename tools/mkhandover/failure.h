// SPDX-License-Identifier: BSD-2-Clause
// Why a verb cannot go on, and the status with which the program then ends.
//
// common/ returns Errors; the tool throws a Failure, which only tool.cc catches.

#pragma once

#include <optional>
#include <stdexcept>
#include <string>

#include "common/base/result.h"
#include "common/mem/problem.h"

namespace holdfast::tool {

enum class ExitCode : int {
  kFine = 0,
  kFound = 1,  // a check found something, or there is nothing to report
  kUsage = 2,
  kOverlap = 3,
  kNoSlot = 4,
  kTableFull = 5,
  kBadInput = 6,
  kSystem = 7,
};

// The status that belongs to a broken rule.
ExitCode ExitFor(Errc code);
// The word for a status, where no rule of common/ was broken: "usage", "bad-input", "system", ...
std::string_view ExitWord(ExitCode code);

class Failure : public std::runtime_error {
 public:
  // One line: what, where, what to do.
  Failure(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Failure(Error error, const std::string& message)
      : std::runtime_error(message), code_(ExitFor(error.code)), error_(error) {}

  ExitCode code() const { return code_; }
  std::optional<Error> error() const { return error_; }

 private:
  ExitCode code_;
  std::optional<Error> error_;
};

// "RULE: what and where", as the stage words it.
std::string DescribeRule(const Problem& problem);
// The same without the rule.
std::string DescribeWhat(const Problem& problem);

// Ends the verb because the system refused: "WHAT: reason" by errno.
[[noreturn]] void FailWithErrno(const std::string& what);
// Ends the verb because `what` does not decode.
[[noreturn]] void FailToDecode(const std::string& what, Error error);
// The same of what is in memory, where the decoder's error is an address.
[[noreturn]] void FailToDecodeAt(const std::string& what, Error error);
inline void FailUnless(const Status& status, const std::string& what) {
  if (!status.ok()) {
    FailToDecode(what, status.error());
  }
}

}  // namespace holdfast::tool
