// SPDX-License-Identifier: BSD-2-Clause
// Text for programs: the one wrapper around nlohmann-json.
//
// One object a run, "schema": 1; addresses are strings "0x...", sizes are numbers of bytes.

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "common/mem/memory-map.h"
#include "common/mem/problem.h"
#include "tools/mkhandover/failure.h"

namespace holdfast::tool {

using Json = nlohmann::ordered_json;

// {"schema": 1}
Json JsonDocument();
Json JsonAddress(std::uint64_t address);
// {"start": "0x...", "size": N}
Json JsonStartSize(PhysRange range);
// {"start": "0x...", "end": "0x..."}; the end is exclusive.
Json JsonStartEnd(PhysRange range);
// [{"start": "0x...", "end": "0x...", "type": N}]
Json JsonMap(std::span<const MemEntry> map);
// [{"start": "0x...", "size": N}]
Json JsonRanges(std::span<const PhysRange> ranges);
// [{"code": "...", "where": "0x...", "text": "..."}]
Json JsonProblems(std::span<const Problem> problems);
// The same list for what ended the verb.
Json JsonProblems(const Failure& failure);

// Bytes that are no UTF-8 are replaced: names come from outside.
std::string ToText(const Json& json);

}  // namespace holdfast::tool
