// SPDX-License-Identifier: BSD-2-Clause
// PKRAM's map of 2020: a table of the preserved pages, shaped as x86 page tables are.

#pragma once

#include "common/format/pkram.h"

namespace holdfast {

// Gives the root as kStructure and all runs as kMemory, ascending, and counts its pages in `out`.  Every page below the
// root must be marked by the table itself, so one that is read with the wrong number of levels is found out.
// Errors: those of DecodePkram().  Pre: super.root is not 0.
Status DecodePkramPageTable(const PkramSuperBlock& super, int levels, const PhysMemory& memory, const BlockSink& sink,
                            PkramFacts& out);

}  // namespace holdfast
