// JSON objects written into secret memory: the bodies of requests.
#pragma once

#include "coffer/base/secret_buffer.h"

namespace coffer::http {

using SecretText = SecretBuffer;

// JsonBody().text("alg", "RSA").base64("value", key).take() is {"alg":"RSA","value":"…"}.
class JsonBody {
 public:
  JsonBody() { out_.append("{"); }

  JsonBody& text(std::string_view name, std::string_view value);
  JsonBody& secret(std::string_view name, ByteView text);
  JsonBody& base64(std::string_view name, ByteView bytes);     // with padding
  JsonBody& base64url(std::string_view name, ByteView bytes);  // without
  JsonBody& number(std::string_view name, uint64_t value);
  // Members up to the matching close() are those of an object.
  JsonBody& open(std::string_view name);
  JsonBody& close();
  SecretBytes take();

 private:
  void member(std::string_view name);
  void string(ByteView text);

  SecretText out_;
  bool first_ = true;
};

}  // namespace coffer::http
