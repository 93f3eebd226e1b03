#include "coffer/providers/aws_kms/credentials.h"

#include <algorithm>
#include <cstdlib>

#include "coffer/io/disk.h"
#include "coffer/net/oauth/token.h"
#include "coffer/providers/aws_kms/ini_file.h"

namespace coffer::aws_kms {
namespace {

using http::Deadline;
using http::environment;
using http::HttpSettings;
using http::JsonView;
using http::Request;
using http::Response;
using Fetched = CredentialStore::Fetched;

constexpr size_t kFileSizeMax = size_t{256} << 10;
constexpr size_t kTokenSizeMax = size_t{32} << 10;
constexpr size_t kCredentialSizeMax = 1024;
constexpr std::chrono::seconds kInstancePatience(4);

SecretBytes secret_of(std::string_view text) { return SecretBytes::copy_of(as_bytes(text)); }

Status refused(const std::string& what, const Response& response, const std::string& said) {
  const bool away = response.status >= 500 || response.status == 429;
  return {away ? Code::kProviderUnavailable : Code::kPermissionDenied,
          what + " gives no credentials (HTTP " + std::to_string(response.status) + ")" +
              (said.empty() ? "" : ": " + http::printable(said))};
}

Fetched lent(Credentials credentials, const std::string& expiration) {
  Fetched out{std::move(credentials), std::nullopt};
  const std::optional<time_t> end = parse_utc(expiration);
  if (end.has_value()) out.expires = std::chrono::system_clock::from_time_t(*end);
  return out;
}

// -------------------------------------------------------------------------------------------------------- web identity

struct WebIdentity {
  std::string role_arn;
  std::string session_name;  // empty: one of ours
  std::string token_file;
};

// What stands in <name>…</name>, which has no markup in it.
std::string_view element(std::string_view xml, const std::string& name) {
  const size_t tag = xml.find("<" + name + ">");
  if (tag == std::string_view::npos) return {};
  const size_t start = tag + name.size() + 2;
  const size_t end = xml.find('<', start);
  if (end == std::string_view::npos || !xml.substr(end).starts_with("</" + name + ">")) return {};
  return xml.substr(start, end - start);
}

Result<Fetched> credentials_in_xml(const Response& response, const std::string& what) {
  const std::string_view xml = as_text(response.body.reveal());
  const std::string_view id = element(xml, "AccessKeyId"), secret = element(xml, "SecretAccessKey");
  const std::string_view token = element(xml, "SessionToken");
  if (id.empty() || secret.empty() || token.empty() || id.size() > kCredentialSizeMax ||
      secret.size() > kCredentialSizeMax || token.size() > kTokenSizeMax) {
    return {Code::kTampered, what + ": the answer has no AccessKeyId, SecretAccessKey and SessionToken"};
  }
  return lent({std::string(id), secret_of(secret), secret_of(token), what}, std::string(element(xml, "Expiration")));
}

// STS AssumeRoleWithWebIdentity.
Result<Fetched> assume_role(const Settings& settings, const WebIdentity& identity, Deadline deadline) {
  const std::string what = "AWS STS, asked for " + identity.role_arn + " with " + identity.token_file + ",";
  auto token = http::read_token_file(identity.token_file);
  if (!token.is_ok())
    return {Code::kPermissionDenied, what + " cannot be asked: " + std::string(token.status().message())};
  oauth::Form form;
  form.add("Action", "AssumeRoleWithWebIdentity").add("Version", "2011-06-15").add("RoleArn", identity.role_arn);
  form.add("RoleSessionName", identity.session_name.empty() ? "coffer" : identity.session_name);
  form.add("WebIdentityToken", *token);
  Request request;
  request.method = "POST";
  request.url = settings.sts_address() + "/";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = form.take();
  COFFER_ASSIGN(const Response response, http::send(settings.http, request, deadline));
  if (response.is_success()) return credentials_in_xml(response, what);
  const std::string_view xml = as_text(response.body.reveal());
  return refused(what, response, std::string(element(xml, "Code")) + " " + std::string(element(xml, "Message")));
}

// ----------------------------------------------------------------------------------------------- environment and files

std::optional<Fetched> from_environment() {
  const char* id = std::getenv("AWS_ACCESS_KEY_ID");
  const char* secret = std::getenv("AWS_SECRET_ACCESS_KEY");
  if (id == nullptr || secret == nullptr || *id == 0 || *secret == 0) return std::nullopt;
  const char* token = std::getenv("AWS_SESSION_TOKEN");
  return Fetched{{id, secret_of(secret), secret_of(token == nullptr ? "" : token), "AWS_ACCESS_KEY_ID"}, std::nullopt};
}

std::optional<WebIdentity> web_identity_from_environment() {
  WebIdentity out{environment("AWS_ROLE_ARN"), environment("AWS_ROLE_SESSION_NAME"),
                  environment("AWS_WEB_IDENTITY_TOKEN_FILE")};
  if (out.role_arn.empty() || out.token_file.empty()) return std::nullopt;
  return out;
}

std::string path_of(const std::string& variable, const std::string& below_home) {
  const std::string given = environment(variable.c_str());
  if (!given.empty()) return given;
  const std::string home = environment("HOME");
  return home.empty() ? "" : home + below_home;
}

// Nothing when the file or the profile is not there.
Result<std::optional<Fetched>> from_credentials_file(const std::string& path, const std::string& profile) {
  std::optional<Fetched> out;
  if (path.empty()) return out;
  auto file = read_private_file(path, kFileSizeMax);
  if (file.code() == Code::kNotFound) return out;
  if (!file.is_ok()) return file.status();
  const std::string_view text = as_text(file->reveal());
  const auto id = ini_value(text, profile, "aws_access_key_id");
  const auto secret = ini_value(text, profile, "aws_secret_access_key");
  if (!id.has_value() || !secret.has_value() || id->empty() || secret->empty()) return out;
  const std::string_view token = ini_value(text, profile, "aws_session_token").value_or("");
  out = Fetched{{std::string(*id), secret_of(*secret), secret_of(token), "profile " + profile + " of " + path},
                std::nullopt};
  return out;
}

// The role of a profile in ~/.aws/config. Its other ways (SSO, a process, a role on top of another profile) need AWS's
// own tools.
Result<std::optional<WebIdentity>> role_in_config(const std::string& path, const std::string& profile) {
  std::optional<WebIdentity> out;
  auto file = path.empty() ? Result<Bytes>(Code::kNotFound, "") : read_file(Disk::posix(), path, kFileSizeMax);
  if (file.code() == Code::kNotFound) return out;
  if (!file.is_ok()) return file.status();
  const std::string_view text = as_text(*file);
  const std::string section = profile == "default" ? profile : "profile " + profile;
  const auto value = [&](std::string_view name) { return std::string(ini_value(text, section, name).value_or("")); };
  for (const char* other :
       {"sso_start_url", "sso_session", "credential_process", "source_profile", "credential_source"}) {
    if (value(other).empty()) continue;
    return {Code::kUnsupported, path + ": profile " + profile + " has " + other +
                                    ", which needs AWS's own tools; run aws configure export-credentials "
                                    "--format env, and start Coffer with what it prints"};
  }
  WebIdentity found{value("role_arn"), value("role_session_name"), value("web_identity_token_file")};
  if (!found.role_arn.empty() && !found.token_file.empty()) out = std::move(found);
  return out;
}

Result<std::optional<Fetched>> from_files(const Settings& settings, const std::string& profile, Deadline deadline) {
  const std::string& stated = settings.credentials_file;
  COFFER_ASSIGN(std::optional<Fetched> keys,
                from_credentials_file(
                    stated.empty() ? path_of("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials") : stated, profile));
  if (keys.has_value() || !stated.empty()) return keys;
  COFFER_ASSIGN(const std::optional<WebIdentity> role,
                role_in_config(path_of("AWS_CONFIG_FILE", "/.aws/config"), profile));
  if (!role.has_value()) return std::optional<Fetched>();
  COFFER_ASSIGN(Fetched lent, assume_role(settings, *role, deadline));
  return std::optional<Fetched>(std::move(lent));
}

// ------------------------------------------------------------------------------------------------- container, instance

HttpSettings metadata_settings(const Settings& settings) {
  HttpSettings out = http::machine_settings(settings.http);
  out.connect_timeout = std::min(out.connect_timeout, http::milliseconds(1000));
  out.try_timeout = std::min(out.try_timeout, http::milliseconds(2000));
  return out;
}

Result<Fetched> credentials_in_json(const Response& response, const std::string& what) {
  COFFER_ASSIGN(const JsonView view, JsonView::parse(response.body.reveal()).with_context(what));
  COFFER_ASSIGN(std::string id, http::json_text(view, "AccessKeyId", kCredentialSizeMax).with_context(what));
  COFFER_ASSIGN(SecretBytes secret, http::json_secret(view, "SecretAccessKey", kCredentialSizeMax).with_context(what));
  COFFER_ASSIGN(SecretBytes token, http::json_secret(view, "Token", kTokenSizeMax).with_context(what));
  return lent({std::move(id), std::move(secret), std::move(token), what}, view["Expiration"].text(64).value_or(""));
}

// The hosts that a container's credentials may be asked of without TLS: what AWS's own tools allow.
bool is_container_host(const std::string& url) {
  if (url.starts_with("https://")) return true;
  auto host = http::host_of_url(url);
  if (!host.is_ok()) return false;
  const std::string name = host->substr(0, host->rfind(':'));
  constexpr std::string_view kHosts[] = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
                                         "localhost",     "127.0.0.1",      "[::1]"};
  return std::find(std::begin(kHosts), std::end(kHosts), name) != std::end(kHosts);
}

Result<SecretBytes> container_token() {
  constexpr const char* kFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
  if (const std::string file = environment(kFile); !file.empty()) {
    return http::read_token_file(file).with_context(kFile);
  }
  const char* value = std::getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  return secret_of(value == nullptr ? "" : value);
}

// ECS and EKS.
bool container_is_set_up() {
  return !environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty() ||
         !environment("AWS_CONTAINER_CREDENTIALS_FULL_URI").empty();
}

Result<Fetched> from_container(const Settings& settings, Deadline deadline) {
  const std::string what = "the container's credential service";
  const std::string relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  Request request;
  request.url =
      relative.empty() ? environment("AWS_CONTAINER_CREDENTIALS_FULL_URI") : "http://169.254.170.2" + relative;
  if (!is_container_host(request.url)) {
    return {Code::kInvalidArgument,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI: plain http:// is for this machine and the "
            "container services of AWS only"};
  }
  COFFER_ASSIGN(SecretBytes token, container_token());
  if (!token.empty()) request.secret_headers.push_back({"Authorization", std::move(token)});
  COFFER_ASSIGN(const Response response, http::send(metadata_settings(settings), request, deadline));
  if (!response.is_success()) return refused(what, response, "");
  return credentials_in_json(response, what);
}

// EC2's instance metadata, version 2.
Result<Fetched> from_instance(const Settings& settings, Deadline deadline) {
  constexpr std::string_view kNone =
      "there are no AWS credentials: neither AWS_ACCESS_KEY_ID nor a web identity, a profile in ~/.aws, a container's "
      "or an instance's role";
  if (environment("AWS_EC2_METADATA_DISABLED") == "true") return {Code::kPermissionDenied, std::string(kNone)};
  const std::string what = "the instance metadata service";
  // Elsewhere than on AWS nobody answers there.
  deadline = std::min(deadline, deadline_in(kInstancePatience));
  std::string base = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  while (base.ends_with('/')) base.pop_back();
  if (base.empty()) base = "http://169.254.169.254";
  const HttpSettings http_settings = metadata_settings(settings);
  Request session;
  session.method = "PUT";
  session.url = base + "/latest/api/token";
  session.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}};
  auto opened = http::send(http_settings, session, deadline);
  if (!opened.is_ok()) {
    return {Code::kPermissionDenied, std::string(kNone) + " (" + std::string(opened.status().message()) + ")"};
  }
  if (!opened->is_success()) return refused(what, *opened, "");
  const auto get = [&](const std::string& path) {
    Request request;
    request.url = base + "/latest/meta-data/iam/security-credentials/" + path;
    request.secret_headers.push_back({"X-aws-ec2-metadata-token", opened->body.clone()});
    return http::send(http_settings, request, deadline);
  };
  COFFER_ASSIGN(const Response roles, get(""));
  const std::string_view list = as_text(roles.body.reveal());
  const std::string role(list.substr(0, list.find_first_of("\r\n")));
  if (!roles.is_success() || role.empty() || role.size() > 128) {
    return {Code::kPermissionDenied, std::string(kNone) + " (the instance has no role)"};
  }
  COFFER_ASSIGN(const Response response, get(http::encode_url(role)));
  if (!response.is_success()) return refused(what, response, "");
  return credentials_in_json(response, what + ", role " + http::printable(role) + ",");
}

}  // namespace

