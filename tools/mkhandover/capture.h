// SPDX-License-Identifier: BSD-2-Clause
// Captured physical memory, or that of this machine, read as it is asked for.
//
// What has been read stays where it is until the capture goes, so memory is used for what was looked at, not for the
// size of the file.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/mem/phys-memory.h"
#include "tools/mkhandover/files.h"

namespace holdfast::tool {

// A part of memory that lies in a file in one piece.
struct CapturedPiece {
  PhysRange range;
  std::size_t file = 0;      // which one
  std::uint64_t offset = 0;  // of its first byte in it
};

class Capture {
 public:
  // An ELF core, a directory of files named by the address of their first byte (0x1000.bin, 0x40000000), or a device
  // whose offsets are addresses, such as /dev/mem.  Ends in a Failure for what is none of these.
  explicit Capture(const std::string& path);
  // Of several, the first one that has a byte is read.
  explicit Capture(const std::vector<std::string>& paths);
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  PhysMemory memory() const { return PhysMemory(&Read, this); }
  // What there is, as the files say; some of it may turn out not to be readable.
  const std::vector<CapturedPiece>& pieces() const { return pieces_; }

 private:
  void Add(const std::string& path);
  void AddDirectory(const std::string& path);
  void AddCore(const std::string& path, Descriptor fd);
  void AddPiece(PhysRange range, std::size_t file, std::uint64_t offset);
  std::size_t AddFile(Descriptor fd);

  static const std::byte* Read(const void* self, PhysRange range);
  const std::byte* Find(PhysRange range) const;
  const std::byte* Load(PhysRange range) const;
  bool ReadInto(PhysRange range, std::span<std::byte> to) const;
  PhysRange ReadPart(PhysRange range, std::span<std::byte> to) const;

  std::vector<Descriptor> files_;
  std::vector<CapturedPiece> pieces_;
  // What was read, by address and size.  Each begins with its page.
  mutable std::map<std::pair<std::uint64_t, std::uint64_t>, std::unique_ptr<std::byte[]>> buffers_;
};

// What shows this machine's memory, as far as it can be read.  Ends in a Failure where nothing does.
std::vector<std::string> LiveMemory();

}  // namespace holdfast::tool
