// The program that `coffer exec` is to run: found as the shell finds it, and refused if preloading could not reach it.
#pragma once

#include <string>

#include "coffer/base/status.h"

namespace coffer::cli {

struct Program {
  std::string path;
  // Names librocksdb itself among the libraries it needs: so it begins with them and the plug-in in it.
  bool needs_rocksdb = false;
};

// kNotFound, kPermissionDenied; kUnsupported for a program into which the dynamic linker would silently load
// nothing, so that it would write plaintext: statically linked, of another word size, or setuid.
Result<Program> find_preloadable_program(const std::string& name);

}  // namespace coffer::cli
