// Key groups of a keyring in use: whose root opens what, who waits for whom, and what somebody gains who moves their
// parts about.
#include "coffer/keys/live_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "coffer/keys/audit_log.h"
#include "coffer/keys/first_keyring.h"
#include "coffer/keys/keyring_shard.h"
#include "coffer/keys/live_keyring.h"
#include "coffer/providers/registry.h"
#include "io/temporary_directory.h"
#include "keys/fixtures.h"
#include "keys/keyring_places.h"

namespace coffer {
namespace {

using testing::HasSubstr;

constexpr std::chrono::hours kNever{1};

// Roots "a", "b", … are key files of these names; "a" is the coffer's, the others are those of groups.
class LiveGroupsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto first = seal_first_keyring(Keyring::create(id_of(0xc0), 1).value(), configured("a").value(), "");
    ASSERT_TRUE(first.is_ok());
    ASSERT_TRUE(place_.open()->save(first->sealed, 0, first->audit_record).is_ok());
    live_ = open();
    add("acme", "b");
    add("other", "c");
    add_domain("tenant", "acme");
    add_domain("second", "acme");
    add_domain("theirs", "other");
    add_domain("plain", "");
  }

  Result<ConfiguredRoot> configured(const std::string& name) {
    const std::string path = directory_ / name;
    if (!away_.contains(name)) {
      COFFER_TRY(replace_file(Disk::posix(), path, Bytes(64, static_cast<uint8_t>(name.back() | 0x80)), 0600));
    } else {
      (void)Disk::posix().remove(path);
    }
    COFFER_ASSIGN(auto provider, open_provider("file://" + path));
    return ConfiguredRoot{name, std::move(provider), "", groups_[name]};
  }
  std::unique_ptr<LiveKeyring> open(std::chrono::milliseconds retry_delay = {}) {
    KeyringSurroundings given;
    given.store = place_.open();
    given.coffer_id = id_of(0xc0);
    given.retry_delay = retry_delay;
    given.open_root = [this](const std::string& name, const std::string&) {
      ++asked_[name];
      return configured(name);
    };
    auto live = LiveKeyring::open(std::move(given));
    EXPECT_TRUE(live.is_ok()) << live.status().to_string();
    return std::move(*live);
  }
  void add(const std::string& group, const std::string& root) {
    const Status added = live_->add_group(group, configured(root).value());
    ASSERT_TRUE(added.is_ok()) << added.to_string();
  }
  void add_domain(const std::string& name, const std::string& group) {
    const Status added = live_->update([&](Keyring& keyring) { return keyring.add_domain(name, 2, group); });
    ASSERT_TRUE(added.is_ok()) << added.to_string();
  }
  static Result<DomainKey> key_of(const Keyring& keyring, const std::string& name) {
    const Domain* domain = keyring.find_domain(name);
    return keyring.open_key({domain, domain->active()});
  }
  static Status opened(const LiveKeyring& live, const std::string& name) {
    return key_of(*live.snapshot(), name).status();
  }
  static Status rotate(LiveKeyring& live, const std::string& name) {
    return live.update([&](Keyring& keyring) { return keyring.rotate_domain(name, 3); });
  }
  static Status move(LiveKeyring& live, const std::string& name, const std::string& to) {
    return live.update([&](Keyring& keyring) { return keyring.move_domain(name, 3, to); });
  }
  static const KeyGroup& group(const LiveKeyring& live, const std::string& name) {
    return *live.snapshot()->find_group(name);
  }
  Status opens(KeyGroup group) {
    LiveGroups groups([this](const std::string& name, const std::string&) { return configured(name); }, {});
    return groups.key_of(group).status();
  }

  TemporaryDirectory directory_;
  ValuePlace place_;
  std::set<std::string> away_;
  std::map<std::string, int> asked_;
  std::map<std::string, std::string> groups_{{"b", "acme"}, {"c", "other"}, {"d", "acme"}};  // as configured
  std::unique_ptr<LiveKeyring> live_;
};

