// SPDX-License-Identifier: BSD-2-Clause
// The lines between the harness and a running QEMU.

#include "tests/e2e/guest-link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "tests/e2e/initramfs.h"

namespace holdfast::e2e {
namespace {

constexpr Milliseconds kTick(100);

std::size_t Index(Line line) { return static_cast<std::size_t>(line); }

}  // namespace

GuestLink::GuestLink(const std::filesystem::path& logs, const std::string& name)
    : qemu_log_(logs / (name + ".qemu.log")) {
  std::filesystem::create_directories(logs);
  for (std::size_t i = 0; i < kNumLines; ++i) {
    sockets_[i] = MakeSocketPair();
    logs_[i].open(logs / (name + "." + std::string(kLineNames[i]) + ".log"), std::ios::binary);
  }
}

GuestLink::~GuestLink() {
  closing_ = true;
  if (listener_.joinable()) listener_.join();
  qemu_.reset();
}

LineEnds GuestLink::ends() const {
  LineEnds ends;
  for (std::size_t i = 0; i < kNumLines; ++i) ends[i] = sockets_[i].theirs.get();
  return ends;
}

void GuestLink::Start(const std::vector<std::string>& words, int memory_fd, Milliseconds life_span) {
  std::ofstream log(qemu_log_);
  for (const std::string& word : words) log << word << ' ';
  log << '\n' << std::flush;
  const Descriptor output(open(qemu_log_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (output.get() < 0) throw std::system_error(errno, std::generic_category(), qemu_log_.string());

  const LineEnds line_ends = ends();
  std::vector<int> inherited(line_ends.begin(), line_ends.end());
  inherited.push_back(memory_fd);
  qemu_.emplace(words, inherited, output.get());
  for (DescriptorPair& pair : sockets_) pair.theirs.Close();
  deadline_ = Clock::now() + life_span;
  heard_.last_sign = Clock::now();
  listener_ = std::thread([this] { Listen(); });
}

void GuestLink::Send(Line line, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(sockets_[Index(line)].ours.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return;  // QEMU is gone; whoever waits for the answer will see that.
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

Heard& GuestLink::heard(const std::unique_lock<std::mutex>& lock) {
  if (lock.mutex() != &mutex_ || !lock.owns_lock()) throw std::logic_error("what was heard is read under the lock");
  return heard_;
}

void GuestLink::WaitForNews(std::unique_lock<std::mutex>& lock) { news_.wait_for(lock, kTick); }

std::optional<int> GuestLink::ExitStatus() { return qemu_->Poll(); }

std::string GuestLink::QemuOutput() const {
  std::string text = ReadFile(qemu_log_);
  return text.substr(std::min(text.find('\n') + 1, text.size()));  // Without the command.
}

void GuestLink::Take(Line line, std::string_view bytes) {
  logs_[Index(line)].write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
  const std::lock_guard lock(mutex_);
  heard_.last_sign = Clock::now();
  switch (line) {
    case Line::kConsole: {
      const std::size_t seen = heard_.console.lines().size();
      heard_.console.Append(bytes);
      if (!heard_.panic && heard_.console.FindPanic(seen)) heard_.panic = Clock::now();
      break;
    }
    case Line::kCommands:
      heard_.commands += bytes;
      break;
    case Line::kControl:
      heard_.control += bytes;
      break;
    case Line::kDebug:
      heard_.debug += bytes;
      break;
  }
  news_.notify_all();
}

void GuestLink::Listen() {
  std::array<pollfd, kNumLines> polled;
  for (std::size_t i = 0; i < kNumLines; ++i) polled[i] = {sockets_[i].ours.get(), POLLIN, 0};
  std::array<char, 65536> buffer;
  while (!closing_) {
    if (Clock::now() > deadline_) {
      qemu_->Kill();
      const std::lock_guard lock(mutex_);
      heard_.overdue = true;
      news_.notify_all();
      break;
    }
    if (poll(polled.data(), polled.size(), static_cast<int>(kTick.count())) <= 0) continue;
    for (std::size_t i = 0; i < kNumLines; ++i) {
      if (polled[i].revents == 0) continue;
      const ssize_t count = recv(polled[i].fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (count > 0) Take(static_cast<Line>(i), std::string_view(buffer.data(), static_cast<std::size_t>(count)));
      if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) polled[i].fd = -1;  // Closed: ignored.
    }
  }
}

}  // namespace holdfast::e2e
