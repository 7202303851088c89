// SPDX-License-Identifier: BSD-2-Clause
// The report that the stage left for this kernel, or one from a file.

#include "tools/mkhandover/report-file.h"

#include "common/abi/handover-fdt.h"
#include "common/abi/handover-variable.h"
#include "common/abi/setup-data.h"
#include "common/base/byte-reader.h"
#include "common/format/handover-v1-layout.h"
#include "tools/mkhandover/carriers.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/map-text.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kSetupData = "sys/kernel/boot_params/setup_data";
constexpr const char* kEfiVariables = "sys/firmware/efi/efivars";
constexpr const char* kVariableName = "HoldfastReport";

// efivarfs puts a variable's attributes before what it holds (Documentation/filesystems/efivarfs.rst).
constexpr std::size_t kAttributesSize = sizeof(Le32);
constexpr std::uint32_t kNonVolatile = 1;  // UEFI 2.10, 8.2: EFI_VARIABLE_NON_VOLATILE

// The data file of the node of that type.
std::optional<std::filesystem::path> FindNode(const std::filesystem::path& setup_data, std::uint32_t wanted) {
  std::error_code none;
  for (const auto& child : std::filesystem::directory_iterator(setup_data, none)) {
    const std::filesystem::path type = child.path() / "type";
    if (std::filesystem::exists(type) && ParseHex(ReadTextFile(type.string())) == wanted) {
      return child.path() / "data";
    }
  }
  return std::nullopt;
}

std::optional<FoundReport> FindReportVariable(const std::filesystem::path& root) {
  const std::filesystem::path path = root / kEfiVariables / Format("{}-{}", kVariableName, kHoldfastVendorText);
  std::error_code none;
  // SETUP_EFI is what one kernel passes to the next: firmware did not start this one.
  if (!std::filesystem::exists(path, none) || FindNode(root / kSetupData, kSetupEfi)) {
    return std::nullopt;
  }
  FoundReport out{.bytes = ReadFile(path.string()), .from = path.string()};
  const auto attributes = ByteReader(out.bytes).Read<Le32>();
  if (!attributes.ok()) {
    FailToDecode(out.from, attributes.error());
  }
  if ((attributes.value().value() & kNonVolatile) != 0) {
    return std::nullopt;
  }
  out.bytes.erase(out.bytes.begin(), out.bytes.begin() + kAttributesSize);
  return out;
}

}  // namespace

std::optional<FoundReport> FindReportNode(const std::filesystem::path& setup_data) {
  const auto node = FindNode(setup_data, kSetupHoldfastReport);
  if (!node) {
    return std::nullopt;
  }
  // The kernel gives at most a page a read; ReadFile() goes on to the end.
  return FoundReport{.bytes = ReadFile(node->string()), .from = node->string()};
}

std::optional<FoundReport> FindReport(const std::filesystem::path& root) {
  auto node = FindReportNode(root / kSetupData);
  return node ? std::move(node) : FindReportVariable(root);
}

FoundReport ReadReportFile(const std::string& path) {
  FoundReport out{.bytes = ReadFile(path), .from = FileName(path)};
  const bool has_attributes =
      !IsTree(out.bytes) && out.bytes.size() > kAttributesSize && IsTree(std::span(out.bytes).subspan(kAttributesSize));
  if (has_attributes) {
    out.bytes.erase(out.bytes.begin(), out.bytes.begin() + kAttributesSize);
  }
  return out;
}

// Every item of a list takes at least 8 bytes of the tree, which bounds their number.
ReportFile::ReportFile(std::vector<std::byte> bytes, const std::string& name)
    : bytes_(std::move(bytes)),
      kept_storage_(bytes_.size() / 16 + 1),
      before_storage_(bytes_.size() / 20 + 1),
      after_storage_(bytes_.size() / 20 + 1),
      timestamp_storage_(bytes_.size() / 8 + 1),
      scratch_storage_(bytes_.size() / 16 + 1),
      placed_storage_(bytes_.size() / 16 + 1),
      lost_storage_(bytes_.size() / 2 + 1),
      kept_(kept_storage_),
      before_(before_storage_),
      after_(after_storage_),
      timestamps_(timestamp_storage_),
      scratch_(scratch_storage_),
      placed_(placed_storage_),
      lost_(lost_storage_) {
  const auto tree = FdtView::Open(bytes_);
  if (!tree.ok()) {
    FailToDecode(name, tree.error());
  }
  FailUnless(DecodeBootReport(tree.value(), {kept_, before_, after_, timestamps_, scratch_, placed_, lost_}, report_),
             name);
}

std::vector<PhysRange> ReportFile::handover_ram() const {
  constexpr const char* kName = "the report's handover";
  std::vector<PhysRange> out;
  if (report_.handover.empty()) {
    return out;
  }
  const std::vector<std::byte> bytes = handover();  // aligned, other than in the report
  const auto tree = FdtView::Open(bytes);
  if (!tree.ok()) {
    FailToDecode(kName, tree.error());
  }
  const auto node = tree.value().Child(tree.value().root(), handover_fdt::kNodeRam);
  const auto ranges = node ? tree.value().Property(*node, handover_fdt::kPropRanges) : std::nullopt;
  ByteReader reader(ranges.value_or(std::span<const std::byte>()));
  while (!reader.done()) {
    const auto stored = reader.Read<handover_v1::StoredRange>();
    const auto range =
        stored.ok() ? PhysRange::FromStartSize(PhysAddr(stored.value().start.value()), stored.value().size.value())
                    : Result<PhysRange>(stored.error());
    if (!range.ok()) {
      FailToDecode(kName, range.error());
    }
    out.push_back(range.value());
  }
  return out;
}

std::unique_ptr<ReportFile> ReadReportOfThisBoot(const std::filesystem::path& root) {
  auto found = FindReport(root);
  return found ? std::make_unique<ReportFile>(std::move(found->bytes), found->from) : nullptr;
}

}  // namespace holdfast::tool