TEST_F(LiveGroupsTest, ARootIsAskedWhenAKeyOfItsGroupIsFirstNeededAndOnce) {
  asked_.clear();
  const auto live = open();
  ASSERT_TRUE(opened(*live, "plain").is_ok());
  ASSERT_TRUE(rotate(*live, "plain").is_ok());
  EXPECT_EQ(asked_["b"] + asked_["c"], 0) << "who needs no group asks for none";
  for (const char* domain : {"tenant", "second", "tenant"}) ASSERT_TRUE(opened(*live, domain).is_ok());
  ASSERT_TRUE(rotate(*live, "tenant").is_ok());
  ASSERT_TRUE(opened(*live, "tenant").is_ok());
  EXPECT_EQ(asked_["b"], 1);
  EXPECT_EQ(asked_["c"], 0);
  EXPECT_TRUE(equal_constant_time(key_of(*live->snapshot(), "second")->reveal(),
                                  key_of(*live_->snapshot(), "second")->reveal()));
}

TEST_F(LiveGroupsTest, WithoutItsRootAGroupAloneIsClosedAndKeepsItsBytesUntilItIsBack) {
  away_ = {"b"};
  const auto live = open();
  const Status closed = opened(*live, "tenant");
  EXPECT_EQ(closed.code(), Code::kKeyUnavailable);
  for (const char* part : {"\"tenant\"", "\"acme\"", "root b", "; "}) {
    EXPECT_THAT(std::string(closed.message()), HasSubstr(part));
  }
  EXPECT_EQ(rotate(*live, "tenant").code(), Code::kKeyUnavailable);
  EXPECT_EQ(live->update([](Keyring& keyring) { return keyring.add_domain("new", 4, "acme"); }).code(),
            Code::kKeyUnavailable);
  EXPECT_TRUE(opened(*live, "theirs").is_ok());
  EXPECT_TRUE(rotate(*live, "theirs").is_ok());
  EXPECT_TRUE(rotate(*live, "plain").is_ok());
  EXPECT_TRUE(live->rotate_root("").is_ok());
  const auto saved = open()->snapshot();
  for (const char* domain : {"tenant", "second"}) {
    expect_equal(*saved->find_domain(domain)->active(), *live_->snapshot()->find_domain(domain)->active());
  }
  away_.clear();
  EXPECT_TRUE(opened(*live, "tenant").is_ok());
  EXPECT_TRUE(rotate(*live, "tenant").is_ok());
}

TEST_F(LiveGroupsTest, ARootThatFailedIsNotAskedForEveryFile) {
  away_ = {"b"};
  asked_.clear();
  const auto live = open(kNever);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(opened(*live, "tenant").code(), Code::kKeyUnavailable);
    EXPECT_EQ(opened(*live, "second").code(), Code::kKeyUnavailable);
  }
  EXPECT_EQ(asked_["b"], 1);
  const auto conditions = live->groups().conditions();
  ASSERT_EQ(conditions.size(), 1u);
  EXPECT_EQ(conditions[0].name, "acme");
  EXPECT_FALSE(conditions[0].is_open);
  EXPECT_NE(conditions[0].root_key_since, 0u);
}

TEST_F(LiveGroupsTest, NoSlotStandsForAnother) {
  const KeyGroup acme = group(*live_, "acme"), other = group(*live_, "other");
  ASSERT_TRUE(opens(acme).is_ok());
  KeyGroup forged = acme;
  forged.slots = other.slots;
  EXPECT_EQ(opens(forged).code(), Code::kKeyUnavailable) << "another group's: its root is not configured for this one";
  groups_["c"] = "acme";
  EXPECT_EQ(opens(forged).code(), Code::kWrongKey) << "nor would it open";
  forged = acme;
  forged.slots = live_->header()->slots;
  EXPECT_EQ(opens(forged).code(), Code::kKeyUnavailable) << "the keyring's";
  groups_["a"] = "acme";
  EXPECT_EQ(opens(forged).code(), Code::kWrongKey) << "nor would it open";
  forged = acme;
  forged.id = other.id;
  EXPECT_EQ(opens(forged).code(), Code::kWrongKey) << "under another group's id";
  forged = acme;
  forged.key_id = other.key_id;
  EXPECT_EQ(opens(forged).code(), Code::kTampered) << "for another key than the group's";
  KeyringHeader header = *live_->header();
  header.slots = acme.slots;
  const auto unlocked = unlock_slots(
      header, [this](const std::string& name, const std::string&) { return configured(name); }, "");
  EXPECT_EQ(unlocked.code(), Code::kWrongKey) << "in the keyring's place";
}

