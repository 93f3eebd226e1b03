// What key providers of both sorts have in common, and the one encoding of their handles. A provider implements
// FetchedRoot (its key comes here) or ServiceRoot (its key wraps where it is); make_provider() makes of either what
// callers see.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "coffer/keys/provider.h"

namespace coffer {

// What names one root key at its provider: texts or bytes, by its own order and meaning, none of it secret.
using KeyFields = std::vector<std::string>;

class Root {
 public:
  virtual ~Root() = default;

  // The URI that opens the same key from any working directory. Holds no secret.
  virtual std::string uri() const = 0;
  // "key file /etc/coffer/root.key"
  virtual std::string describe() const = 0;
  // A key in the provider's own words: "key id 0a0b"; nothing for fields that no key of this kind has.
  virtual std::optional<std::string> describe(const KeyFields& key) const = 0;
};

// docs/format.md, section 7, "Handles". kLimitExceeded beyond 512 bytes.
Result<RootKeyHandle> encode_handle(std::string_view scheme, const KeyFields& fields);
// Nothing for a handle that is malformed or of another scheme.
std::optional<KeyFields> decode_handle(std::string_view scheme, const RootKeyHandle& handle);

// What to call a handle that is none of `scheme`'s: whose it is, if that can be told.
std::string describe_foreign(std::string_view scheme, const RootKeyHandle& handle);

// The key that the handle names is there, and does not open what the slot holds. `said`: the service's own reason.
Status does_not_open(std::string_view said = {});

// What both adapters do in the same way: handles, and who is named in an error. Messages of a Root need not say which
// provider or key they are about.
class RootAdapter : public RootKeyProvider {
 public:
  std::string uri() const final { return root_.uri(); }
  std::string describe() const final { return root_.describe(); }
  std::string describe(const RootKeyHandle& handle) const final;

 protected:
  RootAdapter(std::string_view scheme, const Root& root) : scheme_(scheme), root_(root) {}

  // In words; nothing for what none of this provider's keys is called.
  virtual std::optional<std::string> text_of(const KeyFields& fields) const = 0;
  // kTampered for fields that are none of this provider's.
  Result<RootKeyHandle> handle_of(const KeyFields& fields) const;
  // kWrongKey for the handle of another provider.
  Result<KeyFields> fields_of(const RootKeyHandle& handle) const;
  // What went wrong with what the URI names.
  Status failed(const Status& status) const;
  // What went wrong with the key that a slot wants: one that is not found is unavailable.
  Status failed(const Status& status, const KeyFields& wanted) const;

 private:
  const std::string_view scheme_;
  const Root& root_;
};

}  // namespace coffer
