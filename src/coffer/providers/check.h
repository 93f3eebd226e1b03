// Tries a key provider out, as init and unlocking will use it: what `coffer provider check` shows.
#pragma once

#include <chrono>
#include <vector>

#include "coffer/config/provider_config.h"

namespace coffer {

struct CheckStep {
  std::string_view name;
  Status status;
  std::chrono::nanoseconds took{0};
};

struct ProviderCheck {
  std::string uri;       // what a slot would keep; empty when the provider does not open
  std::string provider;  // the same in the provider's own words
  std::string key;       // the current key; empty when there is none
  std::vector<CheckStep> steps;

  bool works() const { return !steps.empty() && steps.back().status.is_ok(); }
};

// Opens the URI, finds its current key, wraps a random keyring key for a random slot and unwraps it, sees that another
// slot does not unwrap it, and unwraps it once more by the URI that coffer.yaml would keep. The first step that fails
// is the last one. Nothing is written, except by a URI that asks for a key to be made.
ProviderCheck check_provider(const std::string& uri, const ProviderConfig& config);

}  // namespace coffer
