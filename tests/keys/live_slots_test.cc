// Several roots of one keyring: what adds, removes and renews their slots, and what each of them opens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "coffer/keys/first_keyring.h"
#include "coffer/keys/live_keyring.h"
#include "coffer/providers/registry.h"
#include "io/temporary_directory.h"
#include "keys/fixtures.h"
#include "keys/keyring_places.h"

namespace coffer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A root that a person has to help.
class ByHand final : public RootKeyProvider {
 public:
  explicit ByHand(std::unique_ptr<RootKeyProvider> provider) : provider_(std::move(provider)) {}
  Result<RootKeyHandle> current() override { return provider_->current(); }
  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    COFFER_ASSIGN(WrappedKeyringKey wrapped, provider_->wrap(handle, context, key));
    wrapped.algorithm = kWrapAlgorithmRecipient;
    return wrapped;
  }
  bool opens_by_itself() const override { return false; }
  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    return provider_->unwrap(handle, context, {1, wrapped.bytes});
  }
  Status check(const RootKeyHandle& handle) override { return provider_->check(handle); }
  std::chrono::milliseconds check_interval() const override { return provider_->check_interval(); }
  std::string uri() const override { return provider_->uri(); }
  std::optional<std::string> fingerprint(const RootKeyHandle& handle) const override {
    return provider_->fingerprint(handle);
  }
  std::string describe() const override { return provider_->describe(); }
  std::string describe(const RootKeyHandle& handle) const override { return provider_->describe(handle); }

 private:
  const std::unique_ptr<RootKeyProvider> provider_;
};

// Roots "a", "b", … are key files of these names; those called "hand…" do not open by themselves.
class LiveSlots : public testing::Test {
 protected:
  void SetUp() override {
    const auto root = configured("a");
    ASSERT_TRUE(root.is_ok());
    auto first = seal_first_keyring(Keyring::create(id_of(0xc0), 1).value(), *root, "");
    ASSERT_TRUE(first.is_ok());
    ASSERT_TRUE(place_.open()->save(first->sealed, 0, first->audit_record).is_ok());
  }

  Result<ConfiguredRoot> configured(const std::string& name) {
    if (name == "stranger") return {Code::kKeyUnavailable, "no root stranger"};
    const std::string path = directory_ / name;
    if (!away_.contains(name)) {
      COFFER_TRY(replace_file(Disk::posix(), path, Bytes(64, static_cast<uint8_t>(name.back() | 0x80)), 0600));
    } else {
      (void)Disk::posix().remove(path);
    }
    COFFER_ASSIGN(auto provider, open_provider("file://" + path));
    if (name.starts_with("hand")) provider = std::make_unique<ByHand>(std::move(provider));
    return ConfiguredRoot{name, std::move(provider)};
  }
  // `ask`: as the operator names a root to be asked.
  Result<std::unique_ptr<LiveKeyring>> try_open(const std::string& ask = {}) {
    KeyringSurroundings given;
    given.store = place_.open();
    given.coffer_id = id_of(0xc0);
    given.root_uri = ask;
    given.open_root = [this](const std::string& name, const std::string& asked) -> Result<ConfiguredRoot> {
      if (!asked.empty() && asked != name) return ConfiguredRoot{name, nullptr};
      return configured(name);
    };
    return LiveKeyring::open(std::move(given));
  }
  std::unique_ptr<LiveKeyring> open(const std::string& ask = {}) {
    auto live = try_open(ask);
    EXPECT_TRUE(live.is_ok()) << live.status().to_string();
    return live.is_ok() ? std::move(*live) : nullptr;
  }
  void add(LiveKeyring& live, const std::string& name) {
    const auto root = configured(name);
    ASSERT_TRUE(root.is_ok());
    const Status added = live.add_slot(*root);
    ASSERT_TRUE(added.is_ok()) << added.to_string();
  }
  static std::vector<std::string> roots(const LiveKeyring& live) {
    std::vector<std::string> out;
    for (const auto header = live.header(); const KeyringSlot& slot : header->slots) out.push_back(slot.root);
    return out;
  }
  // None but this one is there.
  bool opens_alone(const std::string& name) {
    const std::set<std::string> before = std::exchange(away_, {"a", "b", "c", "hand"});
    away_.erase(name);
    const bool opened = try_open(name == "hand" ? name : "").is_ok();
    away_ = before;
    return opened;
  }

  TemporaryDirectory directory_;
  ValuePlace place_;
  std::set<std::string> away_;
};

TEST_F(LiveSlots, EachRootOpensByItselfAndAProgramThatServesFollows) {
  auto serving = open();
  auto live = open();
  add(*live, "b");
  EXPECT_TRUE(opens_alone("a"));
  EXPECT_TRUE(opens_alone("b"));
  ASSERT_TRUE(serving->refresh().is_ok());
  EXPECT_THAT(roots(*serving), ElementsAre("a", "b"));
  ASSERT_TRUE(live->remove_slot("a", false).is_ok());
  ASSERT_TRUE(serving->refresh().is_ok());
  EXPECT_THAT(roots(*serving), ElementsAre("b"));
  EXPECT_FALSE(opens_alone("a"));
  EXPECT_TRUE(opens_alone("b"));
  const auto root = configured("b");
  EXPECT_EQ(live->add_slot(*root).code(), Code::kAlreadyExists);
}