TEST_F(LiveGroupsTest, AKeyringThatATenantsRootLocksIsNotBelieved) {
  // The tenant has his own root key, and somebody who writes the coffer's directory: a keyring of theirs.
  auto forged = seal_first_keyring(Keyring::create(id_of(0xc0), 1).value(), configured("b").value(), "");
  ASSERT_TRUE(forged.is_ok());
  place_.put(forged->sealed);
  KeyringSurroundings given;
  given.store = place_.open();
  given.coffer_id = id_of(0xc0);
  given.open_root = [this](const std::string& name, const std::string&) { return configured(name); };
  const auto opened = LiveKeyring::open(std::move(given));
  EXPECT_EQ(opened.code(), Code::kKeyUnavailable);
  EXPECT_THAT(opened.status().to_string(), HasSubstr("may not lock the keyring"));
}

TEST_F(LiveGroupsTest, BytesOfAKeyOpenInTheirPlaceOnly) {
  const auto keyring = live_->snapshot();
  const KeyGroup acme = group(*live_, "acme"), other = group(*live_, "other");
  const GroupKey key = live_->groups().key_of(acme).value(), others = live_->groups().key_of(other).value();
  const DomainKeyEntry& tenant = *keyring->find_domain("tenant")->active();
  const DomainKeyEntry& second = *keyring->find_domain("second")->active();
  ASSERT_TRUE(tenant.key.unwrap(tenant.id, acme, key).is_ok());
  EXPECT_EQ(tenant.key.unwrap(second.id, acme, key).code(), Code::kTampered) << "another domain's";
  EXPECT_EQ(tenant.key.unwrap(tenant.id, other, others).code(), Code::kTampered) << "another group's";
  EXPECT_EQ(tenant.key.unwrap(tenant.id, other, key).code(), Code::kTampered) << "the same key, another group";
  EXPECT_EQ(tenant.key.unwrap(tenant.id, acme, others).code(), Code::kTampered) << "another key, the same group";
  const SecretBytes stored = tenant.key.stored().value();
  for (size_t bit = 0; bit < stored.size() * 8; ++bit) {
    Bytes flipped(stored.reveal().begin(), stored.reveal().end());
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    ASSERT_EQ(StoredDomainKey::of_stored(flipped)->unwrap(tenant.id, acme, key).code(), Code::kTampered) << bit;
  }
  // What wraps it well, but is not the key of that id.
  const auto false_key = StoredDomainKey::wrap(DomainKey::copy_of(Bytes(32, 7)), tenant.id, acme, key);
  EXPECT_EQ(false_key->unwrap(tenant.id, acme, key).code(), Code::kTampered);
}

TEST_F(LiveGroupsTest, AClosedGroupsDomainIsShreddedAndItsGroupClonedAllTheSame) {
  away_ = {"b"};
  const auto live = open();
  ASSERT_TRUE(live->update([](Keyring& keyring) { return keyring.shred_domain("tenant", 5); }).is_ok());
  EXPECT_TRUE(live->snapshot()->find_domain("tenant")->keys[0].key.empty());
  Keyring clone = live->snapshot()->clone_for(id_of(0xc1), 6).value();
  expect_equal(*clone.find_domain("second")->active(), *live_->snapshot()->find_domain("second")->active());
  EXPECT_EQ(key_of(clone, "second").code(), Code::kKeyUnavailable);
  away_.clear();
  EXPECT_TRUE(equal_constant_time(key_of(clone, "second")->reveal(), key_of(*live_->snapshot(), "second")->reveal()));
}

