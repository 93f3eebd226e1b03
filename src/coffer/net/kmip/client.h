// The operations of KMIP that Coffer uses, on a group of hosts. Thread-safe; keeps nothing but the group.
//
// Errors name the host and the operation, with the codes of HostGroup::call() and status_of(). Identifiers are the
// server's own texts.
#pragma once

#include <set>

#include "coffer/net/kmip/attributes.h"
#include "coffer/net/kmip/host_group.h"

namespace coffer::kmip {

inline constexpr size_t kIdSizeMax = 255;
inline constexpr size_t kLocatedMax = 4096;

struct ServerAbilities {
  ProtocolVersion version;
  std::set<Operation> operations;

  bool can(Operation operation) const { return operations.contains(operation); }
};

struct NewKey {
  int32_t bits = 256;
  int32_t usage_mask = kUsageEncrypt | kUsageDecrypt | kUsageWrapKey | kUsageUnwrapKey;
  std::string name;
  KeySpace space;
  std::string operation_policy;  // before 2.0; empty: the server's default
};

struct KeyFilter {
  std::string name;  // empty: any
  KeySpace space;    // servers look only for Object Groups
};

struct FetchedKey {
  RootKey key;
  KeyAttributes attributes;
};

// kKeyUnavailable, naming the date.
Status check_not_destroyed(const KeyAttributes& key, std::string_view where);

class Client {
 public:
  explicit Client(std::shared_ptr<HostGroup> group) : group_(std::move(group)) {}
  HostGroup& group() const { return *group_; }

  Result<ServerAbilities> query() const;

  // Not repeated when it is unknown whether it happened: see HostGroup::call().
  Result<std::string> create(const NewKey& key) const;

  // Symmetric keys. A server may ignore what it does not know of the filter: check what is found. At most kLocatedMax.
  Result<std::vector<std::string>> locate(const KeyFilter& filter) const;
  // Raw key bytes with the attributes, in one message. kUnsupported for a key wrapped or in a form that is none of
  // bytes; kKeyUnavailable for one that is destroyed, however the server puts it.
  Result<FetchedKey> get(const std::string& id, const KeySpace& space = {}) const;
  Result<KeyAttributes> attributes(const std::string& id, const KeySpace& space = {}) const;
  // Keys that went away meanwhile, or are not shown to us, are left out.
  Result<std::vector<KeyAttributes>> attributes(std::span<const std::string> ids, const KeySpace& space = {}) const;

  // Sets the Protect Stop Date, by Add, Modify or Set Attribute, as the version and the key call for.
  Status expire(const std::string& id, int64_t at) const;

  Status activate(const std::string& id) const;
  Status revoke(const std::string& id, RevocationReason reason, std::string_view message, int64_t now) const;
  Status destroy(const std::string& id) const;

  // AES-GCM: nonce (12, random) ‖ ciphertext ‖ tag (16), from 1.4 on; kUnsupported before. Many servers refuse these
  // two for reasons that say nothing: that is kUnsupported or kWrongKey here, and kProviderUnavailable means that none
  // answers.
  Result<Bytes> encrypt(const std::string& id, ByteView associated, const SecretBytes& plain) const;
  // REQUIRES: sealed.size() >= 28
  Result<SecretBytes> decrypt(const std::string& id, ByteView associated, ByteView sealed) const;

 private:
  // One operation. What fails is described by `what`.
  Result<Answer> call(const OperationRequest& request, std::string_view what, Repeat repeat = Repeat::kAlways) const;
  // The same, for operations whose unspecific refusal means `otherwise`.
  Result<Answer> call_or(Code otherwise, const OperationRequest& request, const std::string& id) const;
  Status change(const OperationRequest& request, const std::string& id) const;

  std::shared_ptr<HostGroup> group_;
};

}  // namespace coffer::kmip
