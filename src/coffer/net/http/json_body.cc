#include "coffer/net/http/json_body.h"

#include <string>

#include "coffer/base/base64.h"

namespace coffer::http {

void JsonBody::string(ByteView text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out_.append("\"");
  for (const uint8_t c : text) {
    if (c == '"' || c == '\\') {
      const uint8_t escaped[] = {'\\', c};
      out_.append(escaped);
    } else if (c < 0x20) {
      const uint8_t escaped[] = {
          '\\', 'u', '0', '0', static_cast<uint8_t>('0' + (c >> 4)), static_cast<uint8_t>(kHex[c & 15])};
      out_.append(escaped);
    } else {
      out_.append(ByteView(&c, 1));
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
