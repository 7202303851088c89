// SPDX-License-Identifier: BSD-2-Clause
// A machine with a store, played by ordinary files: hugetlbfs is a folder, and memory after the kexec a folder of files
// named by their address.

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/tool/scratch-folder.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/store/store.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {

inline constexpr std::uint64_t kPage = 16 * kKiB;

class World {
 public:
  explicit World(std::uint64_t page_size = kPage) : page_size_(page_size) { std::filesystem::create_directory(huge()); }

  std::filesystem::path huge() const { return folder_.path() / "huge"; }
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
  Output& output() { return output_; }
  // What was said to the person since the last time.
  std::string TakeErrors() {
    std::string out = err_.str();
    err_.str({});
    return out;
  }

  StoreChoice choice() const {
    StoreChoice out;
    out.folder = (huge() / "store").string();
    out.plain = Format("{},{}", huge().string(), page_size_);
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
    const Descriptor in(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(in.valid());
    std::uint64_t offset = 0;
    for (const PhysRange& run : runs) {
      if (!IsLostRun(run)) {
        CopyRun(in.get(), offset, run);
      }
      offset += run.size();
    }
  }

  // Holes stay holes, so that large pages are no large files.
  void CopyRun(int in, std::uint64_t offset, PhysRange run) const {
    const std::filesystem::path to = path("memory") / (Hex(run.start().raw()) + ".bin");
    const std::uint64_t end = offset + run.size();
    std::ofstream out(to, std::ios::binary);
    std::vector<char> bytes(kPage);
    for (off_t at = lseek(in, static_cast<off_t>(offset), SEEK_DATA);
         at >= 0 && static_cast<std::uint64_t>(at) < end;) {
      const auto here = static_cast<std::uint64_t>(at);
      const std::size_t size = std::min<std::uint64_t>(bytes.size(), end - here);
      REQUIRE(pread(in, bytes.data(), size, at) == static_cast<ssize_t>(size));
      out.seekp(static_cast<std::streamoff>(here - offset)).write(bytes.data(), static_cast<std::streamsize>(size));
      at = lseek(in, at + static_cast<off_t>(size), SEEK_DATA);
    }
    out.close();
    std::filesystem::resize_file(to, run.size());
  }

  std::uint64_t page_size_;
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
