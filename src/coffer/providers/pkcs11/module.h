// A PKCS#11 module (a vendor's shared library), loaded and initialised once for each process.
#pragma once

#include <p11-kit/pkcs11.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "coffer/base/bytes.h"

namespace coffer::pkcs11 {

// Never unloaded, nor finalised while it shows a token: the program that Coffer is part of may use it by itself.
class Module {
 public:
  // `path` empty: p11-kit's proxy. kProviderUnavailable when it does not load or initialise, kPermissionDenied when
  // somebody else could have changed it. Waits no longer than `patience` for another thread that loads one.
  static Result<std::shared_ptr<Module>> load(const std::string& path, std::chrono::milliseconds patience);

  const CK_FUNCTION_LIST& functions() const { return *functions_; }
  const std::string& name() const { return name_; }
  // One call at a time: sessions of a process share their login.
  std::timed_mutex& mutex() { return mutex_; }
  // Again, after somebody finalised it.
  Status initialize();
  // Has the module look for tokens anew: some do that only when they are initialised. Does nothing if the program had
  // initialised it before us: then its sessions would break off. REQUIRES: `lock` holds mutex(), and no session of ours
  // is open.
  Status look_anew(const std::unique_lock<std::timed_mutex>& lock);

 private:
  Module(std::string name, const CK_FUNCTION_LIST* functions) : name_(std::move(name)), functions_(functions) {}

  const std::string name_;
  const CK_FUNCTION_LIST* const functions_;
  std::timed_mutex mutex_;
  bool ours_ = false;  // nobody had initialised it before
};

// "CKR_PIN_LOCKED (0xa4)"
std::string rv_name(CK_RV rv);

}  // namespace coffer::pkcs11
