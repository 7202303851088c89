// SPDX-License-Identifier: BSD-2-Clause
// The one main of every Catch2 test binary.

// Lines of a guest's console are long, and unreadable when they are folded.
#define CATCH_CONFIG_CONSOLE_WIDTH 200
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
