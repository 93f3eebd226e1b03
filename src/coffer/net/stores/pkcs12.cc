#include "coffer/net/stores/pkcs12.h"

#include <openssl/pkcs12.h>
#include <openssl/provider.h>

#include <algorithm>
#include <functional>

#include "coffer/base/text.h"
#include "coffer/crypto/openssl_handles.h"
#include "coffer/crypto/random.h"

namespace coffer::keystore {
namespace {

constexpr int kPartsMax = 1000;
constexpr size_t kAliasSizeMax = 1024;
constexpr int kRoundsWritten = 100'000;
constexpr const char* kAes = "2.16.840.1.101.3.4.1";  // keys of any size

void free_parts(STACK_OF(PKCS7) * parts) { sk_PKCS7_pop_free(parts, PKCS7_free); }
void free_bags(STACK_OF(PKCS12_SAFEBAG) * bags) { sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free); }
void free_text(char* text) { OPENSSL_free(text); }
using LibraryHandle = std::unique_ptr<OSSL_LIB_CTX, OpenSslFree<OSSL_LIB_CTX_free>>;
using ProviderHandle = std::unique_ptr<OSSL_PROVIDER, OpenSslFree<OSSL_PROVIDER_unload>>;
using StoreHandle = std::unique_ptr<PKCS12, OpenSslFree<PKCS12_free>>;
using PartsHandle = std::unique_ptr<STACK_OF(PKCS7), OpenSslFree<free_parts>>;
using BagsHandle = std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), OpenSslFree<free_bags>>;
using TextHandle = std::unique_ptr<char, OpenSslFree<free_text>>;
using KeyInfoHandle = std::unique_ptr<PKCS8_PRIV_KEY_INFO, OpenSslFree<PKCS8_PRIV_KEY_INFO_free>>;
using EncryptedHandle = std::unique_ptr<X509_SIG, OpenSslFree<X509_SIG_free>>;
using ObjectHandle = std::unique_ptr<ASN1_OBJECT, OpenSslFree<ASN1_OBJECT_free>>;

Status not_pkcs12() {
  return {Code::kInvalidArgument, "not a PKCS#12 keystore in DER, or damaged; keytool -importkeystore writes one"};
}
Status unsupported() {
  return {
      Code::kUnsupported,
      "it is encrypted in a way that is too weak or not known here; write the keystore anew with a Java from 17 on: "
      "keytool -importkeystore"};
}
Status openssl_refuses() { return {Code::kInternal, "OpenSSL cannot write a PKCS#12 keystore: " + openssl_reason()}; }

struct PasswordView {
  const char* text;
  int size;
};
PasswordView view_of(const Password& password) {
  return {password.empty() ? "" : reinterpret_cast<const char*>(password.bytes().data()),
          static_cast<int>(password.bytes().size())};
}

// Empty when OpenSSL has no memory.
template <auto Encode, class T>
SecretBytes der_of(T* object) {
  const int size = Encode(object, nullptr);
  SecretBytes out(size > 0 ? static_cast<size_t>(size) : 0);
  uint8_t* at = out.reveal_mutable().data();
  if (size > 0) Encode(object, &at);
  return out;
}

// Decoded, not checked, its algorithms to be taken from `context` (null: the process's own). Null for what is none.
StoreHandle decode(ByteView contents, OSSL_LIB_CTX* context = nullptr) {
  PKCS12* store = PKCS12_init_ex(NID_pkcs7_data, context, nullptr);
  const uint8_t* at = contents.data();
  // Once it has begun to decode, d2i frees on failure what it was given, and says so in `store`.
  const bool good = store != nullptr && d2i_PKCS12(&store, &at, static_cast<long>(contents.size())) != nullptr;
  StoreHandle out(store);
  return good ? std::move(out) : nullptr;
}

