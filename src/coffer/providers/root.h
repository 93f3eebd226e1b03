// What key providers of both sorts have in common, and the one encoding of their handles. A provider implements
// FetchedRoot (its key comes here) or ServiceRoot (its key wraps where it is); make_provider() makes of either what
// callers see.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "coffer/keys/provider.h"

namespace coffer {

// kInvalidArgument for a key that is weaker than those it would protect, unless its URI says that this is meant. Asked
// before anything new is wrapped only: what was wrapped once stays readable.
inline constexpr std::string_view kWeakRootOption = "allow_weak_root";
Status check_strength(size_t bits, bool weak_is_allowed);

// What names one root key at its provider: texts or bytes, by its own order and meaning, none of it secret.
using KeyFields = std::vector<std::string>;

// Messages of a Root need not say which provider or key they are about.
class Root {
 public:
  virtual ~Root() = default;

  // The URI that opens the same key from any working directory. Holds no secret.
  virtual std::string uri() const = 0;
  // "key file /etc/coffer/root.key"
  virtual std::string describe() const = 0;
  // A key in the provider's own words: "key id 0a0b"; nothing for fields that no key of this kind has.
  virtual std::optional<std::string> describe(const KeyFields& key) const = 0;

  // Whether another key may take the place of a fetched one at its server, under the same URI: then it is not pinned.
  virtual bool is_replaced_by_server() const { return false; }

  // What FetchedRoot and ServiceRoot make of a provider's own functions, for make_provider(). `wanted` has a text.
  virtual std::optional<std::string> fingerprint_in(const KeyFields& handle_fields) const = 0;
  virtual uint8_t wrap_algorithm() const = 0;
  virtual Result<KeyFields> fields_now() = 0;
  virtual std::optional<std::string> text_of(const KeyFields& handle_fields) const = 0;
  virtual Result<Bytes> wrap(const KeyFields& wanted, const WrapContext& context, const KeyringKey& key) = 0;
  virtual Result<KeyringKey> unwrap(const KeyFields& wanted, const WrapContext& context, ByteView wrapped) = 0;
  virtual Status check(const KeyFields& wanted) = 0;

  // As RootKeyProvider has them.
  virtual Result<Bytes> renew(const KeyFields& wanted, const WrapContext& context, const KeyringKey& key,
                              const EarlierWrapping& /*earlier*/) {
    return wrap(wanted, context, key);
  }
  virtual bool opens_by_itself() const { return true; }

  virtual std::chrono::milliseconds check_interval() const { return kCheckInterval; }

 protected:
  // A handle comes out of a keyring that nobody has opened yet: whoever can write that file chooses it. So it may name
  // a key within what the URI names, a version say, and must not lead anywhere else. outside() for any other; asks
  // nobody.
  virtual Status check_within(const KeyFields& key) const = 0;

 private:
  static constexpr std::chrono::milliseconds kCheckInterval{300'000};
};

// Adds handles, and who is named in an error. REQUIRES: `scheme` lives as long as the program.
std::unique_ptr<RootKeyProvider> make_provider(std::string_view scheme, std::unique_ptr<Root> root);

// docs/format.md, section 7, "Handles". kLimitExceeded beyond 512 bytes.
Result<RootKeyHandle> encode_handle(std::string_view scheme, const KeyFields& fields);
// Nothing for a handle that is malformed or of another scheme.
std::optional<KeyFields> decode_handle(std::string_view scheme, const RootKeyHandle& handle);

// kWrongKey: the handle names a key that the URI does not. `named`: what the URI does name, if that is worth saying.
Status outside(std::string_view named = {});

// The key that the handle names is there, and does not open what the slot holds. `said`: the service's own reason.
Status does_not_open(std::string_view said = {});

}  // namespace coffer
