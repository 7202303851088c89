// SPDX-License-Identifier: BSD-2-Clause
// The command line: with efi-words.cc the one wrapper around CLI11.

#include "tools/mkhandover/tool.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>

#include "common/base/version.h"
#include "common/format/handover-v1.h"
#include "tools/mkhandover/commands.h"
#include "tools/mkhandover/efi-words.h"
#include "tools/mkhandover/json.h"
#include "tools/mkhandover/option-values.h"
#include "tools/mkhandover/store/verbs.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kMapHelp =
    "Memory map: e820 lines of a kernel log or /proc/iomem (\"-\" reads standard input), a directory like "
    "/sys/firmware/memmap, a raw boot_params page or EFI memory map";

// One of these words; the type's name lists them already.
CLI::Validator OneOf(const std::vector<std::string>& words) { return CLI::IsMember(words).description({}); }

// Words that CLI11 has found, and what to do with them.
class CommandLine {
 public:
  CommandLine() : app_("Makes, inspects, checks and plans handovers of memory that survives kexec.", "mkhandover") {
    app_.require_subcommand(1);
    app_.get_formatter()->label("SUBCOMMAND", "VERB");
    app_.get_formatter()->label("Subcommands", "Verbs");
    app_.set_version_flag("--version", VersionText(), "Print the version and exit");
    app_.footer(
        "Exit status: 0 fine, 1 a check found something, 2 usage, 3 overlap, 4 no slot, 5 table full,\n"
        "6 bad input, 7 system.  mkhandover(8) says more.");
    AddMake();
    AddInspect();
    AddCheck();
    AddPlan();
    AddBundle();
    AddLoad();
    AddInstallWords(AddVerb("install", "Put the EFI application and its files onto the ESP", install_, &RunInstall),
                    install_);
    AddVariableWords(AddVerb("variable", "The EFI variable that says where the handover is", variable_, &RunVariable),
                     variable_);
    AddPcr();
    AddReport();
    AddMap();
    AddStoreVerbs();
  }

