// The one interface behind which root keys live. A provider of the fetching sort (key file, keystore, KMIP Get) unwraps
// locally; one of the service sort (PKCS#11, cloud KMS) has it done. Callers cannot tell. Implementations are
// thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "coffer/base/secret.h"

namespace coffer {

// Names one root key at its provider: opaque, not secret, kept in the keyring's slot. At most 512 bytes.
struct RootKeyHandle {
  Bytes bytes;
  bool operator==(const RootKeyHandle&) const = default;
};

struct WrappedKeyringKey {
  // docs/format.md, "Keyring": 1 = KWP locally, 2 = by the provider's service, 3 = HPKE to a recipient's public key
  uint8_t algorithm = 0;
  Bytes bytes;
};

// What the wrapping is bound to.
struct WrapContext {
  Id coffer_id;
  Id slot_id;
};

// A slot that another one takes the place of, in the same root: all of it that the new one may need.
struct EarlierWrapping {
  const WrapContext& context;
  const WrappedKeyringKey& wrapped;
  const KeyringKey& key;  // that it wraps
};

class RootKeyProvider {
 public:
  virtual ~RootKeyProvider() = default;

  // The key the URI stands for now. kNotFound, kPermissionDenied, kInvalidArgument, kProviderUnavailable.
  virtual Result<RootKeyHandle> current() = 0;
  virtual Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                         const KeyringKey& key) = 0;
  // wrap(), where what comes of it takes the place of `earlier`.
  virtual Result<WrappedKeyringKey> renew(const RootKeyHandle& handle, const WrapContext& context,
                                          const KeyringKey& key, const EarlierWrapping& /*earlier*/) {
    return wrap(handle, context, key);
  }
  // Whether unwrap() needs nobody but this program. Otherwise a person has to be there, or to bring something: such a
  // root is for recovery, and nothing asks it unless it is named.
  virtual bool opens_by_itself() const { return true; }
  // kWrongKey when the provider's key is not the handle's (says both), when the handle names a key that the URI does
  // not, or it does not unwrap; kKeyUnavailable when it is gone.
  virtual Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                                    const WrappedKeyringKey& wrapped) = 0;
  // Whether the handle's key may go on protecting: asked of the provider now, for a coffer that stays open.
  // kKeyUnavailable, with the reason, when it is revoked, disabled, expired or gone; kWrongKey when another is there,
  // or the handle names one that the URI does not; kProviderUnavailable when nobody answers.
  virtual Status check(const RootKeyHandle& handle) = 0;
  // How long after one check() another one is worth while.
  virtual std::chrono::milliseconds check_interval() const = 0;
  // The URI that opens the same key from any working directory: what coffer.yaml keeps. Holds no secret.
  virtual std::string uri() const = 0;
  // 32 hexadecimal digits that tell the handle's key from all others: what coffer.yaml pins. Nothing for keys that
  // never come here, and for those that their server replaces by newer ones under the same URI.
  virtual std::optional<std::string> fingerprint(const RootKeyHandle& handle) const = 0;
  // For people: "key file /etc/coffer/root.key", and a handle in the provider's own words.
  virtual std::string describe() const = 0;
  virtual std::string describe(const RootKeyHandle& handle) const = 0;
};

}  // namespace coffer
