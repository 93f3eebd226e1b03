#include "coffer/net/kmip/stores.h"

#include <openssl/pem.h>
#include <openssl/provider.h>

#include <cstring>

#include "coffer/io/disk.h"
#include "coffer/net/kmip/jks.h"
#include "coffer/net/stores/pkcs12_handle.h"

namespace coffer::kmip {
namespace {

constexpr size_t kStoreSizeMax = size_t{4} << 20;
constexpr int kCertificatesMax = 10000;

enum class Privacy { kPublic, kSecret };

Result<SecretBytes> read_store_file(const std::string& path, Privacy privacy) {
  if (privacy == Privacy::kSecret) return read_private_file(path, kStoreSizeMax);
  COFFER_ASSIGN(const Bytes contents, read_file(Disk::posix(), path, kStoreSizeMax));
  return SecretBytes::copy_of(contents);
}

const char* password_text(const SecretBytes& password) {
  return reinterpret_cast<const char*>(password.reveal().data());
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
  EvpKeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_password, &password));
  if (key != nullptr) return key;
  if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
    return {Code::kInvalidArgument, path + ": there is no PEM private key in it; give its file with key"};
  }
  return {Code::kWrongKey, path + ": its private key does not open" +
                               (password.size() > 1 ? " with the password given" : "; is there a password on it?") +
                               " (" + openssl_reason() + ")"};
}

Status check_pair(const Identity& identity, const std::string& path) {
  if (X509_check_private_key(identity.certificate.get(), identity.key.get()) == 1) return Status::ok();
  return {Code::kInvalidArgument, path + ": the private key does not belong to the (first) certificate"};
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
  COFFER_TRY(check_pair(out, together ? place.path : place.key_path));
  return out;
}

// OpenSSL's old ciphers (RC2, 3DES with SHA-1) in a library context of their own, so that the host process's stays as
// it is. What is read there is copied into the ordinary context by its encoding.
class LegacyContext {
 public:
  LegacyContext()
      : context_(OSSL_LIB_CTX_new()),
        standard_(OSSL_PROVIDER_load(context_, "default")),
        legacy_(OSSL_PROVIDER_load(context_, "legacy")) {}
  ~LegacyContext() {
    if (legacy_ != nullptr) OSSL_PROVIDER_unload(legacy_);
    if (standard_ != nullptr) OSSL_PROVIDER_unload(standard_);
    OSSL_LIB_CTX_free(context_);
  }
  LegacyContext(const LegacyContext&) = delete;
  LegacyContext& operator=(const LegacyContext&) = delete;
  OSSL_LIB_CTX* get() const { return context_; }

 private:
  OSSL_LIB_CTX* context_;
  OSSL_PROVIDER* standard_;
  OSSL_PROVIDER* legacy_;
};

bool parse_pkcs12(const SecretBytes& contents, const char* password, OSSL_LIB_CTX* context, Identity& out) {
  const keystore::Pkcs12Handle store = keystore::decode_pkcs12(contents.reveal(), context);
  if (store == nullptr) return false;
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;
  STACK_OF(X509)* chain = nullptr;
  if (PKCS12_parse(store.get(), password, &key, &certificate, &chain) != 1) return false;
  out.key.reset(key);
  out.certificate.reset(certificate);
  out.chain.reset(chain != nullptr ? chain : sk_X509_new_null());
  return true;
}

EvpKeyHandle copy_key(EVP_PKEY* from) {
  if (from == nullptr) return nullptr;
  uint8_t* encoded = nullptr;
  const int size = i2d_PrivateKey(from, &encoded);
  if (size <= 0) return nullptr;
  const uint8_t* at = encoded;
  EvpKeyHandle out(d2i_AutoPrivateKey(nullptr, &at, size));
  OPENSSL_clear_free(encoded, static_cast<size_t>(size));
  return out;
}