TEST_F(LiveGroupsTest, AFencedGroupStaysClosedWhateverItsRootSaysUntilTheFenceEnds) {
  const Id id = group(*live_, "acme").id;
  ASSERT_TRUE(opened(*live_, "tenant").is_ok());
  live_->groups().fence(id, {Code::kKeyUnavailable, "the root key was revoked"});
  EXPECT_THAT(std::string(opened(*live_, "tenant").message()), HasSubstr("revoked"));
  EXPECT_EQ(rotate(*live_, "tenant").code(), Code::kKeyUnavailable);
  EXPECT_TRUE(opened(*live_, "theirs").is_ok());
  EXPECT_FALSE(live_->groups().conditions()[0].is_open && live_->groups().conditions()[1].is_open);
  live_->groups().end_fence(id);
  EXPECT_TRUE(opened(*live_, "tenant").is_ok());
}

TEST_F(LiveGroupsTest, WhatWasFoundOfTheRootsOfBeforeIsForgottenOfARenewedGroup) {
  const auto serving = open();
  ASSERT_TRUE(opened(*serving, "tenant").is_ok());
  serving->groups().fence(group(*live_, "acme").id, {Code::kKeyUnavailable, "the root key was revoked"});
  const auto next = configured("d").value();
  ASSERT_TRUE(live_->rotate_group("acme", &next).is_ok());
  away_ = {"b"};
  ASSERT_TRUE(serving->refresh().is_ok());
  const GroupCondition found = serving->groups().conditions().at(0);
  EXPECT_EQ(found.root, "d");
  EXPECT_TRUE(found.root_key.is_ok());
  EXPECT_FALSE(found.fenced.is_ok()) << "which is for who fenced it to end";
  EXPECT_FALSE(opened(*serving, "tenant").is_ok());
  serving->groups().end_fence(found.id);
  EXPECT_TRUE(opened(*serving, "tenant").is_ok());
  EXPECT_TRUE(serving->groups().conditions().at(0).is_open) << "it is the same still";
}

TEST_F(LiveGroupsTest, ARenewedGroupHasTheSameKeysUnderAFreshOneAndTheOldRootOpensNothingNewer) {
  const auto serving = open();
  ASSERT_TRUE(rotate(*live_, "tenant").is_ok());
  const auto before = live_->snapshot();
  ASSERT_TRUE(opened(*serving, "second").is_ok());
  const auto next = configured("d").value();
  ASSERT_TRUE(live_->rotate_group("acme", &next).is_ok());
  away_ = {"b"};
  ASSERT_TRUE(serving->refresh().is_ok());
  for (const auto& live : {std::cref(*live_), std::cref(*serving)}) {
    const auto after = live.get().snapshot();
    for (const char* name : {"tenant", "second"}) {
      const Domain* domain = after->find_domain(name);
      for (const DomainKeyEntry& key : domain->keys) {
        const FoundKey was = before->find_key(key.id);
        EXPECT_FALSE(equal_constant_time(key.key.stored()->reveal(), was.entry->key.stored()->reveal()));
        EXPECT_EQ(after->open_key({domain, &key}).code(), Code::kOk);
      }
    }
    expect_equal(*after->find_domain("theirs")->active(), *before->find_domain("theirs")->active());
  }
  EXPECT_EQ(group(*live_, "acme").slots[0].root, "d");
  EXPECT_NE(group(*live_, "acme").key_id, before->find_group("acme")->key_id);
  EXPECT_THAT(as_text(live_->audit_log().value()), HasSubstr(R"("what":"group renewed","group":"acme","root":"d")"));
  // By the roots there are; and where one of them is away, nothing has changed.
  ASSERT_TRUE(live_->rotate_group("acme").is_ok());
  const uint64_t version = live_->snapshot()->version();
  away_.insert("d");
  EXPECT_EQ(live_->rotate_group("acme").code(), Code::kNotFound);
  EXPECT_EQ(open()->rotate_group("acme").code(), Code::kKeyUnavailable);
  EXPECT_EQ(live_->snapshot()->version(), version);
  EXPECT_EQ(live_->rotate_group("nobody").code(), Code::kNotFound);
  const auto stranger = configured("c").value();
  EXPECT_EQ(live_->rotate_group("acme", &stranger).code(), Code::kInvalidArgument);
}

