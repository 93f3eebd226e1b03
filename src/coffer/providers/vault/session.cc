#include "coffer/providers/vault/session.h"

#include "coffer/net/http/json_body.h"

namespace coffer::vault {
namespace {

using http::Deadline;
using http::JsonBody;
using http::JsonView;
using http::Response;

constexpr size_t kTokenSizeMax = size_t{16} << 10;

bool is_sealed(const Response& response) {
  return response.status == 503 && errors_of(response).find("sealed") != std::string::npos;
}

// 412: a replica has not caught up yet; 429: overloaded, or a standby; 472, 473: replicas that do not serve this.
bool is_transient(const Response& response) {
  if (is_sealed(response)) return false;
  return http::is_transient_status(response) || response.status == 412 || response.status == 472 ||
         response.status == 473;
}

std::string behind_colon(const std::string& said) { return said.empty() ? "" : ": " + said; }

bool is_refusal(const Response& response) { return response.status == 401 || response.status == 403; }

// Ok when the service served, in whatever sense.
Status availability_of(const Response& response, const std::string& host) {
  const int status = response.status;
  const std::string said = behind_colon(errors_of(response));
  if (is_sealed(response)) {
    return {Code::kProviderUnavailable, "Vault at " + host + " is sealed; unseal it and try again"};
  }
  if (status == 472 || status == 473 || status == 412 || (status == 429 && said.empty())) {
    return {Code::kProviderUnavailable, "Vault at " + host + " is a standby that does not serve requests (HTTP " +
                                            std::to_string(status) + "); name the active node or a load balancer"};
  }
  if (status >= 300 && status < 400) {
    return {Code::kProviderUnavailable, "Vault at " + host + " refers to " +
                                            http::printable(response.header("location")) +
                                            ", which is not followed; name that host in the URI"};
  }
  if (response.is_success() || (status >= 400 && status <= 404)) return {};
  return {Code::kProviderUnavailable, "Vault at " + host + " answered with HTTP " + std::to_string(status) + said};
}

std::optional<std::chrono::system_clock::time_point> end_of_life(std::optional<int64_t> seconds) {
  constexpr int64_t kSecondsMax = int64_t{100} * 366 * 86400;
  if (!seconds.has_value() || *seconds <= 0) return std::nullopt;
  return std::chrono::system_clock::now() + std::chrono::seconds(std::min(*seconds, kSecondsMax));
}

struct TokenPlace {
  SecretSource source;
  std::string name;
};

Result<TokenPlace> token_place(const Settings& settings) {
  SecretSource source = settings.token;
  const std::string home = http::environment("HOME");
  if (!source.given() && std::getenv("VAULT_TOKEN") != nullptr) source.environment = "VAULT_TOKEN";
  if (!source.given() && !home.empty()) source.file = home + "/.vault-token";
  if (!source.given()) {
    return {Code::kPermissionDenied, "there is no token for Vault; give token_file, or set VAULT_TOKEN"};
  }
  std::string name = !source.sealed.empty() ? "the token in token_sealed"
                     : source.file.empty()  ? "the token in the variable " + source.environment
                                            : "the token in " + source.file;
  return TokenPlace{std::move(source), std::move(name)};
}

}  // namespace

std::string errors_of(const Response& response) {
  const JsonView errors = response.json()["errors"];
  std::string out;
  constexpr size_t kErrorsMax = 3, kErrorSizeMax = 4096;
  for (size_t i = 0; i < std::min(errors.element_count(), kErrorsMax); ++i) {
    out += (out.empty() ? "" : "; ") + errors.at(i).text(kErrorSizeMax).value_or("");
  }
  return http::printable(out);
}

Result<Response> Session::send(const std::string& method, const std::string& path, const SecretBytes& body,
                               const SecretBytes* token, Deadline deadline) const {
  http::Request request;
  request.method = method;
  request.url = settings_.address + "/v1/" + path;
  request.headers = {{"X-Vault-Request", "true"}};
  if (!body.empty()) request.headers.push_back({"Content-Type", "application/json"});
  if (!settings_.vault_namespace.empty()) request.headers.push_back({"X-Vault-Namespace", settings_.vault_namespace});
  if (token != nullptr) request.secret_headers.push_back({"X-Vault-Token", token->clone()});
  request.body = body.clone();
  request.is_transient = is_transient;
  COFFER_ASSIGN(Response response, http::send(settings_.http, request, deadline));
  COFFER_TRY(availability_of(response, settings_.host));
  return response;
}

Result<Response> Session::ask(const std::string& method, const std::string& path, const SecretBytes& body,
                              Deadline deadline) {
  std::string origin;
  const auto obtain = [&](const Tokens::Pointer& previous) { return this->obtain(previous, deadline); };
  const auto send = [&](const Token& token) {
    origin = token.origin;
    return this->send(method, path, body, &token.token, deadline);
  };
  COFFER_ASSIGN(Response response, tokens_.ask(deadline, obtain, send, is_refusal));
  if (!is_refusal(response)) return response;
  return {Code::kPermissionDenied, "Vault at " + settings_.host + " refuses " + origin + " for " + path +
                                       behind_colon(errors_of(response)) +
                                       "; it must be valid and its policy allow this path"};
}

Result<Session::Tokens::Fetched> Session::obtain(const Tokens::Pointer& previous, Deadline deadline) const {
  if (settings_.login == Login::kToken) return read_token(previous, deadline);
  std::optional<Tokens::Fetched> renewed = renew(previous, deadline);
  return renewed.has_value() ? std::move(*renewed) : log_in(deadline);
}

// Nothing when it cannot be renewed, for whatever reason: then there is another way.
std::optional<Session::Tokens::Fetched> Session::renew(const Tokens::Pointer& previous, Deadline deadline) const {
  if (previous == nullptr || !previous->renewable) return std::nullopt;
  auto answer = send("POST", "auth/token/renew-self", JsonBody().take(), &previous->token, deadline);
  if (!answer.is_ok() || !answer->is_success()) return std::nullopt;
  const JsonView view = answer->json()["auth"];
  const auto expires = end_of_life(view["lease_duration"].number());
  constexpr std::chrono::seconds kWorthIt(120);  // near the end of its longest life a token gains next to nothing
  if (!expires.has_value() || *expires < std::chrono::system_clock::now() + kWorthIt) return std::nullopt;
  return Tokens::Fetched{{previous->token.clone(), previous->origin, previous->renewable}, expires};
}

Result<Session::Tokens::Fetched> Session::read_token(const Tokens::Pointer& previous, Deadline deadline) const {
  COFFER_ASSIGN(const TokenPlace place, token_place(settings_));
  auto token = read_secret(place.source);
  if (!token.is_ok()) {
    return {Code::kPermissionDenied,
            place.name + ", which Vault is to be asked with, cannot be read: " + std::string(token.status().message())};
  }
  if (token->empty() || token->size() > kTokenSizeMax) {
    return {Code::kPermissionDenied,
            place.name + " is empty or longer than " + std::to_string(kTokenSizeMax) + " bytes"};
  }
  if (previous != nullptr && http::are_same(previous->token, *token)) {
    std::optional<Tokens::Fetched> renewed = renew(previous, deadline);
    if (renewed.has_value()) return std::move(*renewed);
  }
  // How long it lives. A token that may not ask that may still be good for what it is wanted for.
  COFFER_ASSIGN(const Response answer, send("GET", "auth/token/lookup-self", SecretBytes(), &*token, deadline));
  const JsonView data = answer.is_success() ? answer.json()["data"] : JsonView();
  const bool renewable = data["renewable"].boolean().value_or(false);
  return Tokens::Fetched{{std::move(*token), place.name, renewable}, end_of_life(data["ttl"].number())};
}

Result<SecretBytes> Session::login_body() const {
  if (settings_.login == Login::kAppRole) {
    COFFER_ASSIGN(const SecretBytes secret_id, read_secret(settings_.secret_id));
    return JsonBody().text("role_id", settings_.role).secret("secret_id", secret_id.reveal()).take();
  }
  COFFER_ASSIGN(const SecretBytes jwt, http::read_token_file(settings_.jwt_file));
  return JsonBody().text("role", settings_.role).secret("jwt", jwt.reveal()).take();
}

Result<Session::Tokens::Fetched> Session::log_in(Deadline deadline) const {
  const std::string path = "auth/" + http::encode_url_path(settings_.login_mount) + "/login";
  const std::string what = "the login of role " + settings_.role + " at " + path;
  auto body = login_body();
  if (!body.is_ok()) {
    return {Code::kPermissionDenied, what + ": no credentials: " + std::string(body.status().message())};
  }
  COFFER_ASSIGN(const Response answer, send("POST", path, *body, nullptr, deadline));
  if (!answer.is_success()) {
    return {
        Code::kPermissionDenied,
        "Vault at " + settings_.host + " refuses " + what + behind_colon(errors_of(answer)) +
            (settings_.login == Login::kAppRole ? "; check role_id and the secret id" : "; check role and jwt_file")};
  }
  const JsonView auth = answer.json()["auth"];
  COFFER_ASSIGN(
      SecretBytes token,
      http::json_secret(auth, "client_token", kTokenSizeMax).with_context("Vault at " + settings_.host + ": " + what));
  const bool renewable = auth["renewable"].boolean().value_or(false);
  return Tokens::Fetched{{std::move(token), what, renewable}, end_of_life(auth["lease_duration"].number())};
}

}  // namespace coffer::vault
