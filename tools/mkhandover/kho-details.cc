// SPDX-License-Identifier: BSD-2-Clause
// What the clients of KHO handed over, as JSON.

#include "tools/mkhandover/kho-details.h"

#include "common/format/kho-clients.h"

namespace holdfast::tool {
namespace {

// A list of items, whole.
template <typename T>
class Items {
 public:
  Sink<T> sink() { return Sink<T>(&Add, &list_); }
  const std::vector<T>& list() const { return list_; }

 private:
  static Status Add(void* list, const T& item) {
    static_cast<std::vector<T>*>(list)->push_back(item);
    return kDone;
  }

  std::vector<T> list_;
};

class KhoDetails {
 public:
  KhoDetails(const PhysMemory& memory, Json& out, std::vector<UnreadDetail>& unread)
      : memory_(memory), out_(out), unread_(unread) {}

  void AddClients(PhysRange tree) {
    Items<KhoClient> clients;
    Note("clients", ListKhoClients(tree, memory_, clients.sink()));
    Json list = Json::array();
    for (const KhoClient& client : clients.list()) {
      list.push_back({{"name", client.name}, {"blob", JsonAddress(client.blob.raw())}, {"size", client.size}});
    }
    out_["clients"] = std::move(list);
    for (const KhoClient& client : clients.list()) {
      AddClient(client);
    }
  }

 private:
  void AddClient(const KhoClient& client) {
    if (client.name == kho_fdt::kClientMetadata) {
      AddSender(client);
    } else if (client.name == kho_fdt::kClientMemblock) {
      AddReservedAreas(client);
    } else if (client.name == kho_fdt::kClientLuo) {
      AddLuo(client);
    } else if (client.name == kho_fdt::kClientTest) {
      AddTest(client);
    }
  }

  void AddSender(const KhoClient& client) {
    const auto sender = DecodeKhoSender(client, memory_);
    if (Note(client.name, sender)) {
      out_["metadata"] = {{"release", sender.value().release}, {"count", sender.value().kexec_count}};
    }
  }

  void AddReservedAreas(const KhoClient& client) {
    Items<KhoReservedArea> areas;
    Note(client.name, ListKhoReservedAreas(client, memory_, areas.sink()));
    Json list = Json::array();
    for (const KhoReservedArea& area : areas.list()) {
      Json item = JsonStartSize(area.range);
      item["name"] = area.name;
      list.push_back(std::move(item));
    }
    out_["reserve_mem"] = std::move(list);
  }

  void AddLuo(const KhoClient& client) {
    const auto luo = DecodeKhoLuo(client, memory_);
    if (!Note(client.name, luo)) {
      return;
    }
    Items<KhoSessionFacts> sessions;
    if (luo.value().sessions != PhysAddr()) {
      Note(client.name, ListKhoSessions(luo.value().sessions, memory_, sessions.sink()));
    }
    Json list = Json::array();
    for (const KhoSessionFacts& session : sessions.list()) {
      list.push_back({{"name", session.name}, {"files", FilesOf(session)}});
    }
    out_["luo"] = {
        {"compatible", luo.value().compatible}, {"number", luo.value().number}, {"sessions", std::move(list)}};
  }

  Json FilesOf(const KhoSessionFacts& session) {
    Items<KhoFileFacts> files;
    if (session.files != PhysAddr()) {
      Note(session.name, ListKhoFiles(session, memory_, files.sink()));
    }
    Json list = Json::array();
    for (const KhoFileFacts& file : files.list()) {
      Json item = {{"token", file.token}, {"compatible", file.compatible}, {"data", JsonAddress(file.data.raw())}};
      if (file.compatible == kKhoMemfdCompatible) {
        AddMemfd(file, item);
      }
      list.push_back(std::move(item));
    }
    return list;
  }

  void AddMemfd(const KhoFileFacts& file, Json& item) {
    const auto memfd = DecodeKhoMemfd(file.data, memory_);
    if (!Note(file.compatible, memfd)) {
      return;
    }
    Items<KhoFolio> folios;
    Note(file.compatible, ListKhoMemfdFolios(memfd.value(), memory_, folios.sink()));
    item["memfd"] = {{"size", memfd.value().size},
                     {"seals", memfd.value().seals},
                     {"flags", memfd.value().flags},
                     {"folios", folios.list().size()}};
  }

  void AddTest(const KhoClient& client) {
    const auto test = DecodeKhoTest(client, memory_, BlockSink(&PassOver, nullptr));
    if (Note(client.name, test)) {
      out_["kho_test"] = {{"folios", test.value().num_folios}};
    }
  }

  static Status PassOver(void*, const KeptBlock&) { return kDone; }

  // True if there is something to show.
  template <typename T>
  bool Note(std::string_view name, const Result<T>& result) {
    if (!result.ok()) {
      unread_.push_back({std::string(name), result.error()});
    }
    return result.ok();
  }

  const PhysMemory& memory_;
  Json& out_;
  std::vector<UnreadDetail>& unread_;
};

Json BitmapBytes(KhoBitmaps bitmaps) {
  return bitmaps == KhoBitmaps::kUnknown ? Json(nullptr) : Json(bitmaps == KhoBitmaps::k512 ? 512 : 4096);
}

}  // namespace

void AddKhoDetails(const ForeignHandover& foreign, const PhysMemory& memory, Json& out,
                   std::vector<UnreadDetail>& unread) {
  if (foreign.kho->dialect == KhoDialect::kV1) {
    out["bitmap_bytes"] = BitmapBytes(foreign.kho->bitmaps);
  }
  KhoDetails(memory, out, unread).AddClients(foreign.kho_tree);
}

}  // namespace holdfast::tool
