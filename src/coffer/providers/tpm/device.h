// One conversation with a TPM 2.0: a connection (TCTI), its errors in the operator's words, sessions, and objects that
// are flushed when they go out of scope, since a TPM without a resource manager has room for three.
#pragma once

#include <tss2/tss2_esys.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>

#include "coffer/base/check.h"
#include "coffer/base/deadline.h"
#include "coffer/base/secret.h"
#include "coffer/base/per_process.h"

namespace coffer::tpm {

// Memory that TSS allocated. What may hold a secret is wiped by whoever gets it.
struct EsysFree {
  void operator()(void* memory) const { Esys_Free(memory); }
};
template <class T>
using EsysMemory = std::unique_ptr<T, EsysFree>;

// A struct of TSS that holds a secret for a while.
template <class T>
struct Wiped : T {
  Wiped() : T{} {}
  ~Wiped() { wipe(static_cast<T*>(this), sizeof(T)); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
};

// A TPM2B of TSS: a size, and an array that has room for it.
template <class T>
void fill(T& out, ByteView bytes) {
  COFFER_REQUIRE(bytes.size() <= sizeof out.buffer, "what a TPM is given fits into its buffer");
  out.size = static_cast<UINT16>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), out.buffer);
}

class Device {
 public:
  // kProviderUnavailable, naming the TCTI and what to look at.
  static Result<std::unique_ptr<Device>> open(const std::string& tcti);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  ESYS_CONTEXT* esys() const { return esys_; }
  // Ok for a call that succeeded, or whose fault it is by `rc`; the text is the TPM's or the TSS's own.
  Status check(TSS2_RC rc, std::string_view what) const;
  // What sessions prove to know of `object` from now on: an authorisation value.
  Status set_auth(ESYS_TR object, const SecretBytes& value) const;

 private:
  explicit Device(std::string tcti) : name_(std::move(tcti)) {}

  const std::string name_;
  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
};

// An object or session in the TPM.
class Transient {
 public:
  explicit Transient(const Device& device) : device_(device) {}
  ~Transient() {
    if (handle != ESYS_TR_NONE) Esys_FlushContext(device_.esys(), handle);
  }
  Transient(const Transient&) = delete;
  Transient& operator=(const Transient&) = delete;

  // Becomes a session. `salted` with a key of the TPM's: then nobody on the way to it can read along. Else
  // ESYS_TR_NONE.
  Status start_session(ESYS_TR salted, TPM2_SE type, TPMA_SESSION attributes);
  // What a session's next commands have encrypted.
  TSS2_RC set_attributes(TPMA_SESSION attributes) const;

  ESYS_TR handle = ESYS_TR_NONE;

 private:
  const Device& device_;
};

// A response code of the TPM without the number of the parameter, handle or session that it is about.
TSS2_RC bare_code(TSS2_RC rc);

// A password of any length as the 32 bytes that an authorisation value may have; never with a zero at the end, which
// the TPM would drop. Empty for the empty password.
Result<SecretBytes> auth_value_of(const SecretBytes& password);

// One conversation at a time in a process: without a resource manager a TPM has room for one.
struct Turn {
  std::timed_mutex mutex;
};
// Runs `work`, which owns what it uses, on a thread of its own, since TSS waits for a TPM for ever.
template <class T>
Result<T> in_turn(uint64_t timeout_millis, const std::string& who, std::function<Result<T>()> work) {
  const std::chrono::milliseconds patience(timeout_millis);
  return within<T>(patience, who, [work = std::move(work), patience]() -> Result<T> {
    std::unique_lock lock(per_process<Turn>().mutex, patience);
    if (!lock.owns_lock()) return {Code::kProviderUnavailable, "the TPM is still busy with another call"};
    return work();
  });
}

}  // namespace coffer::tpm
