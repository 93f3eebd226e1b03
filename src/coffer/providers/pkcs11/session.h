// One login at one token, for the time of one call: nothing of it survives, so nothing needs to be repaired when the
// token was taken out, the device restarted or the process forked.
#pragma once

#include <concepts>

#include "coffer/providers/pkcs11/module.h"
#include "coffer/providers/pkcs11/pin.h"

namespace coffer::pkcs11 {

// An AES key at the token.
struct TokenKey {
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  std::string label;
  Bytes id;
  Bytes check_value;  // the first three bytes of AES(key, 16 zero bytes); empty where the token does not tell
};

// PKCS#11 has one struct for what is read and what is written, so nothing in it is const.
inline CK_ATTRIBUTE attribute_of(CK_ATTRIBUTE_TYPE type, ByteView value) {
  return {type, const_cast<uint8_t*>(value.data()), value.size()};
}
// The same of a number, which stays where it is as long as the attribute is used.
template <std::unsigned_integral T>
CK_ATTRIBUTE attribute_of(CK_ATTRIBUTE_TYPE type, const T& value) {
  return attribute_of(type, ByteView(reinterpret_cast<const uint8_t*>(&value), sizeof value));
}
inline constexpr CK_BBOOL kYes = CK_TRUE, kNo = CK_FALSE;
inline constexpr CK_OBJECT_CLASS kSecretKey = CKO_SECRET_KEY;

// "key kek1 (id 01, check value c0ffee)"
std::string describe(const TokenKey& key);

class Session {
 public:
  Session(Module& module, const Settings& settings) : module_(module), settings_(settings) {}
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Finds the token, opens a session and logs in. kProviderUnavailable when the token is not there (lists those that
  // are), kPermissionDenied when the PIN is refused, locked, or wanted: pin_wanted().
  Status open(const Pin& pin, bool writable);
  bool pin_wanted() const { return pin_wanted_; }
  // The session broke off, as by a restart of the device's service: another one may do.
  bool lost() const { return lost_; }
  bool sees_no_token() const { return sees_no_token_; }

  // AES keys of this label and id; what is empty is not asked for. At most 64.
  Result<std::vector<TokenKey>> find_keys(const std::string& label, const Bytes& id);
  // A new AES-256 key that never leaves the token. An empty id: a random one of 16 bytes.
  Result<CK_OBJECT_HANDLE> generate_key(const std::string& label, const Bytes& id);
  Status destroy(CK_OBJECT_HANDLE object, std::string_view what);
  // Nothing when the object has no such attribute, keeps it secret, or it is larger than `size_max`.
  std::optional<Bytes> attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, size_t size_max);
  // Nothing where the token does not tell.
  std::optional<size_t> key_bits(const TokenKey& key);
  // The flags of C_GetMechanismInfo; 0 for a mechanism that the token does not have.
  CK_FLAGS mechanism_flags(CK_MECHANISM_TYPE mechanism);

  const CK_FUNCTION_LIST& functions() const { return module_.functions(); }
  CK_SESSION_HANDLE handle() const { return session_; }
  // What a function's answer means to the caller; takes note of a session that is lost.
  Status failed(std::string_view what, CK_RV rv);

 private:
  struct Token;
  Result<std::vector<Token>> tokens();
  Result<Token> find_token();
  Status login(const Token& token, const Pin& pin);
  Status login_failed(const Token& token, const Pin& pin, CK_RV rv);
  Result<std::vector<CK_OBJECT_HANDLE>> find_objects(std::span<CK_ATTRIBUTE> like);
  Bytes computed_check_value(CK_OBJECT_HANDLE object);

  Module& module_;
  const Settings& settings_;
  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
  CK_SLOT_ID slot_ = 0;
  bool pin_wanted_ = false;
  bool lost_ = false;
  bool sees_no_token_ = false;
};

}  // namespace coffer::pkcs11
