// SPDX-License-Identifier: BSD-2-Clause
// libholdfast as a program uses it.

#include "tools/mkhandover/store/holdfast.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <future>

#include "tests/support/random.h"
#include "tests/tool/store-world.h"
#include "tools/mkhandover/store/library.h"
#include "tools/mkhandover/store/open-store.h"

namespace holdfast::tool {
namespace {

TEST_CASE("A program saves and loads through the library", "[tool][store][library]") {
  World world;
  std::string pages(5 * kMiB + 123, '\0');
  test::Random random(4);
  for (char& c : pages) {
    c = static_cast<char>(random.Below(256));
  }
  holdfast_store* store = OpenStore(world.choice(), true);
  holdfast_save* save = nullptr;
  REQUIRE(holdfast_prepare_save(store, "guest", 64 * kMiB, &save) == 0);
  CHECK(holdfast_save_pages(save, 0, pages.data(), 1) == 2);
  CHECK(std::string(holdfast_error()) == "no object yet: begin one first");
  REQUIRE(holdfast_save_object(save, "memory") == 0);
  REQUIRE(holdfast_save_pages(save, 8192, pages.data(), pages.size()) == 0);
  CHECK(holdfast_save_pages(save, 4096, pages.data(), 1) == 2);
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(holdfast_write_bytes(save, "device state", 12) == 0);
  }
  REQUIRE(holdfast_save_object(save, "cache") == 0);
  void* cache = nullptr;
  REQUIRE(holdfast_map_pages(save, 0, 3 * kPage, &cache) == 0);
  std::memset(cache, 'c', 3 * kPage);
  REQUIRE(holdfast_finish_save(save) == 0);
  holdfast_save* discarded = nullptr;
  REQUIRE(holdfast_prepare_save(store, "other", kMiB, &discarded) == 0);
  REQUIRE(holdfast_save_object(discarded, "x") == 0);
  holdfast_discard_save(discarded);
  CHECK(holdfast_prepare_save(store, "guest", kMiB, &discarded) == 2);
  CHECK(discarded == nullptr);
  holdfast_close(store);

