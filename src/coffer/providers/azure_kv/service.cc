#include "coffer/providers/azure_kv/service.h"

#include <algorithm>
#include <cctype>

#include "coffer/base/base64.h"
#include "coffer/net/http/json_view.h"

namespace coffer::azure_kv {
namespace {

using http::JsonView;
using http::Response;

constexpr std::string_view kVersionOfService = "?api-version=7.4";
constexpr size_t kErrorTextMax = 4096;
constexpr size_t kKidSizeMax = 1024;
constexpr size_t kOperationsMax = 32;

Result<SecretBytes> value_of(const JsonView& answer) {
  COFFER_ASSIGN(const SecretBytes text, http::json_secret(answer, "value", base64url_size(kWrappedSizeMax)));
  auto value = decode_base64(text.reveal(), Base64Alphabet::kUrl);
  if (!value.is_ok() || value->empty()) return {Code::kTampered, "the answer's \"value\" is not base64url"};
  return value;
}

std::string words_of_member(const JsonView& member) {
  const auto text = member.secret(kErrorTextMax);
  return text.has_value() ? oauth::words_of(text->reveal()) : std::string();
}

// The service says by its own codes, and sometimes only in words, that a key is there but must not be used.
bool is_out_of_use(const std::string& inner_code, const std::string& words) {
  for (const std::string_view code : {"KeyDisabled", "KeyExpired", "KeyNotYetValid"}) {
    if (inner_code == code) return true;
  }
  for (const std::string_view said : {"disabled key", "expired key", "not yet valid key"}) {
    const auto same = [](char a, char b) { return std::tolower(a) == b; };
    if (std::search(words.begin(), words.end(), said.begin(), said.end(), same) != words.end()) return true;
  }
  return false;
}

Code code_of(int status, const std::string& inner_code, const std::string& words) {
  switch (status) {
    case 400: return Code::kInvalidArgument;
    case 401: return Code::kPermissionDenied;
    case 403: return is_out_of_use(inner_code, words) ? Code::kKeyUnavailable : Code::kPermissionDenied;
    case 404: return Code::kNotFound;
    case 409: return Code::kKeyUnavailable;  // deleted, but not yet gone
    default: return Code::kProviderUnavailable;
  }
}

}  // namespace

Service::Service(ServiceSettings settings)
    : settings_(std::move(settings)),
      host_(http::host_of_url(settings_.vault).is_ok() ? http::host_of_url(settings_.vault).value() : settings_.vault) {
}

// Asked without a token and without contents; the answer is the same for every key of the vault.
Result<Challenge> Service::challenge(const std::string& url, http::Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (challenge_.has_value()) return *challenge_;
  }
  http::Request request;
  request.url = url;
  COFFER_ASSIGN(const Response response, http::send(settings_.http, request, deadline));
  if (response.status != 401) {
    if (http::is_transient_status(response)) {
      return {Code::kProviderUnavailable, host_ + " answers with status " + std::to_string(response.status)};
    }
    return {Code::kTampered, host_ + ": to a request without a token it answers with status " +
                                 std::to_string(response.status) + " instead of 401; is it a key vault?"};
  }
  COFFER_ASSIGN(Challenge found, parse_challenge(response.header("www-authenticate"), host_));
  const std::lock_guard lock(mutex_);
  challenge_ = found;
  return found;
}

void Service::forget_challenge() {
  const std::lock_guard lock(mutex_);
  challenge_.reset();
}

Result<Response> Service::call(http::Request request) {
  const http::Deadline deadline = http::deadline_from_now(settings_.http);
  const auto fetch = [&](http::Deadline until) -> Result<oauth::TokenCache::Fetched> {
    COFFER_ASSIGN(const Challenge found, challenge(request.url, until));
    return fetch_entra_token(settings_.credentials, found.resource, found.tenant, settings_.http, until);
  };
  COFFER_ASSIGN(Response response, oauth::send_with_token(settings_.http, request, deadline, tokens_, fetch));
  if (response.is_success()) return response;
  if (response.status == 401) forget_challenge();  // the vault may have moved to another tenant
  const auto answer = JsonView::parse(response.body.reveal());
  const JsonView error = answer.is_ok() ? (*answer)["error"] : JsonView();
  const std::string words = words_of_member(error["message"]);
  if (error["code"].is_string() && !http::is_transient_status(response)) {
    std::string inner;
    for (const char* name : {"innererror", "innerError"}) {
      if (error[name].is_object()) inner = words_of_member(error[name]["code"]);
    }
    return {code_of(response.status, inner, words),
            words_of_member(error["code"]) + (inner.empty() ? "" : " (" + inner + ")") + ": " + words};
  }
  return {Code::kProviderUnavailable,
          host_ + " answers with status " + std::to_string(response.status) + (words.empty() ? "" : ": " + words)};
}

Result<KeyVersion> Service::look_at(const std::string& key) {
  http::Request request;
  request.url = settings_.vault + "/keys/" + key + std::string(kVersionOfService);
  request.headers = {{"Accept", "application/json"}};
  COFFER_ASSIGN(const Response response, call(std::move(request)));
  const auto answer = JsonView::parse(response.body.reveal());
  if (!answer.is_ok()) return answer.status().with_context(host_);
  const JsonView described = (*answer)["key"];
  KeyVersion out;
  auto kid = http::json_text(described, "kid", kKidSizeMax);
  auto type = http::json_text(described, "kty", 64);
  if (!kid.is_ok()) return kid.status().with_context(host_);
  if (!type.is_ok()) return type.status().with_context(host_);
  out.kid = std::move(*kid);
  out.type = std::move(*type);
  out.is_enabled = (*answer)["attributes"]["enabled"].boolean().value_or(true);
  const JsonView operations = described["key_ops"];
  if (operations.is_array()) {
    out.wraps = false;
    for (size_t i = 0; i < std::min(operations.element_count(), kOperationsMax); ++i) {
      out.wraps = out.wraps || operations.at(i).text(64) == "wrapKey";
    }
  }
  return out;
}

Result<Response> Service::operate(const std::string& key, std::string_view operation, std::string_view algorithm,
                                  ByteView value) {
  http::Request request;
  request.method = "POST";
  request.url = settings_.vault + "/keys/" + key + "/" + std::string(operation) + std::string(kVersionOfService);
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
  request.body = http::JsonBody().text("alg", algorithm).base64url("value", value).take();
  return call(std::move(request));
}

Result<Service::Wrapped> Service::wrap(const std::string& key, std::string_view algorithm, ByteView plaintext) {
  COFFER_ASSIGN(const Response response, operate(key, "wrapkey", algorithm, plaintext));
  const auto answer = JsonView::parse(response.body.reveal());
  if (!answer.is_ok()) return answer.status().with_context(host_);
  auto value = value_of(*answer);
  if (!value.is_ok()) return value.status().with_context(host_);
  auto kid = http::json_text(*answer, "kid", kKidSizeMax);
  if (!kid.is_ok()) return kid.status().with_context(host_);
  return Wrapped{std::move(*kid), Bytes(value->reveal().begin(), value->reveal().end())};
}

Result<SecretBytes> Service::unwrap(const std::string& key, std::string_view algorithm, ByteView wrapped) {
  COFFER_ASSIGN(const Response response, operate(key, "unwrapkey", algorithm, wrapped));
  const auto answer = JsonView::parse(response.body.reveal());
  if (!answer.is_ok()) return answer.status().with_context(host_);
  auto value = value_of(*answer);
  if (!value.is_ok()) return value.status().with_context(host_);
  return value;
}

}  // namespace coffer::azure_kv
