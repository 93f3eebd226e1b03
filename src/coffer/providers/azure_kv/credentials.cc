#include "coffer/providers/azure_kv/credentials.h"

#include <algorithm>
#include <array>

#include "coffer/base/clock.h"
#include "coffer/crypto/random.h"
#include "coffer/net/oauth/jwt.h"

namespace coffer::azure_kv {
namespace {

using oauth::TokenCache;

constexpr size_t kFileSizeMax = size_t{64} << 10;
constexpr uint64_t kAssertionSeconds = 600;
constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::array<std::string_view, 4> kKinds = {"client_secret", "client_certificate", "workload_identity",
                                                    "managed_identity"};

std::string first_given(const std::string& option, const char* name) {
  return option.empty() ? http::environment(name) : option;
}

std::string kind_of(const CredentialSettings& settings) {
  if (!settings.kind.empty()) return settings.kind;
  if (settings.secret.given() || !http::environment("AZURE_CLIENT_SECRET").empty()) return "client_secret";
  if (!first_given(settings.certificate_file, "AZURE_CLIENT_CERTIFICATE_PATH").empty()) return "client_certificate";
  if (!first_given(settings.token_file, "AZURE_FEDERATED_TOKEN_FILE").empty()) return "workload_identity";
  return "managed_identity";
}

struct Application {
  std::string client;
  std::string token_url;
};

Result<Application> application_of(const CredentialSettings& settings) {
  Application out;
  out.client = first_given(settings.client, "AZURE_CLIENT_ID");
  if (out.client.empty()) {
    return {Code::kInvalidArgument, "the id of the application is missing: option client, or AZURE_CLIENT_ID"};
  }
  const std::string tenant = first_given(settings.tenant, "AZURE_TENANT_ID");
  if (tenant.empty()) {
    return {Code::kInvalidArgument, "the tenant is missing: option tenant, or AZURE_TENANT_ID"};
  }
  std::string authority = settings.authority;
  while (authority.ends_with('/')) authority.pop_back();
  if (authority.find("://") == std::string::npos) authority = "https://" + authority;
  out.token_url = authority + "/" + http::encode_url(tenant) + "/oauth2/v2.0/token";
  return out;
}

Status add_secret(const CredentialSettings& settings, oauth::Form& form) {
  SecretSource source = settings.secret;
  if (!source.given()) source.environment = "AZURE_CLIENT_SECRET";
  COFFER_ASSIGN(const SecretBytes secret, read_secret(source));
  form.add("client_secret", secret);
  return Status::ok();
}

// The application signs for itself (RFC 7523, section 2.2).
Status add_certificate(const CredentialSettings& settings, const Application& application, oauth::Form& form) {
  const std::string path = first_given(settings.certificate_file, "AZURE_CLIENT_CERTIFICATE_PATH");
  COFFER_ASSIGN(const SecretBytes pem, read_private_file(path, kFileSizeMax));
  COFFER_ASSIGN(const std::string thumbprint, oauth::certificate_thumbprint(pem).with_context(path));
  COFFER_ASSIGN(const Id id, random_id());
  const uint64_t now = now_seconds();
  http::JsonBody header, claims;
  header.text("alg", "RS256").text("typ", "JWT").text("x5t", thumbprint);
  claims.text("aud", application.token_url).text("iss", application.client).text("sub", application.client);
  claims.text("jti", id.hex()).number("nbf", now).number("exp", now + kAssertionSeconds);
  COFFER_ASSIGN(const SecretBytes assertion,
                oauth::sign_jwt(header.take().reveal(), claims.take().reveal(), pem).with_context(path));
  form.add("client_assertion_type", kAssertionType).add("client_assertion", assertion);
  return Status::ok();
}

Status add_workload_token(const CredentialSettings& settings, oauth::Form& form) {
  const std::string path = first_given(settings.token_file, "AZURE_FEDERATED_TOKEN_FILE");
  if (path.empty())
    return {Code::kInvalidArgument, "no file is given: option token_file, or AZURE_FEDERATED_TOKEN_FILE"};
  COFFER_ASSIGN(const SecretBytes token, http::read_token_file(path));
  form.add("client_assertion_type", kAssertionType).add("client_assertion", token);
  return Status::ok();
}

http::Request managed_identity_request(const CredentialSettings& settings) {
  const std::string of_service = http::environment("IDENTITY_ENDPOINT");
  const std::string of_service_header = http::environment("IDENTITY_HEADER");
  http::Request request;
  if (!of_service.empty() && !of_service_header.empty()) {
    request.url = of_service + "?api-version=2019-08-01";
    request.secret_headers.push_back({"X-IDENTITY-HEADER", SecretBytes::copy_of(as_bytes(of_service_header))});
  } else {
    const std::string host = http::environment("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    request.url =
        (host.empty() ? "http://169.254.169.254" : host) + "/metadata/identity/oauth2/token?api-version=2018-02-01";
    request.headers = {{"Metadata", "true"}};
  }
  request.url += "&resource=" + http::encode_url(settings.resource);
  const std::string client = first_given(settings.client, "AZURE_CLIENT_ID");
  if (!client.empty()) request.url += "&client_id=" + http::encode_url(client);
  // The service says so while it starts or is brought up to date.
  request.is_transient = [](const http::Response& response) {
    return http::is_transient_status(response) || response.status == 404 || response.status == 410;
  };
  return request;
}

Result<TokenCache::Fetched> fetch_by_application(const std::string& kind, const CredentialSettings& settings,
                                                 const http::HttpSettings& http_settings, http::Deadline deadline) {
  COFFER_ASSIGN(const Application application, application_of(settings));
  oauth::Form form;
  form.add("grant_type", "client_credentials").add("client_id", application.client);
  form.add("scope", settings.resource + "/.default");
  if (kind == "client_secret") {
    COFFER_TRY(add_secret(settings, form));
  } else if (kind == "client_certificate") {
    COFFER_TRY(add_certificate(settings, application, form));
  } else {
    COFFER_TRY(add_workload_token(settings, form));
  }
  return oauth::fetch_token(http_settings, oauth::token_request(application.token_url, form.take()), deadline);
}

}  // namespace

Result<CredentialSettings> take_credential_settings(UriOptions& options) {
  CredentialSettings out;
  out.kind = options.take("auth", "");
  if (!out.kind.empty() && std::find(kKinds.begin(), kKinds.end(), out.kind) == kKinds.end()) {
    return options.wrong("auth", "client_secret, client_certificate, workload_identity or managed_identity");
  }
  out.tenant = options.take("tenant", "");
  out.client = options.take("client", "");
  COFFER_ASSIGN(out.secret, options.take_secret("secret"));
  COFFER_ASSIGN(out.certificate_file, options.take_path("certificate_file"));
  COFFER_ASSIGN(out.token_file, options.take_path("token_file"));
  out.authority = options.take("authority", "");
  out.resource = options.take("resource", "");
  if (!out.resource.empty() && (!out.resource.starts_with("https://") || out.resource.ends_with('/'))) {
    return options.wrong("resource", "the service that the vault is of, such as https://managedhsm.azure.net");
  }
  return out;
}

Result<TokenCache::Fetched> fetch_entra_token(const CredentialSettings& settings,
                                              const http::HttpSettings& http_settings, http::Deadline deadline) {
  const std::string kind = kind_of(settings);
  auto token = kind == "managed_identity" ? oauth::fetch_token(http::machine_settings(http_settings),
                                                               managed_identity_request(settings), deadline)
                                          : fetch_by_application(kind, settings, http_settings, deadline);
  return std::move(token).with_context("credentials (" + kind + ")");
}

}  // namespace coffer::azure_kv