// OpenSSL takes any BER and any version. Where every byte counts, what is not under the MAC must be as it would be
// written.
Result<StoreHandle> decode_strictly(ByteView contents) {
  StoreHandle store = decode(contents);
  if (store == nullptr || contents.size() < 2) return not_pkcs12();
  const bool same = std::ranges::equal(der_of<i2d_PKCS12>(store.get()).reveal(), contents);
  const size_t header = 2 + (contents[1] < 0x80 ? 0 : contents[1] & 0x7f);
  constexpr uint8_t kVersion3[] = {V_ASN1_INTEGER, 1, 3};
  if (!same || !std::ranges::equal(contents.subspan(header, sizeof kVersion3), kVersion3)) return not_pkcs12();
  if (PKCS12_mac_present(store.get()) == 1) return store;
  return {Code::kUnsupported, "it has no password (no MAC), so anybody could have changed it; give it one"};
}

Status check_mac(PKCS12* store, PasswordView given, WorkBudget& budget) {
  const ASN1_INTEGER* rounds = nullptr;
  PKCS12_get0_mac(nullptr, nullptr, nullptr, &rounds, store);
  int64_t count = 1;
  if (rounds != nullptr && ASN1_INTEGER_get_int64(&count, rounds) != 1) return not_pkcs12();
  COFFER_TRY(budget.spend(count));
  ERR_clear_error();
  if (PKCS12_verify_mac(store, given.text, given.size) == 1) return Status::ok();
  if (ERR_peek_last_error() != 0) return {Code::kUnsupported, "its MAC is of a kind that is not known here"};
  return {Code::kWrongKey, "the store password is not right, or the file was altered"};
}

// Unpacks the parameters of `algorithm`, of the type that `item` describes, for as long as `use` runs.
template <class Parameters, class Use>
Status with_parameters(const X509_ALGOR* algorithm, const ASN1_ITEM* item, const Use& use) {
  auto* const given = static_cast<Parameters*>(ASN1_TYPE_unpack_sequence(item, algorithm->parameter));
  if (given == nullptr) return not_pkcs12();
  const Status status = use(*given);
  ASN1_item_free(reinterpret_cast<ASN1_VALUE*>(given), item);
  return status;
}

int kind_of(const X509_ALGOR* algorithm) { return OBJ_obj2nid(algorithm->algorithm); }

Status spend(const ASN1_INTEGER* rounds, int times, WorkBudget& budget) {
  int64_t count = 0;
  if (ASN1_INTEGER_get_int64(&count, rounds) != 1) return not_pkcs12();
  for (int i = 0; i < times; ++i) COFFER_TRY(budget.spend(count));
  return Status::ok();
}

// Before OpenSSL does the work that a file asks for. kUnsupported for what is not known here, or too weak unless that
// is allowed.
Status check_encryption(const X509_ALGOR* algorithm, WorkBudget& budget, bool weak_too = false) {
  const int kind = kind_of(algorithm);
  const bool weak = kind >= NID_pbe_WithSHA1And128BitRC4 && kind <= NID_pbe_WithSHA1And40BitRC2_CBC;  // RC2, RC4
  if (kind == NID_pbe_WithSHA1And3_Key_TripleDES_CBC || (weak && weak_too)) {
    return with_parameters<PBEPARAM>(algorithm, ASN1_ITEM_rptr(PBEPARAM), [&](const PBEPARAM& given) {
      return spend(given.iter, 2, budget);  // key and IV are derived by as many rounds each
    });
  }
  if (kind != NID_pbes2) return unsupported();
  return with_parameters<PBE2PARAM>(algorithm, ASN1_ITEM_rptr(PBE2PARAM), [&](const PBE2PARAM& scheme) {
    if (kind_of(scheme.keyfunc) != NID_id_pbkdf2) return unsupported();
    return with_parameters<PBKDF2PARAM>(scheme.keyfunc, ASN1_ITEM_rptr(PBKDF2PARAM),
                                        [&](const PBKDF2PARAM& given) { return spend(given.iter, 1, budget); });
  });
}

std::string alias_of(PKCS12_SAFEBAG* bag) {
  const TextHandle name(PKCS12_get_friendlyname(bag));
  const std::string out = name == nullptr ? "" : name.get();
  return out.size() <= kAliasSizeMax && is_utf8(out) ? out : "";
}

