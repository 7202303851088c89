// SPDX-License-Identifier: BSD-2-Clause
// The words of the command line that have to do with firmware.

#include "tools/mkhandover/efi-words.h"

namespace holdfast::tool {

void AddEfiWords(CLI::App* verb, BundleOptions& options) {
  CLI::Option* const efi =
      verb->add_flag("--efi", options.efi, "An EFI application with the files as its sections, in place of a bundle");
  for (const char* const other : {"--mode", "--entry", "--compress", "--image"}) {
    efi->excludes(verb->get_option(other));
  }
  verb->add_option("--stub", options.stub, "The application that gets them; else holdfast.efi beside the program")
      ->type_name("FILE")
      ->needs(efi);
  verb->add_option("--os-release", options.os_release, "What boot menus call it, a file like /etc/os-release")
      ->type_name("FILE")
      ->needs(efi);
  verb->add_option("--uname", options.uname, "The kernel's release, for boot menus")->type_name("TEXT")->needs(efi);
}

void AddInstallWords(CLI::App* verb, InstallOptions& options) {
  verb->add_option("--esp", options.esp, "Where the ESP is mounted; else /efi, /boot or /boot/efi")->type_name("DIR");
  CLI::Option* const stub =
      verb->add_option("--stub", options.stub, "The application; else holdfast.efi beside the program")
          ->type_name("FILE");
  CLI::Option* const image =
      verb->add_option("--image", options.image, "What bundle --efi has made, as the application")
          ->type_name("FILE")
          ->excludes(stub);
  CLI::Option* const bundle = verb->add_option("--bundle", options.bundle, "A bundle, to lie beside the application")
                                  ->type_name("FILE")
                                  ->excludes(image);
  CLI::Option* const kernel = verb->add_option("--kernel", options.kernel, "The kernel, to lie beside the application")
                                  ->type_name("FILE")
                                  ->excludes(image)
                                  ->excludes(bundle);
  verb->add_option("--initrd", options.initrds, "Its initrd; several come one behind the other")
      ->type_name("FILE")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->needs(kernel);
  verb->add_option("--cmdline", options.cmdline, "Its command line")->type_name("TEXT")->needs(kernel);
  verb->add_option("--handover", options.handover.file, "The handover, to lie beside the application")
      ->type_name("FILE");
  verb->add_flag("--removable", options.removable, "Also as EFI/BOOT/BOOTX64.EFI, which firmware starts by itself");
  CLI::Option* const entry =
      verb->add_flag("--loader-entry", options.loader_entry, "Also an entry in the menu of systemd-boot");
  verb->add_option("--entry-title", options.entry_title, "What the menu calls it")
      ->type_name("TEXT")
      ->capture_default_str()
      ->needs(entry);
  verb->add_option("--root", options.root)->group("");  // for tests
}

void AddVariableWords(CLI::App* verb, VariableOptions& options) {
  CLI::Option* const set = verb->add_option("--set", options.set, "Say where the handover is, as make has printed it")
                               ->type_name("holdfast=ADDR,SIZE,SHA256");
  CLI::Option* const kho =
      verb->add_flag("--set-kho", options.set_kho, "Say where the KHO tree is that was handed to this kernel")
          ->excludes(set);
  CLI::Option* const clear = verb->add_flag("--clear", options.clear, "Take it away")->excludes(set)->excludes(kho);
  verb->add_flag("--keep", options.keep, "For every boot from now on, not for the next one alone")->excludes(clear);
  verb->add_option("--memory", options.memory, "Where KHO's tree is read; else this machine's memory")
      ->type_name("CAPTURE")
      ->needs(kho);
  verb->add_option("--root", options.root)->group("");  // for tests
}

}  // namespace holdfast::tool
