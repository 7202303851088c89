// SPDX-License-Identifier: BSD-2-Clause
// Where the harness finds what it runs, and how patient it is.

#include "tests/e2e/environment.h"

#include <stdlib.h>

#include <cmath>
#include <cstdlib>
#include <stdexcept>

namespace holdfast::e2e {
namespace {

double TimeoutScale() {
  const std::string text = EnvironmentOr("HOLDFAST_E2E_TIMEOUT_SCALE", "1");
  char* end = nullptr;
  const double scale = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !std::isfinite(scale) || scale <= 0) {
    throw std::runtime_error("HOLDFAST_E2E_TIMEOUT_SCALE is not a positive number: " + text);
  }
  return scale;
}

}  // namespace

std::string EnvironmentOr(const char* name, std::string_view fallback) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? std::string(value) : std::string(fallback);
}

Milliseconds Scaled(Milliseconds limit) {
  static const double scale = TimeoutScale();
  return Milliseconds(std::llround(static_cast<double>(limit.count()) * scale));
}

std::filesystem::path BuildDir() { return EnvironmentOr("HOLDFAST_BUILD", "build"); }

std::filesystem::path KernelImage(std::string_view name) { return BuildDir() / "kernels" / name / "vmlinuz"; }

std::filesystem::path Kexec(std::string_view suite) { return BuildDir() / "kexec-tools" / suite / "kexec"; }

std::filesystem::path StockKexec(std::string_view suite) { return BuildDir() / "kexec-tools" / suite / "kexec-stock"; }

std::filesystem::path Stage() { return BuildDir() / "holdfast.bzimage"; }
std::filesystem::path StageWith(std::string_view kernel, std::string_view entry) {
  return BuildDir() / "images" / (std::string(kernel) + "-" + std::string(entry));
}
std::filesystem::path EfiApplication() { return BuildDir() / "holdfast.efi"; }
std::filesystem::path Mkhandover() { return BuildDir() / "mkhandover-static"; }

std::filesystem::path GuestProgram(std::string_view name) { return BuildDir() / "guest" / name; }

TempDir::TempDir() {
  // mkdtemp replaces six letters X.
  std::string name = (std::filesystem::temp_directory_path() / "holdfast-e2e-").string() + std::string(6, 'X');
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder like " + name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace holdfast::e2e
