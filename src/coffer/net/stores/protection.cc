#include "coffer/net/stores/protection.h"

#include <algorithm>

#include "coffer/base/check.h"
#include "coffer/base/text.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/openssl_handles.h"

namespace coffer::keystore {
namespace {

constexpr size_t kBlockSize = 8;                  // of triple DES
constexpr size_t kDataSizeMax = size_t{1} << 30;  // OpenSSL counts in int
constexpr std::string_view kSunJksKeyProtector = "1.3.6.1.4.1.42.2.17.1.1";
constexpr std::string_view kSunMd5TripleDes = "1.3.6.1.4.1.42.2.19.1";

Status malformed(std::string_view what) { return {Code::kInvalidArgument, std::string(what) + " is malformed"}; }

using Hash = std::unique_ptr<EVP_MD, OpenSslFree<EVP_MD_free>>;
using Cipher = std::unique_ptr<EVP_CIPHER, OpenSslFree<EVP_CIPHER_free>>;

Status lacks(const std::string& algorithm) {
  return {Code::kUnsupported, "OpenSSL, as it is set up on this machine, cannot compute " + algorithm};
}

// One hash function, one context, any number of hashes.
class Hasher {
 public:
  explicit Hasher(KeystoreHash hash)
      : hash_(EVP_MD_fetch(nullptr, hash == KeystoreHash::kMd5 ? "MD5" : "SHA1", nullptr)),
        context_(EVP_MD_CTX_new()),
        out_(hash == KeystoreHash::kMd5 ? 16 : 20) {}

  ByteView result() const { return out_.reveal(); }
  Result<SecretBytes> take() { return good_ ? Result(std::move(out_)) : lacks("MD5 or SHA-1"); }

  void run(std::initializer_list<ByteView> parts) {
    good_ = good_ && hash_ != nullptr && context_ != nullptr &&
            EVP_DigestInit_ex2(context_.get(), hash_.get(), nullptr) == 1;
    for (const ByteView part : parts) {
      if (!part.empty()) good_ = good_ && EVP_DigestUpdate(context_.get(), part.data(), part.size()) == 1;
    }
    good_ = good_ && EVP_DigestFinal_ex(context_.get(), out_.reveal_mutable().data(), nullptr) == 1;
  }

