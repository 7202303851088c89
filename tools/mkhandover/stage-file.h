// SPDX-License-Identifier: BSD-2-Clause
// The stage as a kernel image: read, and given a bundle.
//
// Layout: common/abi/stage-image.h.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/abi/boot-params.h"
#include "common/abi/stage-image.h"

namespace holdfast::tool {

class StageFile {
 public:
  // Ends in a Failure of bad input for what is not the stage.
  StageFile(std::vector<std::byte> bytes, std::string name);
  explicit StageFile(const std::string& path);

  // Where the record says that one is; kernels do not carry it, so this tells the two apart.
  static bool Looks(std::span<const std::byte> bytes);

  const std::string& name() const { return name_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  const SetupHeader& header() const { return header_; }
  // What lies behind the header, and is loaded: all but a signature.
  std::span<const std::byte> loaded() const;
  // Bytes from the load address that the stage uses.
  std::uint64_t init_size() const { return record_.work_offset.value() - kStageHeaderSize + record_.work_size.value(); }
  // The bundle, not looked at, and what pads it; empty where there is none.
  std::span<const std::byte> payload() const;
  bool is_signed() const;

  // The file with a bundle behind it and all fields that speak of sizes set anew.  Ends in a Failure for a stage that
  // has a bundle or a signature, and where init_size would pass 4 GiB.
  std::vector<std::byte> WithBundle(std::span<const std::byte> bundle) const;
  // What is loaded, for a loader that cannot set RSI: the record says where boot_params are.
  std::vector<std::byte> LoadedWith(std::uint64_t boot_params) const;

 private:
  std::string name_;
  std::vector<std::byte> bytes_;
  StageImageRecord record_;
  SetupHeader header_;
};

// beside the program, else /usr/lib/holdfast
std::string DefaultStagePath();

}  // namespace holdfast::tool
