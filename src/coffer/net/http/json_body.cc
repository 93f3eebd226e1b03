#include "coffer/net/http/json_body.h"

#include <string>

#include "coffer/base/base64.h"

namespace coffer::http {

void JsonBody::string(ByteView text) {
  out_.append("\"");
  for (const uint8_t c : text) {
    const ByteView byte(&c, 1);
    if (c < 0x20) {
      out_.append("\\u00").append(to_hex(byte));
    } else {
      out_.append(c == '"' || c == '\\' ? "\\" : "").append(byte);
    }
  }
  out_.append("\"");
}

void JsonBody::member(std::string_view name) {
  if (!first_) out_.append(",");
  first_ = false;
  string(as_bytes(name));
  out_.append(":");
}

JsonBody& JsonBody::text(std::string_view name, std::string_view value) { return secret(name, as_bytes(value)); }

JsonBody& JsonBody::secret(std::string_view name, ByteView text) {
  member(name);
  string(text);
  return *this;
}

JsonBody& JsonBody::base64(std::string_view name, ByteView bytes) {
  SecretBytes text(base64_size(bytes.size()));
  encode_base64(bytes, text.reveal_mutable());
  return secret(name, text.reveal());
}

JsonBody& JsonBody::base64url(std::string_view name, ByteView bytes) {
  SecretBytes text(base64url_size(bytes.size()));
  encode_base64url(bytes, text.reveal_mutable());
  return secret(name, text.reveal());
}

JsonBody& JsonBody::number(std::string_view name, uint64_t value) {
  member(name);
  out_.append(std::to_string(value));
  return *this;
}

JsonBody& JsonBody::open(std::string_view name) {
  member(name);
  out_.append("{");
  first_ = true;
  return *this;
}

JsonBody& JsonBody::close() {
  out_.append("}");
  first_ = false;
  return *this;
}

SecretBytes JsonBody::take() {
  out_.append("}");
  return out_.take();
}

}  // namespace coffer::http