Status read_bag(PKCS12_SAFEBAG* bag, Pkcs12Secrets& out) {
  if (++out.entries > kEntriesMax) return {Code::kLimitExceeded, "more than 10000 entries"};
  out.aliases.push_back(alias_of(bag));
  if (PKCS12_SAFEBAG_get_nid(bag) != NID_secretBag) return Status::ok();
  if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_pkcs8ShroudedKeyBag) return Status::ok();
  const ASN1_TYPE* const value = PKCS12_SAFEBAG_get0_bag_obj(bag);
  if (value == nullptr || value->type != V_ASN1_OCTET_STRING) return not_pkcs12();
  const uint8_t* const data = ASN1_STRING_get0_data(value->value.octet_string);
  out.keys.push_back({out.aliases.back(), Bytes(data, data + ASN1_STRING_length(value->value.octet_string))});
  return Status::ok();
}

// Returns how many parts are encrypted in a way that is too weak or not known here.
Result<size_t> each_bag(PKCS12* store, PasswordView given, WorkBudget& budget, bool weak_too,
                        const std::function<Status(PKCS12_SAFEBAG*)>& each) {
  const PartsHandle parts(PKCS12_unpack_authsafes(store));
  if (parts == nullptr) return not_pkcs12();
  if (sk_PKCS7_num(parts.get()) > kPartsMax) return {Code::kLimitExceeded, "more than 1000 parts"};
  size_t unreadable = 0;
  for (int i = 0; i < sk_PKCS7_num(parts.get()); ++i) {
    PKCS7* const part = sk_PKCS7_value(parts.get(), i);
    const bool encrypted = PKCS7_type_is_encrypted(part) && part->d.encrypted != nullptr;
    Status readable = PKCS7_type_is_data(part) || encrypted ? Status::ok() : unsupported();
    if (encrypted) readable = check_encryption(part->d.encrypted->enc_data->algorithm, budget, weak_too);
    if (readable.code() == Code::kUnsupported) {
      ++unreadable;
      continue;
    }
    COFFER_TRY(readable);
    const BagsHandle bags(encrypted ? PKCS12_unpack_p7encdata(part, given.text, given.size)
                                    : PKCS12_unpack_p7data(part));
    if (bags == nullptr) return not_pkcs12();
    for (int k = 0; k < sk_PKCS12_SAFEBAG_num(bags.get()); ++k) {
      COFFER_TRY(each(sk_PKCS12_SAFEBAG_value(bags.get(), k)));
    }
  }
  return unreadable;
}

Result<Pkcs12Secrets> read_secrets(PKCS12* store, const Password& password, WorkBudget& budget) {
  Pkcs12Secrets out;
  COFFER_ASSIGN(out.unreadable_parts, each_bag(store, view_of(password), budget, false,
                                               [&out](PKCS12_SAFEBAG* bag) { return read_bag(bag, out); }));
  return out;
}

Result<KeyInfoHandle> open_key_info(const X509_SIG* encrypted, PasswordView given, WorkBudget& budget,
                                    OSSL_LIB_CTX* weak = nullptr) {
  const X509_ALGOR* algorithm = nullptr;
  X509_SIG_get0(encrypted, &algorithm, nullptr);
  COFFER_TRY(check_encryption(algorithm, budget, weak != nullptr));
  // With another key, padding that fits by chance opens to noise, which is no PrivateKeyInfo.
  KeyInfoHandle info(PKCS8_decrypt_ex(encrypted, given.text, given.size, weak, nullptr));
  if (info == nullptr) return {Code::kWrongKey, "what is encrypted does not open"};
  return info;
}

// The first private key and all certificates that one bag after the other holds.
Status read_identity_bag(PKCS12_SAFEBAG* bag, PasswordView given, WorkBudget& budget, OSSL_LIB_CTX* weak,
                         KeyAndCertificates& out) {
  const int kind = PKCS12_SAFEBAG_get_nid(bag);
  if (kind == NID_certBag && PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Certificate) {
    const X509Handle certificate(PKCS12_SAFEBAG_get1_cert(bag));
    if (certificate == nullptr) return not_pkcs12();
    if (out.certificates.size() == kEntriesMax) return {Code::kLimitExceeded, "more than 10000 certificates"};
    const SecretBytes der = der_of<i2d_X509>(certificate.get());
    out.certificates.emplace_back(der.reveal().begin(), der.reveal().end());
  } else if (kind == NID_keyBag && out.key_info.empty()) {
    out.key_info = der_of<i2d_PKCS8_PRIV_KEY_INFO>(PKCS12_SAFEBAG_get0_p8inf(bag));
  } else if (kind == NID_pkcs8ShroudedKeyBag && out.key_info.empty()) {
    COFFER_ASSIGN(const KeyInfoHandle info, open_key_info(PKCS12_SAFEBAG_get0_pkcs8(bag), given, budget, weak));
    out.key_info = der_of<i2d_PKCS8_PRIV_KEY_INFO>(info.get());
  }
  return Status::ok();
}

