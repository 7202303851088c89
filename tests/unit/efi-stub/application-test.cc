// SPDX-License-Identifier: BSD-2-Clause
// Whole boots from a firmware of our own, on a processor of our own.

#include "efi-stub/application.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <bit>
#include <string>

#include "common/format/handover-variable.h"
#include "common/format/setup-data-chain.h"
#include "efi-stub/overwrite-request.h"
#include "tests/support/efi-inputs.h"
#include "tests/support/fake-processor.h"

namespace holdfast::efi {
namespace {

using test::ByteVector;
using test::EfiApplication;
using test::FakeEfiMemory;
using test::FakeFirmware;

constexpr EFI_GUID kVendor = std::bit_cast<EFI_GUID>(kHoldfastVendorGuid);
constexpr std::uint32_t kAttributes =
    EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS;

// A bzImage with an EFI stub.
ByteVector EfiKernel() {
  ByteVector file = test::SmallBzImage(5);
  test::Put(file, 0, Le16(kDosMagic));
  test::Put(file, kSetupHeaderOffset + offsetof(SetupHeader, handover_offset), Le32(0x10));
  return file;
}

std::vector<test::TestSection> Image(const std::string& line) {
  return {{.name = ".linux", .bytes = EfiKernel()}, {.name = ".cmdline", .bytes = test::BytesOfText(line)}};
}

struct Name {
  std::string name;
  PhysRange range;
  Fence fence = Fence::kReserved;
  bool is_lost = false;  // its digest says something else than what is there
};

// A machine with two names kept, up to what its kernel sees.
class Boot {
 public:
  Boot() : app(Image("ro quiet")) {
    fake.memory.Set(fake.memory.Part(56 * kMiB, kMiB), EfiBootServicesData);
    fake.on_start = [this](FakeFirmware::Image& image) { return RunKernel(image); };
    test::FakeHandoverEntry() = nullptr;
  }

  // What the variable leads to.
  void Keep(const std::vector<Name>& names, const Policy& policy = {}) {
    std::vector<HandoverV1Node> nodes;
    for (const Name& name : names) {
      const auto bytes = fake.memory.Bytes(name.range);
      std::ranges::fill(bytes, static_cast<std::byte>(name.name.front()));
      Digest digest = Sha256::Of(bytes);
      digest[0] ^= name.is_lost ? std::byte{1} : std::byte{0};
      nodes.push_back(
          {.name = name.name, .owner = {}, .fence = name.fence, .ranges = std::span(&name.range, 1), .sha256 = digest});
    }
    std::vector<std::uint64_t> storage(1024);
    const auto tree = EncodeHandoverV1(
        {.generation = 1, .created_by = {}, .policy = policy, .preserved = nodes, .scratch = {}, .ram = {}},
        std::as_writable_bytes(std::span(storage)));
    REQUIRE(tree.ok());
    const PhysRange at = fake.memory.Part(2 * kMiB, tree.value().size());
    std::ranges::copy(tree.value(), fake.memory.Bytes(at).begin());
    HandoverVariable variable;
    variable.at = at;
    variable.digest = Sha256::Of(tree.value());
    const StoredHandoverVariable stored = EncodeHandoverVariable(variable);
    const auto bytes = std::as_bytes(std::span(&stored, 1));
    fake.SetVariable(kHandoverVariable, kVendor, kAttributes, {bytes.begin(), bytes.end()});
  }

  EFI_STATUS Run() {
    const auto application = std::make_unique<Application>(app.firmware, *app.storage);
    const EFI_STATUS status = application->Run();
    CHECK(fake.num_calls_in_vector_scopes == 0);
    CHECK(fake.num_open_files == 0);
    return status;
  }

  // Nothing of it is left, and `line` was said.
  void CheckRefusal(EFI_STATUS expected, std::string_view line) {
    const auto taken = fake.Taken();
    const auto variables = Variables();
    CHECK(Run() == expected);
    INFO(Printed());
    CHECK(Says(line));
    CHECK(Says("back to the boot manager"));
    CHECK_FALSE(has_run);
    CHECK(fake.Taken() == taken);
    CHECK(Variables() == variables);
    CHECK(fake.config_tables.empty());
  }

