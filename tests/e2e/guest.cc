// SPDX-License-Identifier: BSD-2-Clause
// A QEMU guest that tests give orders to and listen to.

#include "tests/e2e/guest.h"

#include <atomic>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "tests/e2e/base64.h"
#include "tests/e2e/guest-link.h"
#include "tests/e2e/qemu-command.h"
#include "tests/e2e/tpm.h"

namespace holdfast::e2e {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kNumTailLines = 40;

// A panic's report goes on after its first line.
constexpr Milliseconds kPanicGrace(1500);

// Within this time after a reset, what firmware resets is still the same reset.
constexpr Milliseconds kFirmwareResets(1500);

// The line discipline of the guest's serial port drops what nobody reads in
// time, so nothing longer is sent at once.
constexpr std::size_t kLongestCommand = 2048;
constexpr std::size_t kPushChunk = 1440;  // a third more as text

std::string GuestName() {
  static std::atomic<int> count = 0;
  return "guest-" + std::to_string(++count);
}

std::string InSeconds(Milliseconds time) { return std::to_string((time.count() + 500) / 1000) + " s"; }

// The guest's answer to command `id`, if it is there in full; see kServe in initramfs.cc.
std::optional<CommandResult> FindAnswer(std::string_view text, const std::string& id) {
  const std::string start = "\x02" + id + "\n";
  const std::string middle = "\n\x03" + id + "\n";
  const std::string end = "\n\x01" + id + " ";
  const std::size_t start_at = text.find(start);
  if (start_at == std::string_view::npos) return std::nullopt;
  const std::size_t middle_at = text.find(middle, start_at + start.size() - 1);
  if (middle_at == std::string_view::npos) return std::nullopt;
  const std::size_t end_at = text.find(end, middle_at + middle.size() - 1);
  if (end_at == std::string_view::npos) return std::nullopt;
  const std::size_t newline = text.find('\n', end_at + end.size());
  if (newline == std::string_view::npos) return std::nullopt;

  const auto between = [text](std::size_t from, std::size_t to) {
    return from < to ? std::string(text.substr(from, to - from)) : std::string();
  };
  CommandResult result;
  result.status = std::stoi(between(end_at + end.size(), newline));
  result.output = between(start_at + start.size(), middle_at);
  result.errors = between(middle_at + middle.size(), end_at);
  return result;
}

struct Greeting {
  std::string boot_id;
  std::string release;
  std::size_t end;  // first byte after it
};

std::optional<Greeting> FindGreeting(std::string_view text) {
  const std::size_t at = text.rfind("\n\x04");
  if (at == std::string_view::npos) return std::nullopt;
  const std::size_t newline = text.find('\n', at + 2);
  const std::size_t space = text.find(' ', at + 2);
  if (newline == std::string_view::npos || space > newline) return std::nullopt;
  return Greeting{std::string(text.substr(at + 2, space - at - 2)),
                  std::string(text.substr(space + 1, newline - space - 1)), newline + 1};
}

}  // namespace

std::uint64_t ParseSize(std::string_view text) {
  std::size_t used = 0;
  const std::uint64_t number = std::stoull(std::string(text), &used, 0);
  const std::string_view unit = text.substr(used);
  if (unit == "K") return number << 10;
  if (unit == "M") return number << 20;
  if (unit == "G") return number << 30;
  if (!unit.empty()) throw std::runtime_error("not a size: " + std::string(text));
  return number;
}

class Guest::Impl {
 public:
  explicit Impl(GuestOptions options)
      : options_(std::move(options)),
        memory_(ParseSize(options_.memory)),
        link_(EnvironmentOr("HOLDFAST_E2E_LOGS", folder_.path().string()), GuestName()) {
    if (!options_.kernel.empty()) WriteInitramfs(options_, folder_.path() / "initramfs");
    if (options_.tpm) tpm_.emplace(folder_.path());
    link_.Start(QemuCommand(options_, folder_.path(), link_.ends(), memory_), memory_.fd(), Scaled(options_.life_span));
    Execute("qmp_capabilities");
  }

  // True when what is waited for is there.  Called under the lock.
  using Condition = std::function<bool(Heard&)>;
  enum class Resets { kUnexpected, kExpected };
  enum class Silence { kMatters, kIsFine };

