// The `coffer` executable. It launches RocksDB programs by itself, and loads the commands for everything else: so that
// what they need (OpenSSL, the parser of YAML …) is not loaded twice before a program begins.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

#include "coffer/base/advice.h"
#include "coffer/cli/commands_module.h"
#include "coffer/cli/launch.h"

namespace {

using namespace coffer;
using namespace coffer::cli;

constexpr int kExitFailed = 2;

Result<void*> find_commands() {
  COFFER_ASSIGN(const std::string path, find_library(kCommandsModule));
  void* handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  void* function = handle != nullptr ? dlsym(handle, "coffer_commands") : nullptr;
  if (function != nullptr) return function;
  const char* why = dlerror();
  return {Code::kUnsupported,
          path + " cannot be loaded: " + (why != nullptr ? why : "no reason given") + "; install what it needs"};
}

}  // namespace

int main(int argc, char** argv) {
  ::setenv("TSS2_LOG", "all+none", 0);  // the TPM's libraries would write to standard error by themselves
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  launch(words);
  auto commands = find_commands();
  if (commands.is_ok()) return reinterpret_cast<decltype(&coffer_commands)>(*commands)(words);
  std::fputs(report_text(commands.status()).c_str(), stderr);
  return kExitFailed;
}
