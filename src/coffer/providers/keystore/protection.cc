#include "coffer/providers/keystore/protection.h"

#include <algorithm>
#include <optional>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/password_based.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/keystore/oids.h"

namespace coffer::keystore {
namespace {

constexpr uint32_t kRoundsWritten = 100'000;
constexpr size_t kSaltSizeMax = 1024;
constexpr size_t kTripleDesKeySize = 24;
constexpr size_t kTripleDesBlockSize = 8;

Status malformed(std::string_view what) { return {Code::kInvalidArgument, std::string(what) + " is malformed"}; }

std::optional<KeystoreHash> prf_of(std::string_view oid) {
  if (oid == oid::kHmacSha1) return KeystoreHash::kSha1;
  if (oid == oid::kHmacSha224) return KeystoreHash::kSha224;
  if (oid == oid::kHmacSha256) return KeystoreHash::kSha256;
  if (oid == oid::kHmacSha384) return KeystoreHash::kSha384;
  if (oid == oid::kHmacSha512) return KeystoreHash::kSha512;
  return std::nullopt;
}

std::optional<CbcCipher> cipher_of(std::string_view oid) {
  if (oid == oid::kAes128Cbc) return CbcCipher::kAes128;
  if (oid == oid::kAes192Cbc) return CbcCipher::kAes192;
  if (oid == oid::kAes256Cbc) return CbcCipher::kAes256;
  if (oid == oid::kTripleDesCbc) return CbcCipher::kTripleDes;
  return std::nullopt;
}

struct Pbkdf2Parameters {
  ByteView salt;
  uint32_t rounds = 0;
  KeystoreHash prf = KeystoreHash::kSha1;
};

Result<Pbkdf2Parameters> read_pbkdf2(DerReader algorithm) {
  if (as_text(algorithm.take(Tag::kOid)) != oid::kPbkdf2) {
    return {Code::kUnsupported, "a key derivation other than PBKDF2"};
  }
  DerReader parameters = algorithm.enter(Tag::kSequence);
  Pbkdf2Parameters out;
  out.salt = parameters.take(Tag::kOctetString);
  out.rounds = parameters.number();
  if (parameters.next_is(Tag::kInteger)) [[maybe_unused]]
    const uint32_t key_size = parameters.number();
  if (parameters.next_is(Tag::kSequence)) {
    DerReader prf = parameters.enter(Tag::kSequence);
    const auto found = prf_of(as_text(prf.take(Tag::kOid)));
    if (!found.has_value()) return {Code::kUnsupported, "PBKDF2 with a function other than HMAC with SHA-1 or SHA-2"};
    out.prf = *found;
  }
  if (!parameters.finished() || out.salt.size() > kSaltSizeMax) return malformed("a description of PBKDF2");
  return out;
}

Result<SecretBytes> decrypt_pbes2(DerReader parameters, ByteView encrypted, const Password& password,
                                  WorkBudget& budget) {
  DerReader scheme = parameters.enter(Tag::kSequence);
  COFFER_ASSIGN(const Pbkdf2Parameters derivation, read_pbkdf2(scheme.enter(Tag::kSequence)));
  DerReader encryption = scheme.enter(Tag::kSequence);
  const auto cipher = cipher_of(as_text(encryption.take(Tag::kOid)));
  const ByteView iv = encryption.take(Tag::kOctetString);
  if (!scheme.ok() || !encryption.ok()) return malformed("a description of encryption by password");
  if (!cipher.has_value()) return {Code::kUnsupported, "encryption other than AES-CBC and triple DES"};
  if (iv.size() != cbc_block_size(*cipher)) return malformed("an initialisation vector");
  COFFER_TRY(budget.spend(derivation.rounds));
  COFFER_ASSIGN(const SecretBytes key,
                pbkdf2(derivation.prf, password.bytes(), derivation.salt, derivation.rounds, cbc_key_size(*cipher)));
  return cbc_decrypt(*cipher, key.reveal(), iv, encrypted);
}

struct SaltAndRounds {
  ByteView salt;
  uint32_t rounds = 0;
};

Result<SaltAndRounds> read_salt_and_rounds(DerReader parameters, WorkBudget& budget) {
  DerReader sequence = parameters.enter(Tag::kSequence);
  SaltAndRounds out;
  out.salt = sequence.take(Tag::kOctetString);
  out.rounds = sequence.number();
  if (!sequence.finished() || out.salt.size() > kSaltSizeMax) return malformed("a salt with its number of rounds");
  COFFER_TRY(budget.spend(out.rounds));
  return out;
}

Result<SecretBytes> decrypt_pkcs12_triple_des(DerReader parameters, ByteView encrypted, const Password& password,
                                              WorkBudget& budget) {
  COFFER_ASSIGN(const SaltAndRounds given, read_salt_and_rounds(parameters, budget));
  COFFER_TRY(budget.spend(given.rounds));  // key and IV are derived by as many rounds each
  COFFER_ASSIGN(const SecretBytes utf16, password.utf16(2));
  COFFER_ASSIGN(const SecretBytes key, pkcs12_derive(KeystoreHash::kSha1, Pkcs12Purpose::kKey, utf16.reveal(),
                                                     given.salt, given.rounds, kTripleDesKeySize));
  COFFER_ASSIGN(const SecretBytes iv, pkcs12_derive(KeystoreHash::kSha1, Pkcs12Purpose::kIv, utf16.reveal(), given.salt,
                                                    given.rounds, kTripleDesBlockSize));
  return cbc_decrypt(CbcCipher::kTripleDes, key.reveal(), iv.reveal(), encrypted);
}

// JKS: the key XORed with a chain of SHA-1, each of the password and the link before; behind it SHA-1 of password and
// key.
Result<SecretBytes> decrypt_jks(ByteView encrypted, const Password& password) {
  constexpr size_t kHashSize = 20;
  if (encrypted.size() < 2 * kHashSize) return malformed("a protected private key");
  COFFER_ASSIGN(const SecretBytes utf16, password.utf16(0));
  const ByteView hidden = encrypted.subspan(kHashSize, encrypted.size() - 2 * kHashSize);
  SecretBytes link = SecretBytes::copy_of(encrypted.first(kHashSize));
  SecretBytes out(hidden.size());
  for (size_t at = 0; at < hidden.size(); at += kHashSize) {
    COFFER_ASSIGN(link, keystore_hash(KeystoreHash::kSha1, {utf16.reveal(), link.reveal()}));
    for (size_t i = 0; i < std::min(kHashSize, hidden.size() - at); ++i) {
      out.reveal_mutable()[at + i] = hidden[at + i] ^ link.reveal()[i];
    }
  }
  COFFER_ASSIGN(const SecretBytes check, keystore_hash(KeystoreHash::kSha1, {utf16.reveal(), out.reveal()}));
  if (!equal_constant_time(check.reveal(), encrypted.last(kHashSize))) {
    return {Code::kWrongKey, "what is encrypted does not open"};
  }
  return out;
}

// What Java does to a salt whose halves are equal, one slip of its own included: a b c d becomes d a b d.
void make_halves_differ(Bytes& salt) {
  if (!std::equal(salt.begin(), salt.begin() + 4, salt.begin() + 4)) return;
  const Bytes half(salt.begin(), salt.begin() + 4);
  const uint8_t changed[] = {half[3], half[0], half[1], half[3]};
  std::ranges::copy(changed, salt.begin());
}

}  // namespace

Status WorkBudget::spend(uint32_t rounds) {
  if (rounds == 0) return malformed("a number of rounds");
  if (rounds > left_) {
    return {Code::kLimitExceeded,
            "it asks for more rounds of hashing than " + std::to_string(kRoundsMax) + ", which no keystore needs"};
  }
  left_ -= rounds;
  return Status::ok();
}

Result<SecretBytes> Password::utf16(size_t zeros) const {
  const ByteView from = utf8_.reveal();
  SecretBytes out(from.size() * 2 + zeros);  // no character takes more than twice its bytes in UTF-8
  MutableBytes to = out.reveal_mutable();
  size_t written = 0;
  const auto put = [&](uint32_t unit) {
    to[written++] = static_cast<uint8_t>(unit >> 8);
    to[written++] = static_cast<uint8_t>(unit);
  };
  for (size_t at = 0; at < from.size();) {
    const uint8_t first = from[at];
    const size_t size = first < 0x80                    ? 1
                        : first >= 0xc2 && first < 0xe0 ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
    bool good = size > 0 && size <= from.size() - at;
    uint32_t code = size == 1 ? first : first & (0x7fu >> size);
    for (size_t i = 1; good && i < size; ++i) {
      good = (from[at + i] & 0xc0) == 0x80;
      code = code << 6 | (from[at + i] & 0x3f);
    }
    constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (!good || code < kSmallest[size] || code > 0x10ffff) {
      return {Code::kInvalidArgument, "the password is not UTF-8 text"};
    }
    if (code >= 0x10000) {
      put(0xd800 + ((code - 0x10000) >> 10));
      put(0xdc00 + ((code - 0x10000) & 0x3ff));
    } else {
      put(code);
    }
    at += size;
  }
  return SecretBytes::copy_of(out.reveal().first(written + zeros));
}

Result<SecretBytes> decrypt_protected(ByteView algorithm, ByteView encrypted, const Password& password,
                                      WorkBudget& budget) {
  DerReader reader(algorithm);
  const std::string_view oid = as_text(reader.take(Tag::kOid));
  if (!reader.ok()) return malformed("the name of an encryption");
  if (oid == oid::kPbes2) return decrypt_pbes2(reader, encrypted, password, budget);
  if (oid == oid::kPkcs12TripleDes) return decrypt_pkcs12_triple_des(reader, encrypted, password, budget);
  if (oid == oid::kSunJksKeyProtector) return decrypt_jks(encrypted, password);
  if (oid == oid::kSunMd5TripleDes) {
    return decrypt_md5_triple_des(reader.take_element(), encrypted, password, budget);
  }
  return {Code::kUnsupported,
          "it is encrypted in a way that is too weak or not known here; write the keystore anew with "
          "a Java from 17 on: keytool -importkeystore"};
}

Result<SecretBytes> decrypt_md5_triple_des(ByteView parameters, ByteView encrypted, const Password& password,
                                           WorkBudget& budget) {
  constexpr size_t kSaltSize = 8, kHashSize = 16;
  COFFER_ASSIGN(const SaltAndRounds given, read_salt_and_rounds(DerReader(parameters), budget));
  if (given.salt.size() != kSaltSize) return malformed("a salt");
  COFFER_TRY(budget.spend(given.rounds));
  Bytes salt(given.salt.begin(), given.salt.end());
  make_halves_differ(salt);
  SecretBytes derived(2 * kHashSize);
  for (size_t half = 0; half < 2; ++half) {
    COFFER_ASSIGN(const SecretBytes link, keystore_hash_chain(KeystoreHash::kMd5, ByteView(salt).subspan(half * 4, 4),
                                                              password.bytes(), given.rounds));
    std::ranges::copy(link.reveal(), derived.reveal_mutable().begin() + static_cast<ptrdiff_t>(half * kHashSize));
  }
  return cbc_decrypt(CbcCipher::kTripleDes, derived.reveal().first(kTripleDesKeySize),
                     derived.reveal().subspan(kTripleDesKeySize), encrypted);
}

Result<SecretBytes> open_encrypted_key(ByteView encrypted_key_info, const Password& password, WorkBudget& budget) {
  DerReader reader(encrypted_key_info);
  DerReader sequence = reader.enter(Tag::kSequence);
  const ByteView algorithm = sequence.take(Tag::kSequence);
  const ByteView encrypted = sequence.take(Tag::kOctetString);
  if (!reader.finished() || !sequence.finished()) return malformed("an encrypted key");
  return decrypt_protected(algorithm, encrypted, password, budget);
}

Result<Bytes> seal_encrypted_key(const SecretBytes& key_info, const Password& password) {
  std::array<uint8_t, 16> salt, iv;
  COFFER_TRY(random_bytes(salt));
  COFFER_TRY(random_bytes(iv));
  COFFER_ASSIGN(const SecretBytes key, pbkdf2(KeystoreHash::kSha256, password.bytes(), salt, kRoundsWritten, 32));
  COFFER_ASSIGN(const Bytes encrypted, cbc_encrypt(CbcCipher::kAes256, key.reveal(), iv, key_info.reveal()));
  const Bytes prf = der(Tag::kSequence, {der(Tag::kOid, as_bytes(oid::kHmacSha256)), der(Tag::kNull, ByteView())});
  const Bytes derivation =
      der(Tag::kSequence,
          {der(Tag::kOid, as_bytes(oid::kPbkdf2)),
           der(Tag::kSequence, {der(Tag::kOctetString, salt), der_number(kRoundsWritten), der_number(32), prf})});
  const Bytes encryption = der(Tag::kSequence, {der(Tag::kOid, as_bytes(oid::kAes256Cbc)), der(Tag::kOctetString, iv)});
  const Bytes algorithm =
      der(Tag::kSequence, {der(Tag::kOid, as_bytes(oid::kPbes2)), der(Tag::kSequence, {derivation, encryption})});
  return der(Tag::kSequence, {algorithm, der(Tag::kOctetString, encrypted)});
}

}  // namespace coffer::keystore
