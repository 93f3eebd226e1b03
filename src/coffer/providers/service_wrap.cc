#include "coffer/providers/service_wrap.h"

#include <algorithm>

#include "coffer/crypto/kdf.h"
#include "coffer/providers/local_wrap.h"

namespace coffer {
namespace {

constexpr std::string_view kLabel = "coffer/v1 service wrap";

Result<Sha256> mac_of(const WrapContext& context, ByteView key) {
  Bytes bound(kLabel.begin(), kLabel.end());
  bound.push_back(0);
  for (const Id* id : {&context.coffer_id, &context.slot_id}) {
    bound.insert(bound.end(), id->view().begin(), id->view().end());
  }
  return hmac_sha256(key, bound);
}

}  // namespace

Result<SecretBytes> service_plaintext(const WrapContext& context, const KeyringKey& key) {
  COFFER_ASSIGN(const Sha256 mac, mac_of(context, key.reveal()));
  SecretBytes out(kServicePlaintextSize);
  const auto rest = std::copy(key.reveal().begin(), key.reveal().end(), out.reveal_mutable().begin());
  std::copy(mac.begin(), mac.end(), rest);
  return out;
}

Result<KeyringKey> keyring_key_of(const WrapContext& context, const SecretBytes& service_plaintext) {
  if (service_plaintext.size() != kServicePlaintextSize) {
    return {Code::kTampered, "what the key service unwrapped is no keyring key, by its size"};
  }
  const ByteView key = service_plaintext.reveal().first(kKeyringKeyBytes);
  COFFER_ASSIGN(const Sha256 mac, mac_of(context, key));
  if (!equal_constant_time(mac, service_plaintext.reveal().subspan(kKeyringKeyBytes))) {
    return {Code::kWrongKey, "what the key service unwrapped was wrapped for another slot or coffer"};
  }
  return KeyringKey::copy_of(key);
}

}  // namespace coffer
