#include "coffer/providers/pkcs11/module.h"

#include <dlfcn.h>

#include <cstdio>
#include <map>

#include "coffer/base/check.h"
#include "coffer/io/trusted_path.h"
#include "coffer/base/per_process.h"

namespace coffer::pkcs11 {
namespace {

constexpr char kProxy[] = "libp11-kit.so.0";

// A forked child begins with an empty list: PKCS#11 wants it to initialise its modules anew.
struct LoadedModules {
  std::timed_mutex mutex;
  std::map<std::string, std::shared_ptr<Module>> by_path;
};

// Loading it runs it.
Status check_trusted(const std::string& path) {
  const Status status = check_only_owner_changes(Disk::posix(), path);
  if (status.code() == Code::kNotFound) {
    return {Code::kProviderUnavailable, "PKCS#11 module " + path + ": there is no such file; set module-path"};
  }
  return status.with_context("PKCS#11 module " + path + " is not loaded");
}

struct RvName {
  CK_RV rv;
  std::string_view name;
};
// clang-format off
#define RV(name) {CKR_##name, "CKR_" #name},
constexpr RvName kRvNames[] = {
    RV(HOST_MEMORY) RV(SLOT_ID_INVALID) RV(GENERAL_ERROR) RV(FUNCTION_FAILED) RV(ARGUMENTS_BAD) RV(CANT_LOCK)
    RV(ATTRIBUTE_READ_ONLY) RV(ATTRIBUTE_SENSITIVE) RV(ATTRIBUTE_TYPE_INVALID) RV(ATTRIBUTE_VALUE_INVALID)
    RV(DATA_INVALID) RV(DATA_LEN_RANGE) RV(DEVICE_ERROR) RV(DEVICE_MEMORY) RV(DEVICE_REMOVED)
    RV(ENCRYPTED_DATA_INVALID) RV(ENCRYPTED_DATA_LEN_RANGE) RV(FUNCTION_NOT_SUPPORTED) RV(KEY_HANDLE_INVALID)
    RV(KEY_TYPE_INCONSISTENT) RV(KEY_FUNCTION_NOT_PERMITTED) RV(KEY_NOT_WRAPPABLE) RV(MECHANISM_INVALID)
    RV(MECHANISM_PARAM_INVALID) RV(OBJECT_HANDLE_INVALID) RV(OPERATION_ACTIVE) RV(PIN_INCORRECT) RV(PIN_INVALID)
    RV(PIN_LEN_RANGE) RV(PIN_EXPIRED) RV(PIN_LOCKED) RV(SESSION_CLOSED) RV(SESSION_COUNT)
    RV(SESSION_HANDLE_INVALID) RV(SESSION_READ_ONLY) RV(TEMPLATE_INCOMPLETE) RV(TEMPLATE_INCONSISTENT)
    RV(TOKEN_NOT_PRESENT) RV(TOKEN_NOT_RECOGNIZED) RV(TOKEN_WRITE_PROTECTED) RV(USER_NOT_LOGGED_IN)
    RV(USER_PIN_NOT_INITIALIZED) RV(USER_TOO_MANY_TYPES) RV(WRAPPED_KEY_INVALID) RV(WRAPPED_KEY_LEN_RANGE)
    RV(BUFFER_TOO_SMALL) RV(CRYPTOKI_NOT_INITIALIZED)
};
#undef RV
// clang-format on

}  // namespace

std::string rv_name(CK_RV rv) {
  char number[32];
  std::snprintf(number, sizeof number, "0x%lx", rv);
  for (const RvName& known : kRvNames) {
    if (known.rv == rv) return std::string(known.name) + " (" + number + ")";
  }
  return std::string("error ") + number;
}

Result<std::shared_ptr<Module>> Module::load(const std::string& path, std::chrono::milliseconds patience) {
  auto& loaded = per_process<LoadedModules>();
  std::unique_lock lock(loaded.mutex, patience);
  if (!lock.owns_lock()) return {Code::kProviderUnavailable, "a PKCS#11 module that is being loaded does not answer"};
  if (const auto found = loaded.by_path.find(path); found != loaded.by_path.end()) return found->second;
  const std::string name = path.empty() ? kProxy : path;
  if (!path.empty()) COFFER_TRY(check_trusted(path));
  void* library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = ::dlerror();
    return {Code::kProviderUnavailable, "PKCS#11 module " + name + " does not load: " + (why == nullptr ? "" : why)};
  }
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  if (get_list == nullptr || get_list(&functions) != CKR_OK || functions == nullptr) {
    return {Code::kProviderUnavailable, name + " is no PKCS#11 module: it has no list of functions"};
  }
  std::shared_ptr<Module> module(new Module(name, functions));
  COFFER_TRY(module->initialize());
  loaded.by_path.emplace(path, module);
  return module;
}

Status Module::initialize() {
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  CK_RV rv = functions_->C_Initialize(&arguments);
  if (rv == CKR_CANT_LOCK) rv = functions_->C_Initialize(nullptr);  // then mutex() alone keeps threads apart
  if (rv == CKR_OK) ours_ = true;
  if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) return Status::ok();
  return {Code::kProviderUnavailable, "PKCS#11 module " + name_ + " does not start: " + rv_name(rv) +
                                          "; it needs its own set-up in this process's environment, and this user's "
                                          "rights to that and to the token"};
}

Status Module::look_anew(const std::unique_lock<std::timed_mutex>& lock) {
  COFFER_REQUIRE(lock.owns_lock() && lock.mutex() == &mutex_, "a module is started anew by whoever holds its mutex");
  if (!ours_) return Status::ok();
  const CK_RV rv = functions_->C_Finalize(nullptr);
  if (rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED) return initialize();
  return {Code::kProviderUnavailable, "PKCS#11 module " + name_ + " does not start anew: " + rv_name(rv)};
}

}  // namespace coffer::pkcs11