  world.Jump();
  store = OpenStore(world.choice(), false);
  holdfast_load* load = nullptr;
  CHECK(holdfast_prepare_load(store, "other", &load) == 1);
  REQUIRE(holdfast_prepare_load(store, "guest", &load) == 0);
  const char* name = nullptr;
  REQUIRE(holdfast_load_object(load, &name) == 0);
  CHECK(std::string(name) == "memory");
  REQUIRE(holdfast_pages_size(load) == 8192 + pages.size());
  CHECK(holdfast_bytes_size(load) == 12000);
  std::string loaded(8192 + pages.size() + 10, 'z');
  std::size_t done = 0;
  REQUIRE(holdfast_load_pages(load, 0, loaded.data(), loaded.size(), &done) == 0);
  CHECK(done == 8192 + pages.size());
  CHECK(loaded.substr(0, done) == std::string(8192, '\0') + pages);
  REQUIRE(holdfast_load_pages(load, 3 * kMiB, loaded.data(), 100, &done) == 0);
  CHECK(loaded.substr(0, 100) == pages.substr(3 * kMiB - 8192, 100));
  std::string state(13, '\0');
  REQUIRE(holdfast_read_bytes(load, state.data(), 13, &done) == 0);
  CHECK(state == "device stated");
  const void* mapped = nullptr;
  std::size_t size = 0;
  CHECK(holdfast_map_object(load, &mapped, &size) == 2);
  REQUIRE(holdfast_find_object(load, "cache") == 0);
  REQUIRE(holdfast_map_object(load, &mapped, &size) == 0);
  CHECK(std::string(static_cast<const char*>(mapped), size) == std::string(3 * kPage, 'c'));
  REQUIRE(holdfast_load_object(load, &name) == 0);
  CHECK(name == nullptr);
  CHECK(holdfast_find_object(load, "nothing") == 1);
  holdfast_finish_load(load);
  holdfast_close(store);
}

// A node with pages in place, pages that were copied, and byte data, all of its name.
void Save(holdfast_store* store, const std::string& name) {
  holdfast_save* save = nullptr;
  REQUIRE(holdfast_prepare_save(store, name.c_str(), kMiB, &save) == 0);
  REQUIRE(holdfast_save_object(save, "copied") == 0);
  REQUIRE(holdfast_save_pages(save, 0, name.data(), name.size()) == 0);
  REQUIRE(holdfast_write_bytes(save, name.data(), name.size()) == 0);
  REQUIRE(holdfast_save_object(save, "mapped") == 0);
  void* pages = nullptr;
  REQUIRE(holdfast_map_pages(save, 0, kPage, &pages) == 0);
  std::memcpy(pages, name.data(), name.size());
  REQUIRE(holdfast_finish_save(save) == 0);
}

void CheckLoad(holdfast_load* load, const std::string& name) {
  std::string text(name.size(), '\0');
  std::size_t done = 0;
  REQUIRE(holdfast_find_object(load, "copied") == 0);
  REQUIRE(holdfast_load_pages(load, 0, text.data(), text.size(), &done) == 0);
  CHECK(text == name);
  REQUIRE(holdfast_read_bytes(load, text.data(), text.size(), &done) == 0);
  CHECK(text == name);
  REQUIRE(holdfast_find_object(load, "mapped") == 0);
  const void* pages = nullptr;
  REQUIRE(holdfast_map_object(load, &pages, &done) == 0);
  CHECK(std::string(static_cast<const char*>(pages), name.size()) == name);
}

TEST_CASE("A load reads what was kept when it was prepared, whatever is dropped and saved", "[tool][store][library]") {
  World world;
  const bool jump = GENERATE(false, true);
  holdfast_store* store = OpenStore(world.choice(), true);
  for (const char* name : {"one", "two", "three"}) {
    Save(store, name);
  }
  if (jump) {
    holdfast_close(store);
    world.Jump();
    store = OpenStore(world.choice(), true);
  }
  holdfast_load* load = nullptr;
  REQUIRE(holdfast_prepare_load(store, "two", &load) == 0);
  REQUIRE(holdfast_drop(store, "one") == 0);
  CheckLoad(load, "two");
  REQUIRE(holdfast_drop(store, "two") == 0);
  Save(store, "four");
  CheckLoad(load, "two");
  holdfast_finish_load(load);
  REQUIRE(holdfast_prepare_load(store, "three", &load) == 0);
  const void* pages = nullptr;
  std::size_t size = 0;
  REQUIRE(holdfast_find_object(load, "mapped") == 0);
  REQUIRE(holdfast_map_object(load, &pages, &size) == 0);
  holdfast_finish_load(load);
  REQUIRE(holdfast_drop(store, "three") == 0);
  // Mapped until the store is closed.
  CHECK(std::string(static_cast<const char*>(pages), 5) == "three");
  REQUIRE(holdfast_prepare_load(store, "four", &load) == 0);
  CheckLoad(load, "four");
  holdfast_finish_load(load);
  holdfast_close(store);
}

TEST_CASE("Page data has a place that can be", "[tool][store][library]") {
  World world;
  holdfast_store* store = OpenStore(world.choice(), true);
  holdfast_save* save = nullptr;
  REQUIRE(holdfast_prepare_save(store, "node", kMiB, &save) == 0);
  REQUIRE(holdfast_save_object(save, "memory") == 0);
  constexpr std::uint64_t kEnd = std::uint64_t{1} << 63;
  const std::string text(16, 'x');
  void* pages = nullptr;
  for (const auto& [offset, size] : std::vector<std::pair<std::uint64_t, std::size_t>>{
           {0, 0}, {kEnd - 16, 16}, {kEnd, 1}, {~std::uint64_t{0}, 16}, {16, ~std::size_t{0}}}) {
    const std::string line =
        Format("memory: {} bytes from offset {} on: at least one, and all below 2^63", size, offset);
    CHECK(holdfast_save_pages(save, offset, text.data(), size) == 2);
    CHECK(std::string(holdfast_error()) == line);
    CHECK(holdfast_map_pages(save, offset, size, &pages) == 2);
    CHECK(std::string(holdfast_error()) == line);
  }
  REQUIRE(holdfast_save_pages(save, kEnd - 17, text.data(), 16) == 0);
  REQUIRE(holdfast_finish_save(save) == 0);
  holdfast_close(store);
}

TEST_CASE("Loads of one store map from several threads", "[tool][store][library]") {
  World world;
  holdfast_store* store = OpenStore(world.choice(), true);
  Save(store, "node");
  constexpr int kEach = 20000;
  const auto map = [store] {
    holdfast_load* load = nullptr;
    int failures = holdfast_prepare_load(store, "node", &load) + holdfast_find_object(load, "mapped");
    for (int i = 0; i < kEach; ++i) {
      const void* pages = nullptr;
      std::size_t size = 0;
      failures += holdfast_map_object(load, &pages, &size);
    }
    holdfast_finish_load(load);
    return failures;
  };
  auto other = std::async(std::launch::async, map);
  CHECK(map() == 0);
  CHECK(other.get() == 0);
  CHECK(store->mapped.size() == 2 * kEach);
  holdfast_close(store);
}

TEST_CASE("A store that was opened for reading is not changed", "[tool][store][library]") {
  World world;
  holdfast_store* store = OpenStore(world.choice(), true);
  Save(store, "node");
  holdfast_close(store);
  store = OpenStore(world.choice(), false);
  holdfast_save* save = nullptr;
  const std::string line = Format("{}: was opened for reading", (world.huge() / "store").string());
  CHECK(holdfast_prepare_save(store, "more", kMiB, &save) == 2);
  CHECK(std::string(holdfast_error()) == line);
  CHECK(holdfast_drop(store, "node") == 2);
  CHECK(std::string(holdfast_error()) == line);
  holdfast_close(store);
}

}  // namespace
}  // namespace holdfast::tool
