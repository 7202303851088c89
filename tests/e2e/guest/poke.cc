// SPDX-License-Identifier: BSD-2-Clause
// Runs in the guest: overwrites bytes of a file in place, also where write(2) is not offered, as on hugetlbfs.
//
//   poke FILE OFFSET HEXBYTES

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::vector<unsigned char> ParseHex(const std::string& text) {
  std::vector<unsigned char> bytes;
  if (text.empty() || text.size() % 2 != 0) throw std::runtime_error("bytes come as pairs of hexadecimal digits");
  for (std::size_t at = 0; at < text.size(); at += 2) {
    const std::string pair = text.substr(at, 2);
    char* end = nullptr;
    bytes.push_back(static_cast<unsigned char>(std::strtoul(pair.c_str(), &end, 16)));
    if (*end != '\0') throw std::runtime_error("not hexadecimal: " + pair);
  }
  return bytes;
}

void Poke(const char* path, std::size_t offset, const std::vector<unsigned char>& bytes) {
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) throw std::runtime_error(std::string("cannot open ") + path);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (offset > size || bytes.size() > size - offset) throw std::runtime_error("beyond the end of the file");
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) throw std::runtime_error(std::string("cannot map ") + path);
  std::memcpy(static_cast<unsigned char*>(at) + offset, bytes.data(), bytes.size());
  munmap(at, size);
  close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw std::runtime_error("usage: poke FILE OFFSET HEXBYTES");
    Poke(argv[1], std::strtoull(argv[2], nullptr, 0), ParseHex(argv[3]));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "poke: %s\n", error.what());
    return 2;
  }
}
