// SPDX-License-Identifier: BSD-2-Clause
// The zstd encoder: the one wrapper around libzstd's other half.

#include "tools/mkhandover/pack.h"

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr int kLevel = 6;
constexpr int kBlockLevel = 3;
constexpr unsigned kMaxWorkers = 8;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

std::vector<std::byte> Pack(std::span<const std::byte> bytes, int level, unsigned workers) {
  const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  if (context == nullptr) {
    throw Failure(ExitCode::kSystem, "no memory to compress with");
  }
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  // A library that was built without threads refuses, and then works alone.
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_nbWorkers, static_cast<int>(workers));
  std::vector<std::byte> out(ZSTD_compressBound(bytes.size()));
  const std::size_t size = ZSTD_compress2(context.get(), out.data(), out.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size) != 0) {
    throw Failure(ExitCode::kSystem, Format("zstd: {}", ZSTD_getErrorName(size)));
  }
  out.resize(size);
  return out;
}

}  // namespace

std::vector<std::byte> PackZstd(std::span<const std::byte> bytes) {
  return Pack(bytes, kLevel, std::min(std::thread::hardware_concurrency(), kMaxWorkers));
}

std::vector<std::byte> PackZstdBlock(std::span<const std::byte> bytes) { return Pack(bytes, kBlockLevel, 0); }

}  // namespace holdfast::tool
