// Where a keyring's keys are in memory: at rest, which is nowhere, but for the time of a use.
#include <gtest/gtest.h>

#include "keys/fixtures.h"
#include "support/memory_search.h"

namespace coffer {
namespace {

struct WatchedKeyring {
  explicit WatchedKeyring(const Keyring& keyring) {
    for (const Domain& domain : keyring.domains()) {
      for (const DomainKeyEntry& entry : domain.keys) {
        if (!entry.key.empty()) needles.emplace_back(entry.key.open()->reveal());
      }
    }
  }
  void expect_nowhere() const {
    for (const Needle& needle : needles) {
      FoundPlaces places = find(needle);
      EXPECT_EQ(places.secret, 0u);
      EXPECT_EQ(places.other, 0u);
    }
  }
  std::vector<Needle> needles;
};

TEST(KeyringMemory, DomainKeysAreAtRestButForTheTimeOfAUse) {
  std::optional<Keyring> keyring = varied_keyring();
  WatchedKeyring watched(*keyring);
  ASSERT_EQ(watched.needles.size(), 6u);
  watched.expect_nowhere();
  {
    const DomainKey opened = keyring->find_domain("system")->active()->key.open().value();
    const FoundPlaces places = find(Needle(opened.reveal()));
    EXPECT_EQ(places.secret, 1u);
    EXPECT_EQ(places.other, 0u);
  }
  KeyringSlot slot = slot_of(1);
  Bytes sealed = KeyringCodec::seal(*keyring, std::span(&slot, 1), keyring_key_of(5)).value();
  watched.expect_nowhere();
  keyring.reset();
  keyring = KeyringCodec::open(sealed, keyring_key_of(5)).value();
  Keyring copy = *keyring;
  watched.expect_nowhere();
}

TEST(KeyringMemory, OfADestroyedKeyNothingIsLeftThatCouldBeOpened) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  const Id id = keyring.find_domain("system")->active()->id;
  // The middle of what is kept of it at rest.
  const auto* at_rest = reinterpret_cast<const uint8_t*>(&keyring.find_key(id).entry->key);
  const Needle needle(ByteView(at_rest, sizeof keyring.find_key(id).entry->key).subspan(24));
  ASSERT_TRUE(keyring.rotate_domain("system", 2).is_ok());
  EXPECT_EQ(find(needle).other, 1u);
  ASSERT_TRUE(keyring.set_key_state(id, KeyState::kDestroyed, 3).is_ok());
  EXPECT_EQ(find(needle).other, 0u);
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
  watched.expect_nowhere();
}

}  // namespace
}  // namespace coffer
