// SPDX-License-Identifier: BSD-2-Clause
// Memory that was kept once, and goes back to the system.
//
// A fence outlives what it was for: loaders hand the map on as they find it.  So a handover says what an earlier one
// kept and none keeps any more, and before anything is decided that becomes RAM again.

#pragma once

#include "common/format/handover.h"
#include "common/mem/memory-map.h"

namespace holdfast {

// Copies `map`, a loader's, into the empty `out`, and makes usable RAM of each whole page that the handover releases,
// that its record calls RAM, that no handover keeps, and that the map gives a type of our fences.  All else keeps its
// type: what a handover releases and its record does not know may be the firmware's.
//
// Pre: handover.kept is sealed.
// Where out has no room for that, or the next kernel's map might come to have none, it gets the map as it was.
// kTableFull: out has not even room for that.
Status ReleaseMemory(const MemoryMap& map, const Handover& handover, MemoryMap& out);

}  // namespace holdfast
