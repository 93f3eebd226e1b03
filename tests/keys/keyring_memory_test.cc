// Where a keyring's keys are in memory: at rest, which is nowhere, but for the time of a use.
#include <gtest/gtest.h>

#include "coffer/keys/keyring_shard.h"
#include "keys/fixtures.h"
#include "support/forked_child.h"
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

// The middle of what is kept of a key at rest.
Needle at_rest(const DomainKeyEntry& entry) {
  return Needle(ByteView(reinterpret_cast<const uint8_t*>(&entry.key), sizeof entry.key).subspan(24));
}

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
  const Needle needle = at_rest(*keyring.find_key(id).entry);
  ASSERT_TRUE(keyring.rotate_domain("system", 2).is_ok());
  EXPECT_EQ(find(needle).other, 1u);
  ASSERT_TRUE(keyring.set_key_state(id, KeyState::kDestroyed, 3).is_ok());
  EXPECT_EQ(find(needle).other, 0u);
}

TEST(KeyringMemory, OfAKeyringOfManyShardsWhoseKeysWereTakenNothingIsLeftThatCouldBeOpened) {
  if (!kMemoryIsLocked) GTEST_SKIP() << "in the plain build only: a sanitizer keeps what was freed";
  std::optional<Keyring> keyring = Keyring::create(id_of(1), 1).value();
  for (int i = 0; i < 1200; ++i) ASSERT_TRUE(keyring->add_domain("tenant-" + std::to_string(i), 2).is_ok());
  ASSERT_GE(keyring->shards().size(), 4u);
  std::vector<Needle> needles;
  for (const ShardEntry& shard : keyring->shards()) {
    const std::vector<Domain>& domains = shard.contents->domains();
    for (const Domain* domain : {&domains.front(), &domains.back()}) needles.push_back(at_rest(domain->keys.front()));
  }
  for (const Needle& needle : needles) EXPECT_EQ(find(needle).other, 1u);
  const Keyring without = keyring->without_keys();
  for (const Needle& needle : needles) EXPECT_EQ(find(needle).other, 1u) << "whoever has the other keeps its keys";
  keyring.reset();
  for (const Needle& needle : needles) {
    const FoundPlaces places = find(needle);
    EXPECT_EQ(places.secret + places.other, 0u);
  }
  EXPECT_FALSE(without.has_keys());
  EXPECT_EQ(without.domains().size(), 1201u);
  for (const Domain& domain : without.domains()) {
    for (const DomainKeyEntry& entry : domain.keys) {
      ASSERT_TRUE(entry.key.empty()) << domain.name;
      ASSERT_EQ(without.find_key(entry.id).entry, &entry) << "what is not secret is known as before";
    }
  }
  EXPECT_EQ(without.sign(as_bytes(std::string_view("x"))).code(), Code::kKeyUnavailable);
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
