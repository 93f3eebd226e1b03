// What every key provider must do, whatever stands behind it. A new provider passes by being added to every_provider()
// in contract_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "coffer/keys/provider.h"

namespace coffer {

// One provider's surroundings for one test: a key that exists, and the means to change that.
class ProviderSurroundings {
 public:
  virtual ~ProviderSurroundings() = default;

  virtual std::string uri() const = 0;
  // Puts a new key where the URI points; the old one is no longer there.
  virtual void replace_key() = 0;
  // Whether the new key then takes the very place of the old one, as in a file: the provider cannot tell that the old
  // one is gone, only that there is another, and says which.
  virtual bool replaces_in_place() const { return true; }
  // Now there is no key where the URI points.
  virtual void remove_key() = 0;
  // Another key at the same place, which the same credentials open: what an attacker there would name.
  virtual std::string uri_of_another_key() = 0;
  // The key's bytes where a test can know them, so that it can look for them where they must not be.
  virtual std::vector<Bytes> secrets() const = 0;

  // The same place, opened with a PIN, password or token that is not right; nothing where there is none.
  virtual std::optional<std::string> uri_with_wrong_credentials() const { return std::nullopt; }
  // Marks the key as no longer to be used for new wrappings, as an operator would; false where there is no such thing.
  virtual bool deactivate_key() { return false; }

  // From now on the service wraps something else than it was given; false where it is the real one.
  virtual bool make_service_lie() { return false; }

  // A call takes tens of milliseconds: tests that would make thousands of them take samples.
  virtual bool is_slow() const { return false; }

  // For providers behind a server.
  virtual bool has_server() const { return false; }
  virtual void stop_server() {}   // at once, as a crash would
  virtual void start_server() {}  // the same keys at the same address
  // The server keeps its connections, accepts new ones and answers nothing.
  virtual void suspend_server() {}
  virtual void resume_server() {}
};

struct ProviderUnderTest {
  std::string name;
  std::function<std::unique_ptr<ProviderSurroundings>()> make;
};

inline void PrintTo(const ProviderUnderTest& provider, std::ostream* out) { *out << provider.name; }

ProviderUnderTest key_file_under_test(const std::string& form);
ProviderUnderTest exec_under_test();
ProviderUnderTest keystore_under_test(const std::string& type);  // as keytool calls it
ProviderUnderTest vault_under_test();
ProviderUnderTest tpm_under_test();
ProviderUnderTest gcp_kms_under_test();
ProviderUnderTest azure_kv_under_test(const std::string& key_type);
ProviderUnderTest pkcs11_under_test(const std::string& name, const std::string& mechanism);
ProviderUnderTest kmip_under_test(const std::string& use);  // "get" or "encrypt"
ProviderUnderTest aws_kms_under_test();

}  // namespace coffer
