// SPDX-License-Identifier: BSD-2-Clause
// For the stage, included by the compiler before everything else.
//
// The stage is one piece that is loaded at any address: nothing in it is looked up through a global offset table.
// -fvisibility=hidden alone does not say so of what is only declared.

#pragma GCC visibility push(hidden)
