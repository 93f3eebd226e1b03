// Which key a URI stands for now: the newest active one of its name, namespace, algorithm and strength; and making it
// when there is none. Keeps nothing.
#pragma once

#include "coffer/net/kmip/client.h"

namespace coffer::kmip {

// Why a key must not wrap anything new now; empty when it may: "it is deactivated".
std::string why_not_to_wrap(const KeyAttributes& key);

class KeySearch {
 public:
  KeySearch(const Client& client, const KeySettings& settings) : client_(client), settings_(settings) {}

  // Makes the key if the settings say so and none is active. kNotFound (lists what there is), kInvalidArgument when a
  // key is active but of another algorithm or strength (names both), and the client's errors.
  //
  // Several callers that make the key at once agree on one: a new key is not active until its maker has looked at who
  // else made one; the oldest of them is activated, the others, which nobody has used, are destroyed.
  Result<KeyAttributes> find() const;
  // Every key of the name and namespace, whatever its state.
  Result<std::vector<KeyAttributes>> candidates() const;
  // Ok for a key of the name and namespace, and for one that such a key replaced (Re-key takes the name along);
  // outside() for any other.
  Status check_named(const KeyAttributes& key) const;

 private:
  using Keys = std::vector<KeyAttributes>;

  Result<bool> was_replaced(const std::string& id) const;
  bool is_meant(const KeyAttributes& key) const;
  bool fits(const KeyAttributes& key) const;
  Result<KeyAttributes> newest_active(const Keys& keys) const;
  Result<KeyAttributes> find_after_waiting(Keys& keys) const;
  Result<KeyAttributes> make(const Keys& known) const;
  Result<KeyAttributes> activated(const std::string& id) const;
  std::string what_is_wanted() const;

  Client client_;
  KeySettings settings_;
};

}  // namespace coffer::kmip
