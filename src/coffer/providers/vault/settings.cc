#include "coffer/providers/vault/settings.h"

#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/providers/root.h"

namespace coffer::vault {
namespace {

constexpr std::string_view kUsualPort = "8200";
constexpr std::string_view kUsualJwtFile = "/var/run/secrets/kubernetes.io/serviceaccount/token";
constexpr size_t kKeyNameSizeMax = 256;

constexpr Choice<Login> kLogins[] = {
    {"token", Login::kToken}, {"approle", Login::kAppRole}, {"kubernetes", Login::kKubernetes}};

Result<std::string> address_of(const ProviderUri& uri, UriOptions& options) {
  COFFER_ASSIGN(const bool tls, options.take_switch("tls", true));
  const std::string authority = uri.authority.value_or("");
  std::string out = (tls ? "https://" : "http://") + authority;
  if (authority.empty()) {
    out = http::environment("VAULT_ADDR");
    while (out.ends_with('/')) out.pop_back();
    if (out.empty()) {
      return {Code::kInvalidArgument,
              "the root key URI names no Vault, and VAULT_ADDR is not set; expected vault://HOST:PORT/MOUNT/KEY"};
    }
  } else if (authority.find(':', authority.rfind(']') + 1) == std::string::npos) {  // HOST or [V6]
    out.append(":").append(kUsualPort);
  }
  options.keep("tls", out.starts_with("https://") ? "" : "false");
  COFFER_TRY(http::host_of_url(out).status());
  if (out.find_first_of("/?#", out.find("//") + 2) != std::string::npos) {
    return {Code::kInvalidArgument, "VAULT_ADDR: expected https://HOST:PORT and no path"};
  }
  return out;
}

Status take_key(const ProviderUri& uri, Settings& out) {
  const std::string path = uri.path.starts_with('/') ? uri.path.substr(1) : uri.path;
  const size_t slash = path.rfind('/');
  const auto has_no = [around = "/" + path + "/"](const char* part) { return around.find(part) == std::string::npos; };
  const bool fits = slash != std::string::npos && path.size() <= kKeyNameSizeMax && has_no("//") && has_no("/./") &&
                    has_no("/../") && !has_control(path);
  if (!fits) {
    return {Code::kInvalidArgument,
            "the root key URI names no key of a Transit engine; expected "
            "vault://HOST:PORT/MOUNT/KEY, for instance vault://vault:8200/transit/coffer"};
  }
  out.mount = path.substr(0, slash);
  out.key = path.substr(slash + 1);
  return {};
}

Status take_login(UriOptions& options, Settings& out) {
  COFFER_ASSIGN(out.login, options.take_choice("auth", kLogins, Login::kToken));
  const std::string name(kLogins[static_cast<size_t>(out.login)].name);  // and the usual mount
  options.keep("auth", out.login == Login::kToken ? "" : name);
  if (out.login == Login::kToken) {
    COFFER_ASSIGN(out.token, options.take_secret("token"));
    return {};
  }
  out.login_mount = options.take("auth_mount", name);
  if (out.login == Login::kAppRole) {
    out.role = options.take("role_id", "");
    COFFER_ASSIGN(out.secret_id, options.take_secret("secret_id"));
    if (out.role.empty() || !out.secret_id.given()) {
      return {Code::kInvalidArgument,
              "auth=approle needs role_id, and secret_id_file, secret_id_env or secret_id_sealed"};
    }
    return {};
  }
  out.role = options.take("role", "");
  COFFER_ASSIGN(out.jwt_file, options.take_path("jwt_file"));
  if (out.jwt_file.empty()) out.jwt_file = kUsualJwtFile;
  if (out.role.empty()) return {Code::kInvalidArgument, "auth=kubernetes needs role, the name of a role in Vault"};
  return {};
}

std::string without_slashes(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text.substr(std::min(text.find_first_not_of('/'), text.size()));
}

}  // namespace

Result<Settings> read_settings(const ProviderUri& uri, const std::string& sealing_key) {
  Settings out;
  UriOptions options(uri, sealing_key);
  COFFER_ASSIGN(out.address, address_of(uri, options));
  COFFER_ASSIGN(out.host, http::host_of_url(out.address));
  COFFER_TRY(take_key(uri, out));
  COFFER_TRY(take_login(options, out));
  out.vault_namespace = without_slashes(options.take("namespace").value_or(http::environment("VAULT_NAMESPACE")));
  options.keep("namespace", out.vault_namespace);
  COFFER_ASSIGN(out.allow_weak, options.take_switch(kWeakRootOption, false));
  COFFER_ASSIGN(out.http, http::take_http_settings(options));
  COFFER_TRY(options.finish());
  if (out.http.ca_file.empty() && !http::environment("VAULT_CACERT").empty()) {
    out.http.ca_file = absolute_path(http::environment("VAULT_CACERT"));
    options.keep("ca_file", out.http.ca_file);
  }
  ProviderUri kept = options.kept();
  kept.authority = out.address.substr(out.address.find("//") + 2);
  kept.path = "/" + out.key_name();
  out.uri = format_provider_uri(kept);
  return out;
}

}  // namespace coffer::vault
