// SPDX-License-Identifier: BSD-2-Clause
// The verbs: options as values in, results out, and the status of the program.
//
// Each ends early in a Failure.  The words of the command line are read in tool.cc.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/format/handover.h"
#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/handover-choice.h"
#include "tools/mkhandover/map-source.h"
#include "tools/mkhandover/output.h"
#include "tools/mkhandover/store/store-choice.h"

namespace holdfast::tool {

struct MapChoice {
  std::string where;
  std::uint32_t efi_descriptor_size = kDefaultEfiDescriptorSize;
};

struct MakeOptions {
  std::string output;
  std::vector<std::string> preserve;
  std::vector<std::string> pages_of;
  std::vector<std::string> from;
  HandoverChoice from_all;  // dialect and memory of each of them
  std::vector<std::string> scratch;
  std::optional<std::string> ram_from;  // a MAP, or "none"; absent: this machine's
  std::uint32_t efi_descriptor_size = kDefaultEfiDescriptorSize;
  std::optional<OnRefusal> on_refusal;
  std::optional<std::uint32_t> refusal_delay;
  std::optional<bool> kaslr;
  bool range_list = false;
  bool digest = false;
  std::optional<OnLoss> on_loss;
  std::optional<OverwriteRequest> overwrite_request;
  bool with_store = false;  // keep what the store has
  StoreChoice store;
};
ExitCode RunMake(const MakeOptions& options, Output& output);

struct InspectOptions {
  HandoverChoice file;
};
ExitCode RunInspect(const InspectOptions& options, Output& output);

struct CheckOptions {
  MapChoice map;  // none, where there is a store
  HandoverChoice handover;
  std::vector<std::string> segments;
  bool with_store = false;  // whether the handover keeps it
  StoreChoice store;
};
ExitCode RunCheck(const CheckOptions& options, Output& output);

struct PlanOptions {
  MapChoice map;
  HandoverChoice handover;
  std::string kernel;
  std::optional<std::string> initrd;
  std::string cmdline;
  std::vector<std::string> in_use;
  std::string mode = "auto";
  std::string entry = "auto";
  std::uint64_t seed = 0;
};
ExitCode RunPlan(const PlanOptions& options, Output& output);

struct BundleOptions {
  std::string output;
  std::string kernel;
  std::vector<std::string> initrds;
  std::string cmdline;
  HandoverChoice handover;
  std::string mode = "auto";
  std::string entry = "auto";
  bool compress = false;
  std::optional<std::string> image;  // the stage that the bundle goes into
  bool efi = false;                  // the application, with sections
  std::optional<std::string> stub;
  std::optional<std::string> os_release;
  std::optional<std::string> uname;
};
ExitCode RunBundle(const BundleOptions& options, Output& output);

struct LoadOptions {
  std::string kernel;
  std::vector<std::string> initrds;
  std::string cmdline;
  bool reuse_cmdline = false;
  HandoverChoice handover;
  bool with_store = false;  // in the place of a handover
  StoreChoice store;
  bool again = false;  // what was loaded last with a store; then the options of what to load do not count
  std::string mode = "auto";
  std::string entry = "auto";
  std::optional<std::string> stage;
  std::string via = "auto";
  std::string kexec = "kexec";
  bool dry_run = false;
  bool exec = false;
  std::string root = "/";  // where /sys and /proc are looked for
};
ExitCode RunLoad(const LoadOptions& options, Output& output);

struct InstallOptions {
  std::optional<std::string> esp;  // where it is mounted
  std::optional<std::string> stub;
  std::optional<std::string> image;  // instead of the stub: what bundle --efi has made
  std::optional<std::string> kernel;
  std::vector<std::string> initrds;
  std::optional<std::string> cmdline;
  HandoverChoice handover;
  std::optional<std::string> bundle;
  bool removable = false;
  bool loader_entry = false;
  std::string entry_title = "Holdfast";
  std::string root = "/";  // where the ESP is looked for
};
ExitCode RunInstall(const InstallOptions& options, Output& output);

struct VariableOptions {
  std::optional<std::string> set;  // holdfast=ADDR,SIZE,SHA256
  bool set_kho = false;
  bool clear = false;
  bool keep = false;
  std::optional<std::string> memory;  // where KHO's tree is read
  std::string root = "/";             // where /sys is looked for
};
ExitCode RunVariable(const VariableOptions& options, Output& output);

struct PcrOptions {
  std::vector<std::string> handovers;
  std::optional<std::string> memory;  // where their range-lists lie, and what KHO leads to
  std::string cmdline;
  std::optional<std::string> kernel;  // of a direct entry
  std::vector<std::string> initrds;
  std::string mode = "fence";
  std::string entry = "efi-image";
  std::vector<std::string> lost;
  std::string bank = "sha256";
  std::optional<std::string> from;  // hexadecimal digits
};
ExitCode RunPcr(const PcrOptions& options, Output& output);

struct ReportOptions {
  std::optional<std::string> file;      // a report, or a directory like /sys/kernel/boot_params/setup_data
  std::optional<std::string> handover;  // where to write the handover's tree
  std::string root = "/";               // where /sys is looked for
};
ExitCode RunReport(const ReportOptions& options, Output& output);

struct MapOptions {
  MapChoice map;
  HandoverChoice handover;
  std::optional<std::string> svg;
};
ExitCode RunMap(const MapOptions& options, Output& output);

struct KeepOptions {
  StoreChoice store;
  std::string name;
  std::vector<std::string> files;  // "-": standard input
  std::string fence = "reserved";
  bool zstd = false;
  bool digest = false;  // of what is described, too
  bool add = false;     // to the node of that name
};
ExitCode RunKeep(const KeepOptions& options, Output& output);

struct ListOptions {
  StoreChoice store;
  std::optional<std::string> name;  // its objects
};
ExitCode RunList(const ListOptions& options, Output& output);

struct RestoreOptions {
  StoreChoice store;
  std::string name;
  std::string folder = ".";  // "-": standard output
};
ExitCode RunRestore(const RestoreOptions& options, Output& output);

struct DropOptions {
  StoreChoice store;
  std::string name;
};
ExitCode RunDrop(const DropOptions& options, Output& output);

}  // namespace holdfast::tool
