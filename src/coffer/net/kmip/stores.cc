#include "coffer/net/kmip/stores.h"

#include <openssl/pem.h>

#include <cstring>

#include "coffer/crypto/library.h"
#include "coffer/io/disk.h"
#include "coffer/net/stores/java_keystore.h"
#include "coffer/net/stores/pkcs12.h"

namespace coffer::kmip {
namespace {

using keystore::JavaEntry;
using keystore::KeyAndCertificates;

constexpr size_t kStoreSizeMax = size_t{4} << 20;
constexpr int kCertificatesMax = 10000;

enum class Privacy { kPublic, kSecret };

Result<SecretBytes> read_store_file(const std::string& path, Privacy privacy) {
  if (privacy == Privacy::kSecret) return read_private_file(path, kStoreSizeMax);
  COFFER_ASSIGN(const Bytes contents, read_file(Disk::posix(), path, kStoreSizeMax));
  return SecretBytes::copy_of(contents);
}

BioHandle bio_of(const SecretBytes& contents) {
  return BioHandle(BIO_new_mem_buf(contents.reveal().data(), static_cast<int>(contents.size())));
}

// OpenSSL asks for a PEM file's password here; the terminal must never be asked.
int give_password(char* out, int size_max, int, void* password) {
  const auto* text = static_cast<const SecretBytes*>(password);
  const int size = static_cast<int>(text->size()) - 1;
  if (size > size_max) return -1;
  std::memcpy(out, text->reveal().data(), static_cast<size_t>(size));
  return size;
}

Result<X509StackHandle> read_pem_certificates(const std::string& path, const SecretBytes& contents) {
  X509StackHandle out(sk_X509_new_null());
  const BioHandle bio = bio_of(contents);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    if (sk_X509_num(out.get()) == kCertificatesMax || sk_X509_push(out.get(), certificate) == 0) {
      X509_free(certificate);
      return {Code::kLimitExceeded, path + ": too many certificates"};
    }
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return {Code::kInvalidArgument, path + ": a certificate in it is damaged: " + openssl_reason()};
  }
  if (sk_X509_num(out.get()) == 0) return {Code::kInvalidArgument, path + ": there is no PEM certificate in it"};
  return out;
}

Result<EvpKeyHandle> read_pem_key(const std::string& path, const SecretBytes& contents, SecretBytes& password) {
  const BioHandle bio = bio_of(contents);
  EvpKeyHandle key(
      PEM_read_bio_PrivateKey_ex(bio.get(), nullptr, give_password, &password, openssl_library(), nullptr));
  if (key != nullptr) return key;
  if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
    return {Code::kInvalidArgument, path + ": there is no PEM private key in it; give its file with key"};
  }
  return {Code::kWrongKey, path + ": its private key does not open" +
                               (password.size() > 1 ? " with the password given" : "; is there a password on it?") +
                               " (" + openssl_reason() + ")"};
}

Result<Identity> read_pem_identity(const StorePlace& place) {
  const bool together = place.key_path.empty();
  COFFER_ASSIGN(SecretBytes password, read_secret_text(place.password));
  COFFER_ASSIGN(const SecretBytes contents,
                read_store_file(place.path, together ? Privacy::kSecret : Privacy::kPublic));
  Identity out;
  COFFER_ASSIGN(out.chain, read_pem_certificates(place.path, contents));
  out.certificate.reset(sk_X509_shift(out.chain.get()));
  if (together) {
    COFFER_ASSIGN(out.key, read_pem_key(place.path, contents, password));
  } else {
    COFFER_ASSIGN(const SecretBytes key, read_store_file(place.key_path, Privacy::kSecret));
    COFFER_ASSIGN(out.key, read_pem_key(place.key_path, key, password));
  }
  if (X509_check_private_key(out.certificate.get(), out.key.get()) == 1) return out;
  return {Code::kInvalidArgument,
          (together ? place.path : place.key_path) + ": the private key does not belong to the (first) certificate"};
}

Result<X509StackHandle> certificates_of(const std::vector<Bytes>& encoded) {
  X509StackHandle out(sk_X509_new_null());
  for (const Bytes& one : encoded) {
    const uint8_t* at = one.data();
    X509Handle certificate(d2i_X509(nullptr, &at, static_cast<long>(one.size())));
    if (certificate == nullptr || at != one.data() + one.size()) {
      return {Code::kInvalidArgument, "a certificate in it is damaged: " + openssl_reason()};
    }
    if (sk_X509_push(out.get(), certificate.get()) == 0) return {Code::kInternal, "OpenSSL has no memory"};
    [[maybe_unused]] X509* const owned = certificate.release();
  }
  return out;
}

