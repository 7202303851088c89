// SPDX-License-Identifier: BSD-2-Clause
// The image's memory behind its last byte, for entry.S and image-main.cc alike.
//
//   | early page tables | Storage ... | stack |

#pragma once

#define EARLY_TABLES 6             // of the 32-bit entry: four GiB in pages of 2 MiB
#define WORK_STACK_SIZE 0x10000    // at the end
#define WORK_SIZE 0x600000         // all of it
#define WORK_STACK_SPARE 0x100000  // somewhere in the Storage: a stack before there is one
