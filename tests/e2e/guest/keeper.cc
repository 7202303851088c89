// SPDX-License-Identifier: BSD-2-Clause
// Runs in the guest: a program that keeps a mapping of its own with libholdfast, and finds it again by its name.
//
//   keeper keep NAME SIZE SEED      fills pages of the store in place, and writes a line of byte data beside them
//   keeper describe NAME FILE       keeps FILE, on hugetlbfs, where it lies
//   keeper time NAME                the seconds that mapping the node's pages takes, and memcpy of as many bytes from
//                                   there and from ordinary memory: MAP THERE ORDINARY
//   keeper find NAME SEED           maps the node's pages where they lie and compares them there; prints the bytes
//
// Exit: 0 fine, 1 pages differ, 2 anything else.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/e2e/guest/files.h"
#include "tools/mkhandover/store/holdfast.h"

namespace {

using namespace holdfast::e2e;
using namespace holdfast::e2e::guest;

constexpr const char* kObject = "mapping";

void Must(int status) {
  if (status != 0) throw std::runtime_error("status " + std::to_string(status) + ": " + holdfast_error());
}

class Store {
 public:
  explicit Store(bool writable) { Must(holdfast_open(nullptr, writable ? 1 : 0, &store_)); }
  ~Store() { holdfast_close(store_); }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  holdfast_store* get() const { return store_; }

 private:
  holdfast_store* store_ = nullptr;
};

int Keep(const std::string& name, std::uint64_t size, std::uint64_t seed) {
  const Store store(/*writable=*/true);
  holdfast_save* save = nullptr;
  Must(holdfast_prepare_save(store.get(), name.c_str(), 2 * size, &save));
  Must(holdfast_save_object(save, kObject));
  void* pages = nullptr;
  Must(holdfast_map_pages(save, 0, size, &pages));
  auto* const data = static_cast<std::byte*>(pages);
  for (std::uint64_t page = 0; page < size / kPageSize; ++page) {
    FillPage(seed, page, std::span<std::byte, kPageSize>(data + page * kPageSize, kPageSize));
  }
  const std::string note = "seed " + std::to_string(seed) + "\n";
  Must(holdfast_write_bytes(save, note.data(), note.size()));
  Must(holdfast_finish_save(save));
  return 0;
}

int Describe(const std::string& name, const std::string& path) {
  const Store store(/*writable=*/true);
  holdfast_save* save = nullptr;
  Must(holdfast_prepare_save(store.get(), name.c_str(), kPageSize, &save));
  Must(holdfast_save_object(save, kObject));
  Must(holdfast_describe_pages(save, path.c_str()));
  Must(holdfast_finish_save(save));
  return 0;
}

int Find(const std::string& name, std::uint64_t seed) {
  const Store store(/*writable=*/false);
  holdfast_load* load = nullptr;
  Must(holdfast_prepare_load(store.get(), name.c_str(), &load));
  Must(holdfast_find_object(load, kObject));
  std::string note(static_cast<std::size_t>(holdfast_bytes_size(load)), '\0');
  std::size_t done = 0;
  Must(holdfast_read_bytes(load, note.data(), note.size(), &done));
  std::fwrite(note.data(), 1, done, stdout);

  const void* pages = nullptr;
  std::size_t size = 0;
  Must(holdfast_map_object(load, &pages, &size));
  holdfast_finish_load(load);  // The mapping is the store's.
  Verdict verdict;
  verdict.num_pages = size / kPageSize;
  const auto* const data = static_cast<const std::byte*>(pages);
  for (std::uint64_t page = 0; page < verdict.num_pages; ++page) {
    const std::span<const std::byte, kPageSize> here(data + page * kPageSize, kPageSize);
    if (!PageIsIntact(seed, page, here)) ++verdict.num_different;
  }
  return verdict.Report("keeper", seed);
}

// Memory that is there.
class Scratch {
 public:
  explicit Scratch(std::size_t size) : size_(size) {
    void* const at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED) FailWithErrno("memory to copy to");
    data_ = static_cast<std::byte*>(at);
  }
  ~Scratch() { munmap(data_, size_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_;
};

template <typename Act>
double SecondsOf(Act act) {
  const auto start = std::chrono::steady_clock::now();
  act();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int Time(const std::string& name) {
  std::optional<Store> store;
  const void* pages = nullptr;
  std::size_t size = 0;
  const double map = SecondsOf([&] {
    store.emplace(/*writable=*/false);
    holdfast_load* load = nullptr;
    Must(holdfast_prepare_load(store->get(), name.c_str(), &load));
    Must(holdfast_find_object(load, kObject));
    Must(holdfast_map_object(load, &pages, &size));
    holdfast_finish_load(load);
  });
  // A part will do for what is in proportion to the size.
  const std::size_t part = std::min(size, std::size_t{64} << 20);
  const double whole = static_cast<double>(size) / static_cast<double>(part);
  const Scratch from(part);
  const Scratch to(part);
  const double there = SecondsOf([&] { std::memcpy(to.data(), pages, part); });
  const double ordinary = SecondsOf([&] { std::memcpy(to.data(), from.data(), part); });
  std::printf("%.9f %.9f %.9f\n", map, there * whole, ordinary * whole);
  return 0;
}

int Main(const std::vector<std::string>& words) {
  const std::string verb = words.empty() ? "" : words[0];
  const std::size_t count = words.size();
  if (verb == "keep" && count == 4) return Keep(words[1], ParseNumber(words[2]), ParseNumber(words[3]));
  if (verb == "describe" && count == 3) return Describe(words[1], words[2]);
  if (verb == "time" && count == 2) return Time(words[1]);
  if (verb == "find" && count == 3) return Find(words[1], ParseNumber(words[2]));
  throw std::runtime_error("usage: keeper keep|describe|time|find ...");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Main(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "keeper: %s\n", error.what());
    return 2;
  }
}
