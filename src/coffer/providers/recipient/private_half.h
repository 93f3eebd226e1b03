// The private half of a recipient, from wherever it is.
#pragma once

#include "coffer/providers/recipient/settings.h"

namespace coffer::recipient {

Result<X25519Private> key_of_passphrase(const SecretBytes& passphrase, ByteView salt, int scrypt_log2);

// From a file or a source of secrets, else asked for at the terminal on standard input. kWrongKey for what is another
// key's; kNotFound or kPermissionDenied where nothing is there, or nobody to ask.
Result<X25519Private> private_half(const Settings& settings);

}  // namespace coffer::recipient
