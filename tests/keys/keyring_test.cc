#include "coffer/keys/keyring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/keys/keyring_body.h"
#include "keys/fixtures.h"
#include "support/allocations.h"

namespace coffer {
namespace {

using testing::HasSubstr;

TEST(Keyring, StartsWithTheSystemDomainAndOneActiveKey) {
  Keyring keyring = Keyring::create(id_of(1), 77).value();
  EXPECT_EQ(keyring.version(), 1u);
  EXPECT_EQ(keyring.created(), 77u);
  ASSERT_EQ(keyring.domains().size(), 1u);
  const Domain& system = keyring.domains()[0];
  EXPECT_EQ(system.name, kSystemDomain);
  ASSERT_NE(system.active(), nullptr);
  EXPECT_EQ(system.active()->version, 1u);
  EXPECT_EQ(system.active()->activated, 77u);
  EXPECT_TRUE(keyring.stores().empty());
  EXPECT_EQ(Keyring::create(Id{}, 77).code(), Code::kInvalidArgument);
}

// What takes the place of the active key, by what becomes of it.
TEST(Keyring, AKeyThatStopsBeingActiveIsSucceededByAFreshOne) {
  for (KeyState state : {KeyState::kSuspended, KeyState::kDeactivated, KeyState::kCompromised}) {
    SCOPED_TRACE(key_state_name(state));
    Keyring keyring = Keyring::create(id_of(1), 1).value();
    const Id first = keyring.find_domain("system")->active()->id;
    ASSERT_TRUE(keyring.change_key(first, state, 5).is_ok());
    EXPECT_EQ(keyring.find_key(first).entry->state, state);
    ASSERT_EQ(keyring.find_domain("system")->keys.size(), 2u);
    EXPECT_EQ(keyring.find_domain("system")->active()->version, 2u);
    // One that is not active is followed by none.
    EXPECT_EQ(keyring.change_key(first, KeyState::kCompromised, 6).is_ok(), state != KeyState::kCompromised);
    EXPECT_EQ(keyring.find_domain("system")->keys.size(), 2u);
    EXPECT_EQ(keyring.change_key(first, KeyState::kActive, 7).code(), Code::kInvalidArgument);
    EXPECT_EQ(keyring.find_domain("system")->active()->version, 2u);
  }
}

TEST(Keyring, ASuspendedKeyThatIsActivatedTakesThePlaceOfTheActiveOne) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  const Id first = keyring.find_domain("system")->active()->id;
  ASSERT_TRUE(keyring.change_key(first, KeyState::kSuspended, 2).is_ok());
  ASSERT_TRUE(keyring.change_key(first, KeyState::kActive, 3).is_ok());
  EXPECT_EQ(keyring.find_domain("system")->active()->id, first);
  EXPECT_EQ(keyring.find_domain("system")->keys[1].state, KeyState::kDeactivated);
  // What fails changes nothing, the present key's state included.
  const Id second = keyring.find_domain("system")->keys[1].id;
  EXPECT_EQ(keyring.change_key(second, KeyState::kActive, 4).code(), Code::kInvalidArgument);
  EXPECT_EQ(keyring.find_domain("system")->active()->id, first);
  EXPECT_EQ(keyring.change_key(id_of(9), KeyState::kActive, 4).code(), Code::kNotFound);
}

TEST(Keyring, AKeyThatExpiresWrapsUntilThen) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  const Id first = keyring.find_domain("system")->active()->id;
  const auto wraps = [&](uint64_t now) {
    const DomainKeyEntry* active = keyring.find_domain("system")->active();
    return active != nullptr && active->may_wrap_at(now);
  };
  ASSERT_TRUE(keyring.set_key_expiry(first, 100).is_ok());
  EXPECT_TRUE(wraps(99));
  EXPECT_FALSE(wraps(100));
  ASSERT_TRUE(keyring.set_key_expiry(first, 0).is_ok());
  EXPECT_TRUE(wraps(100));
  ASSERT_TRUE(keyring.set_key_expiry(first, 50).is_ok());
  ASSERT_TRUE(keyring.change_key(first, KeyState::kSuspended, 10).is_ok());
  EXPECT_EQ(keyring.change_key(first, KeyState::kActive, 50).code(), Code::kInvalidArgument);
  ASSERT_TRUE(keyring.change_key(first, KeyState::kDeactivated, 60).is_ok());
  EXPECT_EQ(keyring.set_key_expiry(first, 70).code(), Code::kInvalidArgument);
  EXPECT_EQ(keyring.set_key_expiry(id_of(9), 70).code(), Code::kNotFound);
}

