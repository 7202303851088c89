// SPDX-License-Identifier: BSD-2-Clause
// The words of the verbs that use a store.

#include "tools/mkhandover/store/verbs.h"

#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

void AddStoreOptions(CLI::App* verb, StoreChoice& store) {
  verb->add_option("--store", store.folder, "The store's folder, on hugetlbfs")
      ->type_name("DIR")
      ->capture_default_str();
  verb->add_option("--handover", store.handover,
                   "What was kept on the way into this kernel; else the report of this boot says it")
      ->type_name("FILE");
  verb->add_option("--memory", store.memory,
                   "A folder of files named by the address of their first byte, in the place of this machine's memory")
      ->type_name("CAPTURE");
  verb->add_option("--plain", store.plain)->group("");  // for tests
}

}  // namespace

void AddKeepOptions(CLI::App* verb, KeepOptions& options) {
  verb->add_option("--name", options.name, "What to find it by afterwards")->type_name("NAME")->required();
  verb->add_option("FILE", options.files,
                   "Files and folders, \"-\" for standard input; a file on hugetlbfs stays where it is")
      ->required();
  verb->add_option("--fence", options.fence, "How the next kernel is kept off it; pram gives it a /dev/pmem")
      ->type_name("reserved|held|pmem|pram")
      ->check(CLI::IsMember({"reserved", "held", "pmem", "pram"}).description({}));
  verb->add_flag("--add", options.add, "Add to what is kept under that name");
  verb->add_flag("--zstd", options.zstd, "Compress what is copied");
  verb->add_flag("--digest", options.digest, "Verify files on hugetlbfs later, too: they must not change any more");
  AddStoreOptions(verb, options.store);
}

void AddListOptions(CLI::App* verb, ListOptions& options) {
  verb->add_option("NAME", options.name, "Show what is in it");
  AddStoreOptions(verb, options.store);
}

void AddRestoreOptions(CLI::App* verb, RestoreOptions& options) {
  verb->add_option("NAME", options.name, "What to give back")->required();
  verb->add_option("-C,--directory", options.folder, "Where to put it; \"-\" is standard output, for a single file")
      ->type_name("DIR")
      ->capture_default_str();
  AddStoreOptions(verb, options.store);
}

void AddDropOptions(CLI::App* verb, DropOptions& options) {
  verb->add_option("NAME", options.name, "What to forget")->required();
  AddStoreOptions(verb, options.store);
}

CLI::Option* AddStoreOption(CLI::App* verb, bool& with_store, StoreChoice& store, const char* help) {
  verb->add_option("--plain", store.plain)->group("");  // for tests
  return verb
      ->add_option_function<std::string>(
          "--store",
          [&with_store, &store](const std::string& folder) {
            with_store = true;
            store.folder = folder.empty() ? kDefaultStore : folder;
          },
          Format("{}; by default {}", help, kDefaultStore))
      ->type_name("[DIR]")
      ->expected(0, 1);
}

}  // namespace holdfast::tool