X509Handle copy_certificate(X509* from) {
  if (from == nullptr) return nullptr;
  uint8_t* encoded = nullptr;
  const int size = i2d_X509(from, &encoded);
  if (size <= 0) return nullptr;
  const uint8_t* at = encoded;
  X509Handle out(d2i_X509(nullptr, &at, size));
  OPENSSL_free(encoded);
  return out;
}

Status copy_out(const Identity& from, Identity& to) {
  to.key = copy_key(from.key.get());
  to.certificate = copy_certificate(from.certificate.get());
  to.chain.reset(sk_X509_new_null());
  bool whole =
      (to.key != nullptr) == (from.key != nullptr) && (to.certificate != nullptr) == (from.certificate != nullptr);
  for (int i = 0; whole && i < sk_X509_num(from.chain.get()); ++i) {
    X509Handle certificate = copy_certificate(sk_X509_value(from.chain.get(), i));
    whole = certificate != nullptr && sk_X509_push(to.chain.get(), certificate.get()) != 0;
    if (whole) [[maybe_unused]]
      X509* const owned = certificate.release();
  }
  return whole ? Status::ok()
               : Status(Code::kInvalidArgument, "its contents cannot be taken over: " + openssl_reason());
}

// Everything that a PKCS#12 keystore holds; a truststore yields a chain alone.
Result<Identity> read_pkcs12(const StorePlace& place, const SecretBytes& contents) {
  COFFER_ASSIGN(const SecretBytes password, read_secret_text(place.password));
  Identity out;
  if (parse_pkcs12(contents, password_text(password), nullptr, out)) return out;
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (reason == PKCS12_R_MAC_VERIFY_FAILURE) return {Code::kWrongKey, place.path + ": the password does not open it"};
  Identity legacy;
  {
    const LegacyContext context;
    Identity read;
    if (!parse_pkcs12(contents, password_text(password), context.get(), read)) {
      return {Code::kInvalidArgument, place.path + ": not a PKCS#12 keystore, or damaged (" + openssl_reason() + ")"};
    }
    COFFER_TRY(copy_out(read, legacy).with_context(place.path));
  }
  return legacy;
}

}  // namespace

Result<Identity> read_identity(const StorePlace& place) {
  const ErrorQueueGuard guard;
  if (place.type == StoreType::kPem) return read_pem_identity(place);
  COFFER_ASSIGN(const SecretBytes contents, read_store_file(place.path, Privacy::kSecret));
  Identity out;
  if (is_jks(contents)) {
    COFFER_ASSIGN(SecretBytes password, read_secret(place.password));
    COFFER_ASSIGN(out, read_jks_identity(place.path, contents, std::move(password)));
  } else {
    COFFER_ASSIGN(out, read_pkcs12(place, contents));
  }
  if (out.key == nullptr || out.certificate == nullptr) {
    return {Code::kInvalidArgument, place.path + ": there is no private key with its certificate in it"};
  }
  COFFER_TRY(check_pair(out, place.path));
  return out;
}

namespace {

Result<X509StackHandle> read_keystore_trust(const StorePlace& place, const SecretBytes& contents) {
  if (is_jks(contents)) {
    COFFER_ASSIGN(SecretBytes password, read_secret(place.password));
    return read_jks_trust(place.path, contents, std::move(password));
  }
  COFFER_ASSIGN(Identity read, read_pkcs12(place, contents));
  if (read.certificate != nullptr && sk_X509_push(read.chain.get(), read.certificate.get()) != 0) {
    [[maybe_unused]] X509* const owned = read.certificate.release();
  }
  return std::move(read.chain);
}

}  // namespace

Result<X509StackHandle> read_trust(const StorePlace& place) {
  const ErrorQueueGuard guard;
  COFFER_ASSIGN(const SecretBytes contents, read_store_file(place.path, Privacy::kPublic));
  if (place.type == StoreType::kPem) return read_pem_certificates(place.path, contents);
  COFFER_ASSIGN(X509StackHandle trusted, read_keystore_trust(place, contents));
  if (sk_X509_num(trusted.get()) == 0) return {Code::kInvalidArgument, place.path + ": there is no certificate in it"};
  return trusted;
}

}  // namespace coffer::kmip