TEST(Keyring, DomainNamesObeyTheRule) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  const std::string longest(64, 'a');
  for (const std::string& good : {std::string("a"), longest, std::string("0._-z")}) {
    EXPECT_TRUE(keyring.add_domain(good, 2).is_ok()) << good;
    EXPECT_EQ(keyring.add_domain(good, 2).code(), Code::kAlreadyExists) << good;
  }
  for (const std::string& bad : {std::string(), longest + "a", std::string("A"), std::string("a b"), std::string("a/b"),
                                 std::string("a\0b", 3), std::string("\xc3\xa4")}) {
    Status status = keyring.add_domain(bad, 2);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(status.message()), HasSubstr("64"));
  }
  EXPECT_EQ(keyring.domains().size(), 4u);
}

TEST(Keyring, ADomainIsLockedFromTheFirstTimeOnUntilItIsUnlocked) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  ASSERT_TRUE(keyring.add_domain("tenant", 2).is_ok());
  ASSERT_TRUE(keyring.lock_domain("tenant", 5).is_ok());
  ASSERT_TRUE(keyring.lock_domain("tenant", 7).is_ok());
  EXPECT_EQ(keyring.find_domain("tenant")->locked, 5u);
  ASSERT_TRUE(keyring.rotate_domain("tenant", 8).is_ok()) << "its keys may change meanwhile";
  EXPECT_EQ(keyring.find_domain("tenant")->locked, 5u);
  ASSERT_TRUE(keyring.unlock_domain("tenant").is_ok());
  ASSERT_TRUE(keyring.unlock_domain("tenant").is_ok());
  EXPECT_EQ(keyring.find_domain("tenant")->locked, 0u);
  EXPECT_EQ(keyring.lock_domain("other", 5).code(), Code::kNotFound);
  EXPECT_EQ(keyring.lock_domain(kSystemDomain, 5).code(), Code::kInvalidArgument);
  EXPECT_EQ(keyring.find_domain(kSystemDomain)->locked, 0u);
}

TEST(Keyring, RotatingADomainKeepsItsOldKeysFindable) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  Id first = keyring.find_domain("system")->active()->id;
  ASSERT_TRUE(keyring.rotate_domain("system", 5).is_ok());
  ASSERT_TRUE(keyring.rotate_domain("system", 6).is_ok());
  const Domain* system = keyring.find_domain("system");
  ASSERT_EQ(system->keys.size(), 3u);
  EXPECT_EQ(system->active()->version, 3u);
  FoundKey found = keyring.find_key(first);
  ASSERT_NE(found.entry, nullptr);
  EXPECT_EQ(found.domain, system);
  EXPECT_EQ(found.entry->state, KeyState::kDeactivated);
  EXPECT_EQ(found.entry->deactivated, 5u);
  EXPECT_EQ(found.entry->key.size(), kDomainKeySize);
  EXPECT_EQ(keyring.find_key(id_of(9)).entry, nullptr);
  EXPECT_EQ(keyring.rotate_domain("none", 7).code(), Code::kNotFound);
}

TEST(Keyring, AKeysIdIsDerivedFromItsBytesAndBeginsAsThoseOfItsDomain) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  ASSERT_TRUE(keyring.rotate_domain("system", 2).is_ok());
  const std::vector<DomainKeyEntry>& keys = keyring.find_domain("system")->keys;
  for (const DomainKeyEntry& key : keys) {
    auto rest = derive(key.key.open()->reveal(), "domain key id", key.id.view().first(2), 14);
    ASSERT_TRUE(rest.is_ok());
    EXPECT_TRUE(equal_constant_time(rest->reveal(), key.id.view().subspan(2)));
    EXPECT_TRUE(std::ranges::equal(key.id.view().first(2), keys[0].id.view().first(2)));
  }
}

