// The sealed part's rules. Only somebody who holds the keyring key can break them, so each must be refused, not
// guessed.
#include "coffer/keys/keyring_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/keys/keyring_shard.h"
#include "keys/fixtures.h"

namespace coffer {
namespace {

using testing::HasSubstr;

// docs/format.md, section 7, "body", written down a second time: every field may be set to what it must not be.
struct KeyFields {
  Id id;
  uint32_t version = 1;
  uint8_t state = 2;
  Bytes key;
};
struct DomainFields {
  std::string name = "system";
  std::vector<KeyFields> keys;
  uint64_t locked = 0;
  uint16_t group = 0;
};
struct GroupFields {
  uint16_t number = 1;
  Id id;
  std::string name;
  Id key_id = id_of(0x99);
  std::vector<KeyringSlot> slots;
};
struct LineageFields {
  Id id;
  uint8_t how = 1;
};
struct StoreFields {
  Id id;
  std::string path;
  std::string also_at = {};
  uint8_t flags = 0;
  std::vector<LineageFields> lineage = {};
  std::vector<std::string> domains = {};
  std::string node = {};
};
struct BodyFields {
  Id coffer_id = id_of(0xc0);
  uint64_t version = 2;
  Bytes ancestors = Bytes(32, 0x44);
  Bytes audit_key = Bytes(32, 0x55);
  uint64_t audit_count = 9;
  Bytes audit_mac = Bytes(32, 0x66);
  Bytes tag_key = Bytes(32, 0x77);
  std::vector<GroupFields> groups = {};
  uint32_t shards = 1;
  std::vector<DomainFields> domains;
  std::vector<StoreFields> stores;
};

void encode_groups(const std::vector<GroupFields>& groups, Writer& writer) {
  writer.u16(static_cast<uint16_t>(groups.size()));
  for (const GroupFields& group : groups) {
    writer.u16(group.number);
    writer.id(group.id);
    writer.bytes8(as_bytes(group.name));
    writer.u64(16);
    writer.id(group.key_id);
    writer.u16(static_cast<uint16_t>(group.slots.size()));
    for (const KeyringSlot& slot : group.slots) {
      writer.id(slot.id);
      writer.u64(slot.created);
      writer.bytes16(as_bytes(slot.root));
      writer.bytes16(slot.handle.bytes);
      writer.u8(slot.wrapped.algorithm);
      writer.bytes16(slot.wrapped.bytes);
    }
  }
}

Bytes encode(const BodyFields& fields) {
  Bytes out(2'000'000);
  Writer writer(out);
  writer.id(fields.coffer_id);
  writer.u64(fields.version);
  writer.bytes(fields.ancestors);
  writer.u64(11);
  writer.u64(12);
  writer.bytes(fields.audit_key);
  writer.u64(fields.audit_count);
  writer.bytes(fields.audit_mac);
  writer.bytes(fields.tag_key);
  encode_groups(fields.groups, writer);
  writer.u32(fields.shards);
  writer.u16(static_cast<uint16_t>(fields.domains.size()));
  for (const DomainFields& domain : fields.domains) {
    writer.bytes8(as_bytes(domain.name));
    writer.u64(domain.locked);
    writer.u16(domain.group);
    writer.u16(static_cast<uint16_t>(domain.keys.size()));
    for (const KeyFields& key : domain.keys) {
      writer.id(key.id);
      writer.u32(key.version);
      writer.u8(key.state);
      for (uint64_t time = 1; time <= 6; ++time) writer.u64(time);
      writer.bytes8(key.key);
    }
  }
  writer.u16(static_cast<uint16_t>(fields.stores.size()));
  for (const StoreFields& store : fields.stores) {
    writer.id(store.id);
    writer.u64(13);
    writer.u8(store.flags);
    writer.bytes16(as_bytes(store.path));
    writer.bytes16(as_bytes(store.also_at));
    writer.bytes8(as_bytes(store.node));
    writer.u16(static_cast<uint16_t>(store.lineage.size()));
    for (const LineageFields& each : store.lineage) {
      writer.id(each.id);
      writer.u64(14);
      writer.u8(each.how);
    }
    writer.u16(static_cast<uint16_t>(store.domains.size()));
    for (const std::string& domain : store.domains) writer.bytes8(as_bytes(domain));
  }
  EXPECT_TRUE(writer.ok());
  out.resize(writer.written());
  return out;
}

KeyFields key_of(std::string_view domain, uint8_t value, uint32_t version, uint8_t state) {
  KeyFields fields;
  fields.version = version;
  fields.state = state;
  fields.key = Bytes(32, value);
  const SecretBytes tag = derive(Bytes(32, 0x77), "domain tag", as_bytes(domain), 2).value();
  const SecretBytes rest = derive(fields.key, "domain key id", tag.reveal(), 14).value();
  std::copy(tag.reveal().begin(), tag.reveal().end(), fields.id.bytes.begin());
  std::copy(rest.reveal().begin(), rest.reveal().end(), fields.id.bytes.begin() + 2);
  return fields;
}

BodyFields good_fields() {
  BodyFields fields;
  KeyFields destroyed = key_of("orders", 3, 1, 6);
  destroyed.key.clear();
  fields.domains.push_back({"system", {key_of("system", 1, 1, 4), key_of("system", 2, 2, 2)}});
  fields.domains.push_back({"orders", {destroyed, key_of("orders", 4, 2, 2)}, 15});
  // Which key it is shows once the group is open, and never here.
  KeyFields wrapped = key_of("acme", 5, 1, 2);
  wrapped.key = Bytes(40, 0x5a);
  fields.domains.push_back({"acme", {wrapped}, 0, 7});
  fields.groups = {{1, id_of(0xa1), "other", id_of(0x98), {slot_of(1), slot_of(2)}},
                   {7, id_of(0xa7), "acme", id_of(0x99), {slot_of(3)}}};
  fields.stores = {{id_of(1), "/a"}, {id_of(2), "/b", "/c", 1, {{id_of(1), 2}, {id_of(9), 3}}, {"orders", "t7"}},
                   {id_of(3), "/a", {}, 0, {}, {}, "db-1"}};
  return fields;
}

TEST(KeyringBody, TheFieldsStandWhereThePageSays) {
  auto keyring = KeyringBody::decode(encode(good_fields()));
  ASSERT_TRUE(keyring.is_ok()) << keyring.status().to_string();
  EXPECT_EQ(keyring->coffer_id(), id_of(0xc0));
  EXPECT_EQ(keyring->version(), 2u);
  ASSERT_EQ(keyring->ancestors().size(), 1u);
  EXPECT_EQ(keyring->ancestors()[0][31], 0x44);
  EXPECT_EQ(keyring->created(), 11u);
  EXPECT_EQ(keyring->updated(), 12u);
  EXPECT_EQ(keyring->audit_key().open()->reveal()[31], 0x55);
  EXPECT_EQ(keyring->audit_head().count, 9u);
  EXPECT_EQ(keyring->audit_head().mac[31], 0x66);
  ASSERT_EQ(keyring->groups().size(), 2u);
  const KeyGroup& group = keyring->groups()[1];
  EXPECT_EQ(group.number, 7);
  EXPECT_EQ(group.id, id_of(0xa7));
  EXPECT_EQ(group.created, 16u);
  EXPECT_EQ(group.key_id, id_of(0x99));
  EXPECT_EQ(group.slots[0].wrapped.bytes, Bytes(40, 3));
  EXPECT_EQ(keyring->find_group("acme"), &group);
  ASSERT_EQ(keyring->domains().size(), 3u);
  EXPECT_EQ(keyring->group_of(keyring->domains()[2]), &group);
  EXPECT_EQ(keyring->group_of(keyring->domains()[1]), nullptr);
  EXPECT_EQ(as_text(keyring->domains()[2].keys[0].key.stored()->reveal()), as_text(Bytes(40, 0x5a)));
  EXPECT_EQ(keyring->domains()[0].locked, 0u);
  EXPECT_EQ(keyring->domains()[1].locked, 15u);
  const DomainKeyEntry& key = keyring->domains()[0].keys[1];
  EXPECT_EQ(key.state, KeyState::kActive);
  EXPECT_EQ(key.created, 1u);
  EXPECT_EQ(key.activated, 2u);
  EXPECT_EQ(key.deactivated, 3u);
  EXPECT_EQ(key.compromised, 4u);
  EXPECT_EQ(key.destroyed, 5u);
  EXPECT_EQ(key.expires, 6u);
  EXPECT_TRUE(keyring->domains()[1].keys[0].key.empty());
  EXPECT_EQ(keyring->stores()[1].created, 13u);
  EXPECT_FALSE(keyring->stores()[0].confirmed);
  const StoreEntry& store = keyring->stores()[1];
  EXPECT_EQ(store.path, "/b");
  EXPECT_EQ(store.also_at, "/c");
  EXPECT_TRUE(store.confirmed);
  EXPECT_EQ(store.lineage[1], (Lineage{id_of(9), 14, LineageHow::kOlder}));
  EXPECT_EQ(store.domains, (std::vector<std::string>{"orders", "t7"}));
  EXPECT_EQ(keyring->store_of("/c/000001.sst", ""), &store);
  EXPECT_EQ(store.node, "");
  EXPECT_EQ(keyring->stores()[2].node, "db-1");
  EXPECT_EQ(keyring->store_at("/a", "db-1"), &keyring->stores()[2]);
  EXPECT_EQ(keyring->find_key(key.id).entry, &keyring->domains()[0].keys[1]);

  auto encoded = KeyringBody::encode(*keyring);
  ASSERT_TRUE(encoded.is_ok());
  EXPECT_EQ(as_text(encoded->reveal()), as_text(encode(good_fields())));
}

TEST(KeyringBody, EveryCutAndEveryAddedByteIsRefused) {
  Bytes body = encode(good_fields());
  for (size_t size = 0; size < body.size(); ++size) {
    ASSERT_EQ(KeyringBody::decode(ByteView(body).first(size)).code(), Code::kTampered) << size;
  }
  body.push_back(0);
  EXPECT_EQ(KeyringBody::decode(body).code(), Code::kTampered);
}

TEST(KeyringBody, NoFlippedBitCrashesAndNoFlippedKeyIsAccepted) {
  const Bytes body = encode(good_fields());
  size_t accepted = 0;
  for (size_t bit = 0; bit < body.size() * 8; ++bit) {
    Bytes flipped = body;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    auto keyring = KeyringBody::decode(flipped);
    if (!keyring.is_ok()) {
      ASSERT_EQ(keyring.code(), Code::kTampered);
      continue;
    }
    ++accepted;
    for (const Domain& domain : keyring->domains()) {
      for (const DomainKeyEntry& key : domain.keys) {
        if (key.key.empty() || key.key.is_wrapped()) continue;
        ASSERT_EQ(domain_key_id(tag_of_id(key.id), key.key.open()->reveal()).value(), key.id) << "bit " << bit;
      }
    }
  }
  EXPECT_GT(accepted, 0u) << "times, for one, are free";
}

struct BrokenCase {
  const char* name;
  void (*change)(BodyFields&);
  const char* reason;
};

class KeyringBodyRules : public testing::TestWithParam<BrokenCase> {};

TEST_P(KeyringBodyRules, AreEnforced) {
  BodyFields fields = good_fields();
  GetParam().change(fields);
  auto keyring = KeyringBody::decode(encode(fields));
  EXPECT_EQ(keyring.code(), Code::kTampered);
  EXPECT_THAT(std::string(keyring.status().message()), HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    Every, KeyringBodyRules,
    testing::Values(
        BrokenCase{"ZeroCofferId", [](BodyFields& b) { b.coffer_id = Id{}; }, "coffer id"},
        BrokenCase{"VersionZero", [](BodyFields& b) { b.version = 0; }, "count from 1"},
        BrokenCase{"FirstWithAncestor", [](BodyFields& b) { b.version = 1; }, "must"},
        BrokenCase{"TooFewAncestors", [](BodyFields& b) { b.version = 70; }, "must"},
        BrokenCase{"NoSystemDomain", [](BodyFields& b) { b.domains.erase(b.domains.begin()); }, "domain system"},
        BrokenCase{"NoDomain", [](BodyFields& b) { b.domains.clear(); }, "domain system"},
        BrokenCase{"EmptyName", [](BodyFields& b) { b.domains[1].name.clear(); }, "name"},
        BrokenCase{"BadName", [](BodyFields& b) { b.domains[1].name = "Orders"; }, "name"},
        BrokenCase{"LongName", [](BodyFields& b) { b.domains[1].name.assign(65, 'a'); }, "within its domains"},
        BrokenCase{"DomainWithoutKeys", [](BodyFields& b) { b.domains[1].keys.clear(); }, "must have a key"},
        BrokenCase{"LockedSystem", [](BodyFields& b) { b.domains[0].locked = 1; }, "must not be locked"},
        BrokenCase{"TwoActive", [](BodyFields& b) { b.domains[0].keys[0].state = 2; }, "two active"},
        BrokenCase{"StateZero", [](BodyFields& b) { b.domains[0].keys[0].state = 0; }, "known state"},
        BrokenCase{"StateSeven", [](BodyFields& b) { b.domains[0].keys[0].state = 7; }, "known state"},
        BrokenCase{"VersionGap", [](BodyFields& b) { b.domains[0].keys[1].version = 3; }, "must not call itself 3"},
        BrokenCase{"VersionOrder", [](BodyFields& b) { std::swap(b.domains[0].keys[0], b.domains[0].keys[1]); },
                   "must not call itself 2"},
        BrokenCase{"DestroyedWithBytes", [](BodyFields& b) { b.domains[1].keys[0] = key_of("orders", 3, 1, 6); },
                   "unless destroyed"},
        BrokenCase{"BytesMissing", [](BodyFields& b) { b.domains[0].keys[1].key.clear(); }, "unless destroyed"},
        BrokenCase{"ShortKey", [](BodyFields& b) { b.domains[0].keys[1].key.resize(31); }, "32 bytes"},
        BrokenCase{"LongKey", [](BodyFields& b) { b.domains[0].keys[1].key.resize(33); }, "32 bytes"},
        BrokenCase{"OtherBytesUnderTheId", [](BodyFields& b) { b.domains[0].keys[1].key[7] ^= 1; },
                   "the id that its bytes give"},
        BrokenCase{"RepeatedKey", [](BodyFields& b) { b.domains[0].keys[0] = key_of("system", 2, 1, 4); }, "key id"},
        BrokenCase{"ZeroStoreId", [](BodyFields& b) { b.stores[0].id = Id{}; }, "store's id"},
        BrokenCase{"RepeatedStoreId", [](BodyFields& b) { b.stores[0].id = b.stores[1].id; }, "store id"},
        BrokenCase{"RepeatedStorePath", [](BodyFields& b) { b.stores[1].path = b.stores[0].path; }, "store path"},
        BrokenCase{"RepeatedStorePathOfANode",
                   [](BodyFields& b) {
                     b.stores[1] = {id_of(2), "/a", {}, 0, {}, {}, "db-1"};
                   },
                   "store path"},
        BrokenCase{"BadStoreNode", [](BodyFields& b) { b.stores[2].node = "db 1"; }, "a node's name"},
        BrokenCase{"LongStoreNode", [](BodyFields& b) { b.stores[2].node.assign(65, 'a'); }, "within its stores"},
        BrokenCase{"RelativeStorePath", [](BodyFields& b) { b.stores[1].path = "b"; }, "absolute"},
        BrokenCase{"StorePathWithDots", [](BodyFields& b) { b.stores[1].path = "/a/../b"; }, "absolute"},
        BrokenCase{"UnknownStoreFlag", [](BodyFields& b) { b.stores[1].flags = 4; }, "flags that are unknown"},
        BrokenCase{"TwoPathsAlike", [](BodyFields& b) { b.stores[1].also_at = "/b"; }, "store path"},
        BrokenCase{"SecondPathOfAnother", [](BodyFields& b) { b.stores[1].also_at = "/a"; }, "store path"},
        BrokenCase{"RelativeSecondPath", [](BodyFields& b) { b.stores[1].also_at = "c"; }, "absolute"},
        BrokenCase{"UnknownLineage", [](BodyFields& b) { b.stores[1].lineage[0].how = 4; }, "known sort"},
        BrokenCase{"NoLineage", [](BodyFields& b) { b.stores[1].lineage[0].how = 0; }, "known sort"},
        BrokenCase{"LineageTwice", [](BodyFields& b) { b.stores[1].lineage[0].id = id_of(9); }, "twice, or itself"},
        BrokenCase{"LineageOfItself", [](BodyFields& b) { b.stores[1].lineage[0].id = id_of(2); }, "twice, or itself"},
        BrokenCase{"LineageOfNone", [](BodyFields& b) { b.stores[1].lineage[0].id = Id{}; }, "twice, or itself"},
        BrokenCase{"LineageTooLong",
                   [](BodyFields& b) {
                     b.stores[1].lineage.assign(4097, LineageFields{id_of(3), 1});
                   },
                   "at most"},
        BrokenCase{"StoreDomainTwice", [](BodyFields& b) { b.stores[1].domains[0] = "t7"; }, "none twice"},
        BrokenCase{"AnyDomainAndAnother", [](BodyFields& b) { b.stores[1].domains[0] = "*"; }, "names of domains"},
        BrokenCase{"BadStoreDomain", [](BodyFields& b) { b.stores[1].domains[0] = "T7"; }, "names of domains"},
        BrokenCase{"LongStorePath", [](BodyFields& b) { b.stores[1].path = "/" + std::string(4096, 'p'); },
                   "within its stores"}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    OfGroups, KeyringBodyRules,
    testing::Values(
        BrokenCase{"SystemInAGroup", [](BodyFields& b) { b.domains[0].group = 7; }, "in no key group"},
        BrokenCase{"GroupThatIsNotThere", [](BodyFields& b) { b.domains[2].group = 2; }, "that is there"},
        BrokenCase{"BareKeyInAGroup", [](BodyFields& b) { b.domains[1].group = 7; }, "40 bytes"},
        BrokenCase{"WrappedKeyInNone", [](BodyFields& b) { b.domains[2].group = 0; }, "32 bytes"},
        BrokenCase{"WrappedKeyCutShort", [](BodyFields& b) { b.domains[2].keys[0].key.resize(39); }, "40 bytes"},
        BrokenCase{"WrappedKeyTooLong", [](BodyFields& b) { b.domains[2].keys[0].key.resize(41); }, "within the keys"},
        BrokenCase{"GroupZero", [](BodyFields& b) { b.groups[0].number = 0; }, "in order"},
        BrokenCase{"GroupsOutOfOrder", [](BodyFields& b) { std::swap(b.groups[0], b.groups[1]); }, "in order"},
        BrokenCase{"GroupNumberTwice", [](BodyFields& b) { b.groups[0].number = 7; }, "in order"},
        BrokenCase{"GroupNameTwice", [](BodyFields& b) { b.groups[0].name = "acme"; }, "must not repeat"},
        BrokenCase{"GroupIdTwice", [](BodyFields& b) { b.groups[0].id = b.groups[1].id; }, "must not repeat"},
        BrokenCase{"ZeroGroupId", [](BodyFields& b) { b.groups[0].id = Id{}; }, "must not be zero"},
        BrokenCase{"BadGroupName", [](BodyFields& b) { b.groups[0].name = "A"; }, "group's name"},
        BrokenCase{"GroupWithoutSlot", [](BodyFields& b) { b.groups[0].slots.clear(); }, "1 to 16 slots"},
        BrokenCase{"GroupSlotTwice", [](BodyFields& b) { b.groups[0].slots[1] = slot_of(1); }, "id of its own"},
        BrokenCase{"TooManyGroups", [](BodyFields& b) { b.groups.resize(4097, b.groups[0]); }, "4096"}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    OfTags, KeyringBodyRules,
    testing::Values(BrokenCase{"RepeatedDomain",
                               [](BodyFields& b) {
                                 b.domains.push_back({"system", {key_of("system", 7, 1, 2)}});
                               },
                               "must not repeat"},
                    BrokenCase{"TagOfAnotherName", [](BodyFields& b) { b.domains[1].name = "other"; },
                               "begin with its tag"},
                    BrokenCase{"TagsOfAnotherKey", [](BodyFields& b) { b.tag_key[0] ^= 1; }, "begin with its tag"},
                    BrokenCase{"KeysOfTwoTags", [](BodyFields& b) { b.domains[0].keys[1] = key_of("orders", 2, 2, 2); },
                               "must begin alike"},
                    BrokenCase{"NoShards", [](BodyFields& b) { b.shards = 0; }, "share out the tags"}),
    [](const auto& param) { return param.param.name; });

TEST(KeyringBody, TheLargestKeyringThatFitsIsSealedAndOneMoreIsRefused) {
  // Stores are the largest things in it. 4096 bytes of path and 33 around it, four thousand times, is just under 16
  // MiB.
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  KeyringSlot slot = slot_of(1);
  auto path = [](size_t number) { return "/" + std::to_string(100'000 + number) + std::string(4089, 'p'); };
  size_t count = 0;
  while (KeyringBody::size(keyring) + 16 + 33 + 4096 <= kKeyringBodySizeMax) {
    ASSERT_TRUE(keyring.add_store(path(count++), 1).is_ok());
  }
  auto sealed = KeyringCodec::seal(keyring, std::span(&slot, 1), keyring_key_of(1));
  ASSERT_TRUE(sealed.is_ok()) << sealed.status().to_string();
  EXPECT_LE(sealed->size(), kKeyringFileSizeMax);
  EXPECT_EQ(KeyringCodec::open(*sealed, keyring_key_of(1))->stores().size(), count);
  ASSERT_TRUE(keyring.add_store(path(count), 1).is_ok());
  EXPECT_EQ(KeyringCodec::seal(keyring, std::span(&slot, 1), keyring_key_of(1)).code(), Code::kLimitExceeded);
}

}  // namespace
}  // namespace coffer