// With `weak`, ciphers are taken from there, the weak ones too; without, those are kUnsupported.
Result<KeyAndCertificates> read_identity(ByteView contents, const Password& password, WorkBudget& budget,
                                         OSSL_LIB_CTX* weak) {
  const StoreHandle store = decode(contents, weak);
  if (store == nullptr) return not_pkcs12();
  PasswordView given = view_of(password);
  const bool has_mac = PKCS12_mac_present(store.get()) == 1;
  // No password and an empty one are not the same to PKCS#12, but to people.
  const PasswordView none{nullptr, 0};
  if (password.empty() && (!has_mac || check_mac(store.get(), none, budget))) {
    given = none;
  } else if (has_mac) {
    COFFER_TRY(check_mac(store.get(), given, budget));
  }
  KeyAndCertificates out;
  const auto read = [&](PKCS12_SAFEBAG* bag) { return read_identity_bag(bag, given, budget, weak, out); };
  COFFER_ASSIGN(const size_t unreadable, each_bag(store.get(), given, budget, weak != nullptr, read));
  if (unreadable > 0) return unsupported();
  return out;
}

// PrivateKeyInfo around an AES key, which owns a copy of it and wipes it.
KeyInfoHandle key_info_of(const RootKey& key) {
  KeyInfoHandle out(PKCS8_PRIV_KEY_INFO_new());
  ObjectHandle aes(OBJ_txt2obj(kAes, 1));
  auto* const copy = static_cast<uint8_t*>(OPENSSL_memdup(key.reveal().data(), key.size()));
  if (out != nullptr && aes != nullptr && copy != nullptr &&
      PKCS8_pkey_set0(out.get(), aes.get(), 0, V_ASN1_UNDEF, nullptr, copy, static_cast<int>(key.size())) == 1) {
    [[maybe_unused]] ASN1_OBJECT* const owned = aes.release();
    return out;
  }
  OPENSSL_clear_free(copy, key.size());
  return nullptr;
}

// A part with one secret key in it. Null when OpenSSL refuses.
PKCS7* secret_part(const std::string& alias, const RootKey& key, const Password& password, ByteView salt) {
  const KeyInfoHandle info = key_info_of(key);
  const PasswordView given = view_of(password);
  Bytes own_salt(salt.begin(), salt.end());
  const EncryptedHandle encrypted(info == nullptr
                                      ? nullptr
                                      : PKCS8_encrypt(-1, EVP_aes_256_cbc(), given.text, given.size, own_salt.data(),
                                                      static_cast<int>(own_salt.size()), kRoundsWritten, info.get()));
  if (encrypted == nullptr) return nullptr;
  SecretBytes der = der_of<i2d_X509_SIG>(encrypted.get());
  PKCS12_SAFEBAG* bag = PKCS12_SAFEBAG_create_secret(NID_pkcs8ShroudedKeyBag, V_ASN1_OCTET_STRING,
                                                     der.reveal_mutable().data(), static_cast<int>(der.size()));
  const BagsHandle bags(sk_PKCS12_SAFEBAG_new_null());
  if (bag == nullptr || bags == nullptr || sk_PKCS12_SAFEBAG_push(bags.get(), bag) == 0) {
    PKCS12_SAFEBAG_free(bag);
    return nullptr;
  }
  if (PKCS12_add_friendlyname_utf8(bag, alias.data(), static_cast<int>(alias.size())) != 1) return nullptr;
  return PKCS12_pack_p7data(bags.get());
}

}  // namespace

