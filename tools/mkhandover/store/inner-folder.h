// SPDX-License-Identifier: BSD-2-Clause
// A folder that no path leads out of: names from a store are followed one component at a time, never by symbolic links.

#pragma once

#include <string>
#include <string_view>

#include "tools/mkhandover/files.h"

namespace holdfast::tool {

class InnerFolder {
 public:
  // The folder is made if it is not there.
  explicit InnerFolder(const std::string& path);

  // Where a path's last component lies.
  struct Place {
    int folder = -1;  // borrowed, until the next call
    std::string name;
  };
  // Folders on the way are made.  Ends in a Failure where one of them is no folder.
  // Pre: `path` is relative, and no component of it is "", "." or "..".
  Place Find(std::string_view path);
  // For messages.
  std::string NameOf(std::string_view path) const { return path_ + "/" + std::string(path); }

 private:
  std::string path_;
  Descriptor root_;
  std::string last_path_;  // of the folder that was asked for last
  Descriptor last_;
};

}  // namespace holdfast::tool
