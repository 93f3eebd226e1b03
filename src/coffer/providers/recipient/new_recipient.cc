#include "coffer/providers/recipient/new_recipient.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "coffer/base/base64.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/scrypt.h"
#include "coffer/providers/recipient/private_half.h"
#include "coffer/providers/recipient/split.h"

namespace coffer::recipient {
namespace {

std::string uri_of(const X25519Public& key) { return "recipient:x25519/" + base64url_text(key); }

}  // namespace

Result<std::string> uri_for_passphrase(const SecretBytes& passphrase, int scrypt_log2) {
  if (passphrase.size() < kPassphraseSizeMin || passphrase.size() > kPassphraseSizeMax) {
    return {Code::kInvalidArgument,
            "the passphrase has " + std::to_string(passphrase.size()) +
                " bytes; expected 12 to 1024: whoever has the keyring can try passphrases, so take six random words"};
  }
  Bytes salt(kSaltSize);
  COFFER_TRY(random_bytes(salt));
  COFFER_ASSIGN(const X25519Private key, key_of_passphrase(passphrase, salt, scrypt_log2));
  COFFER_ASSIGN(const X25519Public recipient, x25519_public(key));
  return uri_of(recipient) + "?scrypt=" + std::to_string(scrypt_log2) + "&salt=" + base64url_text(salt);
}

Result<Shared> uri_for_shares(int threshold, int share_count) {
  COFFER_ASSIGN(const X25519Private key, new_x25519_private());
  COFFER_ASSIGN(const X25519Public recipient, x25519_public(key));
  COFFER_ASSIGN(const std::vector<Share> shares, split(key, recipient, threshold, share_count));
  Shared out{uri_of(recipient) + "?shares=" + std::to_string(threshold) + "/" + std::to_string(share_count), {}};
  for (const Share& share : shares) {
    COFFER_ASSIGN(SecretBytes line, format_share(share));
    out.shares.push_back(std::move(line));
  }
  return out;
}

Status show(const std::vector<SecretBytes>& shares, int descriptor) {
  for (const SecretBytes& share : shares) {
    SecretBytes line(share.size() + 1);
    *std::ranges::copy(share.reveal(), line.reveal_mutable().begin()).out = '\n';
    for (ByteView rest = line.reveal(); !rest.empty();) {
      const ssize_t count = ::write(descriptor, rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return {errno == ENOSPC ? Code::kNoSpace : Code::kIo, "the shares could not be shown"};
      rest = rest.subspan(static_cast<size_t>(count));
    }
  }
  return Status::ok();
}

bool is_same(const SecretBytes& passphrase, const SecretBytes& again) {
  return equal_constant_time(passphrase.reveal(), again.reveal());
}

Result<std::string> uri_for_public_key(ByteView pem) {
  COFFER_ASSIGN(const X25519Public recipient, x25519_public_of_pem(pem));
  return uri_of(recipient);
}

}  // namespace coffer::recipient
