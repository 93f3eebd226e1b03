#include "coffer/providers/kmip/service_key.h"

#include <algorithm>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"

namespace coffer::kmip {
namespace {

static_assert(kServiceWrappedSize == kNonceSize + kServicePlaintextSize + kTagSize);

// coffer id ‖ slot id
std::array<uint8_t, 32> associated_data(const WrapContext& context) {
  std::array<uint8_t, 32> out;
  const auto rest = std::ranges::copy(context.coffer_id.bytes, out.begin()).out;
  std::ranges::copy(context.slot_id.bytes, rest);
  return out;
}

Status check_size(ByteView wrapped) {
  if (wrapped.size() == kServiceWrappedSize) return Status::ok();
  return {Code::kTampered, "what the slot holds was not wrapped by a KMIP server, by its size"};
}

Suite suite_of(size_t key_size) {
  return key_size == 16 ? Suite::kAes128Gcm : key_size == 24 ? Suite::kAes192Gcm : Suite::kAes256Gcm;
}

}  // namespace

Result<Bytes> seal_by_service(const Client& client, const std::string& id, const WrapContext& context,
                              const SecretBytes& plaintext) {
  Bytes out(kNonceSize);
  COFFER_TRY(random_bytes(out));
  COFFER_ASSIGN(const SealedData sealed, client.encrypt(id, out, associated_data(context), plaintext));
  out.insert(out.end(), sealed.ciphertext.begin(), sealed.ciphertext.end());
  out.insert(out.end(), sealed.tag.begin(), sealed.tag.end());
  return out;
}

Result<SecretBytes> open_by_service(const Client& client, const std::string& id, const WrapContext& context,
                                    ByteView wrapped) {
  COFFER_TRY(check_size(wrapped));
  const ByteView ciphertext = wrapped.subspan(kNonceSize, kServicePlaintextSize);
  const ByteView tag = wrapped.last(kTagSize);
  return client.decrypt(id, wrapped.first(kNonceSize), associated_data(context),
                        {Bytes(ciphertext.begin(), ciphertext.end()), Bytes(tag.begin(), tag.end())});
}

Result<SecretBytes> open_with_key(const RootKey& key, const WrapContext& context, ByteView wrapped) {
  COFFER_TRY(check_size(wrapped));
  COFFER_ASSIGN(const auto cipher, AeadKey::create(suite_of(key.size()), key.reveal()));
  std::array<uint8_t, kNonceSize> nonce;
  std::ranges::copy(wrapped.first(kNonceSize), nonce.begin());
  SecretBytes out(kServicePlaintextSize);
  const bool fits =
      cipher->open(Nonce(nonce, 0), associated_data(context), wrapped.subspan(kNonceSize), out.reveal_mutable().data());
  if (!fits) return {Code::kWrongKey, "the key does not open what the slot holds"};
  return out;
}

Status check_service(const Client& client, const std::string& id) {
  const WrapContext nothing{};
  COFFER_ASSIGN(const SecretBytes plaintext, random_secret(kServicePlaintextSize));
  COFFER_ASSIGN(const Bytes sealed, seal_by_service(client, id, nothing, plaintext));
  COFFER_ASSIGN(const SecretBytes opened, open_by_service(client, id, nothing, sealed));
  if (equal_constant_time(opened.reveal(), plaintext.reveal())) return Status::ok();
  return {Code::kUnsupported, "the server decrypts something else than it encrypted"};
}

}  // namespace coffer::kmip