  void Wait(const std::string& what, Milliseconds limit, const Condition& condition, Silence silence,
            Resets resets = Resets::kUnexpected) {
    limit = Scaled(limit);
    const Milliseconds longest_silence = Scaled(options_.silence);
    const Clock::time_point start = Clock::now();
    auto lock = link_.Lock();
    for (;;) {
      Heard& heard = link_.heard(lock);
      if (options_.may_panic) heard.panic.reset();
      const bool ended = link_.ExitStatus().has_value();  // Asked first: its last words are then complete, or nearly.
      TakeControl(heard);
      CheckForbidden(heard);
      if (!heard.panic && condition(heard)) return;

      const Clock::time_point now = Clock::now();
      if (heard.panic && now - *heard.panic > kPanicGrace) Fail(lock, "the guest panicked while waiting for " + what);
      if (heard.overdue)
        Fail(lock, "the guest's life span of " + InSeconds(options_.life_span) + " is over, waiting for " + what);
      if (left_by_ && FindAnswer(heard.commands, *left_by_)) {
        const CommandResult answer = *FindAnswer(heard.commands, *left_by_);
        Fail(lock, "the command that was to leave this kernel came back with status " + std::to_string(answer.status) +
                       ": " + answer.output + answer.errors);
      }
      if (resets == Resets::kUnexpected && num_resets_ != 0)
        Fail(lock, "the guest was reset while waiting for " + what);
      if (ended && now - heard.last_sign > 2 * kPanicGrace) Fail(lock, "QEMU has ended while waiting for " + what);
      if (now - start > limit) Fail(lock, InSeconds(limit) + " were not enough for " + what);
      if (silence == Silence::kMatters && now - std::max(heard.last_sign, start) > longest_silence) {
        Fail(lock, "silence: nothing came from the guest for " + InSeconds(longest_silence) + ", waiting for " + what);
      }
      link_.WaitForNews(lock);
    }
  }

  // QEMU's machine protocol.
  Json Execute(const std::string& command, const Json& arguments = Json::object()) {
    const std::string id = "q" + std::to_string(++num_sent_);
    link_.Send(Line::kControl, Json({{"execute", command}, {"arguments", arguments}, {"id", id}}).dump() + "\n");
    Json reply;
    const auto replied = [&](Heard&) {
      for (const Json& candidate : replies_) {
        if (candidate.value("id", "") == id) reply = candidate;
      }
      return !reply.is_null();
    };
    Wait("QEMU to do " + command, kCommandLimit, replied, Silence::kIsFine, Resets::kExpected);
    replies_.clear();
    if (reply.contains("error")) throw GuestFailure("QEMU refuses " + command + ": " + reply["error"].dump());
    return reply["return"];
  }

  // Commands.
  void WaitForInit(Milliseconds limit) {
    if (is_up_) return;
    const auto greeted = [this](Heard& heard) {
      const std::optional<Greeting> greeting = FindGreeting(heard.commands);
      if (!greeting || greeting->boot_id == boot_id_) return false;
      boot_id_ = greeting->boot_id;
      release_ = greeting->release;
      heard.commands.erase(0, greeting->end);
      return true;
    };
    Wait("init to come up", limit, greeted, Silence::kMatters);
    is_up_ = true;
    left_by_.reset();
  }

  std::string Send(const std::string& command) {
    if (command.size() > kLongestCommand) throw std::logic_error("too long for one command, use Push: " + command);
    WaitForInit(kBootLimit);
    const std::string id = "c" + std::to_string(++num_sent_);
    {
      auto lock = link_.Lock();
      link_.heard(lock).commands.clear();
    }
    link_.Send(Line::kCommands, id + " " + Base64(command) + "\n");
    return id;
  }

  CommandResult TryRun(const std::string& command, Milliseconds limit) {
    const std::string id = Send(command);
    CommandResult result;
    bool shell_is_new = false;
    const auto answered = [&](Heard& heard) {
      if (const std::optional<CommandResult> answer = FindAnswer(heard.commands, id)) {
        result = *answer;
        return true;
      }
      const std::optional<Greeting> greeting = FindGreeting(heard.commands);
      shell_is_new = greeting.has_value();
      return shell_is_new;
    };
    Wait("`" + command + "` to end", limit, answered, Silence::kIsFine);
    if (shell_is_new) {
      // Killed together with its command; a new one serves already.
      result.status = 128 + 9;
      result.errors = "the shell that ran the command is gone";
    }
    return result;
  }

  void Leave(const std::string& command) {
    left_by_ = Send(command);
    is_up_ = false;
  }

