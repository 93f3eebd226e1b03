#include "coffer/providers/aws_kms/sigv4.h"

#include <algorithm>
#include <map>
#include <utility>

#include "coffer/crypto/kdf.h"
#include "coffer/net/http/json_body.h"

namespace coffer::aws_kms {
namespace {

using http::SecretText;

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

struct Target {
  std::string_view host;
  std::string_view path;
  std::string_view query;
};

Target target_of(std::string_view url) {
  const size_t host = url.find("//") + 2;
  const size_t path = std::min(url.find_first_of("/?", host), url.size());
  const size_t question = std::min(url.find('?', path), url.size());
  Target out{url.substr(host, path - host), url.substr(path, question - path), url.substr(question)};
  if (out.path.empty()) out.path = "/";
  if (!out.query.empty()) out.query.remove_prefix(1);
  return out;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (size_t start = 0; start < query.size();) {
    const size_t end = std::min(query.find('&', start), query.size());
    const std::string_view parameter = query.substr(start, end - start);
    const size_t equals = std::min(parameter.find('='), parameter.size());
    const std::string_view value = parameter.substr(std::min(equals + 1, parameter.size()));
    parameters.emplace_back(http::encode_url(parameter.substr(0, equals)), http::encode_url(value));
    start = end + 1;
  }
  std::sort(parameters.begin(), parameters.end());
  std::string out;
  for (const auto& [name, value] : parameters)
    out.append(out.empty() ? "" : "&").append(name).append("=").append(value);
  return out;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return text;
}

// Without blanks at the ends, and one where there are several.
void append_collapsed(std::string_view value, SecretText& out) {
  bool pending = false, begun = false;
  for (const char& c : value) {
    if (c == ' ' || c == '\t') {
      pending = begun;
      continue;
    }
    if (pending) out.append(" ");
    out.append(std::string_view(&c, 1));
    pending = false;
    begun = true;
  }
}

// Name → values, in the order they are sent.
using Headers = std::map<std::string, std::vector<std::string_view>>;

Headers headers_of(const http::Request& request) {
  Headers out;
  out["host"] = {target_of(request.url).host};
  for (const http::Header& header : request.headers) out[lower_case(header.name)].push_back(header.value);
  for (const http::SecretHeader& header : request.secret_headers) {
    out[lower_case(header.name)].push_back(as_text(header.value.reveal()));
  }
  return out;
}

std::string names_of(const Headers& headers) {
  std::string out;
  for (const auto& [name, values] : headers) out += (out.empty() ? "" : ";") + name;
  return out;
}

std::string scope_text(const SigningScope& scope) {
  return amz_date(scope.time).substr(0, 8) + "/" + scope.region + "/" + scope.service + "/aws4_request";
}

Result<std::string> hash_hex(ByteView bytes) {
  COFFER_ASSIGN(const Sha256 hash, sha256(bytes));
  return to_hex(hash);
}

Result<SecretBytes> mac(ByteView key, std::string_view text) {
  COFFER_ASSIGN(Sha256 out, hmac_sha256(key, as_bytes(text)));
  SecretBytes secret = SecretBytes::copy_of(out);
  wipe(out.data(), out.size());
  return secret;
}

Result<SecretBytes> signing_key(const Credentials& credentials, const SigningScope& scope) {
  SecretText first;
  first.append("AWS4").append(credentials.secret_access_key.reveal());
  SecretBytes key = first.take();
  for (const std::string& step :
       {amz_date(scope.time).substr(0, 8), scope.region, scope.service, std::string("aws4_request")}) {
    COFFER_ASSIGN(key, mac(key.reveal(), step));
  }
  return key;
}

}  // namespace

std::string amz_date(time_t time) {
  tm parts{};
  char text[32] = {};
  gmtime_r(&time, &parts);
  return std::string(text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts));
}

Result<SecretBytes> canonical_request(const http::Request& request) {
  const Target target = target_of(request.url);
  const Headers headers = headers_of(request);
  SecretText out;
  out.append(request.method).append("\n").append(http::encode_url_path(target.path)).append("\n");
  out.append(canonical_query(target.query)).append("\n");
  for (const auto& [name, values] : headers) {
    out.append(name).append(":");
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out.append(",");
      append_collapsed(values[i], out);
    }
    out.append("\n");
  }
  COFFER_ASSIGN(const std::string body, hash_hex(request.body.reveal()));
  out.append("\n").append(names_of(headers)).append("\n").append(body);
  return out.take();
}

Result<std::string> string_to_sign(const SigningScope& scope, const http::Request& request) {
  COFFER_ASSIGN(const SecretBytes canonical, canonical_request(request));
  COFFER_ASSIGN(const std::string hash, hash_hex(canonical.reveal()));
  return std::string(kAlgorithm) + "\n" + amz_date(scope.time) + "\n" + scope_text(scope) + "\n" + hash;
}

Status sign(const Credentials& credentials, const SigningScope& scope, http::Request& request) {
  request.headers.push_back({"X-Amz-Date", amz_date(scope.time)});
  if (!credentials.session_token.empty()) {
    request.secret_headers.push_back({"X-Amz-Security-Token", credentials.session_token.clone()});
  }
  COFFER_ASSIGN(const std::string text, string_to_sign(scope, request));
  COFFER_ASSIGN(const SecretBytes key, signing_key(credentials, scope));
  COFFER_ASSIGN(const Sha256 signature, hmac_sha256(key.reveal(), as_bytes(text)));
  request.headers.push_back(
      {"Authorization", std::string(kAlgorithm) + " Credential=" + credentials.access_key_id + "/" + scope_text(scope) +
                            ", SignedHeaders=" + names_of(headers_of(request)) + ", Signature=" + to_hex(signature)});
  return {};
}

}  // namespace coffer::aws_kms
