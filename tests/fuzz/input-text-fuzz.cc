// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as the texts that come with a kernel: a line is one, UTF-8 is what UTF-16 was, a name lies in its text.

#include "common/format/input-text.h"

#include <algorithm>
#include <string>

#include "tests/fuzz/fuzz-input.h"

namespace holdfast {
namespace {

void TryLine(std::string text) {
  const std::string before = text;
  const auto size = CleanLine(text);
  if (!size.ok()) {
    fuzz::Check(before[static_cast<std::size_t>(size.error().where)] == '\0', "only a NUL is refused");
    return;
  }
  text.resize(size.value());
  fuzz::Check(text.find_first_of(std::string("\0\n\r\t", 4)) == std::string::npos, "a line is one line");
  const std::string clean = text;
  const auto again = CleanLine(text);
  fuzz::Check(again.ok() && text == clean, "a clean line is clean");
  // Spaces at its end were control characters.
  fuzz::Check(clean.find_first_not_of(' ', again.value()) == std::string::npos, "and as long as it is");
}

// UTF-8 as UTF-16 again.  What is not sound becomes something else than it was.
std::u16string Utf16Of(std::span<const char> text) {
  std::u16string units;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i++]);
    const std::size_t more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 4;
    char32_t character = first & (more == 0 ? 0x7fU : 0x3fU >> more);
    if (more > text.size() - i) {
      return units + u'\0';
    }
    for (std::size_t k = 0; k < more; ++k) {
      character = character << 6 | (static_cast<unsigned char>(text[i++]) & 0x3fU);
    }
    if (character < 0x10000) {
      units += static_cast<char16_t>(character);
    } else {
      units += static_cast<char16_t>(0xd7c0 + (character >> 10));
      units += static_cast<char16_t>(0xdc00 + (character & 0x3ff));
    }
  }
  return units;
}

void TryOptions(std::span<const std::byte> bytes) {
  std::u16string text(bytes.size() / sizeof(char16_t), u'\0');
  if (!text.empty()) {
    std::memcpy(text.data(), bytes.data(), text.size() * sizeof(char16_t));
  }
  std::vector<char> storage(3 * text.size());
  BoundedVector<char> out{std::span(storage)};
  const Status appended = AppendUtf8(text, out);
  if (!appended.ok()) {
    fuzz::Check(appended.error().code == Errc::kMalformed, "three bytes a unit are room enough");
    const char16_t unit = text[static_cast<std::size_t>(appended.error().where) / sizeof(char16_t)];
    fuzz::Check(unit >= 0xd800 && unit < 0xe000, "only a surrogate is refused");
    return;
  }
  fuzz::Check(Utf16Of(out.view()) == text, "UTF-8 is what UTF-16 was");
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const fuzz::AlignedInput input(data, size);
  const std::string text(reinterpret_cast<const char*>(data), size);
  TryLine(text);
  TryOptions(input.bytes());
  if (const auto name = FindPrettyName(text); name && !name->empty()) {
    fuzz::Check(name->data() >= text.data() && name->data() + name->size() <= text.data() + text.size(),
                "a name lies in its text");
    fuzz::Check(name->find('\n') == std::string_view::npos, "a name is one line");
  }
  return 0;
}
