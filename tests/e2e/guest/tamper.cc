// SPDX-License-Identifier: BSD-2-Clause
// Runs in the guest: lets a loader do its work, and spoils one thing at the moment of its kexec_load call.
//
//   tamper setup-data-cycle -- COMMAND...   the first setup_data node's successor is that node itself
//   tamper kernel-byte -- COMMAND...        one byte of the largest segment, the kernel, is another
//   tamper boot-params-wild -- COMMAND...   setup_data begins where no memory is
//
// It stops the command at the system call (ptrace(2)) and changes the bytes that the call is about to copy, which
// is what a broken loader, or memory that goes bad between load and jump, looks like to the stage.

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

// struct kexec_segment (include/uapi/linux/kexec.h)
struct Segment {
  std::uint64_t buf;
  std::uint64_t bufsz;
  std::uint64_t mem;
  std::uint64_t memsz;
};

constexpr std::uint64_t kSetupDataOffset = 0x250;  // in boot_params (Documentation/arch/x86/boot.rst)
constexpr std::uint64_t kHeaderMagicOffset = 0x202;
constexpr std::uint64_t kNowhere = 0x7ff000000000;

template <typename T>
T Read(pid_t pid, std::uint64_t at) {
  T value;
  iovec local{&value, sizeof(value)};
  iovec remote{reinterpret_cast<void*>(at), sizeof(value)};
  if (process_vm_readv(pid, &local, 1, &remote, 1, 0) != sizeof(value)) throw std::runtime_error("cannot read");
  return value;
}

// Through ptrace, which also writes to pages that are mapped read-only.
void Write(pid_t pid, std::uint64_t at, std::uint64_t word) {
  if (ptrace(PTRACE_POKEDATA, pid, at, word) != 0) throw std::runtime_error("cannot write");
}

// The segment that begins with boot_params: it has "HdrS" in its header.
const Segment& BootParamsOf(pid_t pid, const std::vector<Segment>& segments) {
  for (const Segment& segment : segments) {
    if (segment.bufsz >= 0x1000 && Read<std::uint32_t>(pid, segment.buf + kHeaderMagicOffset) == 0x53726448) {
      return segment;
    }
  }
  throw std::runtime_error("no segment holds boot_params");
}

const Segment& At(const std::vector<Segment>& segments, std::uint64_t address) {
  for (const Segment& segment : segments) {
    if (segment.mem <= address && address - segment.mem < segment.bufsz) return segment;
  }
  throw std::runtime_error("no segment holds that address");
}

void Spoil(const std::string& what, pid_t pid, const std::vector<Segment>& segments) {
  const Segment& params = BootParamsOf(pid, segments);
  if (what == "setup-data-cycle") {
    const auto first = Read<std::uint64_t>(pid, params.buf + kSetupDataOffset);
    const Segment& node = At(segments, first);
    Write(pid, node.buf + (first - node.mem), first);
  } else if (what == "kernel-byte") {
    const Segment& kernel = *std::max_element(segments.begin(), segments.end(),
                                              [](const Segment& a, const Segment& b) { return a.bufsz < b.bufsz; });
    const std::uint64_t at = kernel.buf + (kernel.bufsz / 2 & ~std::uint64_t{7});
    Write(pid, at, Read<std::uint64_t>(pid, at) ^ 1);
  } else if (what == "boot-params-wild") {
    Write(pid, params.buf + kSetupDataOffset, kNowhere);
  } else {
    throw std::runtime_error("unknown: " + what);
  }
}

int Trace(const std::string& what, pid_t pid) {
  bool is_spoiled = false;
  int status = 0;
  waitpid(pid, &status, 0);  // stopped by its execvp
  ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  for (;;) {
    ptrace(PTRACE_SYSCALL, pid, nullptr, nullptr);
    waitpid(pid, &status, 0);
    if (WIFEXITED(status)) {
      if (!is_spoiled) throw std::runtime_error("the command loaded nothing");
      return WEXITSTATUS(status);
    }
    if (WIFSIGNALED(status)) throw std::runtime_error("the command was killed");
    user_regs_struct regs{};
    ptrace(PTRACE_GETREGS, pid, nullptr, &regs);
    if (regs.orig_rax != SYS_kexec_load || is_spoiled || regs.rsi == 0) continue;
    std::vector<Segment> segments;
    for (std::uint64_t i = 0; i < regs.rsi; ++i) {
      segments.push_back(Read<Segment>(pid, regs.rdx + i * sizeof(Segment)));
    }
    Spoil(what, pid, segments);
    is_spoiled = true;
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 4 || std::string(argv[2]) != "--") throw std::runtime_error("usage: tamper WHAT -- COMMAND...");
    const pid_t pid = fork();
    if (pid == 0) {
      ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      execvp(argv[3], argv + 3);
      _exit(127);
    }
    return Trace(argv[1], pid);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tamper: %s\n", error.what());
    return 2;
  }
}
