// SPDX-License-Identifier: BSD-2-Clause
// What the clients of KHO hand over, for people to look at: nothing here decides what is kept.
//
// Layouts: common/abi/kho.h.  A blob lies in memory that its client preserved; whether it really did is not checked
// here.  A `where` is a byte offset in the blob where that is a tree, and a physical address elsewhere.  Errors of all:
// kUnknownCompatible (where: the property, or the blob): a version that is not known; kMalformed; kMisaligned, kCycle
// (where: the pointer); kTooLarge (where: what is allowed); kUnreadable; kOutOfBounds; FdtView's where the blob is a
// tree; the sink's, which ends the walk.

#pragma once

#include <cstdint>
#include <string_view>

#include "common/abi/kho.h"
#include "common/base/sink.h"
#include "common/format/fdt.h"
#include "common/format/kho.h"
#include "common/mem/phys-memory.h"

namespace holdfast {

// The clients of the handover at `fdt` (KhoRecord::fdt), in the order of their nodes: those with a blob.  `size` is 0
// where the dialect does not say it.  Errors of the tree are DecodeKho()'s: kNotFinalized, kUnknownCompatible,
// kMalformed (where: byte offset in the tree).
Status ListKhoClients(PhysRange fdt, const PhysMemory& memory, const Sink<KhoClient>& sink);

// Of the client "kexec-metadata": who wrote the handover.
struct KhoSender {
  std::string_view release;
  std::uint32_t kexec_count = 0;
};
// kBadVersion (where: the version).
Result<KhoSender> DecodeKhoSender(const KhoClient& client, const PhysMemory& memory);

// Of the client "memblock": what reserve_mem= named.
struct KhoReservedArea {
  std::string_view name;
  PhysRange range;
};
Status ListKhoReservedAreas(const KhoClient& client, const PhysMemory& memory, const Sink<KhoReservedArea>& sink);

// Of the client "LUO".
struct KhoLuoFacts {
  std::string_view compatible;
  std::uint64_t number = 0;  // of this live update
  PhysAddr sessions;         // 0: none
};
Result<KhoLuoFacts> DecodeKhoLuo(const KhoClient& client, const PhysMemory& memory);

struct KhoSessionFacts {
  std::string_view name;
  PhysAddr files;  // 0: none
  std::uint64_t num_files = 0;
};
Status ListKhoSessions(PhysAddr sessions, const PhysMemory& memory, const Sink<KhoSessionFacts>& sink);

struct KhoFileFacts {
  std::string_view compatible;
  PhysAddr data;
  std::uint64_t token = 0;
};
// kMalformed (where: session.files) when the list holds another number of files than the session says.
Status ListKhoFiles(const KhoSessionFacts& session, const PhysMemory& memory, const Sink<KhoFileFacts>& sink);

// A file that says kKhoMemfdCompatible.
struct KhoMemfdFacts {
  std::uint64_t size = 0;  // bytes
  std::uint32_t seals = 0;
  std::uint32_t flags = 0;
  std::uint64_t num_folios = 0;
  KhoVmalloc folios;  // where ListKhoMemfdFolios() finds them
};
Result<KhoMemfdFacts> DecodeKhoMemfd(PhysAddr data, const PhysMemory& memory);

struct KhoFolio {
  PhysAddr start;
  std::uint64_t index = 0;  // of its first page in the file
  bool is_dirty = false;
  bool is_up_to_date = false;
};
Status ListKhoMemfdFolios(const KhoMemfdFacts& memfd, const PhysMemory& memory, const Sink<KhoFolio>& sink);

// Of the client "kho_test": the folios that the kernel's own test preserved.
struct KhoTestFacts {
  std::uint32_t num_folios = 0;
  std::uint32_t checksum = 0;
};
// kBadMagic (where: the property).
Result<KhoTestFacts> DecodeKhoTest(const KhoClient& client, const PhysMemory& memory, const BlockSink& folios);

}  // namespace holdfast
