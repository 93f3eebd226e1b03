// A token of SoftHSM's for one test, made through the module itself, in a directory of this process.
#pragma once

#include <p11-kit/pkcs11.h>

#include <string>
#include <vector>

#include "coffer/base/bytes.h"

namespace coffer {

class SoftToken {
 public:
  // Initialised, with the user PIN `kPin`. An empty label: one that no other token has.
  explicit SoftToken(std::string label = "");
  ~SoftToken();
  SoftToken(const SoftToken&) = delete;
  SoftToken& operator=(const SoftToken&) = delete;

  static constexpr char kPin[] = "1234-user";
  static std::string module_path();

  const std::string& label() const { return label_; }
  const std::string& serial() const { return serial_; }
  std::string pin_file() const { return pin_file_; }
  // "pkcs11:token=…;object=OBJECT?module-path=…&pin-source=file:…"
  std::string uri(const std::string& object) const;

  struct KeyUse {
    bool encrypt = true, decrypt = true, wrap = true, unwrap = true;
    CK_ULONG size = 32;  // bytes of the AES key
  };
  void generate(const std::string& object, const Bytes& id);
  void generate(const std::string& object, const Bytes& id, KeyUse use);
  void destroy(const std::string& object);
  void set(const std::string& object, CK_ATTRIBUTE_TYPE flag, bool value);
  bool get(const std::string& object, CK_ATTRIBUTE_TYPE flag);
  std::vector<Bytes> ids(const std::string& object);

 private:
  class Login;
  std::string label_, serial_, pin_file_;
  CK_SLOT_ID slot_ = 0;
};

}  // namespace coffer
