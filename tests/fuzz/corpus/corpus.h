// SPDX-License-Identifier: BSD-2-Clause
// The seeds of the fuzz targets: one sound input of each kind, from which a fuzzer finds the rest.
//
// They are committed in tests/data/fuzz/; `make corpus` writes them anew.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/mem/phys-range.h"

namespace holdfast::corpus {

// Writes one seed of a target; ends the program where that fails.
void Write(const std::string& target, const std::string& name, std::span<const std::byte> bytes);
void Write(const std::string& target, const std::string& name, const std::string& text);

PhysRange Between(std::uint64_t start, std::uint64_t end);

void WriteSingleInputs();  // of decoders that read one piece of memory
void WriteKhoInputs();
void WritePageInputs();  // PKRAM, pmpool, prmem
void WriteStoreInputs();

}  // namespace holdfast::corpus
