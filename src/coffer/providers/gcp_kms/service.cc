#include "coffer/providers/gcp_kms/service.h"

#include <charconv>

#include "coffer/base/crc32c.h"
#include "coffer/net/http/json_view.h"
#include "coffer/providers/gcp_kms/credentials.h"

namespace coffer::gcp_kms {
namespace {

using http::JsonView;
using http::Response;

constexpr size_t kErrorTextMax = 4096;
constexpr size_t kNameSizeMax = 1024;

// 64-bit integers are text in Google's JSON.
bool is_crc(const JsonView& member, uint32_t expected) {
  if (const auto number = member.number()) return *number == static_cast<int64_t>(expected);
  const auto text = member.text(20);
  uint64_t value = 0;
  if (!text.has_value()) return false;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  return error == std::errc() && end == text->data() + text->size() && value == expected;
}

void add_with_crc(http::JsonBody& body, const std::string& name, ByteView bytes) {
  body.base64(name, bytes).text(name + "Crc32c", std::to_string(crc32c(bytes)));
}

// Whether a member arrived as it was sent: empty when it did not.
SecretBytes checked_member(const JsonView& answer, const std::string& name, size_t size_max) {
  auto bytes = http::json_base64(answer, name, size_max);
  if (!bytes.is_ok() || !is_crc(answer[name + "Crc32c"], crc32c(bytes->reveal()))) return SecretBytes();
  return std::move(*bytes);
}

bool arrived_whole(const JsonView& encrypted, bool has_associated_data) {
  return encrypted["verifiedPlaintextCrc32c"].boolean() == true &&
         (!has_associated_data || encrypted["verifiedAdditionalAuthenticatedDataCrc32c"].boolean() == true);
}

// Asked again as after a failure: something on the way altered it, and may not do so the next time.
template <class IsGood>
http::IsTransient unless(IsGood is_good) {
  return [is_good](const Response& response) {
    if (!response.is_success()) return http::is_transient_status(response);
    const auto answer = JsonView::parse(response.body.reveal());
    return !answer.is_ok() || !is_good(*answer);
  };
}

Status altered_on_the_way(const std::string& host) {
  return {Code::kTampered, host +
                               ": its answers are malformed or do not match their checksums (CRC-32C), repeatedly; "
                               "something on the way alters them"};
}

Code code_of(const std::string& reason) {
  if (reason == "NOT_FOUND") return Code::kNotFound;
  if (reason == "FAILED_PRECONDITION") return Code::kKeyUnavailable;  // disabled, destroyed
  if (reason == "PERMISSION_DENIED" || reason == "UNAUTHENTICATED") return Code::kPermissionDenied;
  if (reason == "INVALID_ARGUMENT") return Code::kInvalidArgument;
  return Code::kProviderUnavailable;
}

}  // namespace

Service::Service(ServiceSettings settings)
    : settings_(std::move(settings)),
      host_(http::host_of_url(settings_.endpoint).is_ok() ? http::host_of_url(settings_.endpoint).value()
                                                          : settings_.endpoint) {}

Result<Response> Service::call(const std::string& path, SecretBytes body, const http::IsTransient& is_transient) {
  http::Request request;
  request.method = "POST";
  request.url = settings_.endpoint + "/v1/" + path;
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
  request.body = std::move(body);
  request.is_transient = is_transient;
  const auto fetch = [this](http::Deadline deadline) {
    return fetch_google_token(settings_.credentials_file, settings_.http, deadline);
  };
  const http::Deadline deadline = http::deadline_from_now(settings_.http);
  COFFER_ASSIGN(Response response, oauth::send_with_token(settings_.http, request, deadline, tokens_, fetch));
  if (response.is_success()) return response;
  const auto answer = JsonView::parse(response.body.reveal());
  const JsonView error = answer.is_ok() ? (*answer)["error"] : JsonView();
  const auto message = error["message"].secret(kErrorTextMax);
  const std::string words = message.has_value() ? ": " + oauth::words_of(message->reveal()) : "";
  if (!error["status"].is_string() || http::is_transient_status(response)) {
    return {Code::kProviderUnavailable, host_ + " answers with status " + std::to_string(response.status) + words};
  }
  const std::string reason = error["status"].text(64).value_or("UNKNOWN");
  const Code code = code_of(reason);
  return {code, host_ + ": " + reason + words +
                    (code == Code::kKeyUnavailable
                         ? "; a version that is disabled, or scheduled for destruction, can be enabled again"
                         : "")};
}

Result<Encrypted> Service::encrypt(const std::string& key, ByteView associated_data, ByteView plaintext) {
  http::JsonBody body;
  add_with_crc(body, "plaintext", plaintext);
  if (!associated_data.empty()) add_with_crc(body, "additionalAuthenticatedData", associated_data);
  const bool has_data = !associated_data.empty();
  const auto is_good = [has_data](const JsonView& answer) {
    return arrived_whole(answer, has_data) && !checked_member(answer, "ciphertext", kCiphertextSizeMax).empty();
  };
  COFFER_ASSIGN(const Response response, call(key + ":encrypt", body.take(), unless(is_good)));
  const auto answer = JsonView::parse(response.body.reveal());
  if (!answer.is_ok() || !is_good(*answer)) return altered_on_the_way(host_);
  const SecretBytes ciphertext = checked_member(*answer, "ciphertext", kCiphertextSizeMax);
  Encrypted out;
  out.ciphertext.assign(ciphertext.reveal().begin(), ciphertext.reveal().end());
  auto version = http::json_text(*answer, "name", kNameSizeMax);
  if (!version.is_ok()) return version.status().with_context(host_);
  out.version = std::move(*version);
  return out;
}

Result<SecretBytes> Service::decrypt(const std::string& key, ByteView associated_data, ByteView ciphertext) {
  http::JsonBody body;
  add_with_crc(body, "ciphertext", ciphertext);
  add_with_crc(body, "additionalAuthenticatedData", associated_data);
  const auto is_good = [](const JsonView& answer) {
    return !checked_member(answer, "plaintext", kPlaintextSizeMax).empty();
  };
  COFFER_ASSIGN(const Response response, call(key + ":decrypt", body.take(), unless(is_good)));
  const auto answer = JsonView::parse(response.body.reveal());
  if (!answer.is_ok() || !is_good(*answer)) return altered_on_the_way(host_);
  return checked_member(*answer, "plaintext", kPlaintextSizeMax);
}

}  // namespace coffer::gcp_kms
