// SPDX-License-Identifier: BSD-2-Clause
// Text for programs: the one wrapper around nlohmann-json.

#include "tools/mkhandover/json.h"

#include "tools/mkhandover/text.h"

namespace holdfast::tool {

Json JsonDocument() { return {{"schema", 1}}; }

Json JsonAddress(std::uint64_t address) { return Hex(address); }

Json JsonStartSize(PhysRange range) { return {{"start", JsonAddress(range.start().raw())}, {"size", range.size()}}; }

Json JsonStartEnd(PhysRange range) {
  return {{"start", JsonAddress(range.start().raw())}, {"end", JsonAddress(range.end().raw())}};
}

Json JsonMap(std::span<const MemEntry> map) {
  Json out = Json::array();
  for (const MemEntry& entry : map) {
    Json item = JsonStartEnd(entry.range);
    item["type"] = static_cast<std::uint32_t>(entry.type);
    out.push_back(std::move(item));
  }
  return out;
}

Json JsonRanges(std::span<const PhysRange> ranges) {
  Json out = Json::array();
  for (const PhysRange& range : ranges) {
    out.push_back(JsonStartSize(range));
  }
  return out;
}

Json JsonProblems(std::span<const Problem> problems) {
  Json out = Json::array();
  for (const Problem& problem : problems) {
    out.push_back(
        {{"code", ErrcName(problem.code)}, {"where", JsonAddress(problem.where)}, {"text", DescribeWhat(problem)}});
  }
  return out;
}

Json JsonProblems(const Failure& failure) {
  const auto error = failure.error();
  Json item = {{"code", error ? ErrcName(error->code) : ExitWord(failure.code())}};
  if (error) {
    item["where"] = JsonAddress(error->where);
  }
  item["text"] = failure.what();
  return Json::array({item});
}

std::string ToText(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

}  // namespace holdfast::tool