Result<EvpKeyHandle> key_of(const SecretBytes& key_info) {
  const uint8_t* at = key_info.reveal().data();
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, OpenSslFree<PKCS8_PRIV_KEY_INFO_free>> info(
      d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(key_info.size())));
  EvpKeyHandle out(info == nullptr ? nullptr : EVP_PKCS82PKEY(info.get()));
  if (out == nullptr) return {Code::kInvalidArgument, "its private key is damaged: " + openssl_reason()};
  return out;
}

Result<const JavaEntry*> only_private_key(const std::vector<JavaEntry>& entries) {
  const JavaEntry* found = nullptr;
  std::string aliases;
  for (const JavaEntry& entry : entries) {
    if (entry.kind != JavaEntry::Kind::kPrivateKey) continue;
    aliases += (found == nullptr ? "" : ", ") + entry.alias;
    if (found != nullptr) {
      return {Code::kInvalidArgument, "there are several private keys in it (" + aliases +
                                          "); keep the one that is meant in a keystore of its own"};
    }
    found = &entry;
  }
  if (found != nullptr && !found->certificates.empty()) return found;
  return {Code::kInvalidArgument, "there is no private key with its certificate in it"};
}

Result<KeyAndCertificates> java_identity(const std::vector<JavaEntry>& entries, const keystore::Password& password,
                                         keystore::WorkBudget& budget) {
  COFFER_ASSIGN(const JavaEntry* const entry, only_private_key(entries));
  auto key_info = keystore::open_encrypted_key(entry->encrypted_key_info, password, budget);
  if (key_info) return KeyAndCertificates{std::move(*key_info), entry->certificates};
  if (key_info.code() != Code::kWrongKey) return key_info.status();
  return {Code::kWrongKey,
          "the store's password does not open its private key; give both the same: keytool -keypasswd"};
}

// The entries that say that a certificate is trusted; not the chains of private keys.
KeyAndCertificates java_trust(const std::vector<JavaEntry>& entries) {
  KeyAndCertificates out;
  for (const JavaEntry& entry : entries) {
    if (entry.kind == JavaEntry::Kind::kCertificate) out.certificates.push_back(entry.certificates.front());
  }
  return out;
}

Result<KeyAndCertificates> read_keystore(const SecretBytes& contents, const keystore::Password& password,
                                         bool for_identity) {
  if (is_fips()) {
    return {Code::kUnsupported, "no FIPS provider can read a keystore, as crypto: fips asks; give PEM files"};
  }
  keystore::WorkBudget budget;
  if (!keystore::is_java_keystore(contents.reveal())) {
    return keystore::read_pkcs12_identity(contents.reveal(), password, budget);
  }
  COFFER_ASSIGN(const std::vector<JavaEntry> entries, keystore::read_java_keystore(contents.reveal(), password));
  if (for_identity) return java_identity(entries, password, budget);
  return java_trust(entries);
}

Result<Identity> identity_in(const SecretBytes& contents, const keystore::Password& password) {
  COFFER_ASSIGN(const KeyAndCertificates found, read_keystore(contents, password, true));
  Identity out;
  COFFER_ASSIGN(out.chain, certificates_of(found.certificates));
  if (!found.key_info.empty()) {
    COFFER_ASSIGN(out.key, key_of(found.key_info));
  }
  for (int i = 0; out.key != nullptr && i < sk_X509_num(out.chain.get()); ++i) {
    if (X509_check_private_key(sk_X509_value(out.chain.get(), i), out.key.get()) != 1) continue;
    out.certificate.reset(sk_X509_delete(out.chain.get(), i));
    return out;
  }
  return {Code::kInvalidArgument, "there is no private key with its certificate in it"};
}

Result<X509StackHandle> trust_in(const SecretBytes& contents, const keystore::Password& password) {
  COFFER_ASSIGN(const KeyAndCertificates found, read_keystore(contents, password, false));
  if (!found.certificates.empty()) return certificates_of(found.certificates);
  return {Code::kInvalidArgument, "there is no certificate in it"};
}

}  // namespace

Result<Identity> read_identity(const StorePlace& place) {
  const ErrorQueueGuard guard;
  if (place.type == StoreType::kPem) return read_pem_identity(place);
  COFFER_ASSIGN(const SecretBytes contents, read_store_file(place.path, Privacy::kSecret));
  COFFER_ASSIGN(SecretBytes password, read_secret(place.password));
  auto out = identity_in(contents, keystore::Password(std::move(password)));
  return out ? std::move(out) : out.status().with_context(place.path);
}

Result<X509StackHandle> read_trust(const StorePlace& place) {
  const ErrorQueueGuard guard;
  COFFER_ASSIGN(const SecretBytes contents, read_store_file(place.path, Privacy::kPublic));
  if (place.type == StoreType::kPem) return read_pem_certificates(place.path, contents);
  COFFER_ASSIGN(SecretBytes password, read_secret(place.password));
  auto out = trust_in(contents, keystore::Password(std::move(password)));
  return out ? std::move(out) : out.status().with_context(place.path);
}

}  // namespace coffer::kmip
