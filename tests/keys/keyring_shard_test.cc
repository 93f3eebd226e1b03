// Keyrings in shards: what is shared, what is split, what is sealed, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "coffer/base/crc32c.h"
#include "coffer/keys/keyring_body.h"
#include "coffer/keys/keyring_shard_codec.h"
#include "keys/fixtures.h"

namespace coffer {
namespace {

using testing::HasSubstr;

Keyring keyring_of(size_t tenants) {
  Keyring keyring = Keyring::create(id_of(0xc0), 1).value();
  for (size_t i = 0; i < tenants; ++i) EXPECT_TRUE(keyring.add_domain(tenant(i), 2).is_ok());
  return keyring;
}

// A keyring as it is kept: its shards by their names, and itself.
class Kept {
 public:
  size_t save(Keyring& keyring) {
    auto changed = ShardCodec::seal_changed(keyring);
    EXPECT_TRUE(changed.is_ok()) << changed.status().to_string();
    for (SealedShard& shard : *changed) shards_[shard.name] = std::move(shard.bytes);
    const KeyringSlot slot = slot_of(1);
    root_ = KeyringCodec::seal(keyring, {&slot, 1}, keyring_key_of(5)).value();
    return changed->size();
  }
  Result<Keyring> load() {
    return KeyringCodec::open(root_, keyring_key_of(5), [this](const ShardEntry& shard, const Keyring& of) {
      ++loads_;
      return ShardCodec::open(shards_.at(shard.name), shard, of);
    });
  }
  Bytes& shard(const ShardEntry& entry) { return shards_.at(entry.name); }

