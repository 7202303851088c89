// SPDX-License-Identifier: BSD-2-Clause
// Runs in the guest: lets a loader do its work, and spoils one thing at the moment of its kexec_load call.
//
//   tamper setup-data-cycle -- COMMAND...   the first setup_data node's successor is that node itself
//   tamper kernel-byte -- COMMAND...        one byte of the largest segment, the kernel, is another
//   tamper boot-params-wild -- COMMAND...   setup_data begins where no memory is
//   tamper e820-type:START,SIZE,TYPE -- COMMAND...
//                                           that part of one entry of the table in boot_params has another type
//   tamper setup-data:ADDRESS -- COMMAND... the chain has one node more, its last, which is at that address
//   tamper kernel-contract:A,B,C,D -- COMMAND...
//                                           the purgatory is filled as the kernel's own loader fills one: its order
//                                           of registers, its regions and digest.  A and B are the offsets of
//                                           sha256_regions and sha256_digest from entry64_regs, C and D those of the
//                                           kernel's.
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
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
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
constexpr std::uint64_t kE820EntriesOffset = 0x1e8;
constexpr std::uint64_t kE820TableOffset = 0x2d0;
constexpr std::size_t kE820MaxEntries = 128;
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

void Move(pid_t pid, std::uint64_t from, std::uint64_t to, std::uint64_t size) {
  for (std::uint64_t at = 0; at < size; at += 8) {
    Write(pid, to + at, Read<std::uint64_t>(pid, from + at));
    Write(pid, from + at, 0);
  }
}

struct [[gnu::packed]] E820Entry {
  std::uint64_t start;
  std::uint64_t size;
  std::uint32_t type;
};

// "A,B,C,D", `count` of them in any base.
std::vector<std::uint64_t> ParseNumbers(const std::string& text, std::size_t count) {
  std::vector<std::uint64_t> numbers;
  const char* at = text.c_str();
  for (char* end = nullptr; numbers.size() < count; at = end + 1) {
    numbers.push_back(std::strtoull(at, &end, 0));
    if (end == at || *end != (numbers.size() == count ? '\0' : ',')) {
      throw std::runtime_error(std::to_string(count) + " numbers are wanted");
    }
  }
  return numbers;
}

// What lies before and behind the part stays what it was.
void ChangeType(const std::string& part, pid_t pid, const Segment& params) {
  using Table = std::array<E820Entry, kE820MaxEntries>;
  const std::vector<std::uint64_t> numbers = ParseNumbers(part, 3);
  const std::uint64_t start = numbers[0];
  const std::uint64_t end = start + numbers[1];
  auto table = Read<Table>(pid, params.buf + kE820TableOffset);
  auto head = Read<std::uint64_t>(pid, params.buf + kE820EntriesOffset);
  std::size_t count = head & 0xff;
  const auto entry = std::find_if(table.begin(), table.begin() + static_cast<std::ptrdiff_t>(count),
                                  [&](const E820Entry& e) { return e.start <= start && end <= e.start + e.size; });
  if (entry == table.begin() + static_cast<std::ptrdiff_t>(count) || count + 2 > table.size()) {
    throw std::runtime_error("no entry holds that part");
  }
  const E820Entry whole = *entry;
  *entry = {start, end - start, static_cast<std::uint32_t>(numbers[2])};
  if (whole.start < start) table[count++] = {whole.start, start - whole.start, whole.type};
  if (end < whole.start + whole.size) table[count++] = {end, whole.start + whole.size - end, whole.type};
  std::sort(table.begin(), table.begin() + static_cast<std::ptrdiff_t>(count),
            [](const E820Entry& a, const E820Entry& b) { return a.start < b.start; });
  std::array<std::uint64_t, sizeof(Table) / 8> words;
  static_assert(sizeof(words) == sizeof(table));
  std::memcpy(words.data(), table.data(), sizeof(words));
  for (std::size_t i = 0; i < words.size(); ++i) Write(pid, params.buf + kE820TableOffset + i * 8, words[i]);
  Write(pid, params.buf + kE820EntriesOffset, (head & ~std::uint64_t{0xff}) | count);
}

void EndChainWith(std::uint64_t node, pid_t pid, const Segment& params, const std::vector<Segment>& segments) {
  std::uint64_t link = params.buf + kSetupDataOffset;
  while (const auto next = Read<std::uint64_t>(pid, link)) {
    const Segment& segment = At(segments, next);
    link = segment.buf + (next - segment.mem);
  }
  Write(pid, link, node);
}

// kexec-tools' slots of entry64_regs: rsi is 4, rsp is 6, rip is 16; the kernel's: rsp is 4, rsi is 6.
void FillAsTheKernelDoes(const std::string& offsets, pid_t pid, const Segment& params,
                         const std::vector<Segment>& segments) {
  std::int64_t regions, digest, kernel_regions, kernel_digest;
  if (std::sscanf(offsets.c_str(), "%ld,%ld,%ld,%ld", &regions, &digest, &kernel_regions, &kernel_digest) != 4) {
    throw std::runtime_error("four offsets are wanted");
  }
  for (const Segment& segment : segments) {
    for (std::uint64_t at = segment.buf; at + 17 * 8 <= segment.buf + segment.bufsz; at += 8) {
      if (segment.mem == params.mem || Read<std::uint64_t>(pid, at + 4 * 8) != params.mem) continue;
      const auto rsp = Read<std::uint64_t>(pid, at + 6 * 8);
      if (rsp < segment.mem || rsp > segment.mem + segment.memsz) continue;
      Write(pid, at + 4 * 8, rsp);
      Write(pid, at + 6 * 8, params.mem);
      Move(pid, at + static_cast<std::uint64_t>(regions), at + static_cast<std::uint64_t>(kernel_regions), 256);
      Move(pid, at + static_cast<std::uint64_t>(digest), at + static_cast<std::uint64_t>(kernel_digest), 32);
      return;
    }
  }
  throw std::runtime_error("no segment holds entry64_regs");
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
  } else if (what.starts_with("setup-data:")) {
    EndChainWith(ParseNumbers(what.substr(what.find(':') + 1), 1)[0], pid, params, segments);
  } else if (what.starts_with("e820-type:")) {
    ChangeType(what.substr(what.find(':') + 1), pid, params);
  } else if (what.starts_with("kernel-contract:")) {
    // The purgatory is small; the kernel and the initrd would take long to look through.
    std::vector<Segment> small;
    std::copy_if(segments.begin(), segments.end(), std::back_inserter(small),
                 [](const Segment& segment) { return segment.bufsz < 1024 * 1024; });
    FillAsTheKernelDoes(what.substr(what.find(':') + 1), pid, params, small);
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