  // 0 and the verb to run, or the exit status right away.
  int Parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
      return 0;
    } catch (const CLI::Success& wish) {  // --help and --version
      exit_now_ = true;
      return app_.exit(wish, std::cout, std::cerr);
    } catch (const CLI::ParseError& error) {
      exit_now_ = true;
      const std::string_view first = argc > 1 ? argv[1] : "";
      if (!first.empty() && first.front() != '-' && app_.get_subcommands().empty()) {
        std::cerr << "mkhandover: no such verb: " << Printable(first) << ": see mkhandover --help\n";
      } else {
        std::cerr << "mkhandover: " << Complaint(error) << '\n';
      }
      return static_cast<int>(ExitCode::kUsage);
    }
  }

  bool exits_now() const { return exit_now_; }
  const OutputOptions& output() const { return output_; }
  // "plan"
  std::string_view verb() const { return verb_; }
  ExitCode Run(Output& output) const { return run_(output); }

 private:
  static std::string VersionText() { return Format("mkhandover {}", kVersion); }

  std::string Complaint(const CLI::ParseError& error) const {
    std::string what = error.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    const auto verbs = app_.get_subcommands();
    if (verbs.empty() && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
      what = "a verb is missing";
    }
    const std::string verb = verbs.empty() ? std::string() : Format(" {}", verbs.front()->get_name());
    return Format("{}: see mkhandover{} --help", Trim(what), verb);
  }

  template <typename Options>
  CLI::App* AddVerb(const char* name, const char* description, const Options& options,
                    ExitCode (*run)(const Options&, Output&)) {
    CLI::App* const verb = app_.add_subcommand(name, description);
    verb->add_flag("--json", output_.json, "Print one JSON object");
    verb->add_flag("-q,--quiet", output_.quiet, "No warnings");
    verb->add_flag("-v,--verbose", output_.verbose, "More detail");
    verb->set_version_flag("--version", VersionText(), "Print the version and exit");
    verb->callback([this, name, &options, run] {
      verb_ = name;
      run_ = [&options, run](Output& output) { return run(options, output); };
    });
    return verb;
  }

  // An option that may stand several times, each with one value.
  static void AddList(CLI::App* verb, const char* name, std::vector<std::string>& values, const char* type,
                      const char* help) {
    verb->add_option(name, values, help)
        ->type_name(type)
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }

  // How to read a handover that is not ours.
  static void AddDialectOptions(CLI::App* verb, HandoverChoice& choice) {
    verb->add_option("--as", choice.dialect,
                     "Its dialect, if that is not to be found out by looking: holdfast, kho-v1 (kho-v1-512, "
                     "kho-v1-4096), kho-v2, kho-v3, kho-v4, kho-series, pkram-pgt (pkram-pgt4, pkram-pgt5), "
                     "pkram-regions, pmpool, prmem, badram or memmap")
        ->type_name("DIALECT");
    verb->add_option("--memory", choice.memory,
                     "The memory that it speaks of: an ELF core, a directory of files named by their address, or a "
                     "device; what lies below /sys and /proc speaks of this machine's")
        ->type_name("CAPTURE");
  }

  static CLI::Option* AddHandoverOption(CLI::App* verb, HandoverChoice& choice, const char* help) {
    CLI::Option* const option = verb->add_option("--handover", choice.file, help)->type_name("FILE");
    AddDialectOptions(verb, choice);
    return option;
  }

  static void AddModeOption(CLI::App* verb, std::string& mode) {
    verb->add_option("--mode", mode, "How memory is protected")
        ->type_name("auto|fence|native")
        ->check(OneOf({"auto", "fence", "native"}));
  }

  static void AddMapOption(CLI::App* verb, MapChoice& map) {
    verb->add_option("--map", map.where, kMapHelp)->type_name("MAP")->required();
    AddStrideOption(verb, map.efi_descriptor_size);
  }

  static void AddStrideOption(CLI::App* verb, std::uint32_t& size) {
    verb->add_option("--efi-descriptor-size", size, "Bytes from one descriptor to the next in a raw EFI memory map")
        ->type_name("N")
        ->capture_default_str();
  }

  void AddMake() {
    CLI::App* const verb = AddVerb("make", "Describe memory that is to be kept", make_, &RunMake);
    verb->add_option("-o,--output", make_.output,
                     "Where the handover goes; on hugetlbfs it is kept in place and the option to pass to the kernel "
                     "is printed")
        ->type_name("OUT")
        ->required();
    AddList(verb, "--preserve", make_.preserve, "START+SIZE[,name=N][,fence=F][,owner=O]",
            "Keep this range; fences: reserved, held, pmem, pram");
    AddList(verb, "--pages-of", make_.pages_of, "FILE", "Keep the pages of a file on hugetlbfs");
    AddList(verb, "--from", make_.from, "FILE",
            "Keep what another handover keeps as well, of any dialect; or a badram= or memmap= list");
    AddDialectOptions(verb, make_.from_all);
    verb->add_flag("--range-list", make_.range_list,
                   "Have the ranges of every name in a list beside the tree, not only of names with many; for OUT on "
                   "hugetlbfs");
    verb->add_flag("--digest", make_.digest,
                   "Say with each file's pages what is in them, so that a loss is found; the file must rest then");
    AddStoreOption(verb, make_.with_store, make_.store,
                   "Keep all that is in this store, whose pages are asked for once more");
    AddList(verb, "--scratch", make_.scratch, "START+SIZE", "Where a native boot may place things");
    verb->add_option("--ram-from", make_.ram_from,
                     "What was RAM before anything was fenced: a memory map, or \"none\"; else what this machine says")
        ->type_name("MAP");
    AddStrideOption(verb, make_.efi_descriptor_size);
    verb->add_option_function<std::string>(
            "--on-refusal",
            [this](const std::string& word) {
              make_.on_refusal = word == "halt" ? OnRefusal::kHalt : OnRefusal::kReset;
            },
            "What the stage does after a refusal")
        ->type_name("reset|halt")
        ->check(OneOf({"reset", "halt"}));
    verb->add_option("--refusal-delay", make_.refusal_delay, "How long a refusal stays on the screen before the reset")
        ->type_name("SECONDS")
        ->check(CLI::Range(std::uint32_t{0}, kMaxRefusalDelay).description({}));
    verb->add_option_function<std::string>(
            "--kaslr", [this](const std::string& word) { make_.kaslr = word == "on"; },
            "Whether the stage chooses a random place for the kernel")
        ->type_name("on|off")
        ->check(OneOf({"on", "off"}));
    AddPolicyOfFirmware(verb);
  }

  // What only the application asks for.
  void AddPolicyOfFirmware(CLI::App* verb) {
    verb->add_option_function<std::string>(
            "--on-loss",
            [this](const std::string& word) { make_.on_loss = word == "drop" ? OnLoss::kDrop : OnLoss::kRefuse; },
            "Whether a boot from firmware goes on without what is not what its digest says")
        ->type_name("refuse|drop")
        ->check(OneOf({"refuse", "drop"}));
    verb->add_option_function<std::string>(
            "--overwrite-request",
            [this](const std::string& word) {
              make_.overwrite_request = word == "clear" ? OverwriteRequest::kClear : OverwriteRequest::kKeep;
            },
            "What becomes of a request to firmware to overwrite memory at the next reset")
        ->type_name("keep|clear")
        ->check(OneOf({"keep", "clear"}));
  }

  void AddInspect() {
    CLI::App* const verb = AddVerb("inspect", "What a handover or a bundle says", inspect_, &RunInspect);
    verb->add_option("FILE", inspect_.file.file,
                     "A handover of any dialect, a kernel command line, a directory like "
                     "/sys/kernel/boot_params/setup_data or /sys/kernel/debug/kho/in, a bundle, or an image with a "
                     "bundle in it")
        ->required();
    AddDialectOptions(verb, inspect_.file);
  }

  void AddCheck() {
    CLI::App* const verb = AddVerb("check", "Is a handover believable, does anything stand on it", check_, &RunCheck);
    AddMapOption(verb, check_.map);
    verb->get_option("--map")->required(false);
    AddHandoverOption(verb, check_.handover, "The handover")->required();
    AddStoreOption(verb, check_.with_store, check_.store,
                   "Does it keep the pages of this store where they are now; this needs no --map");
    AddList(verb, "--segment", check_.segments, "START+SIZE,NAME", "Something that will be written there");
  }

  void AddPlan() {
    CLI::App* const verb = AddVerb("plan", "The stage's own decision, before the jump", plan_, &RunPlan);
    AddMapOption(verb, plan_.map);
    AddHandoverOption(verb, plan_.handover, "The handover")->required();
    verb->add_option("--kernel", plan_.kernel, "The next kernel, a bzImage")->type_name("IMAGE")->required();
    verb->add_option("--initrd", plan_.initrd, "Its initrd")->type_name("FILE");
    verb->add_option("--cmdline", plan_.cmdline, "Its command line; nokaslr and mem= are heeded")->type_name("TEXT");
    AddList(verb, "--in-use", plan_.in_use, "START+SIZE[,NAME]", "Memory that must not be written");
    AddModeOption(verb, plan_.mode);
    AddEntryOption(verb, plan_.entry);
    verb->add_option_function<std::string>(
            "--seed", [this](const std::string& text) { plan_.seed = ParseSizeOption("--seed", text); },
            "The random number that chooses the slot; 0 where none is given, which is the lowest slot")
        ->type_name("N");
  }

  static void AddInitrdOption(CLI::App* verb, std::vector<std::string>& initrds) {
    AddList(verb, "--initrd", initrds, "FILE", "Its initrd; several come one behind the other");
  }

  // What the verbs that start a kernel have in common.
  static void AddEntryOption(CLI::App* verb, std::string& entry) {
    verb->add_option("--entry", entry, "Where the kernel is entered")
        ->type_name("auto|vmlinux|bzimage")
        ->check(OneOf({"auto", "vmlinux", "bzimage"}));
  }

  void AddBundle() {
    CLI::App* const verb = AddVerb("bundle", "One file for the stage to start", bundle_, &RunBundle);
    verb->add_option("-o,--output", bundle_.output, "Where the bundle goes")->type_name("OUT")->required();
    verb->add_option("--kernel", bundle_.kernel, "The kernel to start, a bzImage")->type_name("IMAGE")->required();
    AddInitrdOption(verb, bundle_.initrds);
    verb->add_option("--cmdline", bundle_.cmdline, "Its command line")->type_name("TEXT");
    AddHandoverOption(verb, bundle_.handover, "The handover");
    AddModeOption(verb, bundle_.mode);
    AddEntryOption(verb, bundle_.entry);
    verb->add_flag("--compress", bundle_.compress, "Compress the initrd, if that makes it smaller");
    verb->add_option("--image", bundle_.image, "Put the bundle into a copy of this stage, holdfast.bzimage")
        ->type_name("STAGE");
    AddEfiWords(verb, bundle_);
  }

  void AddLoad() {
    CLI::App* const verb = AddVerb("load", "Load the stage and a kernel for the next kexec", load_, &RunLoad);
    verb->add_option("--kernel", load_.kernel, "The kernel to start, a bzImage")->type_name("IMAGE");
    AddInitrdOption(verb, load_.initrds);
    CLI::Option* const cmdline = verb->add_option("--cmdline", load_.cmdline, "Its command line")->type_name("TEXT");
    verb->add_flag("--reuse-cmdline", load_.reuse_cmdline, "Take this kernel's command line")->excludes(cmdline);
    CLI::Option* const handover = AddHandoverOption(verb, load_.handover, "The handover");
    AddStoreOption(verb, load_.with_store, load_.store, "Make the handover now, of all that is in this store")
        ->excludes(handover);
    AddModeOption(verb, load_.mode);
    AddEntryOption(verb, load_.entry);
    verb->add_option("--stage", load_.stage,
                     "The stage; else holdfast.bzimage beside this program or in /usr/lib/holdfast")
        ->type_name("FILE");
    verb->add_option("--via", load_.via, "Which call loads it; segments alone knows what is kept")
        ->type_name("auto|file|segments|kexec-tools")
        ->check(OneOf({"auto", "file", "segments", "kexec-tools"}));
    verb->add_option("--kexec", load_.kexec, "The kexec of kexec-tools")->type_name("PATH");
    CLI::Option* const again = verb->add_flag(
        "--again", load_.again, "Load what the last load --store of this boot loaded, and if that fails, nothing");
    for (const char* name : {"--kernel", "--initrd", "--cmdline", "--reuse-cmdline", "--handover", "--store", "--mode",
                             "--entry", "--stage", "--via", "--kexec"}) {
      again->excludes(verb->get_option(name));
    }
    verb->add_flag("-n,--dry-run", load_.dry_run,
                   "Say what would be loaded, and load nothing; the index of a --store is written all the same");
    verb->add_flag("--exec", load_.exec, "Start it right away, without shutting anything down");
    verb->add_option("--root", load_.root)->group("");  // for tests
  }

  void AddPcr() {
    CLI::App* const verb = AddVerb("pcr", "What a boot from firmware will make of PCR 15", pcr_, &RunPcr);
    AddList(verb, "--handover", pcr_.handovers, "FILE",
            "A handover that is measured, in the order in which it is found");
    verb->add_option("--memory", pcr_.memory, "Where their range-lists lie, and what KHO leads to")
        ->type_name("CAPTURE");
    verb->add_option("--cmdline", pcr_.cmdline, "The kernel's command line, every byte of it")->type_name("TEXT");
    verb->add_option("--kernel", pcr_.kernel, "The kernel of entry vmlinux or bzimage")->type_name("FILE");
    AddList(verb, "--initrd", pcr_.initrds, "FILE", "Its initrd, as install and bundle take it");
    verb->add_option("--mode", pcr_.mode, "How memory will be protected")
        ->type_name("fence|native")
        ->check(OneOf({"fence", "native"}))
        ->capture_default_str();
    verb->add_option("--entry", pcr_.entry, "Where the kernel will be entered")
        ->type_name("efi-image|efi-handover|vmlinux|bzimage")
        ->check(OneOf({"efi-image", "efi-handover", "vmlinux", "bzimage"}))
        ->capture_default_str();
    AddList(verb, "--lost", pcr_.lost, "NAME", "A name whose contents will be lost, and whose policy takes that");
    verb->add_option("--bank", pcr_.bank, "The bank of the TPM's registers")
        ->type_name("sha256|sha1|sha384|sha512")
        ->check(OneOf({"sha1", "sha256", "sha384", "sha512"}))
        ->capture_default_str();
    verb->add_option("--from", pcr_.from, "What the register is before; else zero, as after a reset")->type_name("HEX");
  }

  void AddReport() {
    CLI::App* const verb = AddVerb("report", "What the stage did on the way into this kernel", report_, &RunReport);
    verb->add_option("FILE", report_.file,
                     "A saved report, or a directory like /sys/kernel/boot_params/setup_data; else the report of this "
                     "boot, which is there or in an EFI variable");
    verb->add_option("--handover", report_.handover, "Write the handover that the stage used")->type_name("OUT");
    verb->add_option("--root", report_.root)->group("");  // for tests
  }

  void AddMap() {
    CLI::App* const verb = AddVerb("map", "A picture of memory", map_, &RunMap);
    AddMapOption(verb, map_.map);
    AddHandoverOption(verb, map_.handover, "Show what this handover keeps");
    verb->add_option("--svg", map_.svg, "Write a drawing as well")->type_name("OUT");
  }

  void AddStoreVerbs() {
    AddKeepOptions(AddVerb("keep", "Keep files' contents in memory across the next kexec", keep_, &RunKeep), keep_);
    AddListOptions(AddVerb("list", "What is kept", list_, &RunList), list_);
    AddRestoreOptions(AddVerb("restore", "Give back what was kept, as files", restore_, &RunRestore), restore_);
    AddDropOptions(AddVerb("drop", "Forget what was kept", drop_, &RunDrop), drop_);
  }

  CLI::App app_;
  OutputOptions output_;
  MakeOptions make_;
  InspectOptions inspect_;
  CheckOptions check_;
  PlanOptions plan_;
  BundleOptions bundle_;
  LoadOptions load_;
  InstallOptions install_;
  VariableOptions variable_;
  PcrOptions pcr_;
  ReportOptions report_;
  MapOptions map_;
  KeepOptions keep_;
  ListOptions list_;
  RestoreOptions restore_;
  DropOptions drop_;
  std::string_view verb_;
  std::function<ExitCode(Output&)> run_;
  bool exit_now_ = false;
};

