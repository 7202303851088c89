// SPDX-License-Identifier: BSD-2-Clause
// A folder that no path leads out of.

#include "tools/mkhandover/store/inner-folder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "tools/mkhandover/failure.h"

namespace holdfast::tool {
namespace {

int OpenRoot(const std::string& path) {
  if (mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) {
    FailWithErrno(path);
  }
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    FailWithErrno(path);
  }
  return fd;
}

}  // namespace

InnerFolder::InnerFolder(const std::string& path) : path_(path), root_(OpenRoot(path)) {}

InnerFolder::Place InnerFolder::Find(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) {
    return {.folder = root_.get(), .name = std::string(path)};
  }
  const std::string_view parent = path.substr(0, slash);
  std::string name(path.substr(slash + 1));
  if (last_.valid() && parent == last_path_) {
    return {.folder = last_.get(), .name = std::move(name)};
  }
  Descriptor at(openat(root_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (std::size_t from = 0; from < parent.size();) {
    const std::size_t end = std::min(parent.find('/', from), parent.size());
    const std::string part(parent.substr(from, end - from));
    if (mkdirat(at.get(), part.c_str(), 0755) != 0 && errno != EEXIST) {
      FailWithErrno(NameOf(parent.substr(0, end)));
    }
    Descriptor next(openat(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid()) {
      FailWithErrno(NameOf(parent.substr(0, end)));
    }
    std::swap(at, next);
    from = end + 1;
  }
  std::swap(last_, at);
  last_path_ = parent;
  return {.folder = last_.get(), .name = std::move(name)};
}

}  // namespace holdfast::tool
