// SPDX-License-Identifier: BSD-2-Clause
// The steps of scenarios about the store: hand it over, go on to the next kernel, look at files.

#pragma once

#include <string>
#include <vector>

#include "tests/e2e/scenario.h"

namespace holdfast::e2e {

// Who places and starts the next kernel.
enum class Way {
  kPurgatory,  // kexec-tools with our purgatory
  kImage,      // a stock kexec-tools, which loads the image with that kernel inside
  kSegments,   // `mkhandover load --store`, which makes the handover and places the image itself
};

struct Hop {
  std::string kernel;
  Way way = Way::kPurgatory;
  std::string append = {};  // to the next kernel's command line
};

// What a guest needs in its root file system for these hops.
struct Luggage {
  std::vector<std::string> carried;
  std::vector<GuestFile> files;
};
Luggage LuggageFor(const std::vector<Hop>& hops);

// `mkhandover make` for what is in the store onto kHandoverFile; the option for the next kernel.
std::string HandStoreOver(Guest& guest, const std::string& more_options = {});
// Every process but init is killed, and the store is handed over; then the jump.
void JumpWithStore(Guest& guest, const Hop& hop);

// "HASH  -": the guest's own busybox is asked, which knows nothing of us.
std::string Md5Of(Guest& guest, const std::string& file);
std::string Sha256Of(Guest& guest, const std::string& file);

}  // namespace holdfast::e2e
