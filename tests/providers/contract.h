// What every key provider must do, whatever stands behind it. A new provider passes by being added to every_provider()
// in contract_test.cc.
#pragma once

#include <functional>
#include <memory>
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
  // Now there is no key where the URI points.
  virtual void remove_key() = 0;
  // The key's bytes where a test can know them, so that it can look for them where they must not be.
  virtual std::vector<Bytes> secrets() const = 0;
};

struct ProviderUnderTest {
  std::string name;
  std::function<std::unique_ptr<ProviderSurroundings>()> make;
};

inline void PrintTo(const ProviderUnderTest& provider, std::ostream* out) { *out << provider.name; }

ProviderUnderTest key_file_under_test(const std::string& form);

}  // namespace coffer
