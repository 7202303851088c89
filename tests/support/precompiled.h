// SPDX-License-Identifier: BSD-2-Clause
// What most hosted files include, parsed once for the build with sanitizers.
//
// Every file still names what it uses: the other builds do without this.  Not here: what a file sets a macro for.

#pragma once

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>
