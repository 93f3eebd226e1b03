#include "coffer/net/kmip/tls_context.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <cstring>

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

// The name in OpenSSL's spelling, if it is one suite that `context` can use before TLS 1.3.
std::string openssl_suite(SSL_CTX* context, const std::string& name) {
  const char* converted = OPENSSL_cipher_name(name.c_str());
  const std::string spelled = std::strcmp(converted, "(NONE)") == 0 ? name : converted;
  if (SSL_CTX_set_cipher_list(context, spelled.c_str()) != 1) return "";
  const STACK_OF(SSL_CIPHER)* usable = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(usable); ++i) {
    if (SSL_CIPHER_get_name(sk_SSL_CIPHER_value(usable, i)) == spelled) return spelled;
  }
  return "";
}

Status set_cipher_suites(SSL_CTX* context, const std::vector<std::string>& names) {
  std::string tls12, tls13;
  const SslContextHandle scratch(SSL_CTX_new(TLS_client_method()));
  for (const std::string& name : names) {
    const bool is13 = SSL_CTX_set_ciphersuites(scratch.get(), name.c_str()) == 1;
    const std::string spelled = is13 ? name : openssl_suite(scratch.get(), name);
    if (spelled.empty()) {
      return {Code::kInvalidArgument,
              "cipher_suites: " + name + " is not known to OpenSSL, or is forbidden by its policy"};
    }
    std::string& list = is13 ? tls13 : tls12;
    list += (list.empty() ? "" : ":") + spelled;
  }
  bool ok = true;
  if (!tls12.empty()) ok = ok && SSL_CTX_set_cipher_list(context, tls12.c_str()) == 1;
  if (!tls13.empty()) ok = ok && SSL_CTX_set_ciphersuites(context, tls13.c_str()) == 1;
  // Suites of one version only: the other version would bring suites that were not asked for.
  if (!names.empty() && tls12.empty()) ok = ok && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1;
  if (!names.empty() && tls13.empty()) ok = ok && SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1;
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
  out->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = out->context_.get();
  if (context == nullptr) return {Code::kInternal, "OpenSSL has no TLS: " + openssl_reason()};
  COFFER_TRY(set_protocol(context, settings.protocol));
  COFFER_TRY(set_cipher_suites(context, settings.cipher_suites));
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
