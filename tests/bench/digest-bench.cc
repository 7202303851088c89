// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 against kexec-tools' own sha256.c.

#include <cpuid.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <utility>

#include "common/codec/sha256.h"
#include "tests/bench/bench.h"

// util_lib/sha256.c, compiled as the purgatory of kexec-tools compiles it.  The layout is that of its
// util_lib/include/sha256.h.
extern "C" {
struct KexecSha256 {
  std::size_t total[2];
  std::uint32_t state[8];
  std::uint8_t buffer[64];
};
void sha256_starts(KexecSha256* context);
void sha256_update(KexecSha256* context, const std::uint8_t* input, std::size_t length);
void sha256_finish(KexecSha256* context, std::uint8_t* digest);
}

namespace holdfast::bench {
namespace {

constexpr std::size_t kBytes = std::size_t{32} << 20;  // about a kernel and a small initrd

Digest RivalDigest(std::span<const std::byte> bytes) {
  KexecSha256 context;
  std::array<std::uint8_t, 32> digest;
  sha256_starts(&context);
  sha256_update(&context, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  sha256_finish(&context, digest.data());
  Digest out;
  std::memcpy(out.data(), digest.data(), out.size());
  return out;
}

bool HasShaNi() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & bit_SHA) != 0;
}

struct Contender {
  std::string name;
  std::function<Digest(std::span<const std::byte>)> digest;
  std::vector<double> seconds;
};

}  // namespace

std::vector<DigestSpeed> MeasureDigests(unsigned repetitions) {
  std::vector<std::byte> bytes(kBytes);
  std::uint32_t noise = 1;
  for (std::byte& b : bytes) {
    noise = noise * 1664525 + 1013904223;
    b = static_cast<std::byte>(noise >> 24);
  }
  // The rival is the first.
  std::vector<Contender> contenders;
  contenders.push_back({"kexec-tools", RivalDigest, {}});
  contenders.push_back({"holdfast, plain", [](auto input) { return Sha256::Of(input, &Sha256Blocks); }, {}});
  if (HasShaNi()) {
    contenders.push_back({"holdfast, SHA-NI", [](auto input) { return Sha256::Of(input, &Sha256NiBlocks); }, {}});
  }

  const Digest expected = RivalDigest(bytes);
  for (unsigned i = 0; i < repetitions; ++i) {
    for (Contender& contender : contenders) {
      const auto start = std::chrono::steady_clock::now();
      const Digest digest = contender.digest(bytes);
      contender.seconds.push_back(SecondsSince(start));
      if (digest != expected) {
        std::cerr << "bench: " << contender.name << " computes another digest\n";
        std::exit(1);
      }
    }
  }

  std::vector<DigestSpeed> out;
  for (const Contender& contender : contenders) {
    std::vector<double> ratios;
    for (unsigned i = 0; i < repetitions; ++i) {
      ratios.push_back(contenders[0].seconds[i] / contender.seconds[i]);
    }
    out.push_back({contender.name, static_cast<double>(kBytes) / 1e6 / Median(contender.seconds), Median(ratios)});
  }
  return out;
}

}  // namespace holdfast::bench
