#include "coffer/crypto/hpke.h"

#include <algorithm>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/kdf.h"

namespace coffer {
namespace {

constexpr uint8_t kModeAuth = 0x02;

void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void append16(Bytes& out, size_t number) {
  out.push_back(static_cast<uint8_t>(number >> 8));
  out.push_back(static_cast<uint8_t>(number));
}

Bytes kem_id(const HpkeSuite& suite) {
  Bytes out = {'K', 'E', 'M'};
  append16(out, suite.kem);
  return out;
}

Bytes suite_id(const HpkeSuite& suite) {
  Bytes out = {'H', 'P', 'K', 'E'};
  for (const uint16_t number : {suite.kem, suite.kdf, suite.aead}) append16(out, number);
  return out;
}

Bytes labelled_info(ByteView id, std::string_view label) {
  Bytes out = {'H', 'P', 'K', 'E', '-', 'v', '1'};
  append(out, id);
  append(out, as_bytes(label));
  return out;
}

// Section 4, LabeledExtract and LabeledExpand.
Result<SecretBytes> labeled_extract(ByteView id, ByteView salt, std::string_view label, ByteView input_key) {
  const Bytes beginning = labelled_info(id, label);
  SecretBytes input(beginning.size() + input_key.size());
  std::ranges::copy(input_key, std::ranges::copy(beginning, input.reveal_mutable().begin()).out);
  COFFER_ASSIGN(Sha256 out, hmac_sha256(salt, input.reveal()));
  SecretBytes kept = SecretBytes::copy_of(out);
  wipe(out.data(), out.size());
  return kept;
}

Result<SecretBytes> labeled_expand(ByteView id, const SecretBytes& prk, std::string_view label, ByteView info,
                                   size_t size) {
  Bytes whole;
  append16(whole, size);
  append(whole, labelled_info(id, label));
  append(whole, info);
  SecretBytes out(size);
  COFFER_TRY(hkdf_expand_sha256(prk.reveal(), whole, out.reveal_mutable()));
  return out;
}

// Section 4.1: the shared secret of both Diffie-Hellman results.
Result<SecretBytes> shared_secret(const HpkeSuite& suite, const SecretBytes& ephemeral_dh, const SecretBytes& sender_dh,
                                  const X25519Public& encapsulated, const X25519Public& recipient,
                                  const X25519Public& sender) {
  SecretBytes dh(2 * kX25519Size);
  std::ranges::copy(sender_dh.reveal(), std::ranges::copy(ephemeral_dh.reveal(), dh.reveal_mutable().begin()).out);
  Bytes kem_context;
  for (const X25519Public* key : {&encapsulated, &recipient, &sender}) append(kem_context, *key);
  COFFER_ASSIGN(const SecretBytes prk, labeled_extract(kem_id(suite), {}, "eae_prk", dh.reveal()));
  return labeled_expand(kem_id(suite), prk, "shared_secret", kem_context, kX25519Size);
}

struct MessageKey {
  std::unique_ptr<AeadKey> key;
  std::array<uint8_t, kNonceSize> nonce;
};

// Section 5.1: the key schedule, without a pre-shared key.
Result<MessageKey> message_key(const HpkeContext& context, const SecretBytes& shared) {
  const Suite aead = context.suite.aead == 0x0001 ? Suite::kAes128Gcm : Suite::kAes256Gcm;
  const Bytes id = suite_id(context.suite);
  COFFER_ASSIGN(const SecretBytes psk_id_hash, labeled_extract(id, {}, "psk_id_hash", {}));
  COFFER_ASSIGN(const SecretBytes info_hash, labeled_extract(id, {}, "info_hash", context.info));
  Bytes schedule = {kModeAuth};
  append(schedule, psk_id_hash.reveal());
  append(schedule, info_hash.reveal());
  COFFER_ASSIGN(const SecretBytes secret, labeled_extract(id, shared.reveal(), "secret", {}));
  COFFER_ASSIGN(const SecretBytes key, labeled_expand(id, secret, "key", schedule, suite_info(aead).key_size));
  COFFER_ASSIGN(const SecretBytes nonce, labeled_expand(id, secret, "base_nonce", schedule, kNonceSize));
  MessageKey out;
  COFFER_ASSIGN(out.key, AeadKey::create(aead, key.reveal()));
  std::ranges::copy(nonce.reveal(), out.nonce.begin());
  return out;
}

Status check_suite(const HpkeSuite& suite) {
  HpkeSuite known;
  if (suite.aead == 0x0001) known.aead = suite.aead;
  if (suite == known) return Status::ok();
  return {Code::kUnsupported, "HPKE suite " + std::to_string(suite.kem) + "/" + std::to_string(suite.kdf) + "/" +
                                  std::to_string(suite.aead) + " is not known to this program; use a newer coffer"};
}

}  // namespace

Result<HpkeSealed> hpke_seal(const HpkeContext& context, const X25519Public& recipient, const X25519Private& sender,
                             ByteView plaintext) {
  COFFER_ASSIGN(const X25519Private ephemeral, new_x25519_private());
  return hpke_seal_with(context, ephemeral, recipient, sender, plaintext);
}

Result<HpkeSealed> hpke_seal_with(const HpkeContext& context, const X25519Private& ephemeral,
                                  const X25519Public& recipient, const X25519Private& sender, ByteView plaintext) {
  COFFER_TRY(check_suite(context.suite));
  HpkeSealed out;
  COFFER_ASSIGN(out.encapsulated, x25519_public(ephemeral));
  COFFER_ASSIGN(const X25519Public sender_public, x25519_public(sender));
  COFFER_ASSIGN(const SecretBytes ephemeral_dh, x25519_shared(ephemeral, recipient));
  COFFER_ASSIGN(const SecretBytes sender_dh, x25519_shared(sender, recipient));
  COFFER_ASSIGN(const SecretBytes shared,
                shared_secret(context.suite, ephemeral_dh, sender_dh, out.encapsulated, recipient, sender_public));
  COFFER_ASSIGN(const MessageKey message, message_key(context, shared));
  out.ciphertext.resize(plaintext.size() + kTagSize);
  const Nonce nonce(message.nonce, 0);
  COFFER_TRY(message.key->seal(nonce, context.associated, plaintext, out.ciphertext.data()));
  message.key->audit(nonce, context.associated, ByteView(out.ciphertext).first(out.ciphertext.size() - kTagSize),
                     out.ciphertext.data() + out.ciphertext.size() - kTagSize);
  return out;
}

Result<SecretBytes> hpke_open(const HpkeContext& context, const X25519Private& recipient, const X25519Public& sender,
                              const X25519Public& encapsulated, ByteView ciphertext) {
  COFFER_TRY(check_suite(context.suite));
  if (ciphertext.size() < kTagSize) return {Code::kWrongKey, "a sealed message has at least 16 bytes"};
  COFFER_ASSIGN(const X25519Public recipient_public, x25519_public(recipient));
  COFFER_ASSIGN(const SecretBytes ephemeral_dh, x25519_shared(recipient, encapsulated));
  COFFER_ASSIGN(const SecretBytes sender_dh, x25519_shared(recipient, sender));
  COFFER_ASSIGN(const SecretBytes shared,
                shared_secret(context.suite, ephemeral_dh, sender_dh, encapsulated, recipient_public, sender));
  COFFER_ASSIGN(const MessageKey message, message_key(context, shared));
  SecretBytes out(ciphertext.size() - kTagSize);
  const Nonce nonce(message.nonce, 0);
  if (message.key->open(nonce, context.associated, ciphertext, out.reveal_mutable().data())) return out;
  return {Code::kWrongKey, "it was not sealed to this key by that sender, or was altered"};
}

Result<X25519Private> hpke_derive_private(ByteView input_key) {
  if (input_key.size() < kX25519Size) return {Code::kInvalidArgument, "a key pair is derived from 32 bytes or more"};
  const Bytes id = kem_id({});
  COFFER_ASSIGN(const SecretBytes prk, labeled_extract(id, {}, "dkp_prk", input_key));
  COFFER_ASSIGN(SecretBytes key, labeled_expand(id, prk, "sk", {}, kX25519Size));
  return X25519Private(std::move(key));
}

}  // namespace coffer