TEST_F(LiveGroupsTest, ADomainThatMovesHasItsKeysUnderTheOtherRootAndAFreshOne) {
  ASSERT_TRUE(rotate(*live_, "tenant").is_ok());
  const Id destroyed = live_->snapshot()->find_domain("tenant")->keys[0].id;
  ASSERT_TRUE(live_->update([&](Keyring& keyring) { return keyring.set_key_state(destroyed, KeyState::kDestroyed, 4); })
                  .is_ok());
  for (const std::string to : {"other", "", "acme"}) {
    const auto before = live_->snapshot();
    const Domain& was = *before->find_domain("tenant");
    ASSERT_TRUE(move(*live_, "tenant", to).is_ok()) << to;
    const auto live = open();
    const auto after = live->snapshot();
    const Domain& now = *after->find_domain("tenant");
    ASSERT_EQ(now.keys.size(), was.keys.size() + 1);
    EXPECT_EQ(now.active(), &now.keys.back());
    for (size_t at = 0; at < was.keys.size(); ++at) {
      EXPECT_EQ(now.keys[at].id, was.keys[at].id);
      EXPECT_EQ(now.keys[at].key.empty(), was.keys[at].id == destroyed);
      if (now.keys[at].key.empty()) continue;
      EXPECT_EQ(now.keys[at].key.is_wrapped(), !to.empty());
      EXPECT_TRUE(equal_constant_time(after->open_key({&now, &now.keys[at]})->reveal(),
                                      before->open_key({&was, &was.keys[at]})->reveal()));
    }
    expect_equal(*after->find_domain("second")->active(), *before->find_domain("second")->active());
    for (const auto& [group, root] : {std::pair("acme", "b"), std::pair("other", "c")}) {
      away_ = {root};
      EXPECT_EQ(opened(*open(), "tenant").is_ok(), to != group) << to << ", without " << root;
    }
    away_.clear();
  }
  const Bytes log = live_->audit_log().value();
  for (const char* moved : {R"("domain":"tenant","from":"acme","to":"other")", R"("domain":"tenant","from":"other"})",
                            R"("domain":"tenant","to":"acme")"}) {
    EXPECT_THAT(std::string(as_text(log)), HasSubstr(std::string(R"({"what":"domain moved",)") + moved));
  }
}

TEST_F(LiveGroupsTest, NothingMovesWhereAGroupIsClosedOrNoneIsToBeChanged) {
  away_ = {"b"};
  const auto live = open();
  const uint64_t version = live->snapshot()->version();
  for (const auto& [domain, to] : {std::pair("tenant", "other"), std::pair("tenant", ""), std::pair("plain", "acme")}) {
    const Status closed = move(*live, domain, to);
    EXPECT_EQ(closed.code(), Code::kKeyUnavailable);
    for (const std::string& part : {std::string(domain), std::string("\"acme\""), std::string("root b")}) {
      EXPECT_THAT(std::string(closed.message()), HasSubstr(part));
    }
  }
  EXPECT_EQ(move(*live, "tenant", "acme").code(), Code::kAlreadyExists);
  EXPECT_EQ(move(*live, "plain", "").code(), Code::kAlreadyExists);
  EXPECT_EQ(move(*live, "plain", "nobody").code(), Code::kNotFound);
  EXPECT_EQ(move(*live, "nobody", "other").code(), Code::kNotFound);
  EXPECT_EQ(move(*live, "system", "other").code(), Code::kInvalidArgument);
  EXPECT_EQ(live->snapshot()->version(), version);
  // There is nothing of it that the closed group would have to open.
  ASSERT_TRUE(live->update([](Keyring& keyring) { return keyring.shred_domain("tenant", 5); }).is_ok());
  EXPECT_TRUE(move(*live, "tenant", "other").is_ok());
  EXPECT_TRUE(opened(*live, "tenant").is_ok());
}

