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
  const auto again = CleanLine(text);
  fuzz::Check(again.ok() && again.value() <= text.size(), "a clean line is clean");
}

// The number of UTF-16's units in UTF-8 that is known to be sound: two for each character of four bytes.
std::size_t CountUnits(std::span<const char> text) {
  std::size_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    units += (byte & 0xc0) == 0x80 ? 0 : byte >= 0xf0 ? 2 : 1;
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
  fuzz::Check(CountUnits(out.view()) == text.size(), "no unit is lost");
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
