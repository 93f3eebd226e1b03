#include "coffer/config/sealed_value.h"

#include <algorithm>

#include "coffer/base/base64.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/stream.h"

namespace coffer {
namespace {

constexpr size_t kSaltSize = 32;

Status malformed() {
  return {Code::kInvalidArgument, "it is no sealed value (\"sealed:v1:…\"); coffer seal-value makes one"};
}

// A key and nonce of its own for every value, by its salt. No part of a place has a zero byte in it.
Result<StreamKey> stream_key_of(const RootKey& sealing_key, const SealedPlace& place, ByteView salt) {
  const std::string bound = place.option + '\0' + place.provider + '\0' + place.hosts;
  SecretBytes material(stream_key_size(Suite::kAes256Gcm));
  COFFER_TRY(hkdf_sha256(sealing_key.reveal(), salt, labelled("coffer/v1 sealed value", as_bytes(bound)),
                         material.reveal_mutable()));
  return StreamKey(std::move(material));
}

// salt ‖ ciphertext ‖ tag
Result<SecretBytes> decode(std::string_view text) {
  if (!text.starts_with(kSealedValuePrefix)) return malformed();
  text.remove_prefix(kSealedValuePrefix.size());
  auto bytes = decode_base64(as_bytes(text), Base64Alphabet::kStandard);
  if (!bytes.is_ok() || bytes->size() < kSaltSize + kTagSize ||
      bytes->size() > kSaltSize + kSealedSecretSizeMax + kTagSize) {
    return malformed();
  }
  return bytes;
}

}  // namespace

std::string SealedPlace::text() const { return option + " of " + provider + (hosts.empty() ? "" : " at " + hosts); }

Result<std::string> seal_value(const RootKey& sealing_key, const SealedPlace& place, const SecretBytes& value) {
  if (value.size() > kSealedSecretSizeMax) return {Code::kLimitExceeded, "a value to seal has at most 4096 bytes"};
  SecretBytes bytes(kSaltSize + value.size() + kTagSize);
  const MutableBytes salt = bytes.reveal_mutable().first(kSaltSize);
  COFFER_TRY(random_bytes(salt));
  COFFER_ASSIGN(const StreamKey key, stream_key_of(sealing_key, place, salt));
  COFFER_ASSIGN(StreamSealer sealer, StreamSealer::create(Suite::kAes256Gcm, key));
  COFFER_TRY(sealer.seal(0, {}, value.reveal(), bytes.reveal_mutable().data() + kSaltSize));
  std::string out(kSealedValuePrefix);
  const size_t prefix_size = out.size();
  out.resize(prefix_size + base64_size(bytes.size()));
  encode_base64(bytes.reveal(), {reinterpret_cast<uint8_t*>(out.data()) + prefix_size, out.size() - prefix_size});
  return out;
}

Result<SecretBytes> open_sealed_value(const RootKey& sealing_key, const SealedPlace& place, std::string_view text) {
  COFFER_ASSIGN(const SecretBytes bytes, decode(text));
  const ByteView salt = bytes.reveal().first(kSaltSize);
  const ByteView sealed = bytes.reveal().subspan(kSaltSize);
  COFFER_ASSIGN(const StreamKey key, stream_key_of(sealing_key, place, salt));
  COFFER_ASSIGN(const StreamOpener opener, StreamOpener::create(Suite::kAes256Gcm, key));
  SecretBytes out(sealed.size() - kTagSize);
  if (!opener.open(0, {}, sealed, out.reveal_mutable().data())) {
    return {Code::kWrongKey, "it does not open; it was sealed by another key or for another place than " +
                                 place.text() + ", or was altered; seal it anew with coffer seal-value"};
  }
  return out;
}

Status check_sealed_value(std::string_view text) { return decode(text).status(); }

}  // namespace coffer