  // Console.
  std::string Expect(std::string_view prefix, Milliseconds limit) {
    std::string line;
    const auto said = [&](Heard& heard) {
      const std::optional<std::size_t> at = heard.console.Find(prefix, expected_up_to_);
      if (!at) return false;
      line = heard.console.lines()[*at];
      expected_up_to_ = *at + 1;
      return true;
    };
    Wait("the line \"" + std::string(prefix) + "\"", limit, said, Silence::kMatters);
    return line;
  }

  void Never(const std::vector<std::string>& prefixes) {
    forbidden_.insert(forbidden_.end(), prefixes.begin(), prefixes.end());
    forbidden_up_to_ = 0;
    auto lock = link_.Lock();
    CheckForbidden(link_.heard(lock));
  }

  void ExpectOnDebugPort(const std::string& text, Milliseconds limit) {
    const auto said = [&](Heard& heard) { return heard.debug.find(text) != std::string::npos; };
    Wait("\"" + text + "\" on the debug port", limit, said, Silence::kIsFine, Resets::kExpected);
  }

  std::string ExpectDebugLine(std::string_view prefix, Milliseconds limit) {
    std::string line;
    const auto said = [&](Heard& heard) {
      for (std::size_t end; (end = heard.debug.find('\n', debug_up_to_)) != std::string::npos;) {
        line = heard.debug.substr(debug_up_to_, end - debug_up_to_);
        if (line.ends_with('\r')) line.pop_back();
        debug_up_to_ = end + 1;
        if (line.starts_with(prefix)) return true;
      }
      return false;
    };
    Wait("the line \"" + std::string(prefix) + "\" on the debug port", limit, said, Silence::kMatters);
    return line;
  }

  void WaitForReset(Milliseconds limit) {
    const auto was_reset = [this](Heard&) { return num_resets_ != 0; };
    Wait("a reset", limit, was_reset, Silence::kMatters, Resets::kExpected);
    --num_resets_;
    ForgetKernel();
  }

  void ForgetKernel() {
    is_up_ = false;
    left_by_.reset();
  }

  template <typename Read>
  auto Ask(Read read) {
    auto lock = link_.Lock();
    return read(link_.heard(lock));
  }

  GuestLink& link() { return link_; }
  const GuestMemory& memory() const { return memory_; }
  const GuestOptions& options() const { return options_; }
  const std::string& release() const { return release_; }

 private:
  void TakeControl(Heard& heard) {
    for (std::size_t end; (end = heard.control.find('\n')) != std::string::npos; heard.control.erase(0, end + 1)) {
      Json message = Json::parse(heard.control.substr(0, end), nullptr, /*allow_exceptions=*/false);
      const std::string event = message.is_object() ? message.value("event", "") : "";
      if (event == "RESET") NoteReset(message["timestamp"]);
      if (event == "SHUTDOWN" && message["data"].value("reason", "") == "guest-reset") ++num_resets_;  // -no-reboot
      if (message.contains("id")) replies_.push_back(std::move(message));
    }
  }

  // SeaBIOS answers a warm reset with hard ones of its own, at once; all are one.
  void NoteReset(const Json& timestamp) {
    const Milliseconds time(timestamp.value("seconds", std::int64_t{0}) * 1000 +
                            timestamp.value("microseconds", std::int64_t{0}) / 1000);
    if (first_of_reset_ && time - *first_of_reset_ < Scaled(kFirmwareResets)) return;
    first_of_reset_ = time;
    ++num_resets_;
  }

  void CheckForbidden(const Heard& heard) {
    const std::vector<std::string>& lines = heard.console.lines();
    for (; forbidden_up_to_ < lines.size(); ++forbidden_up_to_) {
      const std::string_view line = lines[forbidden_up_to_];
      for (const std::string& prefix : forbidden_) {
        if (!line.starts_with(prefix) && !Message(line).starts_with(prefix)) continue;
        throw GuestFailure("a line that must never come: " + std::string(line) + "\n" + Tail(heard));
      }
    }
  }

  static std::string Tail(const Heard& heard) {
    return "---- the guest's last lines ----\n" + heard.console.Tail(kNumTailLines) + "---- end of them ----";
  }

  [[noreturn]] void Fail(const std::unique_lock<std::mutex>& lock, const std::string& what) {
    std::string text = what + "\n" + Tail(link_.heard(lock));
    if (const std::string output = link_.QemuOutput(); !output.empty()) text += "\nQEMU said: " + output;
    throw GuestFailure(text);
  }

  const GuestOptions options_;
  TempDir folder_;
  std::optional<Tpm> tpm_;
  GuestMemory memory_;
  GuestLink link_;