Result<Pkcs12Secrets> read_pkcs12_secrets(ByteView contents, const Password& store_password, WorkBudget& budget) {
  const ErrorQueueGuard guard;
  COFFER_ASSIGN(const StoreHandle store, decode_strictly(contents));
  COFFER_TRY(check_mac(store.get(), view_of(store_password), budget));
  return read_secrets(store.get(), store_password, budget);
}

Result<Pkcs12Secrets> parse_pkcs12_secrets(ByteView contents, const Password& store_password, WorkBudget& budget) {
  const ErrorQueueGuard guard;
  const StoreHandle store = decode(contents);
  if (store == nullptr) return not_pkcs12();
  return read_secrets(store.get(), store_password, budget);
}

Result<KeyAndCertificates> read_pkcs12_identity(ByteView contents, const Password& password, WorkBudget& budget) {
  const ErrorQueueGuard guard;
  auto out = read_identity(contents, password, budget, nullptr);
  if (out.code() != Code::kUnsupported) return out;
  // OpenSSL's old ciphers, in a library context of their own, so that the host process's stays as it is.
  const LibraryHandle weak(OSSL_LIB_CTX_new());
  const ProviderHandle standard(OSSL_PROVIDER_load(weak.get(), "default"));
  const ProviderHandle legacy(OSSL_PROVIDER_load(weak.get(), "legacy"));
  return read_identity(contents, password, budget, weak.get());
}

Result<RootKey> open_secret_key(const ProtectedKey& key, const Password& key_password, WorkBudget& budget) {
  const ErrorQueueGuard guard;
  const Bytes& from = key.encrypted_key_info;
  const uint8_t* at = from.data();
  const EncryptedHandle encrypted(d2i_X509_SIG(nullptr, &at, static_cast<long>(from.size())));
  if (encrypted == nullptr || at != from.data() + from.size()) {
    return {Code::kInvalidArgument, "an encrypted key is malformed"};
  }
  COFFER_ASSIGN(const KeyInfoHandle info, open_key_info(encrypted.get(), view_of(key_password), budget));
  const ASN1_OBJECT* oid = nullptr;
  const uint8_t* bytes = nullptr;
  int size = 0;
  char text[64] = {};
  if (PKCS8_pkey_get0(&oid, &bytes, &size, nullptr, info.get()) != 1 || OBJ_obj2txt(text, sizeof text, oid, 1) <= 0 ||
      std::string_view(text) != kAes) {
    return {Code::kInvalidArgument, "it is not an AES key"};
  }
  if (size == 16 || size == 24 || size == 32) return RootKey::copy_of({bytes, static_cast<size_t>(size)});
  return {Code::kInvalidArgument, "an AES key of " + std::to_string(size * 8) + " bits, which cannot be"};
}

Result<Bytes> with_secret_key(ByteView contents, const std::string& alias, const RootKey& key,
                              const Password& store_password, const Password& key_password) {
  const ErrorQueueGuard guard;
  StoreHandle store(contents.empty() ? PKCS12_init(NID_pkcs7_data) : nullptr);
  if (!contents.empty()) {
    COFFER_ASSIGN(store, decode_strictly(contents));
  }
  const PartsHandle parts(contents.empty() ? sk_PKCS7_new_null() : PKCS12_unpack_authsafes(store.get()));
  std::array<uint8_t, 16> key_salt;
  std::array<uint8_t, 20> mac_salt;
  COFFER_TRY(random_bytes(key_salt));
  COFFER_TRY(random_bytes(mac_salt));
  PKCS7* const part = secret_part(alias, key, key_password, key_salt);
  if (store == nullptr || parts == nullptr || part == nullptr || sk_PKCS7_push(parts.get(), part) == 0) {
    PKCS7_free(part);
    return openssl_refuses();
  }
  const PasswordView given = view_of(store_password);
  if (PKCS12_pack_authsafes(store.get(), parts.get()) != 1 ||
      PKCS12_set_mac(store.get(), given.text, given.size, mac_salt.data(), static_cast<int>(mac_salt.size()),
                     kRoundsWritten, EVP_sha256()) != 1) {
    return openssl_refuses();
  }
  const SecretBytes der = der_of<i2d_PKCS12>(store.get());
  if (der.empty()) return openssl_refuses();
  return Bytes(der.reveal().begin(), der.reveal().end());
}

}  // namespace coffer::keystore