TEST(Keyring, AStoreWithFilesOfMoreDomainsThanCanBeListedHoldsAnyDomain) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  StoreEntry store = *keyring.find_store(keyring.add_store("/backup", 1).value());
  for (size_t i = 0; i < kStoreDomainsMax; ++i) EXPECT_TRUE(store.add_domain("t" + std::to_string(i)));
  EXPECT_FALSE(store.add_domain("t7"));
  EXPECT_FALSE(store.holds_domain("other"));
  ASSERT_TRUE(keyring.replace_store(store).is_ok());
  EXPECT_TRUE(store.add_domain("one-more"));
  EXPECT_TRUE(store.holds_domain("other"));
  EXPECT_FALSE(store.add_domain("another"));
  ASSERT_TRUE(keyring.replace_store(store).is_ok());
  const SecretBytes body = KeyringBody::encode(keyring).value();
  EXPECT_EQ(KeyringBody::decode(body.reveal())->stores(), keyring.stores());
}

TEST(Keyring, DestroyingAKeyErasesItsBytesAndKeepsItsHistory) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  Id first = keyring.find_domain("system")->active()->id;
  ASSERT_TRUE(keyring.rotate_domain("system", 2).is_ok());
  ASSERT_TRUE(keyring.set_key_state(first, KeyState::kDestroyed, 3).is_ok());
  const DomainKeyEntry* key = keyring.find_key(first).entry;
  ASSERT_NE(key, nullptr);
  EXPECT_TRUE(key->key.empty());
  EXPECT_EQ(key->activated, 1u);
  EXPECT_EQ(key->deactivated, 2u);
  EXPECT_EQ(key->destroyed, 3u);
  EXPECT_EQ(keyring.set_key_state(first, KeyState::kActive, 4).code(), Code::kInvalidArgument);
}

TEST(Keyring, WhatAShreddingDestroyedIsKnownForGood) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  ASSERT_TRUE(keyring.add_domain("tenant", 1).is_ok());
  const auto tenant = [&] { return keyring.find_domain("tenant"); };
  const Id first = tenant()->active()->id;
  ASSERT_TRUE(keyring.rotate_domain("tenant", 2).is_ok());
  ASSERT_TRUE(keyring.change_key(first, KeyState::kDestroyed, 2).is_ok());
  const Id second = tenant()->active()->id;
  ASSERT_TRUE(keyring.change_key(second, KeyState::kCompromised, 2).is_ok());
  ASSERT_TRUE(keyring.change_key(second, KeyState::kDestroyed, 2).is_ok());
  EXPECT_EQ(tenant()->shredded_through(), 0u);
  ASSERT_TRUE(keyring.shred_domain("tenant", 2).is_ok());
  EXPECT_EQ(tenant()->shredded_through(), 3u);
  // It begins anew, at the same second.
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(keyring.rotate_domain("tenant", 2).is_ok());
  ASSERT_TRUE(keyring.change_key(tenant()->keys[3].id, KeyState::kDestroyed, 2).is_ok());
  EXPECT_EQ(tenant()->shredded_through(), 3u);
  ASSERT_TRUE(keyring.shred_domain("tenant", 2).is_ok());
  EXPECT_EQ(tenant()->shredded_through(), 5u);
}

TEST(Keyring, AnActiveKeyIsNotDestroyedDirectly) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  Status status = keyring.set_key_state(keyring.find_domain("system")->active()->id, KeyState::kDestroyed, 2);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(status.message(), "key 1 of domain \"system\" is active and cannot become destroyed");
  EXPECT_NE(keyring.find_domain("system")->active(), nullptr);
}

TEST(Keyring, ADomainNeverHasTwoActiveKeys) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  Id first = keyring.find_domain("system")->active()->id;
  ASSERT_TRUE(keyring.set_key_state(first, KeyState::kSuspended, 2).is_ok());
  EXPECT_EQ(keyring.find_domain("system")->active(), nullptr);
  ASSERT_TRUE(keyring.rotate_domain("system", 3).is_ok());
  EXPECT_EQ(keyring.find_key(first).entry->state, KeyState::kSuspended);
  Status status = keyring.set_key_state(first, KeyState::kActive, 4);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("key 2"));
  ASSERT_TRUE(keyring.set_key_state(keyring.find_domain("system")->active()->id, KeyState::kDeactivated, 5).is_ok());
  ASSERT_TRUE(keyring.set_key_state(first, KeyState::kActive, 6).is_ok());
  EXPECT_EQ(keyring.find_domain("system")->active()->id, first);
  EXPECT_EQ(keyring.find_domain("system")->active()->activated, 1u) << "the first activation counts";
  EXPECT_EQ(keyring.set_key_state(id_of(9), KeyState::kActive, 7).code(), Code::kNotFound);
}

