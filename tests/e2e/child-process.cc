// SPDX-License-Identifier: BSD-2-Clause
// A program that dies with the thread that started it.

#include "tests/e2e/child-process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace holdfast::e2e {
namespace {

[[noreturn]] void FailWithErrno(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

Descriptor::~Descriptor() { Close(); }

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = other.Release();
  }
  return *this;
}

int Descriptor::Release() { return std::exchange(fd_, -1); }

void Descriptor::Close() {
  if (fd_ >= 0) close(Release());
}

DescriptorPair MakeSocketPair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) FailWithErrno("socketpair");
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

ChildProcess::ChildProcess(const std::vector<std::string>& words, const std::vector<int>& inherited, int output) {
  // All that allocates comes before the fork: other threads may hold locks.
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const Descriptor empty(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const pid_t parent = getpid();

  pid_ = fork();
  if (pid_ < 0) FailWithErrno("fork");
  if (pid_ != 0) return;

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);  // It died before the line above.
  dup2(empty.get(), STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  for (const int fd : inherited) fcntl(fd, F_SETFD, 0);
  execvp(argv[0], argv.data());
  constexpr char kMessage[] = "cannot execute the program\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  _exit(127);
}

ChildProcess::~ChildProcess() { Kill(); }

std::optional<int> ChildProcess::Poll() {
  const std::lock_guard lock(mutex_);
  return PollLocked();
}

std::optional<int> ChildProcess::PollLocked() {
  int status = 0;
  if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_;
}

void ChildProcess::Kill() {
  const std::lock_guard lock(mutex_);
  if (PollLocked()) return;
  kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = status;
}

}  // namespace holdfast::e2e
