#include "coffer/providers/aws_kms/lent_credentials.h"

#include <algorithm>
#include <cstdlib>

#include "coffer/net/http/json_body.h"
#include "coffer/net/http/json_view.h"

namespace coffer::aws_kms {
namespace {

using http::Deadline;
using http::HttpSettings;
using http::JsonView;
using http::Request;
using http::Response;
using http::SecretText;
using Fetched = CredentialStore::Fetched;

constexpr size_t kTokenSizeMax = size_t{32} << 10;
constexpr size_t kKeySizeMax = 1024;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A token somebody else keeps fresh: in a container it is often readable for all.
Result<SecretBytes> read_token(const std::string& path) {
  COFFER_ASSIGN(const auto file, Disk::posix().open_read(path));
  SecretBytes out(kTokenSizeMax);
  COFFER_ASSIGN(size_t size, file->read_at(0, out.reveal_mutable()));
  while (size > 0 && out.reveal()[size - 1] <= ' ') --size;
  return SecretBytes::copy_of(out.reveal().first(size));
}

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

// ------------------------------------------------------------------------------------------------------ web identity

// What stands in <name>…</name>, which has no markup in it.
std::string_view element(std::string_view xml, const std::string& name) {
  const size_t tag = xml.find("<" + name + ">");
  if (tag == std::string_view::npos) return {};
  const size_t start = tag + name.size() + 2;
  const size_t end = xml.find('<', start);
  if (end == std::string_view::npos || !xml.substr(end).starts_with("</" + name + ">")) return {};
  return xml.substr(start, end - start);
}

void append_parameter(SecretText& body, std::string_view name, ByteView value) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (body.size() > 0) body.append("&");
  body.append(name).append("=");
  for (const uint8_t c : value) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      body.append(ByteView(&c, 1));
    } else {
      const uint8_t escaped[] = {'%', static_cast<uint8_t>(kDigits[c >> 4]), static_cast<uint8_t>(kDigits[c & 15])};
      body.append(escaped);
    }
  }
}

Result<Fetched> credentials_in_xml(const Response& response, const std::string& what) {
  const std::string_view xml = as_text(response.body.reveal());
  const std::string_view id = element(xml, "AccessKeyId"), secret = element(xml, "SecretAccessKey");
  const std::string_view token = element(xml, "SessionToken");
  if (id.empty() || secret.empty() || token.empty() || id.size() > kKeySizeMax || secret.size() > kKeySizeMax ||
      token.size() > kTokenSizeMax) {
    return {Code::kTampered, what + ": the answer has no AccessKeyId, SecretAccessKey and SessionToken"};
  }
  return lent({std::string(id), SecretBytes::copy_of(as_bytes(secret)), SecretBytes::copy_of(as_bytes(token)), what},
              std::string(element(xml, "Expiration")));
}

// ----------------------------------------------------------------------------------------------- container, instance

// Both speak plain HTTP to a link-local address, never by a proxy.
HttpSettings metadata_settings(const Settings& settings) {
  HttpSettings out = settings.http;
  out.allow_http = true;
  out.use_proxy = false;
  out.tries_max = 3;
  out.connect_timeout = std::min(out.connect_timeout, http::milliseconds(1000));
  out.try_timeout = std::min(out.try_timeout, http::milliseconds(2000));
  return out;
}

Result<Fetched> credentials_in_json(const Response& response, const std::string& what) {
  auto view = JsonView::parse(response.body.reveal());
  if (!view.is_ok()) return view.status().with_context(what);
  auto id = http::json_text(*view, "AccessKeyId", kKeySizeMax);
  auto secret = http::json_secret(*view, "SecretAccessKey", kKeySizeMax);
  auto token = http::json_secret(*view, "Token", kTokenSizeMax);
  for (const Status& status : {id.status(), secret.status(), token.status()}) {
    if (!status.is_ok()) return status.with_context(what);
  }
  return lent({std::move(*id), std::move(*secret), std::move(*token), what},
              (*view)["Expiration"].text(64).value_or(""));
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
  const std::string file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (!file.empty()) return read_token(file);
  const char* value = std::getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  return SecretBytes::copy_of(as_bytes(value == nullptr ? "" : value));
}

}  // namespace

std::optional<time_t> parse_utc(std::string_view text) {
  tm parts{};
  const std::string terminated(text.substr(0, 64));
  const char* rest = strptime(terminated.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.') rest += 1 + std::string_view(rest + 1).find_first_not_of("0123456789");
  if (std::string_view(rest) != "Z") return std::nullopt;
  return timegm(&parts);
}

Result<Fetched> assume_role(const Settings& settings, const WebIdentity& identity, Deadline deadline) {
  const std::string what = "AWS STS, asked for " + identity.role_arn + " with " + identity.token_file + ",";
  auto token = read_token(identity.token_file);
  if (!token.is_ok())
    return {Code::kPermissionDenied, what + " cannot be asked: " + std::string(token.status().message())};
  SecretText body;
  body.append("Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
  append_parameter(body, "RoleArn", as_bytes(identity.role_arn));
  append_parameter(body, "RoleSessionName", as_bytes(identity.session_name.empty() ? "coffer" : identity.session_name));
  append_parameter(body, "WebIdentityToken", token->reveal());
  Request request;
  request.method = "POST";
  request.url = settings.sts_address() + "/";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = body.take();
  COFFER_ASSIGN(const Response response, http::send(settings.http, request, deadline));
  if (response.is_success()) return credentials_in_xml(response, what);
  const std::string_view xml = as_text(response.body.reveal());
  return refused(what, response, std::string(element(xml, "Code")) + " " + std::string(element(xml, "Message")));
}

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
  auto token = container_token();
  if (!token.is_ok()) return token.status().with_context("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (!token->empty()) request.secret_headers.push_back({"Authorization", std::move(*token)});
  COFFER_ASSIGN(const Response response, http::send(metadata_settings(settings), request, deadline));
  if (!response.is_success()) return refused(what, response, "");
  return credentials_in_json(response, what);
}

Result<Fetched> from_instance(const Settings& settings, Deadline deadline) {
  constexpr std::string_view kNone =
      "there are no AWS credentials: neither AWS_ACCESS_KEY_ID nor a web identity, a profile in ~/.aws, a container's "
      "or "
      "an instance's role";
  if (environment("AWS_EC2_METADATA_DISABLED") == "true") return {Code::kPermissionDenied, std::string(kNone)};
  const std::string what = "the instance metadata service";
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

}  // namespace coffer::aws_kms