  std::map<Sha256, Bytes> shards_;
  Bytes root_;
  size_t loads_ = 0;
};

// Every tag belongs to one shard, and every domain is in that of its tag.
void expect_whole(const Keyring& keyring, size_t domains) {
  size_t next = 0;
  for (const ShardEntry& shard : keyring.shards()) {
    ASSERT_EQ(shard.first, next);
    next += shard.tag_count();
    for (const Domain& domain : shard.contents->domains()) {
      ASSERT_TRUE(shard.is_for(tag_of_id(domain.keys.front().id))) << domain.name;
      ASSERT_EQ(keyring.find_domain(domain.name), &domain);
      for (const DomainKeyEntry& key : domain.keys) ASSERT_EQ(keyring.find_key(key.id).entry, &key);
    }
  }
  EXPECT_EQ(next, kShardCountMax);
  EXPECT_EQ(keyring.domains().size(), domains);
}

TEST(KeyringShards, AShardThatGrowsIsSplitAndNothingIsLost) {
  Keyring keyring = keyring_of(100);
  EXPECT_EQ(keyring.shards().size(), 1u) << "a small coffer is one file";
  for (size_t i = 100; i < 3000; ++i) ASSERT_TRUE(keyring.add_domain(tenant(i), 2).is_ok());
  EXPECT_GT(keyring.shards().size(), 8u);
  expect_whole(keyring, 3001);
  for (const ShardEntry& shard : keyring.shards()) {
    EXPECT_LE(KeyringBody::size(shard.contents->domains()), kShardSizeSplit);
  }
  for (size_t i = 0; i < 3000; ++i) ASSERT_NE(keyring.find_domain(tenant(i)), nullptr);
  EXPECT_EQ(keyring.find_domain("nobody"), nullptr);
  EXPECT_EQ(keyring.add_domain(tenant(2000), 3).code(), Code::kAlreadyExists);
}

TEST(KeyringShards, OneDomainWithManyKeysStaysInOneShard) {
  Keyring keyring = keyring_of(300);
  for (uint64_t i = 0; i < 700; ++i) ASSERT_TRUE(keyring.rotate_domain("system", i).is_ok());
  expect_whole(keyring, 301);
  const Domain* system = keyring.find_domain("system");
  EXPECT_EQ(system->keys.size(), 701u);
  EXPECT_GT(KeyringBody::size({system, 1}), kShardSizeSplit);
  Kept kept;
  kept.save(keyring);
  expect_equal(kept.load().value(), keyring);
}

TEST(KeyringShards, AChangeCopiesAndSealsOneShard) {
  Keyring keyring = keyring_of(2000);
  Kept kept;
  EXPECT_EQ(kept.save(keyring), keyring.shards().size());
  expect_equal(kept.load().value(), keyring);
  EXPECT_EQ(kept.loads_, keyring.shards().size());

  const Id key = keyring.find_domain(tenant(7))->active()->id;
  using Change = std::function<Status(Keyring&)>;
  const Change changes[] = {
      [](Keyring& k) { return k.rotate_domain(tenant(7), 9); },
      [&](Keyring& k) { return k.change_key(key, KeyState::kSuspended, 9); },
      [&](Keyring& k) { return k.set_key_expiry(key, 99); },
      [](Keyring& k) { return k.shred_domain(tenant(7), 9); },
      [](Keyring& k) { return k.add_domain("one-more", 9); },
  };
  for (const Change& change : changes) {
    Keyring next = keyring;
    EXPECT_TRUE(next.domains_unlike(keyring).empty());
    ASSERT_TRUE(change(next).is_ok());
    EXPECT_LT(next.domains_unlike(keyring).size(), 400u);
    // By chance it is the one that has to be split.
    EXPECT_EQ(kept.save(next), 1 + next.shards().size() - keyring.shards().size());
    expect_equal(kept.load().value(), next);
  }
  EXPECT_EQ(keyring.find_domain(tenant(7))->active()->id, key) << "the one that was copied stays as it was";
  EXPECT_EQ(kept.save(keyring), 0u);
}

TEST(KeyringShards, AShardHasAFreshKeyAndNameWheneverItIsWritten) {
  Keyring keyring = keyring_of(300);
  Kept kept;
  kept.save(keyring);
  Keyring next = keyring;
  const Id key = keyring.find_domain(tenant(7))->active()->id;
  ASSERT_TRUE(next.set_key_expiry(key, 0).is_ok()) << "no difference at all";
  ASSERT_EQ(kept.save(next), 1u);
  size_t differing = 0;
  for (size_t i = 0; i < keyring.shards().size(); ++i) {
    const ShardEntry &before = keyring.shards()[i], &after = next.shards()[i];
    if (before.name == after.name) continue;
    ++differing;
    EXPECT_FALSE(equal_constant_time(before.key.open()->reveal(), after.key.open()->reveal()));
    // Not even what both begin with is alike.
    EXPECT_FALSE(
        std::ranges::equal(ByteView(kept.shard(before)).subspan(26, 64), ByteView(kept.shard(after)).subspan(26, 64)));
    EXPECT_EQ(ShardCodec::open(kept.shard(after),
                               ShardEntry{after.first, after.depth, before.key, after.size, after.name, {}}, next)
                  .code(),
              Code::kTampered)
        << "the key of before opens nothing newer";
  }
  EXPECT_EQ(differing, 1u);
}

TEST(KeyringShards, ACloneHasTheSameKeysUnderTheSameIdsInShardsOfItsOwn) {
  Keyring keyring = keyring_of(600);
  Kept kept;
  kept.save(keyring);
  Keyring clone = keyring.clone_for(id_of(0xc1), 7).value();
  EXPECT_EQ(kept.save(clone), clone.shards().size());
  const Keyring loaded = kept.load().value();
  for (const Domain& domain : keyring.domains()) {
    const FoundKey found = loaded.find_key(domain.keys[0].id);
    ASSERT_NE(found.entry, nullptr);
    ASSERT_EQ(found.domain, loaded.find_domain(domain.name));
  }
  EXPECT_TRUE(clone.add_domain("of-the-clone", 8).is_ok());
}

class SealedShards : public testing::Test {
 protected:
  void SetUp() override {
    kept_.save(keyring_);
    ASSERT_GE(keyring_.shards().size(), 2u);
  }
  Code opened(ByteView sealed) { return ShardCodec::open(sealed, entry(), keyring_).code(); }
  const ShardEntry& entry() { return keyring_.shards()[0]; }
  const Bytes& sealed() { return kept_.shard(entry()); }
  // What its name in the keyring would be if somebody could choose that as well.
  Status opened_by_its_own_name(Bytes sealed) {
    store_le32(sealed.data() + sealed.size() - 4, crc32c(ByteView(sealed).first(sealed.size() - 4)));
    ShardEntry named = entry();
    named.name = sha256(sealed).value();
    named.size = static_cast<uint32_t>(sealed.size());
    return ShardCodec::open(sealed, named, keyring_).status();
  }

