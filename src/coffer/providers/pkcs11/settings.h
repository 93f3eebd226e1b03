// What a "pkcs11:" URI (RFC 7512) says: which module, which token, which key, and where the PIN is.
// docs/providers/pkcs11.md.
#pragma once

#include "coffer/config/uri.h"

namespace coffer::pkcs11 {

// Of what names a key at its token.
inline constexpr size_t kLabelSizeMax = 128;
inline constexpr size_t kIdSizeMax = 255;
inline constexpr size_t kCheckValueSize = 3;

enum class Mechanism { kAesGcm, kAesKeyWrapPad, kAesKeyWrap };
// As the option `mechanism` and handles call them: "aes-gcm". In wrapping.cc.
std::string_view option_of(Mechanism mechanism);
std::optional<Mechanism> mechanism_of(std::string_view option);

struct Settings {
  std::string module_path;  // empty: every module that is registered with p11-kit

  // What is empty is not asked for.
  std::string token, manufacturer, model, serial;
  std::string object;  // CKA_LABEL
  Bytes id;            // CKA_ID

  SecretSource pin;
  std::optional<Mechanism> mechanism;  // nothing: the best that works
  uint64_t timeout_millis = 0;
  bool allow_weak = false;  // a key of less than 256 bits may wrap
  bool create = false;      // a key that is not there is made
  std::string uri;          // without that
};

// kInvalidArgument for what RFC 7512 does not have, for a PIN in the URI, and for what tells tokens apart only until
// the next restart (slot numbers). Behind the attributes, "/NAME" is another way to say object=NAME: that is how a
// provider of key_providers is given its key.
Result<Settings> parse_settings(const ProviderUri& uri, const std::string& sealing_key = {});
// "token prod, serial 0123", "key kek1, id 01": for messages.
std::string describe_token(const Settings& settings);
std::string describe_key(const Settings& settings);

}  // namespace coffer::pkcs11
