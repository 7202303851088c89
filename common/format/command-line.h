// SPDX-License-Identifier: BSD-2-Clause
// The kernel command line: the options that the stage looks at.
//
// Source: lib/cmdline.c next_arg(): options are separated by white space; double quotes protect it, and
// may stand around a whole option or its value; "--" ends the kernel's own options.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/bounded-vector.h"
#include "common/codec/sha256.h"
#include "common/mem/phys-range.h"

namespace holdfast {

struct CommandLineOption {
  std::string_view name;
  std::string_view value;  // without its quotes
  bool has_value = false;
  std::size_t offset = 0;  // of the option in the line
};

class CommandLineReader {
 public:
  constexpr explicit CommandLineReader(std::string_view line) : line_(line) {}
  std::optional<CommandLineOption> Next();

 private:
  std::string_view line_;
  std::size_t position_ = 0;
};

// True when both are one option to the kernel: '-' and '_' are the same (parameq, kernel/params.c).
bool SameOptionName(std::string_view a, std::string_view b);

// The first option of that name.
std::optional<CommandLineOption> FindOption(std::string_view line, std::string_view name);
// The last one: what holds where a kernel takes each in turn, as it does with early parameters.
std::optional<CommandLineOption> FindLastOption(std::string_view line, std::string_view name);

// holdfast=ADDR,SIZE,SHA256 : physical address, bytes, digest of the FDT in hexadecimal.
struct HandoverOption {
  PhysRange range;
  Digest digest;

  constexpr bool operator==(const HandoverOption&) const = default;
};
inline constexpr std::size_t kMaxHandoverOptions = 4;

// All of them in order, each once.  kMalformed (where: offset in the line) for one that does not read, is empty or
// ends past kPhysLimit; kTableFull for a fifth.
Status FindHandoverOptions(std::string_view line, BoundedVector<HandoverOption>& out);

// A serial port of the PC that the kernel was told to write to.
struct SerialConsole {
  std::uint16_t port = 0;  // I/O address
  std::uint32_t baud = 0;  // a divisor of 115200, or 0: as the port is set

  constexpr bool operator==(const SerialConsole&) const = default;
};

// The last console=ttySN[,BAUD] or earlyprintk=[serial,]ttySN[,BAUD], N from 0 to 3.  What may follow BAUD there is
// not looked at.
std::optional<SerialConsole> FindSerialConsole(std::string_view line);

// A number as Linux' memparse() reads it: decimal, 0x hexadecimal or octal, with K M G T P E.
// nullopt: nothing to read, something left over, or no 64-bit number.
std::optional<std::uint64_t> ParseMemSize(std::string_view text);
// A number as kstrtoull() reads it with base 16: hexadecimal, with or without 0x.
std::optional<std::uint64_t> ParseHexadecimal(std::string_view text);

}  // namespace holdfast
