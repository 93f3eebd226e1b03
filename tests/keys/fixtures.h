// Keyrings and slots for tests of the keys layer.
#pragma once

#include <gtest/gtest.h>

#include "coffer/crypto/random.h"
#include "coffer/keys/keyring.h"

namespace coffer {

inline Id id_of(uint8_t value) {
  Id id;
  id.bytes.fill(value);
  return id;
}

inline std::string tenant(size_t number) { return "tenant-" + std::to_string(number); }

inline KeyringKey keyring_key_of(uint8_t value) { return KeyringKey::copy_of(Bytes(kKeyringKeySize, value)); }

inline KeyringSlot slot_of(uint8_t value) {
  KeyringSlot slot;
  slot.id = id_of(value);
  slot.created = 1'700'000'000;
  slot.root = "root-1";
  slot.handle.bytes = Bytes(49, value);
  slot.wrapped.algorithm = 1;
  slot.wrapped.bytes = Bytes(40, value);
  return slot;
}

// A keyring with a little of everything: three domains, keys in every state but pre-active, two stores.
inline Keyring varied_keyring() {
  Keyring keyring = Keyring::create(id_of(0xc0), 1000).value();
  EXPECT_TRUE(keyring.add_domain("orders", 1001).is_ok());
  EXPECT_TRUE(keyring.add_domain("tenant-7.eu_west", 1002).is_ok());
  for (uint64_t now = 1010; now < 1014; ++now) EXPECT_TRUE(keyring.rotate_domain("orders", now).is_ok());
  const std::vector<DomainKeyEntry>& orders = keyring.find_domain("orders")->keys;
  EXPECT_TRUE(keyring.set_key_state(orders[0].id, KeyState::kDestroyed, 1020).is_ok());
  EXPECT_TRUE(keyring.set_key_state(orders[1].id, KeyState::kCompromised, 1021).is_ok());
  EXPECT_TRUE(keyring.set_key_state(orders[4].id, KeyState::kSuspended, 1022).is_ok());
  EXPECT_TRUE(keyring.set_key_expiry(orders[4].id, 2000).is_ok());
  EXPECT_TRUE(keyring.add_store("/var/lib/db", 1030).is_ok());
  StoreEntry second = *keyring.find_store(keyring.add_store("/srv/other db", 1031, "db-1").value());
  second.also_at = "/srv/new place";
  second.confirmed = true;
  second.lineage = {{keyring.stores()[0].id, 1032, LineageHow::kLinked}, {id_of(0x77), 1033, LineageHow::kAdopted}};
  second.domains = {"orders", "gone"};
  EXPECT_TRUE(keyring.replace_store(second).is_ok());
  return keyring;
}

inline void expect_equal(const DomainKeyEntry& a, const DomainKeyEntry& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.created, b.created);
  EXPECT_EQ(a.activated, b.activated);
  EXPECT_EQ(a.deactivated, b.deactivated);
  EXPECT_EQ(a.compromised, b.compromised);
  EXPECT_EQ(a.destroyed, b.destroyed);
  EXPECT_EQ(a.expires, b.expires);
  EXPECT_TRUE(equal_constant_time(a.key.stored()->reveal(), b.key.stored()->reveal()));
}

inline void expect_equal(const Keyring& a, const Keyring& b) {
  EXPECT_EQ(a.coffer_id(), b.coffer_id());
  EXPECT_EQ(a.version(), b.version());
  EXPECT_EQ(a.ancestors(), b.ancestors());
  EXPECT_EQ(a.created(), b.created());
  EXPECT_EQ(a.updated(), b.updated());
  EXPECT_EQ(a.audit_head(), b.audit_head());
  EXPECT_TRUE(equal_constant_time(a.audit_key().open()->reveal(), b.audit_key().open()->reveal()));
  ASSERT_EQ(a.domains().size(), b.domains().size());
  for (size_t i = 0; i < a.domains().size(); ++i) {
    EXPECT_EQ(a.domains()[i].name, b.domains()[i].name);
    EXPECT_EQ(a.domains()[i].group, b.domains()[i].group);
    ASSERT_EQ(a.domains()[i].keys.size(), b.domains()[i].keys.size());
    for (size_t k = 0; k < a.domains()[i].keys.size(); ++k)
      expect_equal(a.domains()[i].keys[k], b.domains()[i].keys[k]);
  }
  ASSERT_EQ(a.groups().size(), b.groups().size());
  for (size_t i = 0; i < a.groups().size(); ++i) {
    EXPECT_EQ(a.groups()[i].name, b.groups()[i].name);
    EXPECT_EQ(a.groups()[i].key_id, b.groups()[i].key_id);
  }
  EXPECT_EQ(a.stores(), b.stores());
}

}  // namespace coffer