  // By name, ascending.
  std::vector<std::pair<std::u16string, ByteVector>> Variables() const {
    std::vector<std::pair<std::u16string, ByteVector>> all;
    for (const auto& variable : fake.variables) {
      all.emplace_back(variable.name, variable.bytes);
    }
    std::ranges::sort(all);
    return all;
  }
  bool HasVariable(const std::u16string& name) const { return fake.FindVariable(name, kVendor) != nullptr; }

  std::string Printed() const { return {fake.printed.begin(), fake.printed.end()}; }
  bool Says(std::string_view line) const {
    return Printed().find("holdfast: " + std::string(line)) != std::string::npos;
  }

  // The type of all of `range` in firmware's map while the kernel ran, or nothing.
  std::optional<std::uint32_t> TypeOf(PhysRange range) const {
    for (const FakeEfiMemory::Entry& entry : seen) {
      if (entry.range.Contains(range)) {
        return entry.type;
      }
    }
    return std::nullopt;
  }

  EfiApplication app;
  FakeFirmware& fake = app.fake;
  PhysRange first = fake.memory.Part(8 * kMiB, 3 * kPageSize);
  PhysRange second = fake.memory.Part(40 * kMiB, kMiB);
  // What the kernel saw.
  bool has_run = false;
  std::u16string options;
  std::vector<FakeEfiMemory::Entry> seen;
  bool saw_report = false;
  bool saw_handover = false;
  EFI_STATUS kernels_status = EFI_SUCCESS;

