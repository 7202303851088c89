// SPDX-License-Identifier: BSD-2-Clause
// A machine with a store, played by ordinary files: hugetlbfs is a folder, and memory after the kexec a folder of files
// named by their address.

#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/tool/scratch-folder.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {

inline constexpr std::uint64_t kPage = 16 * kKiB;

class World {
 public:
  World() { std::filesystem::create_directory(huge()); }

  std::filesystem::path huge() const { return folder_.path() / "huge"; }
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
  Output& output() { return output_; }

  StoreChoice choice() const {
    StoreChoice out;
    out.folder = (huge() / "store").string();
    out.plain = Format("{},{}", huge().string(), kPage);
    if (has_jumped_) {
      out.handover = path("kept.dtb").string();
      out.memory = path("memory").string();
    }
    return out;
  }

  std::string Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(path(name).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name).string();
  }

  void Keep(const std::string& name, const std::vector<std::string>& files, bool zstd = false,
            const std::string& fence = "reserved") {
    KeepOptions options;
    options.store = choice();
    options.name = name;
    options.files = files;
    options.zstd = zstd;
    options.fence = fence;
    REQUIRE(RunKeep(options, output_) == ExitCode::kFine);
  }

  ExitCode Restore(const std::string& name, const std::string& folder) {
    RestoreOptions options;
    options.store = choice();
    options.name = name;
    options.folder = path(folder).string();
    return RunRestore(options, output_);
  }

  // What is kept becomes memory, and the folder is as empty as it is after a kexec.
  void Jump() {
    MakeOptions make;
    make.output = path("kept.dtb").string();
    make.with_store = true;
    make.store = choice();
    make.ram_from = "none";
    REQUIRE(RunMake(make, output_) == ExitCode::kFine);
    std::filesystem::create_directory(path("memory"));
    {
      const Store store(choice(), Store::For::kReading);
      CopyPages((huge() / "store" / "index").string(), store.IndexRuns());
      for (const KeptFile& file : store.model().files) {
        if (file.kind != StoreFileKind::kCarried) {
          CopyPages(store.PathOf(file), file.runs);
        }
      }
    }
    std::filesystem::remove_all(huge());
    std::filesystem::create_directory(huge());
    has_jumped_ = true;
  }

 private:
  void CopyPages(const std::string& file, const std::vector<PhysRange>& runs) const {
    std::ifstream in(file, std::ios::binary);
    for (const PhysRange& run : runs) {
      std::vector<char> bytes(run.size());
      in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      std::ofstream(path("memory") / (Hex(run.start().raw()) + ".bin"), std::ios::binary)
          .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }
  }

  ScratchFolder folder_;
  std::ostringstream out_;
  std::ostringstream err_;
  Output output_{out_, err_, {}, {}};
  bool has_jumped_ = false;
};

inline std::string TextOf(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

template <typename Act>
std::string FailureOf(Act act) {
  try {
    act();
    return "none";
  } catch (const Failure& failure) {
    return Format("{}: {}", static_cast<int>(failure.code()), failure.what());
  }
}

}  // namespace holdfast::tool
