// SPDX-License-Identifier: BSD-2-Clause
// The EFI variable that says where the handover is, through efivarfs.

#include "tools/mkhandover/efi-variable.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "tools/mkhandover/failure.h"
#include "tools/mkhandover/files.h"
#include "tools/mkhandover/text.h"

namespace holdfast::tool {
namespace {

constexpr const char* kEfivars = "sys/firmware/efi/efivars";

// NON_VOLATILE, BOOTSERVICE_ACCESS and RUNTIME_ACCESS (UEFI, GetVariable()).
constexpr std::uint32_t kAttributes = 1 << 0 | 1 << 1 | 1 << 2;

// efivarfs makes files of names that it does not know immutable.
void DropProtection(const std::filesystem::path& file) {
  const Descriptor fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  int flags = 0;
  if (!fd.valid() || ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) != 0 || (flags & FS_IMMUTABLE_FL) == 0) {
    return;  // Should it be needed, what comes next says so.
  }
  flags &= ~FS_IMMUTABLE_FL;
  if (ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) != 0) {
    FailWithErrno(Format("{}: cannot be made writable", file.string()));
  }
}

}  // namespace

std::filesystem::path HandoverVariableFile(const std::filesystem::path& root) {
  const std::filesystem::path folder = root / kEfivars;
  std::error_code none;
  if (!std::filesystem::is_directory(folder, none) || std::filesystem::is_empty(folder, none)) {
    throw Failure(
        ExitCode::kSystem,
        Format("{}: no EFI variables: firmware did not start this kernel by EFI, or mount -t efivarfs efivarfs "
               "/{} is missing",
               folder.string(), kEfivars));
  }
  std::string name;
  for (const char16_t* c = kHandoverVariable; *c != 0; ++c) {
    name.push_back(static_cast<char>(*c));
  }
  return folder / Format("{}-{}", name, kHoldfastVendorText);
}

std::optional<HandoverVariable> ReadHandoverVariable(const std::filesystem::path& file) {
  std::error_code none;
  if (!std::filesystem::exists(file, none)) {
    return std::nullopt;
  }
  const std::vector<std::byte> bytes = ReadFile(file.string());
  HandoverVariable variable;
  if (bytes.size() < sizeof(kAttributes)) {
    FailToDecode(file.string(), {Errc::kTruncated, bytes.size()});
  }
  FailUnless(DecodeHandoverVariable(std::span(bytes).subspan(sizeof(kAttributes)), variable), file.string());
  return variable;
}

void WriteHandoverVariable(const std::filesystem::path& file, const HandoverVariable& variable) {
  struct Stored {
    Le32 attributes;
    StoredHandoverVariable variable;
  };
  const Stored stored{.attributes = Le32(kAttributes), .variable = EncodeHandoverVariable(variable)};
  DropProtection(file);
  std::error_code none;
  const bool is_new = !std::filesystem::exists(file, none);
  Descriptor fd(open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.valid()) {
    FailWithErrno(file.string());
  }
  const ssize_t written = write(fd.get(), &stored, sizeof(stored));
  if (written != static_cast<ssize_t>(sizeof(stored)) || !fd.Close()) {
    const int reason = written < 0 ? errno : EIO;
    if (is_new) {
      unlink(file.c_str());
    }
    errno = reason;
    FailWithErrno(file.string());
  }
}

bool RemoveHandoverVariable(const std::filesystem::path& file) {
  DropProtection(file);
  if (unlink(file.c_str()) == 0) {
    return true;
  }
  if (errno != ENOENT) {
    FailWithErrno(file.string());
  }
  return false;
}

}  // namespace holdfast::tool
