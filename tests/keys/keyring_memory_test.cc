// Where a keyring's keys are in memory: in secret memory while there is a keyring, and then nowhere.
#include <gtest/gtest.h>

#include "keys/fixtures.h"
#include "support/memory_search.h"

namespace coffer {
namespace {

struct WatchedKeyring {
  explicit WatchedKeyring(const Keyring& keyring) {
    for (const Domain& domain : keyring.domains()) {
      for (const DomainKeyEntry& entry : domain.keys) {
        if (!entry.key.empty()) needles.emplace_back(entry.key.reveal());
      }
    }
  }
  void expect(size_t copies) const {
    for (const Needle& needle : needles) {
      Places places = find(needle);
      EXPECT_EQ(places.secret, copies);
      EXPECT_EQ(places.other, 0u);
    }
  }
  std::vector<Needle> needles;
};

TEST(KeyringMemory, DomainKeysAreInSecretMemoryOnly) {
  std::optional<Keyring> keyring = varied_keyring();
  WatchedKeyring watched(*keyring);
  ASSERT_EQ(watched.needles.size(), 6u);
  watched.expect(1);
  KeyringSlot slot = slot_of(1);
  Bytes sealed = KeyringCodec::seal(*keyring, std::span(&slot, 1), keyring_key_of(5)).value();
  watched.expect(1);
  keyring.reset();
  watched.expect(0);
  keyring = KeyringCodec::open(sealed, keyring_key_of(5)).value();
  watched.expect(1);
  Keyring copy = keyring->clone();
  watched.expect(2);
  keyring.reset();
  copy = Keyring::create(id_of(1), 1).value();
  watched.expect(0);
}

TEST(KeyringMemory, ADestroyedKeyIsGoneAtOnce) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  WatchedKeyring watched(keyring);
  Id id = keyring.find_domain("system")->active()->id;
  ASSERT_TRUE(keyring.rotate_domain("system", 2).is_ok());
  watched.expect(1);
  ASSERT_TRUE(keyring.set_key_state(id, KeyState::kDestroyed, 3).is_ok());
  watched.expect(0);
}

TEST(KeyringMemory, AKeyringThatIsRefusedLeavesNothing) {
  KeyringSlot slot = slot_of(1);
  std::optional<Keyring> keyring = varied_keyring();
  WatchedKeyring watched(*keyring);
  Bytes sealed = KeyringCodec::seal(*keyring, std::span(&slot, 1), keyring_key_of(5)).value();
  keyring.reset();
  EXPECT_EQ(KeyringCodec::open(sealed, keyring_key_of(6)).code(), Code::kWrongKey);
  sealed[sealed.size() - 1] ^= 1;
  EXPECT_EQ(KeyringCodec::open(sealed, keyring_key_of(5)).code(), Code::kDamaged);
  watched.expect(0);
}

}  // namespace
}  // namespace coffer