 private:
  EFI_STATUS RunKernel(FakeFirmware::Image& image) {
    has_run = true;
    options = image.options;
    seen = fake.memory.entries();
    saw_report = HasVariable(kReportVariable) && fake.config_tables.size() == 1;
    saw_handover = HasVariable(kHandoverVariable);
    return kernels_status;
  }
};

TEST_CASE("Without a handover the kernel is started, and nothing is kept", "[efi][application]") {
  Boot boot;
  const auto before = boot.fake.Taken();
  CHECK(boot.Run() == EFI_SUCCESS);
  CHECK(boot.has_run);
  CHECK(boot.options == std::u16string(u"ro quiet\0", 9));
  CHECK(boot.saw_report);
  CHECK(boot.Says("handover none, 0 ranges, 0 B kept"));
  CHECK(boot.TypeOf(boot.second) == EfiConventionalMemory);
  // It has ended by itself.
  CHECK(boot.Says("back to the boot manager"));
  CHECK(boot.fake.Taken() == before);
  CHECK(boot.fake.variables.empty());
  CHECK(boot.fake.config_tables.empty());
}

TEST_CASE("What is kept is fenced when the kernel runs, and as it was", "[efi][application]") {
  Boot boot;
  boot.Keep({{"a", boot.first}, {"b", boot.second}});
  bool is_intact = false;
  const auto kernel = boot.fake.on_start;
  boot.fake.on_start = [&](FakeFirmware::Image& image) {
    is_intact =
        std::ranges::all_of(boot.fake.memory.Bytes(boot.second), [](std::byte b) { return b == std::byte{'b'}; });
    return kernel(image);
  };
  SECTION("it runs") { CHECK(boot.Run() == EFI_SUCCESS); }
  SECTION("it fails, and the variable is not for another try") {
    boot.kernels_status = EFI_OUT_OF_RESOURCES;
    CHECK(boot.Run() == EFI_OUT_OF_RESOURCES);
  }
  CHECK(boot.has_run);
  CHECK(is_intact);
  CHECK(boot.Says("contents 2 verified, 0 without a digest"));
  CHECK(boot.TypeOf(boot.first) == EfiReservedMemoryType);
  CHECK(boot.TypeOf(boot.second) == EfiReservedMemoryType);
  CHECK(boot.saw_report);
  CHECK_FALSE(boot.saw_handover);
  CHECK(boot.fake.variables.empty());
}

TEST_CASE("What was lost is refused, before anything is allocated", "[efi][application]") {
  Boot boot;
  boot.Keep({{"a", boot.first}, {"b", boot.second, Fence::kReserved, /*is_lost=*/true}});
  boot.CheckRefusal(EFI_LOAD_ERROR, "refused: contents-lost: ");
  CHECK(boot.Says("HoldfastHandover variable is set again"));
  CHECK(boot.fake.calls["AllocatePages"] == 0);
  CHECK(boot.fake.images.empty());
  // So is the next start refused, and not taken for one without a handover.
  boot.CheckRefusal(EFI_LOAD_ERROR, "refused: contents-lost: ");
}

TEST_CASE("A refusal that halts leaves the variable too", "[efi][application]") {
  Boot boot;
  boot.Keep({{"a", boot.first, Fence::kReserved, /*is_lost=*/true}}, {.on_refusal = OnRefusal::kHalt});
  std::optional<test::StoppedMachine> stopped;
  try {
    static_cast<void>(boot.Run());
  } catch (const test::StoppedMachine& machine) {
    stopped = machine;
  }
  REQUIRE(stopped);
  CHECK_FALSE(stopped->reset_after);
  CHECK(boot.Says("halted"));
  CHECK(boot.HasVariable(kHandoverVariable));
}

TEST_CASE("What was lost is given up where the policy says so, and the rest is fenced", "[efi][application]") {
  Boot boot;
  boot.Keep({{"a", boot.first}, {"b", boot.second, Fence::kReserved, /*is_lost=*/true}}, {.on_loss = OnLoss::kDrop});
  CHECK(boot.Run() == EFI_SUCCESS);
  CHECK(boot.has_run);
  CHECK(boot.Says("lost b "));
  CHECK(boot.TypeOf(boot.first) == EfiReservedMemoryType);
  CHECK(boot.TypeOf(boot.second) == EfiConventionalMemory);
}

TEST_CASE("What stands on kept memory is refused by its name", "[efi][application]") {
  Boot boot;
  SECTION("firmware, all along") {
    boot.Keep({{"a", boot.first}, {"b", boot.fake.memory.Part(55 * kMiB, 2 * kMiB)}});
    boot.CheckRefusal(EFI_LOAD_ERROR, "refused: overlap: ");
    CHECK(boot.fake.calls["AllocatePages"] == 0);
  }
  SECTION("firmware, since it was asked for a file") {
    boot.Keep({{"a", boot.first}, {"b", boot.second}});
    boot.fake.on_call = [&](std::string_view service) {
      if (service == "OpenVolume") {
        boot.fake.memory.Set(boot.second.RoundedOut(kPageSize), EfiBootServicesData);
      }
    };
    CHECK(boot.Run() == EFI_LOAD_ERROR);
    CHECK(boot.Says("refused: overlap: "));
    CHECK(boot.fake.calls["AllocatePages"] == 0);
    CHECK(boot.HasVariable(kHandoverVariable));
  }
  SECTION("firmware, since its map was read") {
    boot.Keep({{"a", boot.first}, {"b", boot.second}});
    boot.fake.on_call = [&](std::string_view service) {
      if (service == "AllocatePages") {
        boot.fake.memory.Set(boot.first, EfiBootServicesData);
      }
    };
    CHECK(boot.Run() == EFI_LOAD_ERROR);
    CHECK(boot.Says("refused: overlap: "));
    CHECK(boot.HasVariable(kHandoverVariable));
  }
  CHECK(boot.Printed().find("boot services data") != std::string::npos);
}

// Whether firmware is to overwrite memory at the next reset, and a bit that is not ours.
constexpr std::byte kAsked{0x11};
constexpr std::byte kNotAsked{0x10};

TEST_CASE("A request to overwrite memory is told, and cleared where the policy says so", "[efi][application]") {
  Boot boot;
  const auto request = [&boot] {
    const auto* variable = boot.fake.FindVariable(u"MemoryOverwriteRequestControl", kOverwriteRequestGuid);
    REQUIRE(variable != nullptr);
    return variable->bytes;
  };
  boot.fake.SetVariable(u"MemoryOverwriteRequestControl", kOverwriteRequestGuid, kAttributes, {kAsked});
  ByteVector seen_request;
  const auto kernel = boot.fake.on_start;
  boot.fake.on_start = [&](FakeFirmware::Image& image) {
    seen_request = request();
    return kernel(image);
  };
  SECTION("cleared") {
    boot.Keep({{"a", boot.first}}, {.overwrite_request = OverwriteRequest::kClear});
    CHECK(boot.Run() == EFI_SUCCESS);
    CHECK(seen_request == ByteVector{kNotAsked});
    CHECK(boot.Says("overwrite request cleared"));
  }
  SECTION("left") {
    boot.Keep({{"a", boot.first}});
    CHECK(boot.Run() == EFI_SUCCESS);
    CHECK(seen_request == ByteVector{kAsked});
    CHECK(boot.Says("overwrite request set"));
  }
  SECTION("not touched by a boot that is refused") {
    boot.Keep({{"a", boot.first, Fence::kReserved, /*is_lost=*/true}}, {.overwrite_request = OverwriteRequest::kClear});
    boot.CheckRefusal(EFI_LOAD_ERROR, "refused: contents-lost: ");
    CHECK(request() == ByteVector{kAsked});
    CHECK_FALSE(boot.Says("overwrite request"));
  }
}

TEST_CASE("A kernel that firmware does not trust leaves nothing behind", "[efi][application]") {
  Boot boot;
  boot.Keep({{"a", boot.first}, {"b", boot.second}});
  boot.fake.load_status = EFI_SECURITY_VIOLATION;
  boot.fake.loads_untrusted = GENERATE(false, true);
  boot.CheckRefusal(EFI_SECURITY_VIOLATION, "refused: untrusted: kernel");
}

TEST_CASE("A handover whose digest is not right is not for another try", "[efi][application]") {
  Boot boot;
  boot.Keep({{"a", boot.first}});
  boot.fake.memory.Bytes(boot.fake.memory.Part(2 * kMiB + 60, 1))[0] ^= std::byte{1};
  CHECK(boot.Run() == EFI_LOAD_ERROR);
  CHECK(boot.Says("refused: bad-digest: "));
  CHECK_FALSE(boot.HasVariable(kHandoverVariable));
}

TEST_CASE("A report that firmware does not take stops no boot", "[efi][application]") {
  Boot boot;
  boot.Keep({{"a", boot.first}});
  boot.fake.failing["InstallConfigurationTable"] = EFI_OUT_OF_RESOURCES;
  CHECK(boot.Run() == EFI_SUCCESS);
  CHECK(boot.has_run);
  CHECK(boot.Says("report left out everything"));
  CHECK(boot.TypeOf(boot.first) == EfiReservedMemoryType);
}

TEST_CASE("What a loader said that is no text is nothing", "[efi][application]") {
  Boot boot;
  boot.fake.SetOptions(u"\x01\x02");
  boot.fake.SetSecureBoot(GENERATE(false, true));
  CHECK(boot.Run() == EFI_SUCCESS);
  CHECK(boot.Says("what the loader said is no text, and ignored"));
  CHECK(boot.options == std::u16string(u"ro quiet\0", 9));
}

TEST_CASE("Held memory goes through the handover entry, with its setup_data", "[efi][application]") {
  Boot boot;
  boot.Keep({{"a", boot.first}, {"b", boot.second, Fence::kHeld}});
  bool is_entered = false;
  test::FakeHandoverEntry() = [&](const HandoverCall& call) {
    is_entered = true;
    boot.seen = boot.fake.memory.entries();
    const auto& params = *static_cast<const BootParams*>(call.params);
    REQUIRE(boot.fake.images.size() == 1);
    CHECK(call.image == boot.fake.images[0].get());
    CHECK(call.table == boot.fake.table());
    const std::uint64_t base = boot.fake.images[0]->base.start().raw();
    CHECK(call.entry == base + 1024 + 512 + 0x10);
    CHECK(params.hdr.code32_start.value() == base + 1024);
    SetupDataNodes nodes;
    const PhysMemory memory(
        [](const void*, PhysRange range) { return reinterpret_cast<const std::byte*>(range.start().raw()); }, nullptr);
    REQUIRE(ReadSetupDataChain(memory, PhysAddr(params.hdr.setup_data.value()), nodes).ok());
    REQUIRE(nodes.size() == 2);
    CHECK(nodes[0].indirect == boot.second);
    CHECK(nodes[1].type == kSetupHoldfastReport);
  };
  const auto before = boot.fake.Taken();
  CHECK(boot.Run() == EFI_ABORTED);
  CHECK(is_entered);
  CHECK_FALSE(boot.has_run);
  CHECK(boot.TypeOf(boot.first) == EfiReservedMemoryType);
  CHECK(boot.TypeOf(boot.second) == EfiLoaderData);
  CHECK(boot.fake.Taken() == before);
  CHECK_FALSE(boot.HasVariable(kHandoverVariable));
  test::FakeHandoverEntry() = nullptr;
}

}  // namespace
}  // namespace holdfast::efi