TEST_F(LiveGroupsTest, AGroupWithoutDomainsIsRemovedAndItsNumberIsFreeAgain) {
  const auto serving = open();
  ASSERT_TRUE(opened(*serving, "tenant").is_ok());
  const auto remove = [&](const char* name) {
    return live_->update([&](Keyring& keyring) { return keyring.remove_group(name); });
  };
  const Status busy = remove("acme");
  EXPECT_EQ(busy.code(), Code::kBusy);
  EXPECT_THAT(std::string(busy.message()),
              testing::AllOf(HasSubstr("tenant"), HasSubstr("second"), testing::Not(HasSubstr("theirs"))));
  const KeyGroup removed = group(*live_, "acme");
  for (const char* domain : {"tenant", "second"}) ASSERT_TRUE(move(*live_, domain, "").is_ok());
  away_ = {"b"};
  ASSERT_TRUE(remove("acme").is_ok()) << "its root key is not asked";
  EXPECT_EQ(remove("acme").code(), Code::kNotFound);
  EXPECT_THAT(as_text(live_->audit_log().value()), HasSubstr(R"("what":"group removed","group":"acme","root":"b")"));
  ASSERT_TRUE(serving->refresh().is_ok());
  EXPECT_TRUE(serving->groups().conditions().empty()) << "nobody looks at its root any more";
  EXPECT_TRUE(opened(*serving, "tenant").is_ok());
  add("acme", "d");
  EXPECT_NE(group(*live_, "acme").id, removed.id);
  EXPECT_EQ(group(*live_, "acme").number, removed.number);
  EXPECT_EQ(open()->snapshot()->groups().size(), 2u) << "in order";
  EXPECT_EQ(opened(*open(), "theirs").code(), Code::kOk);
}

TEST_F(LiveGroupsTest, WhoAsksForAGroupAsItWasIsAnsweredAndItIsWatchedAsItIs) {
  const auto serving = open();
  const KeyGroup was = group(*live_, "acme");
  ASSERT_TRUE(serving->groups().key_of(was).is_ok());
  const auto next = configured("d").value();
  ASSERT_TRUE(live_->rotate_group("acme", &next).is_ok());
  ASSERT_TRUE(serving->refresh().is_ok());
  EXPECT_EQ(serving->groups().conditions()[0].root, "d");
  EXPECT_EQ(group_key_id(was.id, serving->groups().key_of(was).value()).value(), was.key_id);
  EXPECT_EQ(serving->groups().conditions()[0].root, "d");
  EXPECT_TRUE(opened(*serving, "tenant").is_ok());
  away_ = {"b"};
  EXPECT_EQ(serving->groups().key_of(was).code(), Code::kKeyUnavailable);
  EXPECT_TRUE(serving->groups().conditions()[0].is_open);
}

TEST_F(LiveGroupsTest, GroupsHaveNamesOfTheirOwnAndRootsThatOpenByThemselves) {
  EXPECT_EQ(live_->add_group("acme", configured("d").value()).code(), Code::kAlreadyExists);
  EXPECT_EQ(live_->add_group("new", configured("d").value()).code(), Code::kInvalidArgument) << "root of another";
  groups_["d"] = "A";
  EXPECT_EQ(live_->add_group("A", configured("d").value()).code(), Code::kInvalidArgument);
  EXPECT_EQ(live_->update([](Keyring& keyring) { return keyring.add_domain("new", 4, "nobody"); }).code(),
            Code::kNotFound);
  EXPECT_EQ(live_->snapshot()->find_domain("new"), nullptr);
  EXPECT_THAT(as_text(live_->audit_log().value()),
              testing::AllOf(HasSubstr(R"("what":"group added","group":"acme","root":"b")"),
                             HasSubstr(R"("what":"domain added","domain":"tenant","group":"acme")")));
}

}  // namespace
}  // namespace coffer
