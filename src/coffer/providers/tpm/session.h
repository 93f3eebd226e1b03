// Sessions with a TPM, and passwords of its objects.
#pragma once

#include <mutex>

#include "coffer/providers/tpm/device.h"

namespace coffer::tpm {

// A struct of TSS that holds a secret for a while.
template <class T>
struct Wiped : T {
  Wiped() : T{} {}
  ~Wiped() { wipe(static_cast<T*>(this), sizeof(T)); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
};

// One conversation at a time: without a resource manager a TPM has room for one. One of these for each process.
struct Turn {
  std::timed_mutex mutex;
};

// A password of any length as the 32 bytes that an authorisation value may have; never with a zero at the end, which
// the TPM would drop. Empty for the empty password.
Result<SecretBytes> auth_value_of(const SecretBytes& password);
// What sessions prove to know of `object` from now on.
Status set_auth(const Device& device, ESYS_TR object, const SecretBytes& value);
// `salted` with a key of the TPM's: then nobody on the way to it can read along. Else ESYS_TR_NONE.
Status start_session(const Device& device, ESYS_TR salted, TPM2_SE type, TPMA_SESSION attributes, Transient& out);

}  // namespace coffer::tpm
