// SPDX-License-Identifier: BSD-2-Clause
// SHA-256, both ways of computing it.

#include "common/codec/sha256.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/text-writer.h"
#include "tests/support/random.h"

namespace holdfast {
namespace {

std::string Hex(const Digest& digest) {
  TextBuffer<64> out;
  return std::string(out.HexBytes(digest).view());
}

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

bool HasShaNi() {
  constexpr unsigned kShaBit = 1U << 29;
  unsigned eax = 7;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return (ebx & kShaBit) != 0 && __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
}

// Every way that this processor has.
std::vector<Sha256BlocksFn> Ways() {
  std::vector<Sha256BlocksFn> ways = {&Sha256Blocks};
  if (HasShaNi()) {
    ways.push_back(&Sha256NiBlocks);
  } else {
    WARN("This processor has no SHA extensions: Sha256NiBlocks is not tested.");
  }
  return ways;
}

std::vector<std::byte> RandomBytes(test::Random& random, std::size_t size) {
  std::vector<std::byte> out(size);
  std::generate(out.begin(), out.end(), [&random] { return static_cast<std::byte>(random.Below(256)); });
  return out;
}

TEST_CASE("Digests are those of FIPS 180-4's examples and NIST's short messages", "[codec][sha256]") {
  struct Case {
    std::string message;
    const char* digest;
  };
  using namespace std::string_literals;
  const auto c = GENERATE(
      Case{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      Case{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      Case{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      Case{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
           "nopqrstu",
           "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      Case{"\xd3"s, "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"},
      Case{"\x11\xaf"s, "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98"},
      Case{"\xb4\x19\x0e"s, "dff2e73091f6c05e528896c4c831b9448653dc2ff043528f6769437bc7b975c2"});
  for (const Sha256BlocksFn way : Ways()) {
    CHECK(Hex(Sha256::Of(Bytes(c.message), way)) == c.digest);
  }
}

TEST_CASE("A million times the letter a has the digest that FIPS 180-4 says", "[codec][sha256]") {
  const std::string message(1'000'000, 'a');
  for (const Sha256BlocksFn way : Ways()) {
    CHECK(Hex(Sha256::Of(Bytes(message), way)) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST_CASE("Messages around the ends of blocks are padded right", "[codec][sha256]") {
  struct Case {
    std::size_t size;
    const char* digest;
  };
  const auto c = GENERATE(Case{55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
                          Case{56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
                          Case{63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
                          Case{64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
                          Case{65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"});
  const std::string message(c.size, 'a');
  for (const Sha256BlocksFn way : Ways()) {
    CHECK(Hex(Sha256::Of(Bytes(message), way)) == c.digest);
  }
}

TEST_CASE("Pieces make the same digest as the whole", "[codec][sha256]") {
  test::Random random(test::FirstSeed());
  for (int i = 0; i < 300; ++i) {
    const std::vector<std::byte> message = RandomBytes(random, random.Below(400));
    Sha256 sha;
    std::span<const std::byte> rest = message;
    while (!rest.empty()) {
      const std::size_t size = std::min<std::size_t>(random.Below(130), rest.size());
      sha.Update(rest.first(size));
      rest = rest.subspan(size);
    }
    sha.Update({});
    REQUIRE(sha.Finish() == Sha256::Of(message));
  }
}

TEST_CASE("UpdateZeros is Update with zeros", "[codec][sha256]") {
  const std::size_t count = GENERATE(std::size_t{0}, 1, 63, 64, 65, 1023, 1024, 1025, 100'000);
  const std::size_t before = GENERATE(std::size_t{0}, 1, 64);
  std::vector<std::byte> message(before, std::byte{1});
  Sha256 sha;
  sha.Update(message);
  sha.UpdateZeros(count);
  message.resize(before + count);
  CHECK(sha.Finish() == Sha256::Of(message));
}

TEST_CASE("The SHA extensions compute what plain integers compute", "[codec][sha256]") {
  if (!HasShaNi()) {
    WARN("This processor has no SHA extensions: skipped.");
    return;
  }
  test::Random random(test::FirstSeed());
  for (int i = 0; i < 500; ++i) {
    const std::vector<std::byte> message = RandomBytes(random, random.Below(2000));
    const auto odd = std::span(message).subspan(message.empty() ? 0 : 1);  // Not aligned.
    REQUIRE(Sha256::Of(odd, &Sha256NiBlocks) == Sha256::Of(odd, &Sha256Blocks));
  }
}

TEST_CASE("No blocks leave the state as it was", "[codec][sha256]") {
  for (const Sha256BlocksFn way : Ways()) {
    std::array<std::uint32_t, 8> state = {1, 2, 3, 4, 5, 6, 7, 8};
    const auto before = state;
    way(state, nullptr, 0);
    CHECK(state == before);
  }
}

}  // namespace
}  // namespace holdfast
