// SPDX-License-Identifier: BSD-2-Clause
// What libzstd's decoder calls of a C library that the stage does not have.
//
// The decoder is given all of its memory, so none of these is reached on the way that DecodeZstd() takes; were one
// reached, "no memory" is an answer that libzstd handles.

#include <cstddef>

extern "C" {

void* malloc(std::size_t) { return nullptr; }
void* calloc(std::size_t, std::size_t) { return nullptr; }
void free(void*) {}
}