  Keyring keyring_ = keyring_of(300);
  Kept kept_;
};

TEST_F(SealedShards, EveryFlippedBitIsFound) {
  ASSERT_EQ(opened(sealed()), Code::kOk);
  for (size_t bit = 0; bit < sealed().size() * 8; bit += 1 + bit / 256) {
    Bytes flipped = sealed();
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    ASSERT_EQ(opened(flipped), bit < 64 ? Code::kPlaintext : Code::kDamaged) << bit;
    if (bit < 64) continue;
    const Code code = opened_by_its_own_name(flipped).code();
    if (bit >= (sealed().size() - 4) * 8) {
      ASSERT_EQ(code, Code::kOk) << "the checksum is made anew";
    } else {
      ASSERT_EQ(code, bit < 80 ? Code::kUnsupported : bit < 208 ? Code::kForeign : Code::kTampered) << bit;
    }
  }
}

TEST_F(SealedShards, EveryCutIsFound) {
  for (size_t size = 0; size < sealed().size(); size += 1 + size / 128) {
    ASSERT_EQ(opened(ByteView(sealed()).first(size)), Code::kTruncated) << size;
  }
  Bytes longer = sealed();
  longer.push_back(0);
  EXPECT_EQ(opened(longer), Code::kDamaged);
}

TEST_F(SealedShards, AnotherShardIsRefusedHoweverGenuine) {
  EXPECT_THAT(opened(kept_.shard(keyring_.shards()[1])),
              testing::AnyOf(Code::kTampered, Code::kTruncated, Code::kDamaged));
  // An older one of the same size, in the place of the newer.
  const Bytes older = sealed();
  const Id key = entry().contents->domains()[0].keys[0].id;
  ASSERT_TRUE(keyring_.set_key_expiry(key, 7).is_ok());
  ASSERT_EQ(kept_.save(keyring_), 1u);
  ASSERT_EQ(older.size(), sealed().size());
  EXPECT_EQ(opened(older), Code::kTampered);
  // Another coffer's.
  Keyring clone = keyring_.clone_for(id_of(0xc1), 7).value();
  kept_.save(clone);
  EXPECT_EQ(ShardCodec::open(kept_.shard(clone.shards()[0]), entry(), keyring_).code(), Code::kForeign);
}

TEST_F(SealedShards, TheTableOfShardsObeysItsRules) {
  const SecretBytes body = KeyringBody::encode(keyring_).value();
  constexpr size_t kTable = 16 + 8 + 16 + 32 + 8 + 32 + 32 + 2;
  const auto decoded = [&](size_t at, uint8_t value) {
    Bytes changed(body.reveal().begin(), body.reveal().end());
    changed[at] = value;
    return KeyringBody::decode(changed).status();
  };
  ASSERT_EQ(body.reveal()[kTable], keyring_.shards().size());
  ASSERT_TRUE(KeyringBody::decode(body.reveal()).is_ok());
  EXPECT_THAT(decoded(kTable, 0).to_string(), HasSubstr("share out the tags"));
  for (const uint8_t depth : {uint8_t{0}, uint8_t{17}, uint8_t{255}}) {
    EXPECT_THAT(decoded(kTable + 4, depth).to_string(), HasSubstr("1 to 16 bits")) << int{depth};
  }
  for (const uint8_t depth : {uint8_t{2}, uint8_t{16}}) {
    EXPECT_THAT(decoded(kTable + 4, depth).to_string(), HasSubstr("share out the tags")) << int{depth};
  }
  EXPECT_THAT(decoded(kTable + 8, 2).to_string(), HasSubstr("16 MiB"));
}

TEST_F(SealedShards, AKeyringIsNotOpenedWithoutAllOfThem) {
  const auto source = [&](const ShardEntry& shard, const Keyring& of) -> Result<std::shared_ptr<const Shard>> {
    if (shard.first == 0) return {Code::kNotFound, "gone"};
    return ShardCodec::open(kept_.shard(shard), shard, of);
  };
  EXPECT_EQ(KeyringCodec::open(kept_.root_, keyring_key_of(5), source).code(), Code::kNotFound);
  EXPECT_EQ(KeyringCodec::open(kept_.root_, keyring_key_of(5)).code(), Code::kInternal);
  // Nor is one sealed that has a shard nobody has sealed.
  ASSERT_TRUE(keyring_.rotate_domain("system", 3).is_ok());
  const KeyringSlot slot = slot_of(1);
  EXPECT_EQ(KeyringCodec::seal(keyring_, {&slot, 1}, keyring_key_of(5)).code(), Code::kInternal);
}

}  // namespace
}  // namespace coffer
