// SPDX-License-Identifier: BSD-2-Clause
// The memory and string functions that compilers and libfdt call.
//
// For the stage only: hosted programs have a C library.  No loop here may be taken for one of these very
// functions and turned into a call of itself; KeepLoop() in its body prevents that.

#include <cstddef>
#include <cstdint>

// A test gives the functions other names, to run them beside the C library's.
#ifndef HOLDFAST_MEM_NAME
#define HOLDFAST_MEM_NAME(name) name
#endif

namespace {

[[gnu::always_inline]] inline void KeepLoop() { __asm__ volatile(""); }

// Eight bytes at any address, of any type.
using Word [[gnu::may_alias, gnu::aligned(1)]] = std::uint64_t;

[[gnu::always_inline]] inline void CopyUp(void* to, const void* from, std::size_t size) {
  // Eight bytes a step: as fast as single ones on processors with fast strings, and much faster where the
  // instruction is emulated.
  std::size_t words = size / sizeof(Word);
  __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
  std::size_t rest = size % sizeof(Word);
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
}

// From the last byte down.  Not `std; rep movsb`: an exception must not find the direction flag set.
[[gnu::always_inline]] inline void CopyDown(void* to, const void* from, std::size_t size) {
  auto* const out = static_cast<unsigned char*>(to);
  const auto* const in = static_cast<const unsigned char*>(from);
  while (size >= sizeof(Word)) {
    size -= sizeof(Word);
    *static_cast<Word*>(static_cast<void*>(out + size)) =
        *static_cast<const Word*>(static_cast<const void*>(in + size));
    KeepLoop();
  }
  while (size != 0) {
    --size;
    out[size] = in[size];
    KeepLoop();
  }
}

}  // namespace

extern "C" {

void* HOLDFAST_MEM_NAME(memcpy)(void* to, const void* from, std::size_t size) {
  CopyUp(to, from, size);
  return to;
}

void* HOLDFAST_MEM_NAME(memmove)(void* to, const void* from, std::size_t size) {
  //   |<------ from ------>|              Only a target that begins inside the source
  //             |<------- to ------->|    has to be written from its end.
  const auto distance = reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from);
  if (distance < size) {
    CopyDown(to, from, size);
  } else {
    CopyUp(to, from, size);
  }
  return to;
}

void* HOLDFAST_MEM_NAME(memset)(void* to, int value, std::size_t size) {
  void* out = to;
  __asm__ volatile("rep stosb" : "+D"(out), "+c"(size) : "a"(value) : "memory");
  return to;
}

int HOLDFAST_MEM_NAME(memcmp)(const void* a, const void* b, std::size_t size) {
  const auto* const left = static_cast<const unsigned char*>(a);
  const auto* const right = static_cast<const unsigned char*>(b);
  for (std::size_t i = 0; i < size; ++i) {
    if (left[i] != right[i]) {
      return left[i] < right[i] ? -1 : 1;
    }
    KeepLoop();
  }
  return 0;
}

void* HOLDFAST_MEM_NAME(memchr)(const void* bytes, int value, std::size_t size) {
  const auto* const in = static_cast<const unsigned char*>(bytes);
  for (std::size_t i = 0; i < size; ++i) {
    if (in[i] == static_cast<unsigned char>(value)) {
      return const_cast<unsigned char*>(in + i);
    }
    KeepLoop();
  }
  return nullptr;
}

std::size_t HOLDFAST_MEM_NAME(strnlen)(const char* text, std::size_t limit) {
  std::size_t size = 0;
  while (size < limit && text[size] != '\0') {
    ++size;
    KeepLoop();
  }
  return size;
}

std::size_t HOLDFAST_MEM_NAME(strlen)(const char* text) {
  std::size_t size = 0;
  while (text[size] != '\0') {
    ++size;
    KeepLoop();
  }
  return size;
}

// The terminating zero is part of the text that strchr and strrchr look through.
char* HOLDFAST_MEM_NAME(strchr)(const char* text, int value) {
  for (std::size_t i = 0;; ++i) {
    if (text[i] == static_cast<char>(value)) {
      return const_cast<char*>(text + i);
    }
    if (text[i] == '\0') {
      return nullptr;
    }
    KeepLoop();
  }
}

char* HOLDFAST_MEM_NAME(strrchr)(const char* text, int value) {
  const char* found = nullptr;
  for (std::size_t i = 0;; ++i) {
    if (text[i] == static_cast<char>(value)) {
      found = text + i;
    }
    if (text[i] == '\0') {
      return const_cast<char*>(found);
    }
    KeepLoop();
  }
}

}  // extern "C"
