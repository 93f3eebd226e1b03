#include "coffer/providers/gcp_kms/credentials.h"

#include <unistd.h>

#include "coffer/base/clock.h"
#include "coffer/net/oauth/jwt.h"

namespace coffer::gcp_kms {
namespace {

using http::JsonView;
using oauth::TokenCache;

constexpr std::string_view kScope = "https://www.googleapis.com/auth/cloudkms";
constexpr const char* kTokenUri = "https://oauth2.googleapis.com/token";
constexpr uint64_t kAssertionSeconds = 3600;
constexpr size_t kFileSizeMax = size_t{64} << 10;
constexpr size_t kMemberSizeMax = size_t{16} << 10;

// Empty: there is none.
std::string file_to_use(const std::string& file) {
  if (!file.empty()) return file;
  if (std::string named = http::environment("GOOGLE_APPLICATION_CREDENTIALS"); !named.empty()) return named;
  const std::string home = http::environment("HOME");
  if (home.empty()) return {};
  const std::string of_gcloud = home + "/.config/gcloud/application_default_credentials.json";
  return ::access(of_gcloud.c_str(), F_OK) == 0 ? of_gcloud : std::string();
}

Result<SecretBytes> member(const JsonView& object, std::string_view name) {
  std::optional<SecretBytes> secret = object[name].secret(kMemberSizeMax);
  if (!secret.has_value() || secret->empty()) return {Code::kInvalidArgument, "it has no " + std::string(name)};
  return std::move(*secret);
}

// RFC 7523, as Google has it.
Result<SecretBytes> service_account_form(const JsonView& account, const std::string& token_uri) {
  COFFER_ASSIGN(const SecretBytes email, member(account, "client_email"));
  COFFER_ASSIGN(const SecretBytes private_key, member(account, "private_key"));
  http::JsonBody header;
  header.text("alg", "RS256").text("typ", "JWT");
  if (const auto key_id = account["private_key_id"].text(kMemberSizeMax)) header.text("kid", *key_id);
  const uint64_t now = now_seconds();
  http::JsonBody claims;
  claims.secret("iss", email.reveal()).text("scope", kScope).text("aud", token_uri);
  claims.number("iat", now).number("exp", now + kAssertionSeconds);
  COFFER_ASSIGN(const SecretBytes assertion,
                oauth::sign_jwt(header.take().reveal(), claims.take().reveal(), private_key));
  oauth::Form form;
  form.add("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer").add("assertion", assertion);
  return form.take();
}

Result<SecretBytes> user_form(const JsonView& user) {
  COFFER_ASSIGN(const SecretBytes client, member(user, "client_id"));
  COFFER_ASSIGN(const SecretBytes client_secret, member(user, "client_secret"));
  COFFER_ASSIGN(const SecretBytes refresh_token, member(user, "refresh_token"));
  oauth::Form form;
  form.add("grant_type", "refresh_token").add("client_id", client);
  form.add("client_secret", client_secret).add("refresh_token", refresh_token);
  return form.take();
}

Result<http::Request> request_by_file(const SecretBytes& contents) {
  const auto parsed = JsonView::parse(contents.reveal());
  if (!parsed.is_ok() || !parsed->is_object()) {
    return {Code::kInvalidArgument, "expected the JSON key file of a service account"};
  }
  const std::string type = (*parsed)["type"].text(64).value_or("");
  const std::string token_uri = (*parsed)["token_uri"].text(kMemberSizeMax).value_or(kTokenUri);
  if (type != "service_account" && type != "authorized_user") {
    return {Code::kUnsupported, "credentials of type \"" + oauth::words_of(as_bytes(type)) +
                                    "\"; expected service_account or authorized_user"};
  }
  COFFER_ASSIGN(SecretBytes form,
                type == "service_account" ? service_account_form(*parsed, token_uri) : user_form(*parsed));
  return oauth::token_request(token_uri, std::move(form));
}

Result<TokenCache::Fetched> fetch_by_file(const std::string& path, const http::HttpSettings& settings,
                                          http::Deadline deadline) {
  COFFER_ASSIGN(const SecretBytes contents, read_private_file(path, kFileSizeMax));
  COFFER_ASSIGN(const http::Request request, request_by_file(contents));
  return oauth::fetch_token(settings, request, deadline);
}

// On Google's machines, at a fixed name; GCE_METADATA_HOST is what Google's own libraries look at, too.
Result<TokenCache::Fetched> fetch_by_metadata(const http::HttpSettings& settings, http::Deadline deadline) {
  const std::string host = http::environment("GCE_METADATA_HOST");
  http::Request request;
  request.url = "http://" + (host.empty() ? "metadata.google.internal" : host) +
                "/computeMetadata/v1/instance/service-accounts/default/token?scopes=" + http::encode_url(kScope);
  request.headers = {{"Metadata-Flavor", "Google"}};
  return oauth::fetch_token(http::machine_settings(settings), request, deadline);
}

}  // namespace

Result<TokenCache::Fetched> fetch_google_token(const std::string& file, const http::HttpSettings& settings,
                                               http::Deadline deadline) {
  const std::string path = file_to_use(file);
  if (!path.empty()) return fetch_by_file(path, settings, deadline).with_context("credentials file " + path);
  return fetch_by_metadata(settings, deadline)
      .with_context(
          "no credentials file is given (credentials_file, GOOGLE_APPLICATION_CREDENTIALS), and the machine's metadata "
          "server");
}

}  // namespace coffer::gcp_kms
