// SPDX-License-Identifier: BSD-2-Clause
// The system calls that load a kernel and start it.

#include "tools/mkhandover/kexec-call.h"

#include <linux/kexec.h>
#include <linux/reboot.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr int kSignalled = 128;

int ErrnoOf(long result) { return result == 0 ? 0 : errno; }

}  // namespace

int KexecLoad(std::span<const KexecSegment> segments, std::uint64_t entry) {
  std::vector<kexec_segment> out;
  for (const KexecSegment& segment : segments) {
    out.push_back({.buf = segment.bytes.data(),
                   .bufsz = segment.bytes.size(),
                   .mem = reinterpret_cast<void*>(segment.range.start().raw()),  // a number, never followed here
                   .memsz = segment.range.size()});
  }
  return ErrnoOf(syscall(SYS_kexec_load, entry, out.size(), out.data(), KEXEC_ARCH_X86_64));
}

int KexecFileLoad(int kernel, int initrd, const std::string& cmdline) {
  return ErrnoOf(syscall(SYS_kexec_file_load, kernel, initrd, cmdline.size() + 1, cmdline.c_str(), 0));
}

int UnloadKernel() {
  // Under lockdown the first call is the only one, and without signatures built in the second may be.
  if (syscall(SYS_kexec_file_load, -1, -1, 0, nullptr, KEXEC_FILE_UNLOAD) == 0) {
    return 0;
  }
  return ErrnoOf(syscall(SYS_kexec_load, 0, 0, nullptr, 0));
}

int StartLoadedKernel() {
  sync();
  return ErrnoOf(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, nullptr));
}

Descriptor MemoryFile(const std::string& name, std::span<const std::byte> bytes) {
  // Stays open across an exec, so that kexec-tools finds it.
  Descriptor file(memfd_create(name.c_str(), 0));
  if (!file.valid()) {
    FailWithErrno("memfd_create");
  }
  WriteTo(file.get(), bytes, name);
  return file;
}

std::string PathOf(const Descriptor& memory_file) { return Format("/proc/self/fd/{}", memory_file.get()); }

int RunProgram(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) {
    arguments.push_back(const_cast<char*>(word.c_str()));  // posix_spawn() does not write there
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t child = 0;
  errno = posix_spawnp(&child, arguments.front(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (errno != 0) {
    FailWithErrno(words.front());
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      FailWithErrno(words.front());
    }
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
}

RngSeed RandomSeed() {
  RngSeed seed;
  // No signal interrupts so few bytes.
  if (getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size())) {
    FailWithErrno("getrandom");
  }
  return seed;
}

}  // namespace holdfast::tool
