#include "coffer/providers/exec/message.h"

#include <algorithm>

#include "coffer/base/base64.h"
#include "coffer/net/http/json_body.h"
#include "coffer/net/http/json_view.h"

namespace coffer::exec {
namespace {

using http::JsonView;

constexpr uint64_t kVersion = 1;
constexpr size_t kErrorTextMax = 4096;
constexpr size_t kLogTextMax = 200;
constexpr size_t kBase64Max = 4096;
constexpr size_t kKeyDigitsMin = 43;  // 32 bytes in base64

constexpr std::pair<std::string_view, Code> kErrorCodes[] = {
    {"not_found", Code::kNotFound},
    {"key_unavailable", Code::kKeyUnavailable},
    {"permission_denied", Code::kPermissionDenied},
    {"wrong_key", Code::kWrongKey},
    {"unavailable", Code::kProviderUnavailable},
    {"unsupported", Code::kUnsupported},
    {"invalid_argument", Code::kInvalidArgument},
    {"internal", Code::kProviderUnavailable},
};

Status malformed(std::string what) { return {Code::kInvalidArgument, "its answer is malformed: " + std::move(what)}; }

bool is_printable(uint8_t c) { return c >= 0x20 && c < 0x7f; }

bool is_key_digit(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
         c == '-' || c == '_' || c == '=';
}

Result<SecretBytes> bytes_member(const JsonView& answer, std::string_view name) {
  const std::optional<SecretBytes> text = answer[name].secret(kBase64Max);
  if (!text.has_value())
    return malformed("it has no " + std::string(name) + ", in base64 and of at most 4096 characters");
  auto bytes = decode_base64(text->reveal(), Base64Alphabet::kStandard);
  if (!bytes.is_ok()) return malformed("its " + std::string(name) + " is not base64");
  if (bytes->empty()) return malformed("its " + std::string(name) + " is empty");
  return bytes;
}

Result<CommandError> error_of(const JsonView& error) {
  CommandError out;
  out.code = error["code"].text(64).value_or("");
  const auto known = std::ranges::find(kErrorCodes, out.code, [](const auto& entry) { return entry.first; });
  if (known == std::end(kErrorCodes)) return malformed("its error has none of the documented codes");
  out.meaning = known->second;
  const std::optional<SecretBytes> message = error["message"].secret(kErrorTextMax);
  if (message.has_value()) out.message = fit_for_log(message->reveal());
  return out;
}

}  // namespace

SecretBytes encode_request(const CommandRequest& request) {
  http::JsonBody body;
  body.number("version", kVersion).text("operation", request.operation).text("key", request.key);
  if (!request.handle.empty()) body.text("handle", request.handle);
  if (request.context.has_value()) {
    body.open("context");
    body.text("coffer_id", request.context->coffer_id.hex()).text("slot_id", request.context->slot_id.hex()).close();
  }
  if (!request.plaintext.empty()) body.base64("plaintext", request.plaintext);
  if (!request.ciphertext.empty()) body.base64("ciphertext", request.ciphertext);
  const SecretBytes line = body.take();
  return http::SecretText().append(line.reveal()).append("\n").take();
}

Result<CommandAnswer> decode_answer(ByteView text, std::string_view operation) {
  const Result<JsonView> parsed = JsonView::parse(text);
  if (!parsed.is_ok() || !parsed->is_object()) return malformed("it is not one JSON object");
  const JsonView& answer = *parsed;
  if (answer["version"].number() != static_cast<int64_t>(kVersion)) return malformed("its version is not 1");
  CommandAnswer out;
  if (answer["error"].exists()) {
    COFFER_ASSIGN(out.error, error_of(answer["error"]));
  } else if (operation == "current") {
    out.handle = answer["handle"].text(kHandleTextSizeMax).value_or("");
    if (!is_handle_text(out.handle))
      return malformed("it has no handle of 1 to 480 printable ASCII characters, the first not a dash");
  } else if (operation == "wrap") {
    COFFER_ASSIGN(out.ciphertext, bytes_member(answer, "ciphertext"));
  } else {
    COFFER_ASSIGN(out.plaintext, bytes_member(answer, "plaintext"));
  }
  return out;
}

bool is_handle_text(std::string_view text) {
  return !text.empty() && text.size() <= kHandleTextSizeMax && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_printable(static_cast<uint8_t>(c)); });
}

std::string fit_for_log(ByteView text) {
  std::string out;
  for (size_t at = 0; at < text.size() && out.size() < kLogTextMax;) {
    size_t end = at;
    while (end < text.size() && is_key_digit(text[end])) ++end;
    if (end - at >= kKeyDigitsMin) {
      out += "(" + std::to_string(end - at) + " characters left out)";
    } else {
      if (end == at) ++end;  // what stands between words
      for (; at < end; ++at) out.push_back(is_printable(text[at]) ? static_cast<char>(text[at]) : '?');
    }
    at = end;
  }
  if (out.size() > kLogTextMax) out.resize(kLogTextMax);
  return out;
}

std::string last_line_for_log(ByteView text, size_t whole_size_max) {
  const auto is_end = [](uint8_t c) { return c == '\n' || c == '\r'; };
  const bool may_be_cut = text.size() >= whole_size_max / 2;
  while (!text.empty() && is_end(text.back())) text = text.first(text.size() - 1);
  size_t start = text.size();
  while (start > 0 && !is_end(text[start - 1])) --start;
  // A line whose beginning is lost may begin within a key.
  if (start == 0 && may_be_cut) return "(a line too long to show)";
  return fit_for_log(text.subspan(start));
}

}  // namespace coffer::exec
