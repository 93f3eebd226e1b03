#include "coffer/providers/aws_kms/kms.h"

#include <algorithm>

#include "coffer/crypto/kdf.h"

namespace coffer::aws_kms {
namespace {

using http::Deadline;
using http::JsonView;
using http::Response;

template <size_t kCount>
bool is_one_of(const std::string& text, const std::string_view (&list)[kCount]) {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

// "NotFoundException" of "com.amazonaws.kms#NotFoundException" or "NotFoundException:http://…".
std::string error_of(const Response& response, const JsonView& json) {
  std::string type = json["__type"].text(256).value_or(std::string(response.header("x-amzn-errortype")));
  type = type.substr(type.find('#') == std::string::npos ? 0 : type.find('#') + 1);
  type = http::printable(type.substr(0, type.find(':')));
  return type.empty() ? "HTTP " + std::to_string(response.status) : type;
}

JsonView json_of(const Response& response) {
  auto view = JsonView::parse(response.body.reveal());
  return view.is_ok() ? *view : JsonView();
}

bool is_throttling(const std::string& error) {
  constexpr std::string_view kErrors[] = {"ThrottlingException", "Throttling", "TooManyRequestsException",
                                          "RequestLimitExceeded"};
  return is_one_of(error, kErrors);
}

// KMS throttles with HTTP 400.
bool is_transient(const Response& response) {
  return http::is_transient_status(response) ||
         (response.status == 400 && is_throttling(error_of(response, json_of(response))));
}

bool are_credentials_refused(const std::string& error) {
  constexpr std::string_view kErrors[] = {"UnrecognizedClientException",
                                          "InvalidClientTokenId",
                                          "InvalidSignatureException",
                                          "SignatureDoesNotMatch",
                                          "IncompleteSignature",
                                          "IncompleteSignatureException",
                                          "MissingAuthenticationToken",
                                          "MissingAuthenticationTokenException",
                                          "ExpiredTokenException",
                                          "ExpiredToken",
                                          "RequestExpired",
                                          "OptInRequired"};
  return is_one_of(error, kErrors);
}

bool are_same(const Credentials& a, const Credentials& b) {
  return a.access_key_id == b.access_key_id &&
         equal_constant_time(a.secret_access_key.reveal(), b.secret_access_key.reveal()) &&
         equal_constant_time(a.session_token.reveal(), b.session_token.reveal());
}

// No's that tell something of the key; what they mean depends on what was asked.
bool concerns_the_key(const std::string& error) {
  constexpr std::string_view kErrors[] = {
      "NotFoundException",     "DisabledException",          "KMSInvalidStateException",
      "IncorrectKeyException", "InvalidCiphertextException", "InvalidKeyUsageException",
      "InvalidArnException",   "ValidationException",        "UnsupportedOperationException"};
  return is_one_of(error, kErrors);
}

}  // namespace

std::string Kms::host() const {
  auto host = http::host_of_url(settings_.kms_address());
  return host.is_ok() ? *host : settings_.kms_address();
}

Result<CredentialStore::Pointer> Kms::credentials(Deadline deadline) {
  return credentials_.get(deadline, [&] { return find_credentials(settings_, deadline); });
}

Result<KmsAnswer> Kms::send(const std::string& operation, const SecretBytes& body, const Credentials& credentials,
                            Deadline deadline) const {
  http::Request request;
  request.method = "POST";
  request.url = settings_.kms_address() + "/";
  request.headers = {{"Content-Type", "application/x-amz-json-1.1"}, {"X-Amz-Target", "TrentService." + operation}};
  request.body = body.clone();
  request.is_transient = is_transient;
  COFFER_TRY(sign(credentials, {settings_.region, "kms", std::time(nullptr)}, request));
  KmsAnswer answer;
  COFFER_ASSIGN(answer.response, http::send(settings_.http, request, deadline));
  answer.json = json_of(answer.response);
  if (answer.response.is_success()) {
    if (answer.json.is_object()) return answer;
    return {Code::kTampered, "AWS KMS at " + host() + ": the answer is not a JSON object"};
  }
  answer.error = error_of(answer.response, answer.json);
  const JsonView message = answer.json["message"].exists() ? answer.json["message"] : answer.json["Message"];
  answer.said = http::printable(message.text(4096).value_or(""));
  return answer;
}

Status Kms::failure(const std::string& operation, const KmsAnswer& answer, const Credentials& credentials) const {
  const std::string said = answer.error + (answer.said.empty() ? "" : ": " + answer.said);
  const std::string where = "AWS KMS at " + host();
  if (are_credentials_refused(answer.error)) {
    const bool late =
        answer.said.find("expired") != std::string::npos || answer.said.find("not yet current") != std::string::npos;
    return {Code::kPermissionDenied,
            where + " refuses the credentials from " + credentials.origin + " (" + said + ")" +
                (late && answer.error == "InvalidSignatureException" ? "; is this machine's clock right?" : "")};
  }
  if (answer.error == "AccessDeniedException" || answer.error == "AccessDenied") {
    return {Code::kPermissionDenied, where + " does not allow kms:" + operation + " with the credentials from " +
                                         credentials.origin + " (" + said + ")"};
  }
  return {Code::kProviderUnavailable, where + " cannot " + operation + " now (" + said + ")"};
}

Result<KmsAnswer> Kms::ask(const std::string& operation, const SecretBytes& body, Deadline deadline) {
  COFFER_ASSIGN(CredentialStore::Pointer used, credentials(deadline));
  COFFER_ASSIGN(KmsAnswer answer, send(operation, body, *used, deadline));
  if (are_credentials_refused(answer.error)) {
    credentials_.drop(used);
    COFFER_ASSIGN(const CredentialStore::Pointer fresh, credentials(deadline));
    if (!are_same(*fresh, *used)) {
      COFFER_ASSIGN(answer, send(operation, body, *fresh, deadline));
      used = fresh;
    }
  }
  if (answer.is_success() || concerns_the_key(answer.error)) return answer;
  return failure(operation, answer, *used);
}

}  // namespace coffer::aws_kms
