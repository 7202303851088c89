// SPDX-License-Identifier: BSD-2-Clause
// Text for firmware, which speaks UTF-16.

#include "common/format/utf16.h"

namespace holdfast {
namespace {

constexpr char32_t kSurrogates = 0xd800;
constexpr char32_t kSurrogatesEnd = 0xe000;
constexpr char32_t kLowSurrogates = 0xdc00;
constexpr char32_t kAstral = 0x10000;
constexpr char32_t kUnicodeEnd = 0x110000;

struct Decoded {
  char32_t character = 0;
  std::size_t size = 0;  // bytes; 0: no character
};

// How a first byte says the length, and the least character that needs it.
struct Form {
  std::size_t size;
  char32_t least;
  unsigned char mask;
  unsigned char pattern;
};
constexpr Form kForms[] = {{1, 0, 0x80, 0x00}, {2, 0x80, 0xe0, 0xc0}, {3, 0x800, 0xf0, 0xe0}, {4, kAstral, 0xf8, 0xf0}};

Decoded DecodeFirst(std::string_view text) {
  const auto byte_at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (const Form& form : kForms) {
    if ((byte_at(0) & form.mask) != form.pattern) {
      continue;
    }
    if (text.size() < form.size) {
      return {};
    }
    char32_t character = byte_at(0) & static_cast<unsigned char>(~form.mask);
    for (std::size_t i = 1; i < form.size; ++i) {
      if ((byte_at(i) & 0xc0) != 0x80) {
        return {};
      }
      character = character << 6 | (byte_at(i) & 0x3f);
    }
    const bool is_surrogate = kSurrogates <= character && character < kSurrogatesEnd;
    return character < form.least || character >= kUnicodeEnd || is_surrogate ? Decoded{}
                                                                              : Decoded{character, form.size};
  }
  return {};
}

}  // namespace

Status AppendUtf16(std::string_view utf8, BoundedVector<char16_t>& out) {
  for (std::size_t at = 0; at < utf8.size();) {
    const Decoded next = DecodeFirst({utf8.data() + at, utf8.size() - at});
    if (next.size == 0) {
      return Error{Errc::kMalformed, at};
    }
    if (next.character < kAstral) {
      TRY(out.Append(static_cast<char16_t>(next.character)));
    } else {
      const char32_t bits = next.character - kAstral;
      TRY(out.Append(static_cast<char16_t>(kSurrogates + (bits >> 10))));
      TRY(out.Append(static_cast<char16_t>(kLowSurrogates + (bits & 0x3ff))));
    }
    at += next.size;
  }
  return kDone;
}

}  // namespace holdfast