TEST(Keyring, StoresAreFoundByTheNearestParent) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  Id outer = keyring.add_store("/data", 2).value();
  Id inner = keyring.add_store("/data/db", 3).value();
  EXPECT_EQ(keyring.add_store("/data", 4).value(), outer) << "known paths keep their id";
  EXPECT_EQ(keyring.stores().size(), 2u);
  auto store_at = [&](std::string_view path) {
    const StoreEntry* store = keyring.store_of(path, "");
    return store == nullptr ? Id{} : store->id;
  };
  EXPECT_EQ(store_at("/data"), outer);
  EXPECT_EQ(store_at("/data/x"), outer);
  EXPECT_EQ(store_at("/data/dbx"), outer);
  EXPECT_EQ(store_at("/data/db"), inner);
  EXPECT_EQ(store_at("/data/db/000001.sst"), inner);
  EXPECT_EQ(store_at("/database"), Id{});
  EXPECT_EQ(store_at("/"), Id{});
  EXPECT_EQ(keyring.find_store(inner)->path, "/data/db");
  ASSERT_TRUE(keyring.remove_store(inner).is_ok());
  EXPECT_EQ(store_at("/data/db"), outer);
  EXPECT_EQ(keyring.remove_store(inner).code(), Code::kNotFound);
}

TEST(Keyring, AStoreOfANodeIsItsAloneAndBeforeOneOfEveryNodes) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  const Id shared = keyring.add_store("/data", 2).value();
  const Id first = keyring.add_store("/data", 3, "db-1").value();
  const Id inner = keyring.add_store("/data/db", 4, "db-2").value();
  EXPECT_EQ(keyring.add_store("/data", 5, "db-1").value(), first);
  EXPECT_NE(first, shared);
  const auto found = [&](std::string_view path, std::string_view node) { return keyring.store_of(path, node)->id; };
  EXPECT_EQ(found("/data/db/1.sst", "db-1"), first);
  EXPECT_EQ(found("/data/db/1.sst", "db-2"), inner);
  EXPECT_EQ(found("/data/1.sst", "db-2"), shared);
  EXPECT_EQ(found("/data/db/1.sst", ""), shared);
  EXPECT_EQ(keyring.store_at("/data/db", "db-1"), nullptr);
  const auto ids = [&](std::string_view node) {
    std::vector<Id> out;
    for (const StoreEntry& store : keyring.stores_of_node(node)) out.push_back(store.id);
    return out;
  };
  EXPECT_EQ(ids("db-1"), std::vector<Id>{first}) << "its own is in the other's place";
  EXPECT_EQ(ids("db-2"), (std::vector<Id>{shared, inner}));
  EXPECT_EQ(ids("db-3"), std::vector<Id>{shared});
  EXPECT_EQ(ids(""), std::vector<Id>{shared});

  StoreEntry moving = *keyring.find_store(inner);
  moving.also_at = "/data";
  ASSERT_TRUE(keyring.replace_store(moving).is_ok()) << "what others have there is no obstacle";
  EXPECT_EQ(found("/data/1.sst", "db-2"), inner);
  EXPECT_EQ(found("/data/1.sst", "db-1"), first);
  moving.node = "db-1";
  EXPECT_EQ(keyring.replace_store(moving).code(), Code::kInvalidArgument) << "a store stays of its node";
  EXPECT_EQ(keyring.add_store("/x", 6, "no node").code(), Code::kInvalidArgument);
  ASSERT_TRUE(keyring.remove_store(first).is_ok());
  EXPECT_EQ(found("/data/1.sst", "db-1"), shared);
}

TEST(Keyring, ALookupOfAStoreMakesNoCopies) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  const std::string path = "/srv/" + std::string(100, 'd');
  const Id id = keyring.add_store(path, 2, "a-name-that-no-small-string-holds").value();
  const AllocationCounter allocations;
  const StoreEntry* own = keyring.store_of(path, "a-name-that-no-small-string-holds");
  const StoreEntry* others = keyring.store_of(path, "another-name-that-no-small-string-holds");
  EXPECT_EQ(allocations.count(), 0u);
  EXPECT_EQ(own->id, id);
  EXPECT_EQ(others, nullptr);
}

