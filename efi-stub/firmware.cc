// SPDX-License-Identifier: BSD-2-Clause
// All that the application asks of firmware.

#include "efi-stub/firmware.h"

namespace holdfast::efi {

void Firmware::Print(const char16_t* text) const {
  auto* const out = table_->ConOut;
  if (out != nullptr) {
    static_cast<void>(out->OutputString(out, reinterpret_cast<CHAR16*>(const_cast<char16_t*>(text))));
  }
}

}  // namespace holdfast::efi
