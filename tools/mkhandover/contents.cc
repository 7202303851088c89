// SPDX-License-Identifier: BSD-2-Clause
// Is what is kept still what its digests say?

#include "tools/mkhandover/contents.h"

#include <algorithm>

#include "common/format/kept-contents.h"
#include "tools/mkhandover/capture.h"
#include "tools/mkhandover/failure.h"

namespace holdfast::tool {
namespace {

Status AddFinding(void* self, const KeptContent& content) {
  auto& out = *static_cast<ContentFindings*>(self);
  switch (content.state) {
    case ContentState::kIntact:
      ++out.verified;
      break;
    case ContentState::kNoDigest:
      ++out.without;
      break;
    case ContentState::kLost:
      out.lost.push_back({.code = Errc::kContentsLost,
                          .where = content.first.start().raw(),
                          .what = content.name,
                          .range = content.first});
      break;
  }
  return kDone;
}

}  // namespace

bool HasDigests(const HandoverFile& file) {
  return std::any_of(file.pieces().begin(), file.pieces().end(),
                     [](const KeptPiece& piece) { return piece.sha256.has_value(); });
}

ContentFindings FindLostContents(const HandoverFile& file, const std::string& memory) {
  ContentFindings out;
  if (!HasDigests(file)) {
    return out;
  }
  FoundHandovers found;
  FoundHandover own;
  own.tree = *file.tree();
  FailUnless(found.Append(own), file.name());
  const Capture capture(memory);
  if (const Status status = CheckContents(found, capture.memory(), &Sha256Blocks, {&AddFinding, &out}); !status.ok()) {
    FailToDecodeAt(file.name(), status.error());
  }
  return out;
}

}  // namespace holdfast::tool
