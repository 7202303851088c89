// SPDX-License-Identifier: BSD-2-Clause
// libholdfast as a program uses it.

#include "tools/mkhandover/store/holdfast.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "tests/support/random.h"
#include "tests/tool/store-world.h"
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

}  // namespace
}  // namespace holdfast::tool
