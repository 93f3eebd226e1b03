#include "coffer/net/kmip/jks.h"

#include "coffer/net/stores/java_keystore.h"

namespace coffer::kmip {
namespace {

using keystore::JavaEntry;

Result<X509Handle> certificate_of(ByteView encoded) {
  const uint8_t* at = encoded.data();
  X509Handle out(d2i_X509(nullptr, &at, static_cast<long>(encoded.size())));
  if (out == nullptr || at != encoded.data() + encoded.size()) {
    return {Code::kInvalidArgument, "a certificate in it is damaged: " + openssl_reason()};
  }
  return out;
}

Status push(const X509StackHandle& stack, ByteView encoded) {
  COFFER_ASSIGN(X509Handle certificate, certificate_of(encoded));
  if (sk_X509_push(stack.get(), certificate.get()) == 0) return {Code::kInternal, "OpenSSL has no memory"};
  [[maybe_unused]] X509* const owned = certificate.release();
  return Status::ok();
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

Result<Identity> identity_of(const std::vector<JavaEntry>& entries, const keystore::Password& password) {
  COFFER_ASSIGN(const JavaEntry* const entry, only_private_key(entries));
  keystore::WorkBudget budget;
  auto key_info = open_private_key(*entry, password, budget);
  if (key_info.code() == Code::kWrongKey) {
    return {Code::kWrongKey,
            "the store's password does not open its private key; give both the same: keytool -keypasswd"};
  }
  if (!key_info.is_ok()) return key_info.status();
  Identity out;
  COFFER_ASSIGN(out.key, key_of(*key_info));
  COFFER_ASSIGN(out.certificate, certificate_of(entry->certificates.front()));
  out.chain.reset(sk_X509_new_null());
  for (size_t i = 1; i < entry->certificates.size(); ++i) COFFER_TRY(push(out.chain, entry->certificates[i]));
  return out;
}

Result<X509StackHandle> trust_of(const std::vector<JavaEntry>& entries) {
  X509StackHandle out(sk_X509_new_null());
  for (const JavaEntry& entry : entries) {
    if (entry.kind == JavaEntry::Kind::kCertificate) COFFER_TRY(push(out, entry.certificates.front()));
  }
  return out;
}

template <class T>
Result<T> about(const std::string& path, Result<T> result) {
  if (!result.is_ok()) return result.status().with_context(path);
  return result;
}

}  // namespace

bool is_jks(const SecretBytes& contents) { return keystore::is_java_keystore(contents.reveal()); }

Result<Identity> read_jks_identity(const std::string& path, const SecretBytes& contents, SecretBytes password) {
  const keystore::Password given(std::move(password));
  auto entries = keystore::read_java_keystore(contents.reveal(), given);
  if (!entries.is_ok()) return entries.status().with_context(path);
  return about(path, identity_of(*entries, given));
}

Result<X509StackHandle> read_jks_trust(const std::string& path, const SecretBytes& contents, SecretBytes password) {
  auto entries = keystore::read_java_keystore(contents.reveal(), keystore::Password(std::move(password)));
  if (!entries.is_ok()) return entries.status().with_context(path);
  return about(path, trust_of(*entries));
}

}  // namespace coffer::kmip
