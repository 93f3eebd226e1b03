// Text that grows in secret memory, and JSON objects written into it: the bodies of requests.
#pragma once

#include "coffer/base/secret.h"

namespace coffer::http {

class SecretText {
 public:
  SecretText& append(ByteView bytes);
  SecretText& append(std::string_view text) { return append(as_bytes(text)); }
  size_t size() const { return size_; }
  ByteView view() const { return bytes_.reveal().first(size_); }
  // Leaves this empty.
  SecretBytes take();

 private:
  SecretBytes bytes_;
  size_t size_ = 0;
};

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