  std::vector<Json> replies_;
  unsigned num_sent_ = 0;
  unsigned num_resets_ = 0;                     // that nobody has waited for
  std::optional<Milliseconds> first_of_reset_;  // when, in QEMU's time; more may follow

  bool is_up_ = false;
  std::string boot_id_;
  std::string release_;
  std::optional<std::string> left_by_;  // the command that was to end this kernel

  std::size_t expected_up_to_ = 0;
  std::size_t debug_up_to_ = 0;
  std::vector<std::string> forbidden_;
  std::size_t forbidden_up_to_ = 0;
};

Guest::Guest(GuestOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Guest::~Guest() = default;

CommandResult Guest::TryRun(const std::string& command, Milliseconds limit) { return impl_->TryRun(command, limit); }

CommandResult Guest::Run(const std::string& command, Milliseconds limit) {
  CommandResult result = TryRun(command, limit);
  if (result.status != 0) {
    throw GuestFailure("`" + command + "` ended with status " + std::to_string(result.status) + "\n" + result.output +
                       result.errors + "\n---- the guest's last lines ----\n" +
                       impl_->Ask([](const Heard& heard) { return heard.console.Tail(kNumTailLines); }));
  }
  return result;
}

CommandResult Guest::RunFails(const std::string& command, Milliseconds limit) {
  CommandResult result = TryRun(command, limit);
  if (result.status == 0) throw GuestFailure("`" + command + "` was to fail and did not\n" + result.output);
  return result;
}

void Guest::Push(const std::string& path, std::string_view content) {
  Run(": > '" + path + "'");
  while (!content.empty()) {
    const std::string_view chunk = content.substr(0, kPushChunk);
    Run("echo " + Base64(chunk) + " | base64 -d >> '" + path + "'");
    content.remove_prefix(chunk.size());
  }
}

std::string Guest::Pull(const std::string& path) { return FromBase64(Run("base64 '" + path + "'").output); }

std::string Guest::Expect(std::string_view prefix, Milliseconds limit) { return impl_->Expect(prefix, limit); }

void Guest::Never(const std::vector<std::string>& prefixes) { impl_->Never(prefixes); }

std::string Guest::ConsoleText() const {
  return impl_->Ask([](const Heard& heard) { return heard.console.Text(0); });
}

std::string Guest::BootText() const {
  return impl_->Ask([](const Heard& heard) { return heard.console.Text(heard.console.LastBoot()); });
}

void Guest::ExpectOnDebugPort(const std::string& text, Milliseconds limit) { impl_->ExpectOnDebugPort(text, limit); }

std::string Guest::ExpectDebugLine(std::string_view prefix, Milliseconds limit) {
  return impl_->ExpectDebugLine(prefix, limit);
}

void Guest::WaitForInit(Milliseconds limit) { impl_->WaitForInit(limit); }

void Guest::Kexec(const std::string& command, Milliseconds limit) {
  Leave(command);
  WaitForInit(limit);
}

void Guest::Leave(const std::string& command) { impl_->Leave(command); }

void Guest::WaitForReset(Milliseconds limit) { impl_->WaitForReset(limit); }

void Guest::SystemReset() {
  impl_->Execute("system_reset");
  impl_->WaitForReset(kCommandLimit);
}

void Guest::Stop() { impl_->Execute("stop"); }

void Guest::Continue() { impl_->Execute("cont"); }

void Guest::Dump(const std::filesystem::path& file) {
  impl_->Execute("dump-guest-memory", {{"paging", false}, {"protocol", "file:" + file.string()}});
}

bool Guest::HasEnded() const { return impl_->link().ExitStatus().has_value(); }

const std::string& Guest::kernel_release() {
  impl_->WaitForInit(kBootLimit);
  return impl_->release();
}

Map Guest::E820() { return ParseE820(Run("dmesg | grep -E 'physical RAM map:|BIOS-e820: |extended: '").output); }

std::vector<Resource> Guest::Iomem() { return ParseIomem(Run("cat /proc/iomem").output); }

std::uint64_t Guest::PresentPages() { return ParsePresentPages(Run("cat /proc/zoneinfo").output); }

std::uint64_t Guest::MemTotalKib() { return ParseMeminfo(Run("cat /proc/meminfo").output, "MemTotal"); }

std::uint64_t Guest::ManagedKib() { return ParseManagedKib(Run("dmesg | grep 'Memory: '").output); }

const GuestMemory& Guest::memory() const { return impl_->memory(); }

const GuestOptions& Guest::options() const { return impl_->options(); }

}  // namespace holdfast::e2e