bool are_same(const Credentials& a, const Credentials& b) {
  return a.access_key_id == b.access_key_id && http::are_same(a.secret_access_key, b.secret_access_key) &&
         http::are_same(a.session_token, b.session_token);
}

std::optional<time_t> parse_utc(std::string_view text) {
  tm parts{};
  const std::string terminated(text.substr(0, 64));
  const char* rest = strptime(terminated.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.') rest += 1 + std::string_view(rest + 1).find_first_not_of("0123456789");
  if (std::string_view(rest) != "Z") return std::nullopt;
  return timegm(&parts);
}

Result<Fetched> find_credentials(const Settings& settings, Deadline deadline) {
  const bool stated = !settings.profile.empty() || !settings.credentials_file.empty();
  std::string profile = settings.profile.empty() ? environment("AWS_PROFILE") : settings.profile;
  if (profile.empty()) profile = "default";
  if (!stated) {
    std::optional<Fetched> keys = from_environment();
    if (keys.has_value()) return std::move(*keys);
    const std::optional<WebIdentity> identity = web_identity_from_environment();
    if (identity.has_value()) return assume_role(settings, *identity, deadline);
  }
  COFFER_ASSIGN(std::optional<Fetched> keys, from_files(settings, profile, deadline));
  if (keys.has_value()) return std::move(*keys);
  if (stated) {
    return {Code::kPermissionDenied, "there are no AWS credentials for profile " + profile + " in " +
                                         (settings.credentials_file.empty() ? "~/.aws" : settings.credentials_file)};
  }
  if (container_is_set_up()) return from_container(settings, deadline);
  return from_instance(settings, deadline);
}

}  // namespace coffer::aws_kms
