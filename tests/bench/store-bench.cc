// SPDX-License-Identifier: BSD-2-Clause
// The store on a real hugetlbfs: what is copied beside memcpy, and what is not by the number of its pages.

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/bench/bench.h"
#include "tools/mkhandover/huge-file.h"
#include "tools/mkhandover/store/holdfast.h"
#include "tools/mkhandover/store/restorer.h"
#include "tools/mkhandover/store/walk.h"

namespace holdfast::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kCopied = 512 * kMiB;
constexpr std::uint64_t kFirstDescribed = 64 * kMiB;
constexpr std::uint64_t kLastDescribed = 8 * kGiB;
constexpr std::uint64_t kSparePages = 8;  // index, and what a save takes ahead
constexpr unsigned kRepetitions = 9;
constexpr const char* kOrdinary = "/dev/shm";
constexpr const char* kName = "bench";
constexpr const char* kObject = "memory";

void Must(int status) {
  if (status != 0) throw std::runtime_error(holdfast_error());
}

// A folder of our own, gone with its owner.
class Folder {
 public:
  explicit Folder(const std::string& parent) {
    std::string name = parent + "/holdfast-bench-" + std::string(6, 'X');  // mkdtemp replaces six letters X
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder like " + name);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Memory that is there: of a file, or anonymous.
class Memory {
 public:
  explicit Memory(std::uint64_t size) : Memory(-1, size, MAP_PRIVATE | MAP_ANONYMOUS) {}
  Memory(const std::string& file, std::uint64_t size) : Memory(Made(file, size), size, MAP_SHARED) {}
  ~Memory() { munmap(data_, size_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  std::byte* data() const { return data_; }
  void Fill() const {
    auto state = std::uint64_t{1};
    for (std::uint64_t at = 0; at < size_; at += sizeof(state)) {
      state = state * 6364136223846793005 + 1442695040888963407;
      std::memcpy(data_ + at, &state, sizeof(state));
    }
  }

 private:
  Memory(int fd, std::uint64_t size, int flags) : size_(size) {
    void* const at = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags | MAP_POPULATE, fd, 0);
    if (fd >= 0) close(fd);
    if (at == MAP_FAILED) throw std::runtime_error("no memory for what is to be kept");
    data_ = static_cast<std::byte*>(at);
  }
  static int Made(const std::string& file, std::uint64_t size) {
    const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, static_cast<off_t>(size)) != 0) throw std::runtime_error("cannot make " + file);
    return fd;
  }

  std::byte* data_ = nullptr;
  std::uint64_t size_;
};

std::uint64_t FreePages(const std::string& folder) {
  struct statfs status {};
  if (!tool::IsOnHugetlbfs(folder) || statfs(folder.c_str(), &status) != 0) return 0;
  const std::string kib = std::to_string(status.f_bsize / 1024);
  std::ifstream file("/sys/kernel/mm/hugepages/hugepages-" + kib + "kB/free_hugepages");
  std::uint64_t count = 0;
  file >> count;
  return status.f_bsize == 2 * static_cast<long>(kMiB) ? count : 0;
}

// What else runs on the machine only adds to it.
double Least(const std::vector<double>& seconds) { return *std::min_element(seconds.begin(), seconds.end()); }

struct Pair {
  double keep_seconds;
  double keep_processor_seconds;  // of all threads
  double restore_seconds;
};

double ProcessorSeconds() {
  struct timespec time {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

class StoreBench {
 public:
  explicit StoreBench(const std::string& huge) : huge_(huge), ordinary_(kOrdinary), store_(huge_ / "store") {}

  double Memcpy() const {
    const Memory from(kCopied);
    const Memory to(kCopied);
    from.Fill();
    std::vector<double> seconds;
    for (unsigned i = 0; i < kRepetitions; ++i) {
      const auto start = Clock::now();
      std::memcpy(to.data(), from.data(), kCopied);
      seconds.push_back(SecondsSince(start));
    }
    return Least(seconds);
  }

  // As `mkhandover keep` and `restore` do it, from tmpfs to tmpfs.
  Pair Files() {
    const std::string source = ordinary_ / "source";
    Memory(source, kCopied).Fill();
    const std::string back = ordinary_ / "back";
    std::ostringstream text;
    tool::Output output(text, text, {.quiet = true}, {});
    const tool::StoreChoice choice{.folder = store_, .handover = {}, .memory = {}, .plain = {}};
    const auto keep = [&] {
      tool::Store store(choice, tool::Store::For::kWriting);
      tool::Saver saver(store, kName, {}, 2 * kCopied);
      tool::Progress progress(kName, kCopied, output);
      SaveFiles(tool::FindFiles({source}, output), saver, progress);
      saver.Finish();
    };
    const auto restore = [&] {
      const tool::Store store(choice, tool::Store::For::kReading);
      const auto kept = store.snapshot();
      tool::Progress progress(kName, kCopied, output);
      const tool::Restored restored = RestoreFiles(*kept, kept->Find(kName), back, progress, output);
      if (restored.bytes != kCopied || !restored.lost.empty()) throw std::runtime_error("it did not come back");
    };
    const Pair pair = Measure(keep, restore, [&] { std::filesystem::remove_all(back); });
    std::filesystem::remove(source);
    return pair;
  }

  // As a program does it with the library, between its own huge pages and the store's.
  Pair Copied() {
    const std::string path = huge_ / "own";
    const Memory own(path, kCopied);
    own.Fill();
    const auto keep = [&] {
      Save([&](holdfast_save* save) { Must(holdfast_save_pages(save, 0, own.data(), kCopied)); });
    };
    const auto restore = [&] {
      Load([&](holdfast_load* load) {
        std::size_t done = 0;
        Must(holdfast_load_pages(load, 0, own.data(), kCopied, &done));
        if (done != kCopied) throw std::runtime_error("it did not come back");
      });
    };
    const Pair pair = Measure(keep, restore, [] {});
    std::filesystem::remove(path);
    return pair;
  }

  // Neither copied nor hashed: described where it lies, and mapped there.
  Pair Described(std::uint64_t size) {
    const std::string path = huge_ / "own";
    { const Memory own(path, size); }
    const auto keep = [&] { Save([&](holdfast_save* save) { Must(holdfast_describe_pages(save, path.c_str())); }); };
    const auto restore = [&] {
      Load([&](holdfast_load* load) {
        const void* pages = nullptr;
        std::size_t mapped = 0;
        Must(holdfast_map_object(load, &pages, &mapped));
        if (mapped != size) throw std::runtime_error("it did not come back");
      });
    };
    const Pair pair = Measure(keep, restore, [] {});
    std::filesystem::remove(path);
    return pair;
  }

 private:
  template <typename Act>
  void Save(Act act) const {
    holdfast_store* store = nullptr;
    holdfast_save* save = nullptr;
    Must(holdfast_open(store_.c_str(), 1, &store));
    Must(holdfast_prepare_save(store, kName, kCopied + 4 * kMiB, &save));
    Must(holdfast_save_object(save, kObject));
    act(save);
    Must(holdfast_finish_save(save));
    holdfast_close(store);
  }

  template <typename Act>
  void Load(Act act) const {
    holdfast_store* store = nullptr;
    holdfast_load* load = nullptr;
    Must(holdfast_open(store_.c_str(), 0, &store));
    Must(holdfast_prepare_load(store, kName, &load));
    Must(holdfast_find_object(load, kObject));
    act(load);
    holdfast_finish_load(load);
    holdfast_close(store);
  }

  void Drop() const {
    holdfast_store* store = nullptr;
    Must(holdfast_open(store_.c_str(), 1, &store));
    Must(holdfast_drop(store, kName));
    holdfast_close(store);
  }

  template <typename Keep, typename Restore, typename Clean>
  Pair Measure(Keep keep, Restore restore, Clean clean) const {
    std::vector<double> kept;
    std::vector<double> worked;
    std::vector<double> restored;
    for (unsigned i = 0; i < kRepetitions; ++i) {
      const double before = ProcessorSeconds();
      auto start = Clock::now();
      keep();
      kept.push_back(SecondsSince(start));
      worked.push_back(ProcessorSeconds() - before);
      start = Clock::now();
      restore();
      restored.push_back(SecondsSince(start));
      clean();
      Drop();
    }
    return {Least(kept), Least(worked), Least(restored)};
  }

  Folder huge_;
  Folder ordinary_;
  std::string store_;
};

StoreSpeed SpeedOf(const std::string& name, const Pair& pair, double memcpy_seconds) {
  const auto gigabytes_per_second = [](double seconds) { return static_cast<double>(kCopied) / seconds / 1e9; };
  return {.name = name,
          .keep_gb_per_s = gigabytes_per_second(pair.keep_seconds),
          .keep_ratio = memcpy_seconds / pair.keep_seconds,
          .restore_gb_per_s = gigabytes_per_second(pair.restore_seconds),
          .restore_ratio = memcpy_seconds / pair.restore_seconds};
}

}  // namespace

StoreResults MeasureStore(const std::string& folder) {
  StoreResults out;
  const std::uint64_t free = FreePages(folder);
  // What is copied, and where it comes from.
  const std::uint64_t wanted = 2 * kCopied / kHugePage + kSparePages;
  if (free < wanted) {
    out.skipped = folder + ": " + std::to_string(free) + " free huge pages of 2 MiB, not " + std::to_string(wanted) +
                  " or, for 8 GiB, " + std::to_string(kLastDescribed / kHugePage + kSparePages) +
                  ": as root: mount -t hugetlbfs none " + folder + "; echo N > /proc/sys/vm/nr_hugepages";
    return out;
  }
  StoreBench bench(folder);
  const double memcpy_seconds = bench.Memcpy();
  out.memcpy_gb_per_s = static_cast<double>(kCopied) / memcpy_seconds / 1e9;
  out.speeds.push_back(SpeedOf("4 KiB pages, a tmpfs", bench.Files(), memcpy_seconds));
  out.speeds.push_back(SpeedOf("huge pages, copied", bench.Copied(), memcpy_seconds));
  out.speeds.push_back(SpeedOf("huge pages, in place", bench.Described(kCopied), memcpy_seconds));
  for (std::uint64_t size = kFirstDescribed; size <= kLastDescribed; size *= 2) {
    if (size / kHugePage + kSparePages > free) break;
    const Pair pair = bench.Described(size);
    out.zero_copy.push_back({size / kHugePage, pair.keep_seconds, pair.keep_processor_seconds, pair.restore_seconds});
  }
  return out;
}

}  // namespace holdfast::bench
