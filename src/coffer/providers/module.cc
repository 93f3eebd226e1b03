#include "coffer/providers/module.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "coffer/base/secret_memory.h"
#include "coffer/crypto/library.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;

// Set once, before any provider is opened.
std::atomic<const ProviderPart*> linked_parts{nullptr};
std::atomic<size_t> linked_count{0};

// The directory of the program or shared library that holds this function; empty if it cannot be told.
fs::path own_directory() {
  Dl_info info{};
  link_map* object = nullptr;
  std::error_code error;
  const auto* here = reinterpret_cast<const void*>(&own_directory);
  if (dladdr1(here, &info, reinterpret_cast<void**>(&object), RTLD_DL_LINKMAP) == 0 || object == nullptr) return {};
  // The program itself has an empty name. A relative one could be anywhere by now.
  fs::path file = *object->l_name == '\0' ? fs::path("/proc/self/exe") : fs::path(object->l_name);
  if (!file.is_absolute()) return {};
  file = fs::canonical(file, error);
  return error ? fs::path() : file.parent_path();
}

std::vector<fs::path> module_folders() {
  std::vector<fs::path> out;
  if (const fs::path own = own_directory(); !own.empty()) {
    out.push_back(own / kProviderFolder);
    out.push_back((own / kLibrariesFromPrograms / kProviderFolder).lexically_normal());
  }
  out.push_back(fs::path(kLibraryDirectory) / kProviderFolder);
  return out;
}

// Code that is run with this process's rights was written by root or by this process's user.
Status check_owner(const fs::path& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return {Code::kIo, path.string() + " cannot be looked at"};
  const bool owned = info.st_uid == 0 || info.st_uid == geteuid();
  if (!owned || (info.st_mode & S_IWOTH) != 0) {
    return {Code::kPermissionDenied, path.string() +
                                         " is not loaded: it must belong to root or to this process's user, and not be "
                                         "writable by everyone; correct its owner and mode, or install Coffer again"};
  }
  return Status::ok();
}

Result<fs::path> find_module(std::string_view scheme) {
  std::string searched;
  for (const fs::path& folder : module_folders()) {
    fs::path candidate = folder / (std::string(scheme) + ".so");
    if (access(candidate.c_str(), F_OK) == 0) return candidate;
    searched += (searched.empty() ? "" : ", ") + folder.string();
  }
  return {Code::kUnsupported, "the module " + std::string(scheme) + ".so of this kind of root key is in none of " +
                                  searched + "; install Coffer's providers there"};
}

Result<ProviderPart> load_module(const fs::path& path) {
  COFFER_TRY(check_owner(path.parent_path()));
  COFFER_TRY(check_owner(path));
  // Never closed: threads and objects of it live on.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = dlerror();
    return {Code::kUnsupported, path.string() + " cannot be loaded: " + (why != nullptr ? why : "no reason given") +
                                    "; install what it needs"};
  }
  const auto* module = static_cast<const ProviderModule*>(dlsym(handle, kModuleEntry));
  if (module == nullptr) {
    return {Code::kUnsupported, path.string() + " is no module of Coffer's; install Coffer again"};
  }
  if (std::string_view(module->build) != kModuleBuild) {
    return {Code::kUnsupported, path.string() + " is of another build than this program: " + module->build + ", not " +
                                    kModuleBuild + "; install both from one build"};
  }
  module->share_secret_memory(secret_memory());
  if (is_fips()) COFFER_TRY(module->require_fips());
  return module->part;
}

}  // namespace

void set_linked_providers(std::span<const ProviderPart> parts) {
  linked_parts = parts.data();
  linked_count = parts.size();
}

bool is_built(std::string_view scheme) { return std::ranges::count(kBuiltProviders, scheme) != 0; }

Result<ProviderPart> find_provider_part(std::string_view scheme) {
  if (!is_built(scheme)) {
    return {Code::kUnsupported, "this build of Coffer has no provider for \"" + std::string(scheme) +
                                    ":\"; build it with " + std::string(scheme) + " in COFFER_PROVIDERS"};
  }
  for (const ProviderPart& part : std::span(linked_parts.load(), linked_count.load())) {
    if (part.scheme == scheme) return part;
  }
  COFFER_ASSIGN(const fs::path path, find_module(scheme));
  return load_module(path);
}

}  // namespace coffer
