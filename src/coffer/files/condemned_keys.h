// Domain keys that are to have protected no file: who had one and saw a header that it wrapped knows the file key. A
// file that one of them ever protected is to be written anew. docs/format.md, "Oldest and newest key version".
#pragma once

#include <map>
#include <set>

#include "coffer/format/envelope.h"
#include "coffer/keys/policy.h"

namespace coffer {

class CondemnedKeys {
 public:
  // Of every domain, or the one of this name, each key but the active one, and that of a rollout.
  static CondemnedKeys all_but_active(const Keyring& keyring, std::string_view domain = {});
  // Those that are compromised, destroyed ones included; and those whose old files are to be re-encrypted by now.
  static CondemnedKeys due(const Keyring& keyring, const Policy& policy, uint64_t now, std::string_view domain = {});
  static CondemnedKeys one(const Domain& domain, const DomainKeyEntry& key);
  void add(const std::string& domain, uint32_t key_version) { domains_[domain].numbers.insert(key_version); }

  bool empty() const { return domains_.empty(); }
  // REQUIRES: `fields` are authentic, and of a file of this domain.
  bool ever_protected(const EnvelopeFields& fields, const Domain& domain) const;
  bool operator==(const CondemnedKeys&) const = default;

 private:
  struct Numbers {
    bool all_but_active = false;
    std::set<uint32_t> numbers;
    bool operator==(const Numbers&) const = default;
  };
  std::map<std::string, Numbers, std::less<>> domains_;
};

}  // namespace coffer
