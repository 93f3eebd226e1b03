// What key services, etcd and commands (exec:) answer, and AWS's shared files: whatever it is, it is read within its
// bounds; what is JSON for a JSON library is the same JSON for our reader; and of what is shown, nothing could be a
// key.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "coffer/net/etcd/messages.h"
#include "coffer/net/http/json_view.h"
#include "coffer/providers/aws_kms/ini_file.h"
#include "coffer/providers/exec/message.h"

namespace {

using namespace coffer;
using http::JsonView;

void require(bool holds) {
  if (!holds) std::abort();
}

int depth_of(const nlohmann::json& value) {
  int deepest = 0;
  for (const auto& element : value) {
    if (element.is_structured()) deepest = std::max(deepest, depth_of(element));
  }
  return value.is_structured() ? deepest + 1 : 0;
}

void require_same(const nlohmann::json& expected, const JsonView& found) {
  require(found.exists());
  require(found.is_object() == expected.is_object() && found.is_array() == expected.is_array());
  if (expected.is_string()) {
    const auto& text = expected.get_ref<const std::string&>();
    require(found.text(text.size()) == text);
    require(text.empty() || !found.text(text.size() - 1).has_value());
  }
  if (expected.is_boolean()) require(found.boolean() == expected.get<bool>());
  if (expected.is_array()) {
    require(found.element_count() == expected.size());
    for (size_t i = 0; i < expected.size(); ++i) require_same(expected[i], found.at(i));
  }
  if (!expected.is_object()) return;
  for (const auto& [name, value] : expected.items()) {
    require_same(value, found[name]);
  }
}

void check_json(ByteView bytes) {
  const auto view = JsonView::parse(bytes);
  const auto expected = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, /*allow_exceptions=*/false);
  if (view.is_ok() && !expected.is_discarded()) require_same(expected, view.value());
  if (view.is_ok()) {
    (void)http::json_base64(view.value(), "a", 64);
    return;
  }
  require(view.code() == Code::kTampered);
  // The library takes a byte order mark, and a zero byte for the end; we do not.
  const bool is_lenient =
      (bytes.size() >= 3 && bytes[0] == 0xef) || as_text(bytes).find('\0') != std::string_view::npos;
  require(expected.is_discarded() || is_lenient || depth_of(expected) > http::kJsonDepthMax);
}

void check_ini(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  const auto value = aws_kms::ini_value(text, "a", "b");
  require(!value.has_value() || value->data() == nullptr ||
          (value->data() >= text.data() && value->size() <= text.size()));
}

bool is_fit_for_log(const std::string& text) {
  size_t digits = 0;
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) return false;
    const bool digit = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    digits = digit ? digits + 1 : 0;
    if (digits >= 43) return false;
  }
  return text.size() <= 200;
}

void check_exec(ByteView bytes) {
  for (const char* operation : {"current", "wrap", "unwrap"}) {
    const auto answer = exec::decode_answer(bytes, operation);
    require(answer.is_ok() || answer.code() == Code::kInvalidArgument);
    if (!answer.is_ok()) continue;
    require(!answer->error.has_value() || is_fit_for_log(answer->error->message));
    require(answer->handle.empty() || exec::is_handle_text(answer->handle));
  }
  require(is_fit_for_log(exec::last_line_for_log(bytes, 1024)));
}

void check_etcd(ByteView text) {
  if (const auto answer = etcd::read_answer(text); answer.is_ok()) require(answer->revision > 0);
  require(etcd::read_refusal(500, text).code <= 16);
  if (const auto event = etcd::read_watch_event(text); !event.is_ok()) require(event.code() == Code::kTampered);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_json(ByteView(data, size));
  check_etcd(ByteView(data, size));
  check_ini(ByteView(data, size));
  check_exec(ByteView(data, size));
  return 0;
}
