// SPDX-License-Identifier: BSD-2-Clause
// A TPM 2.0 for one guest, by swtpm.

#pragma once

#include <filesystem>
#include <optional>

#include "tests/e2e/child-process.h"

namespace holdfast::e2e {

// Runs for as long as this object and the thread that made it live; its state is in `folder`, and goes with that.
class Tpm {
 public:
  // Post: QEMU can connect to Socket(folder).
  explicit Tpm(const std::filesystem::path& folder);

  static std::filesystem::path Socket(const std::filesystem::path& folder) { return folder / "tpm.socket"; }

 private:
  std::optional<ChildProcess> swtpm_;
};

}  // namespace holdfast::e2e