TEST_F(LiveSlots, WhatARemovedRootEverWrappedOpensNothingNewer) {
  auto live = open();
  add(*live, "b");
  const KeyringSlot old = live->header()->slots[0];
  const auto root = configured("a");
  const auto key = root->provider->unwrap(old.handle, {id_of(0xc0), old.id}, old.wrapped);
  ASSERT_TRUE(key.is_ok());
  EXPECT_TRUE(KeyringCodec::open(place_.read(), *key).is_ok());
  ASSERT_TRUE(live->remove_slot("a", false).is_ok());
  EXPECT_EQ(KeyringCodec::open(place_.read(), *key).code(), Code::kWrongKey);
}

TEST_F(LiveSlots, ARotationRenewsEverySlotAndGoesOverWithTheFirst) {
  auto live = open();
  add(*live, "b");
  add(*live, "hand");
  const std::vector<KeyringSlot> before = live->header()->slots;
  ASSERT_TRUE(live->rotate_root("").is_ok());
  EXPECT_THAT(roots(*live), ElementsAre("a", "b", "hand"));
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_NE(live->header()->slots[i].id, before[i].id);
    EXPECT_NE(live->header()->slots[i].wrapped.bytes, before[i].wrapped.bytes);
  }
  ASSERT_TRUE(live->rotate_root("c").is_ok());
  EXPECT_THAT(roots(*live), ElementsAre("c", "b", "hand"));
  ASSERT_TRUE(live->rotate_root("b").is_ok());
  EXPECT_THAT(roots(*live), ElementsAre("b", "hand")) << "which had one already";
  for (const char* name : {"b", "hand"}) EXPECT_TRUE(opens_alone(name)) << name;
  for (const char* name : {"a", "c"}) EXPECT_FALSE(opens_alone(name)) << name;
}

TEST_F(LiveSlots, ARootThatCannotBeReachedIsNamedAndNothingChanges) {
  auto live = open();
  add(*live, "b");
  const Bytes before = place_.read();
  away_ = {"b"};
  for (const Status& refused : {live->rotate_root(""), live->rotate_root("c")}) {
    EXPECT_EQ(refused.code(), Code::kKeyUnavailable);
    EXPECT_THAT(std::string(refused.message()), HasSubstr("the slot of root b cannot be renewed"));
  }
  EXPECT_EQ(place_.read(), before);
  ASSERT_TRUE(live->remove_slot("b", false).is_ok()) << "which is how one goes on without it";
  EXPECT_THAT(roots(*live), ElementsAre("a"));
}

TEST_F(LiveSlots, TheLastRootThatOpensByItselfStays) {
  auto live = open();
  EXPECT_EQ(live->remove_slot("a", true).code(), Code::kBusy) << "the only slot";
  EXPECT_EQ(live->remove_slot("nobody", true).code(), Code::kNotFound);
  add(*live, "hand");
  EXPECT_EQ(live->remove_slot("a", false).code(), Code::kBusy);
  ASSERT_TRUE(live->remove_slot("a", true).is_ok());
  EXPECT_THAT(roots(*live), ElementsAre("hand"));
  add(*live, "b");
  EXPECT_THAT(roots(*live), ElementsAre("b", "hand")) << "those for recovery stand last";
}

TEST_F(LiveSlots, WhatOpensByHandIsAskedOnlyWhereItIsNamed) {
  auto live = open();
  add(*live, "hand");
  away_ = {"a"};
  const auto refused = try_open();
  EXPECT_EQ(refused.code(), Code::kKeyUnavailable);
  EXPECT_THAT(std::string(refused.status().message()),
              testing::AllOf(HasSubstr("root a"), HasSubstr("or root hand opens it by hand: --root hand")));
  auto recovered = open("hand");
  ASSERT_NE(recovered, nullptr);
  away_ = {"a", "hand"};
  // The key is in hand: neither is asked.
  const auto root = configured("b");
  ASSERT_TRUE(recovered->add_slot(*root).is_ok());
  away_ = {"a"};
  ASSERT_TRUE(recovered->remove_slot("a", false).is_ok());
  EXPECT_TRUE(opens_alone("b"));
}

TEST_F(LiveSlots, SixteenAreAsManyAsThereMayBe) {
  auto live = open();
  for (int i = 1; i < 16; ++i) add(*live, "more" + std::to_string(i));
  const auto root = configured("one-too-many");
  EXPECT_EQ(live->add_slot(*root).code(), Code::kLimitExceeded);
  ASSERT_TRUE(live->rotate_root("").is_ok());
  EXPECT_EQ(live->header()->slots.size(), 16u);
}

}  // namespace
}  // namespace coffer
