#include "coffer/net/kmip/tls_context.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <cstring>

#include "coffer/crypto/library.h"
#include "coffer/net/kmip/message.h"
#include "coffer/net/kmip/stores.h"

namespace coffer::kmip {
namespace {

bool is_numeric(const std::string& name) {
  in6_addr address;
  return inet_pton(AF_INET, name.c_str(), &address) == 1 || inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

// What is printed of a certificate is the peer's words: made printable before it is shown. Empty when nothing is.
template <class Print>
std::string printed(const Print& print) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  print(bio.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size > 0 ? excerpt(std::string_view(data, static_cast<size_t>(size))) : "";
}

std::string name_text(const X509_NAME* name) {
  const std::string text = printed([&](BIO* bio) { X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253); });
  return text.empty() ? "(no name)" : text;
}

// "DNS:hsm1, IP:10.0.0.1": for whom a certificate was made.
std::string subjects_of(X509* certificate) {
  const int index = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
  const std::string text = printed([&](BIO* bio) {
    if (index >= 0) X509V3_EXT_print(bio, X509_get_ext(certificate, index), 0, 0);
  });
  return text.empty() ? name_text(X509_get_subject_name(certificate)) : text;
}

std::string refusal_of(X509_STORE_CTX* store, const Verification& verification) {
  const int error = X509_STORE_CTX_get_error(store);
  X509* const certificate = X509_STORE_CTX_get_current_cert(store);
  const std::string reason = X509_verify_cert_error_string(error);
  if (certificate == nullptr) return "its certificate is not trusted: " + reason;
  switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "its certificate is for " + subjects_of(certificate) + ", not for " + verification.host;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "its certificate is not trusted: it is self-signed (" + name_text(X509_get_subject_name(certificate)) +
             ") and not in " + verification.trust_path;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate is not valid now (" + name_text(X509_get_subject_name(certificate)) + ": " + reason + ")";
    default:
      return "its certificate is not trusted: signed by \"" + name_text(X509_get_issuer_name(certificate)) +
             "\", which is not in " + verification.trust_path + " (" + reason + ")";
  }
}

int note_refusal(int ok, X509_STORE_CTX* store) {
  if (ok == 1) return 1;
  auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& verification = *static_cast<Verification*>(SSL_get_app_data(ssl));
  if (verification.refusal.empty()) verification.refusal = refusal_of(store, verification);
  return 0;
}

constexpr const char* kTls13Suites =
    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:"
    "TLS_AES_128_CCM_8_SHA256";

// By OpenSSL's name or IANA's; nothing when `all` has none of the name.
const SSL_CIPHER* find_suite(const SSL_CTX* all, const std::string& name) {
  const STACK_OF(SSL_CIPHER)* known = SSL_CTX_get_ciphers(all);
  for (int i = 0; i < sk_SSL_CIPHER_num(known); ++i) {
    const SSL_CIPHER* suite = sk_SSL_CIPHER_value(known, i);
    const char* standard = SSL_CIPHER_standard_name(suite);
    if (SSL_CIPHER_get_name(suite) == name || (standard != nullptr && standard == name)) return suite;
  }
  return nullptr;
}

// The two lists that OpenSSL wants, each suite in the one of its protocol: what goes into the other is lost.
struct SuiteLists {
  std::string tls12, tls13;
};

Result<SuiteLists> sort_suites(const std::vector<std::string>& names) {
  const SslContextHandle all(SSL_CTX_new_ex(openssl_library(), nullptr, TLS_client_method()));
  if (all == nullptr || SSL_CTX_set_ciphersuites(all.get(), kTls13Suites) != 1 ||
      SSL_CTX_set_cipher_list(all.get(), "ALL") != 1) {
    return {Code::kInternal, "OpenSSL has no cipher suites: " + openssl_reason()};
  }
  SuiteLists out;
  std::string unknown;
  for (const std::string& name : names) {
    const SSL_CIPHER* suite = find_suite(all.get(), name);
    if (suite == nullptr) {
      unknown += (unknown.empty() ? "" : ", ") + name;
      continue;
    }
    std::string& list = std::strcmp(SSL_CIPHER_get_version(suite), "TLSv1.3") == 0 ? out.tls13 : out.tls12;
    list.append(list.empty() ? "" : ":").append(SSL_CIPHER_get_name(suite));
  }
  if (unknown.empty()) return out;
  return {Code::kInvalidArgument, "cipher_suites: OpenSSL has no " + unknown +
                                      "; give IANA's names (TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "
                                      "TLS_AES_256_GCM_SHA384) or OpenSSL's (openssl ciphers -stdname ALL)"};
}

Status set_cipher_suites(SSL_CTX* context, const TlsSettings& settings) {
  if (settings.cipher_suites.empty()) return Status::ok();
  COFFER_ASSIGN(const SuiteLists lists, sort_suites(settings.cipher_suites));
  // Suites of one version only: the other version would bring suites that were not asked for.
  const bool only13 = lists.tls12.empty(), only12 = lists.tls13.empty();
  if ((only13 && settings.protocol == "TLSv1.2") || (only12 && settings.protocol == "TLSv1.3")) {
    return {Code::kInvalidArgument, "cipher_suites: none of them is one of protocol " + settings.protocol +
                                        "; name suites of it, or leave one of the two options out"};
  }
  bool ok = only13 || SSL_CTX_set_cipher_list(context, lists.tls12.c_str()) == 1;
  ok = ok && (only12 || SSL_CTX_set_ciphersuites(context, lists.tls13.c_str()) == 1);
  if (only13) ok = ok && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1;
  if (only12) ok = ok && SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1;
  if (!ok) return {Code::kInvalidArgument, "cipher_suites: OpenSSL refuses them: " + openssl_reason()};
  return Status::ok();
}

Status set_protocol(SSL_CTX* context, const std::string& protocol) {
  const int lowest = protocol == "TLSv1.3" ? TLS1_3_VERSION : TLS1_2_VERSION;
  const int highest = protocol == "TLSv1.2" ? TLS1_2_VERSION : 0;
  if (SSL_CTX_set_min_proto_version(context, lowest) == 1 && SSL_CTX_set_max_proto_version(context, highest) == 1) {
    return Status::ok();
  }
  return {Code::kUnsupported, "protocol: OpenSSL refuses it: " + openssl_reason()};
}

Status set_identity(SSL_CTX* context, const StorePlace& place) {
  COFFER_ASSIGN(const Identity identity, read_identity(place));
  if (SSL_CTX_use_certificate(context, identity.certificate.get()) == 1 &&
      SSL_CTX_use_PrivateKey(context, identity.key.get()) == 1 &&
      SSL_CTX_set1_chain(context, identity.chain.get()) == 1) {
    return Status::ok();
  }
  return {Code::kInvalidArgument, place.path + ": OpenSSL does not take the client certificate: " + openssl_reason()};
}

Status set_trust(SSL_CTX* context, const StorePlace& place) {
  COFFER_ASSIGN(const X509StackHandle trusted, read_trust(place));
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (int i = 0; i < sk_X509_num(trusted.get()); ++i) {
    if (X509_STORE_add_cert(store, sk_X509_value(trusted.get(), i)) != 1) {
      return {Code::kInvalidArgument, place.path + ": OpenSSL does not take a certificate: " + openssl_reason()};
    }
  }
  // Whatever stands in the truststore is trusted, an intermediate or a host's own certificate too: as Java does it.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  return Status::ok();
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::create(const TlsSettings& settings) {
  const ErrorQueueGuard guard;
  std::shared_ptr<TlsContext> out(new TlsContext);
  out->context_.reset(SSL_CTX_new_ex(openssl_library(), nullptr, TLS_client_method()));
  SSL_CTX* const context = out->context_.get();
  if (context == nullptr) return {Code::kInternal, "OpenSSL has no TLS: " + openssl_reason()};
  COFFER_TRY(set_protocol(context, settings.protocol));
  COFFER_TRY(set_cipher_suites(context, settings));
  // Received keys are wiped from OpenSSL's buffers as soon as they were handed over.
  SSL_CTX_set_options(context,
                      SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, note_refusal);
  COFFER_TRY(set_identity(context, settings.identity));
  COFFER_TRY(set_trust(context, settings.trust));
  out->trust_path_ = settings.trust.path;
  out->verify_host_ = settings.verify_host;
  return std::shared_ptr<const TlsContext>(std::move(out));
}

Result<SslHandle> TlsContext::make_session(const HostAddress& host, Verification& verification) const {
  SslHandle ssl(SSL_new(context_.get()));
  if (ssl == nullptr) return {Code::kInternal, "OpenSSL has no memory"};
  const bool numeric = is_numeric(host.name);
  bool ok = numeric || SSL_set_tlsext_host_name(ssl.get(), host.name.c_str()) == 1;
  if (verify_host_) {
    X509_VERIFY_PARAM* const param = SSL_get0_param(ssl.get());
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    ok = ok && (numeric ? X509_VERIFY_PARAM_set1_ip_asc(param, host.name.c_str())
                        : X509_VERIFY_PARAM_set1_host(param, host.name.c_str(), 0)) == 1;
  }
  verification = {host.name, trust_path_, ""};
  ok = ok && SSL_set_app_data(ssl.get(), &verification) == 1;
  if (!ok) return {Code::kInvalidArgument, "OpenSSL does not take the host's name: " + openssl_reason()};
  return ssl;
}

}  // namespace coffer::kmip
