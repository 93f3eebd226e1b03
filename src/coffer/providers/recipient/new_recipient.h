// Recipients that are made here: their URI, without a sender yet, and what somebody has to keep. For commands.
#pragma once

#include <string>
#include <vector>

#include "coffer/base/secret.h"

namespace coffer::recipient {

// kInvalidArgument for a passphrase of less than 12 or more than 1024 bytes, or `scrypt_log2` out of bounds.
Result<std::string> uri_for_passphrase(const SecretBytes& passphrase, int scrypt_log2);

struct Shared {
  std::string uri;
  std::vector<SecretBytes> shares;  // a line each, without its end
};
// A new key that exists in the shares only.
Result<Shared> uri_for_shares(int threshold, int share_count);

// A line for each, and past every buffer of this program. kIo, kNoSpace.
Status show(const std::vector<SecretBytes>& shares, int descriptor);

bool is_same(const SecretBytes& passphrase, const SecretBytes& again);

// A public key in PEM, SubjectPublicKeyInfo. kInvalidArgument.
Result<std::string> uri_for_public_key(ByteView pem);

}  // namespace coffer::recipient
