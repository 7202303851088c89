// SPDX-License-Identifier: BSD-2-Clause
// Writes the seeds of all fuzz targets: make-corpus DIRECTORY.

#include "tests/fuzz/corpus/corpus.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace holdfast::corpus {
namespace {

std::filesystem::path root;

}  // namespace

void Write(const std::string& target, const std::string& name, std::span<const std::byte> bytes) {
  std::filesystem::create_directories(root / target);
  std::ofstream file(root / target / name, std::ios::binary);
  file.write(static_cast<const char*>(static_cast<const void*>(bytes.data())),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) {
    std::cerr << "make-corpus: cannot write " << (root / target / name) << '\n';
    std::exit(1);
  }
}

void Write(const std::string& target, const std::string& name, const std::string& text) {
  Write(target, name, std::as_bytes(std::span(text)));
}

PhysRange Between(std::uint64_t start, std::uint64_t end) {
  return PhysRange::FromStartEnd(PhysAddr(start), PhysAddr(end)).value();
}

}  // namespace holdfast::corpus

int main(int argc, char** argv) {
  using namespace holdfast::corpus;
  if (argc != 2) {
    std::cerr << "usage: make-corpus DIRECTORY\n";
    return 2;
  }
  root = argv[1];
  WriteSingleInputs();
  WriteKhoInputs();
  WritePageInputs();
  WriteStoreInputs();
}
