// SPDX-License-Identifier: BSD-2-Clause
// A TPM 2.0 for one guest, by swtpm.

#include "tests/e2e/tpm.h"

#include <fcntl.h>

#include <stdexcept>
#include <thread>

#include "tests/e2e/environment.h"
#include "tests/e2e/initramfs.h"

namespace holdfast::e2e {
namespace {

constexpr Milliseconds kStartLimit = Seconds(30);
constexpr Milliseconds kTick(20);

}  // namespace

Tpm::Tpm(const std::filesystem::path& folder) {
  const std::filesystem::path state = folder / "tpm";
  const std::filesystem::path log = folder / "tpm.log";
  std::filesystem::create_directory(state);
  const Descriptor output(open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  swtpm_.emplace(std::vector<std::string>{"swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + state.string(), "--ctrl",
                                          "type=unixio,path=" + Socket(folder).string()},
                 std::vector<int>{}, output.get());
  for (Milliseconds waited(0); !std::filesystem::exists(Socket(folder)); waited += kTick) {
    if (swtpm_->Poll() || waited > Scaled(kStartLimit)) {
      throw std::runtime_error("swtpm does not start: " + ReadFile(log));
    }
    std::this_thread::sleep_for(kTick);
  }
}

}  // namespace holdfast::e2e