 private:
  const ErrorQueueGuard guard_;
  const Hash hash_;
  const DigestContext context_;
  SecretBytes out_;
  bool good_ = true;
};

// The key XORed with a chain of SHA-1, each of the password and the link before; behind it SHA-1 of password and key.
Result<SecretBytes> decrypt_jks(ByteView encrypted, const Password& password) {
  constexpr size_t kHashSize = 20;
  if (encrypted.size() < 2 * kHashSize) return malformed("a protected private key");
  COFFER_ASSIGN(const SecretBytes utf16, password.utf16());
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

std::string oid_of(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* oid = nullptr;
  X509_ALGOR_get0(&oid, nullptr, nullptr, algorithm);
  char text[64] = {};
  return OBJ_obj2txt(text, sizeof text, oid, 1) > 0 ? text : "";
}

}  // namespace

Status WorkBudget::spend(int64_t rounds) {
  if (rounds <= 0) return malformed("a number of rounds");
  if (static_cast<uint64_t>(rounds) > left_) {
    return {Code::kLimitExceeded,
            "it asks for more rounds of hashing than " + std::to_string(kRoundsMax) + ", which no keystore needs"};
  }
  left_ -= static_cast<uint64_t>(rounds);
  return Status::ok();
}

Result<SecretBytes> Password::utf16() const {
  SecretBytes out(utf8_.size() * 2);  // no character takes more than twice its bytes in UTF-8
  MutableBytes to = out.reveal_mutable();
  size_t written = 0;
  const auto put = [&](uint32_t unit) {
    to[written++] = static_cast<uint8_t>(unit >> 8);
    to[written++] = static_cast<uint8_t>(unit);
  };
  for (std::string_view rest = as_text(utf8_.reveal()); !rest.empty();) {
    const std::optional<uint32_t> character = take_character(rest);
    if (!character) return {Code::kInvalidArgument, "the password is not UTF-8 text"};
    if (*character >= 0x10000) put(0xd800 + ((*character - 0x10000) >> 10));
    put(*character >= 0x10000 ? 0xdc00 + ((*character - 0x10000) & 0x3ff) : *character);
  }
  return SecretBytes::copy_of(out.reveal().first(written));
}

Result<SecretBytes> decrypt_md5_triple_des(ByteView parameters, ByteView encrypted, const Password& password,
                                           WorkBudget& budget) {
  constexpr size_t kSaltSize = 8, kHashSize = 16;
  const ErrorQueueGuard guard;
  const uint8_t* at = parameters.data();
  const std::unique_ptr<PBEPARAM, OpenSslFree<PBEPARAM_free>> given(
      d2i_PBEPARAM(nullptr, &at, static_cast<long>(parameters.size())));
  int64_t rounds = 0;
  if (given == nullptr || at != parameters.data() + parameters.size() ||
      ASN1_INTEGER_get_int64(&rounds, given->iter) != 1 || ASN1_STRING_length(given->salt) != kSaltSize) {
    return malformed("a salt with its number of rounds");
  }
  COFFER_TRY(budget.spend(rounds));
  COFFER_TRY(budget.spend(rounds));  // for each half
  const uint8_t* const salt_data = ASN1_STRING_get0_data(given->salt);
  Bytes salt(salt_data, salt_data + kSaltSize);
  make_halves_differ(salt);
  SecretBytes derived(2 * kHashSize);
  for (size_t half = 0; half < 2; ++half) {
    COFFER_ASSIGN(const SecretBytes link, keystore_hash_chain(KeystoreHash::kMd5, ByteView(salt).subspan(half * 4, 4),
                                                              password.bytes(), static_cast<uint32_t>(rounds)));
    std::ranges::copy(link.reveal(), derived.reveal_mutable().begin() + static_cast<ptrdiff_t>(half * kHashSize));
  }
  return triple_des_decrypt(derived.reveal().first(kTripleDesKeySize), derived.reveal().subspan(kTripleDesKeySize),
                            encrypted);
}

Result<SecretBytes> open_encrypted_key(ByteView encrypted_key_info, const Password& password, WorkBudget& budget) {
  const ErrorQueueGuard guard;
  const uint8_t* at = encrypted_key_info.data();
  const std::unique_ptr<X509_SIG, OpenSslFree<X509_SIG_free>> info(
      d2i_X509_SIG(nullptr, &at, static_cast<long>(encrypted_key_info.size())));
  if (info == nullptr || at != encrypted_key_info.data() + encrypted_key_info.size()) {
    return malformed("an encrypted key");
  }
  const X509_ALGOR* algorithm = nullptr;
  const ASN1_OCTET_STRING* octets = nullptr;
  X509_SIG_get0(info.get(), &algorithm, &octets);
  const ByteView encrypted(ASN1_STRING_get0_data(octets), static_cast<size_t>(ASN1_STRING_length(octets)));
  const std::string oid = oid_of(algorithm);
  if (oid == kSunJksKeyProtector) return decrypt_jks(encrypted, password);
  const ASN1_TYPE* const parameter = algorithm->parameter;
  if (oid == kSunMd5TripleDes && parameter != nullptr && parameter->type == V_ASN1_SEQUENCE) {
    const ASN1_STRING* const der = parameter->value.sequence;
    return decrypt_md5_triple_des({ASN1_STRING_get0_data(der), static_cast<size_t>(ASN1_STRING_length(der))}, encrypted,
                                  password, budget);
  }
  return {Code::kUnsupported,
          "it is encrypted in a way that Java itself does not; write the keystore anew with keytool"};
}

Result<SecretBytes> keystore_hash(KeystoreHash hash, std::initializer_list<ByteView> parts) {
  Hasher hasher(hash);
  hasher.run(parts);
  return hasher.take();
}

Result<SecretBytes> keystore_hash_chain(KeystoreHash hash, ByteView start, ByteView suffix, uint32_t rounds) {
  Hasher hasher(hash);
  for (uint32_t round = 0; round < rounds; ++round) hasher.run({round == 0 ? start : hasher.result(), suffix});
  return hasher.take();
}

Result<SecretBytes> triple_des_decrypt(ByteView key, ByteView iv, ByteView ciphertext) {
  COFFER_REQUIRE(key.size() == kTripleDesKeySize && iv.size() == 8, "triple DES takes 24 bytes of key and 8 of iv");
  const ErrorQueueGuard guard;
  if (ciphertext.empty() || ciphertext.size() % kBlockSize != 0 || ciphertext.size() > kDataSizeMax) {
    return {Code::kDamaged, "encrypted bytes that are not whole blocks"};
  }
  const Cipher cipher(EVP_CIPHER_fetch(nullptr, "DES-EDE3-CBC", nullptr));
  const CipherContext context(EVP_CIPHER_CTX_new());
  if (cipher == nullptr || context == nullptr ||
      EVP_DecryptInit_ex2(context.get(), cipher.get(), key.data(), iv.data(), nullptr) != 1) {
    return lacks("triple DES");
  }
  SecretBytes out(ciphertext.size() + kBlockSize);
  int written = 0, rest = 0;
  uint8_t* const at = out.reveal_mutable().data();
  if (EVP_DecryptUpdate(context.get(), at, &written, ciphertext.data(), static_cast<int>(ciphertext.size())) != 1 ||
      EVP_DecryptFinal_ex(context.get(), at + written, &rest) != 1) {
    return {Code::kWrongKey, "what is encrypted does not open"};
  }
  return SecretBytes::copy_of(out.reveal().first(static_cast<size_t>(written + rest)));
}

}  // namespace coffer::keystore
