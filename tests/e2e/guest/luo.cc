// SPDX-License-Identifier: BSD-2-Clause
// Runs in the guest: gives a file in memory to the kernel's live update, and takes it back in the next kernel.
//
//   luo keep SESSION TOKEN SIZE SEED     fills a new file, hands it over, and prints where it lies
//   luo scatter SESSION TOKEN SIZE SEED  the same, no two of its pages being neighbours
//   luo check SESSION TOKEN SEED         takes it back and compares it
//   luo keep-on SESSION TOKEN SEED       the same; hands it over for the next kexec as well, and prints where it lies
//
// Where it lies are lines START SIZE, one for each run of pages, in file order.
// A session lasts as long as its descriptor is open, so what was handed over is
// held by a process that stays behind.  The kernel wants liveupdate=on beside
// kho=on.  Exit: 0 fine, 1 pages differ, 2 anything else.

#include <sys/ioctl.h>

#include <cstring>
#include <iostream>

#include "tests/e2e/guest/files.h"

namespace {

using namespace holdfast::e2e;
using namespace holdfast::e2e::guest;

// Requests and their arguments (include/uapi/linux/liveupdate.h of Linux 7.3); `size` is the argument's own.
constexpr std::size_t kNameLength = 64;

struct SessionRequest {
  std::uint32_t size = sizeof(SessionRequest);
  std::int32_t fd = -1;  // out: the session
  char name[kNameLength] = {};
};
static_assert(sizeof(SessionRequest) == 72);

struct FileRequest {
  std::uint32_t size = sizeof(FileRequest);
  std::int32_t fd = -1;  // in to preserve, out to retrieve
  std::uint64_t token = 0;
};
static_assert(sizeof(FileRequest) == 16);

struct FinishRequest {
  std::uint32_t size = sizeof(FinishRequest);
  std::uint32_t reserved = 0;
};
static_assert(sizeof(FinishRequest) == 8);

constexpr unsigned long kCreateSession = _IO(0xba, 0x00);  // of /dev/liveupdate
constexpr unsigned long kRetrieveSession = _IO(0xba, 0x01);
constexpr unsigned long kPreserveFile = _IO(0xba, 0x40);  // of a session
constexpr unsigned long kRetrieveFile = _IO(0xba, 0x41);
constexpr unsigned long kFinish = _IO(0xba, 0x42);

template <typename Request>
void Ask(const File& file, unsigned long number, Request& request, const char* what) {
  if (ioctl(file.fd(), number, &request) != 0) FailWithErrno(std::string(what) + " of " + file.path());
}

// The device is for one at a time, so it is closed at once.
int OpenSession(unsigned long number, const std::string& name, const char* what) {
  SessionRequest request;
  if (name.size() >= kNameLength) throw std::runtime_error("too long a name: " + name);
  std::memcpy(request.name, name.data(), name.size());
  const File device("/dev/liveupdate", O_RDWR);
  Ask(device, number, request, what);
  return request.fd;
}

// Hands the file over and stays to hold it.  Its pages may move until it is the kernel's, so only then are they found.
void HandOver(const File& memory, const std::string& name, std::uint64_t token) {
  const File session(OpenSession(kCreateSession, name, "create session"), name);
  FileRequest request;
  request.fd = memory.fd();
  request.token = token;
  Ask(session, kPreserveFile, request, "preserve");
  Print(ExtentsOf(memory, kPageSize), std::cout);
  std::cout.flush();

  const pid_t holder = fork();
  if (holder < 0) FailWithErrno("fork");
  if (holder != 0) return;
  setsid();
  const File nothing("/dev/null", O_RDWR);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing.fd(), standard);
  for (;;) pause();
}

enum class Pages { kTogether, kApart };

// A fresh kernel gives pages one below the other: asked for from the last to the first, they lie in few runs.  Where
// they are to lie apart, another file gets every second one; it is gone afterwards.
void AskForPages(const File& memory, Pages pages) {
  const std::uint64_t size = memory.Size();
  File other(memfd_create("other", MFD_CLOEXEC), "memfd");
  other.Resize(size);
  const Mapping mapping(memory, 0, size, PROT_READ | PROT_WRITE);
  const Mapping between(other, 0, size, PROT_READ | PROT_WRITE);
  if (!mapping.ok() || !between.ok()) FailWithErrno("memfd");
  for (std::uint64_t at = size; at != 0; at -= kPageSize) {
    static_cast<volatile std::byte*>(mapping.data())[at - kPageSize] = std::byte{};
    if (pages == Pages::kApart) static_cast<volatile std::byte*>(between.data())[at - kPageSize] = std::byte{};
  }
}

int Keep(const std::string& name, std::uint64_t token, std::uint64_t size, std::uint64_t seed, Pages pages) {
  File memory(memfd_create("kept", MFD_CLOEXEC), "memfd");
  memory.Resize((size + kPageSize - 1) / kPageSize * kPageSize);
  AskForPages(memory, pages);
  FillFile(memory, seed);
  HandOver(memory, name, token);
  return 0;
}

enum class Afterwards { kLetGo, kKeepOn };

int TakeBack(const std::string& name, std::uint64_t token, std::uint64_t seed, Afterwards afterwards) {
  const File session(OpenSession(kRetrieveSession, name, "retrieve session"), name);
  FileRequest request;
  request.token = token;
  Ask(session, kRetrieveFile, request, "retrieve");
  const File memory(request.fd, "retrieved memfd");
  const int code = CheckFile(memory, seed).Report("luo", seed);
  FinishRequest finish;
  Ask(session, kFinish, finish, "finish");
  if (afterwards == Afterwards::kKeepOn) {
    std::fflush(stdout);
    HandOver(memory, name, token);
  }
  return code;
}

int Main(const std::vector<std::string>& words) {
  const std::string verb = words.empty() ? "" : words[0];
  if (words.size() == 5 && (verb == "keep" || verb == "scatter")) {
    return Keep(words[1], ParseNumber(words[2]), ParseNumber(words[3]), ParseNumber(words[4]),
                verb == "keep" ? Pages::kTogether : Pages::kApart);
  }
  if (words.size() == 4 && (verb == "check" || verb == "keep-on")) {
    return TakeBack(words[1], ParseNumber(words[2]), ParseNumber(words[3]),
                    verb == "check" ? Afterwards::kLetGo : Afterwards::kKeepOn);
  }
  throw std::runtime_error("usage: luo keep|scatter SESSION TOKEN SIZE SEED | luo check|keep-on SESSION TOKEN SEED");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Main(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "luo: %s\n", error.what());
    return 2;
  }
}
