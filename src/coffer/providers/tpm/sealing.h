// Sealing 32 bytes to a TPM, and unsealing them: under its own primary key, optionally bound to PCRs and a password.
#pragma once

#include "coffer/providers/tpm/device.h"
#include "coffer/providers/tpm/sealed_file.h"

namespace coffer::tpm {

struct Passwords {
  SecretBytes key;    // empty: none
  SecretBytes owner;  // empty: the owner hierarchy has none
};

// To the machine, and to the PCRs as they are now. kInvalidArgument when the TPM does not have the bank.
Result<SealedFile> seal(Device& device, const RootKey& root, const PcrSelection& pcrs, const Passwords& passwords);

// kKeyUnavailable when another TPM sealed it or PCRs have changed (says which), kPermissionDenied for a wrong password,
// kTampered when the TPM does not accept the file, kWrongKey when it unseals something else than the file says.
Result<RootKey> unseal(Device& device, const SealedFile& file, const Passwords& passwords);

}  // namespace coffer::tpm
