// SPDX-License-Identifier: BSD-2-Clause
// What other systems' handovers hold besides what they keep: clients, sessions, files, nodes, instances.

#include "tools/mkhandover/foreign-details.h"

#include "common/format/pkram-nodes.h"
#include "tools/mkhandover/kho-details.h"

namespace holdfast::tool {
namespace {

std::string_view FormName(PkramObjectForm form) {
  switch (form) {
    case PkramObjectForm::kRfc2020:
      return "rfc-2020";
    case PkramObjectForm::kIntel2020:
      return "intel-2020";
    case PkramObjectForm::kStreams:
      return "streams";
  }
  return "unknown";
}

// Nodes and their objects as they are met; of pages only their number and size.
class PkramNodes {
 public:
  PkramSink sink() { return PkramSink(&AddNode, &AddObject, &AddPage, this); }
  Json Take() { return std::move(nodes_); }

 private:
  static Status AddNode(void* self, const PkramNode& node) {
    static_cast<PkramNodes*>(self)->nodes_.push_back({{"name", node.name}, {"objects", Json::array()}});
    return kDone;
  }
  static Status AddObject(void* self, const PkramObject& object) {
    static_cast<PkramNodes*>(self)->nodes_.back()["objects"].push_back(
        {{"form", FormName(object.form)}, {"data_length", object.data_length}, {"pages", 0}, {"bytes", 0}});
    return kDone;
  }
  static Status AddPage(void* self, const PkramPage& page) {
    if (!page.is_data) {
      Json& object = static_cast<PkramNodes*>(self)->nodes_.back()["objects"].back();
      object["pages"] = object["pages"].get<std::uint64_t>() + 1;
      object["bytes"] = object["bytes"].get<std::uint64_t>() + page.range.size();
    }
    return kDone;
  }

  Json nodes_ = Json::array();
};

void AddPkramDetails(const ForeignHandover& foreign, const PhysMemory& memory, Json& out,
                     std::vector<UnreadDetail>& unread) {
  std::vector<KeptRange> storage(foreign.blocks.size());
  PreservedMap kept(storage);
  Status status = kDone;
  for (const KeptBlock& block : foreign.blocks) {
    FailUnless(kept.Add({.range = block.range, .kind = block.kind}), foreign.dialect);
  }
  PkramNodes nodes;
  status = kept.Seal();
  status = status.ok() ? WalkPkramNodes(foreign.pkram_super_block, memory, kept, nodes.sink()) : status;
  if (!status.ok()) {
    unread.push_back({"nodes", status.error()});
  }
  out["nodes"] = nodes.Take();
}

Status AddInstance(void* list, const PrmemInstance& instance) {
  static_cast<Json*>(list)->push_back({{"subsystem", instance.subsystem},
                                       {"name", instance.name},
                                       {"data", JsonAddress(instance.data.raw())},
                                       {"size", instance.size}});
  return kDone;
}

void AddPrmemDetails(const ForeignHandover& foreign, const PhysMemory& memory, Json& out,
                     std::vector<UnreadDetail>& unread) {
  out["metadata_bytes"] = foreign.prmem->metadata_size;
  out["direct_map"] = JsonAddress(foreign.prmem->direct_map);
  Json instances = Json::array();
  const Status status = ListPrmemInstances(*foreign.prmem_option, memory, PrmemInstanceSink(&AddInstance, &instances));
  if (!status.ok()) {
    unread.push_back({"instances", status.error()});
  }
  out["instances"] = std::move(instances);
}

}  // namespace

void AddDetails(const ForeignHandover& foreign, const ForeignSet& set, Json& out, std::vector<UnreadDetail>& unread) {
  if (foreign.kho) {
    AddKhoDetails(foreign, set.memory(), out, unread);
  }
  if (foreign.pkram) {
    AddPkramDetails(foreign, set.memory(), out, unread);
  }
  if (foreign.pmpool) {
    out["pool"] = JsonStartSize(foreign.pmpool->pool);
    out["bitmap"] = JsonStartSize(foreign.pmpool->bitmap);
  }
  if (foreign.prmem) {
    AddPrmemDetails(foreign, set.memory(), out, unread);
  }
}

}  // namespace holdfast::tool