TEST(Keyring, AStoreOnItsWayIsFoundAtBothPlaces) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  StoreEntry moving = *keyring.find_store(keyring.add_store("/data/db", 2).value());
  moving.also_at = "/data/new";
  ASSERT_TRUE(keyring.replace_store(moving).is_ok());
  for (const char* path : {"/data/db", "/data/new/1.sst"}) {
    ASSERT_NE(keyring.store_of(path, ""), nullptr) << path;
    EXPECT_EQ(*keyring.store_of(path, ""), moving) << path;
  }
  EXPECT_EQ(keyring.add_store("/data/new", 3).value(), moving.id);
  moving.path = std::exchange(moving.also_at, "");
  ASSERT_TRUE(keyring.replace_store(moving).is_ok());
  EXPECT_EQ(keyring.store_of("/data/db/1.sst", ""), nullptr);
  ASSERT_TRUE(Keyring(keyring).store_at("/data/new", "") != nullptr);
}

TEST(Keyring, AStoreIsReplacedByNothingThatNoStoreMayBe) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  const Id other = keyring.add_store("/other", 2).value();
  const StoreEntry good = *keyring.find_store(keyring.add_store("/data", 2).value());
  auto refused = [&](Code code, void (*change)(StoreEntry&, const Id&)) {
    StoreEntry bad = good;
    change(bad, other);
    EXPECT_EQ(keyring.replace_store(bad).code(), code);
    EXPECT_EQ(*keyring.find_store(good.id), good);
  };
  refused(Code::kNotFound, [](StoreEntry& store, const Id&) { store.id = id_of(9); });
  refused(Code::kAlreadyExists, [](StoreEntry& store, const Id&) { store.path = "/other"; });
  refused(Code::kAlreadyExists, [](StoreEntry& store, const Id&) { store.also_at = "/other"; });
  refused(Code::kInvalidArgument, [](StoreEntry& store, const Id&) { store.also_at = store.path; });
  refused(Code::kInvalidArgument, [](StoreEntry& store, const Id& id) { store.lineage = {{id, 1}, {id, 2}}; });
  refused(Code::kLimitExceeded, [](StoreEntry& store, const Id&) { store.lineage.resize(kStoreLineageMax + 1); });
}

TEST(Keyring, AStoreIsInItsOwnLineageOnlyAsOlderAndOnce) {
  StoreEntry entry;
  entry.id.bytes.fill(1);
  entry.path = "/db";
  entry.lineage = {{entry.id, 7, LineageHow::kOlder}};
  EXPECT_TRUE(check_store(entry).is_ok());
  entry.lineage.push_back({entry.id, 8, LineageHow::kOlder});
  EXPECT_FALSE(check_store(entry).is_ok());
  entry.lineage = {{entry.id, 7, LineageHow::kAdopted}};
  EXPECT_FALSE(check_store(entry).is_ok());
}

TEST(Keyring, StorePathsAreAbsoluteAndPlain) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  const std::string longest = "/" + std::string(kStorePathSizeMax - 1, 'a');
  EXPECT_TRUE(keyring.add_store(longest, 1).is_ok());
  EXPECT_TRUE(keyring.add_store("/..a/.b", 1).is_ok());
  for (const std::string& bad :
       {std::string(), std::string("/"), std::string("a"), std::string("/a/"), std::string("//a"), std::string("/a//b"),
        std::string("/a/."), std::string("/./a"), std::string("/a/../b"), std::string("/.."), longest + "a",
        std::string("/a\0b", 4), std::string("/a\nb")}) {
    EXPECT_EQ(keyring.add_store(bad, 1).code(), Code::kInvalidArgument) << bad;
  }
}

TEST(Keyring, AClonesChangesAreItsOwn) {
  Keyring keyring = varied_keyring();
  Keyring copy = keyring;
  expect_equal(keyring, copy);
  Id active = copy.find_domain("system")->active()->id;
  ASSERT_TRUE(copy.rotate_domain("system", 9).is_ok());
  ASSERT_TRUE(copy.set_key_state(active, KeyState::kDestroyed, 9).is_ok());
  EXPECT_EQ(keyring.find_domain("system")->active()->id, active);
  EXPECT_EQ(keyring.find_key(active).entry->key.size(), kDomainKeySize);
  EXPECT_EQ(keyring.find_key(active).domain, keyring.find_domain("system"));
}

}  // namespace
}  // namespace coffer