// What ended the verb, for people and, where they asked, for programs.
ExitCode Report(const Failure& failure, std::string_view verb, Output& output) {
  output.Complain(failure.what());
  if (output.json()) {
    Json document = JsonDocument();
    document["verdict"] = verb == "plan" && failure.error() ? "refused" : "failed";
    document["exit"] = static_cast<int>(failure.code());
    document["problems"] = JsonProblems(failure);
    output.Line(ToText(document));
  }
  return failure.code();
}

ExitCode RunVerb(const CommandLine& line, Output& output) {
  try {
    return line.Run(output);
  } catch (const Failure& failure) {
    return Report(failure, line.verb(), output);
  } catch (const std::exception& failure) {  // the standard library's own: no memory, no such directory
    return Report(Failure(ExitCode::kSystem, failure.what()), line.verb(), output);
  }
}

}  // namespace

int RunTool(int argc, const char* const* argv) {
  CommandLine line;
  int status = 0;
  try {
    status = line.Parse(argc, argv);
  } catch (const Failure& failure) {
    std::cerr << "mkhandover: " << failure.what() << '\n';
    return static_cast<int>(failure.code());
  }
  Output output(std::cout, std::cerr, line.output(), AskTerminal());
  if (!line.exits_now()) {
    status = static_cast<int>(RunVerb(line, output));
  }
  std::cout.flush();
  if (!std::cout) {
    output.Complain("standard output: not all could be written");
    return static_cast<int>(ExitCode::kSystem);
  }
  return status;
}

}  // namespace holdfast::tool
