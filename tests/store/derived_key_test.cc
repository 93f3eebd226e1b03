// Keys that a domain key gives to engines that encrypt by themselves.
#include <numeric>

#include "coffer/keys/live_keyring.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/slots.h"
#include "coffer_fixture.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

class DerivedKeyTest : public CofferFixture {
 protected:
  void rotate(const std::string& domain) {
    ASSERT_OK(coffer_->live_keyring().update([&](Keyring& keyring) { return keyring.rotate_domain(domain, 1); }));
  }
  Result<std::string> derived(std::string_view domain, uint32_t version, std::string_view label = "mariadb key",
                              const Bytes& context = {1, 0, 0, 0}, size_t size = 32) {
    COFFER_ASSIGN(const SecretBytes key, coffer_->derive_key({domain, version, label, context, size}));
    return to_hex(key.reveal());
  }
};

// docs/format.md, "Keys of MariaDB servers".
TEST_F(DerivedKeyTest, TheWorkedExampleIsWhatIsDerived) {
  Bytes key(32);
  std::iota(key.begin(), key.end(), uint8_t{0});
  const Bytes context{100, 0, 0, 0};
  EXPECT_EQ(to_hex(derive(key, "mariadb key", context, 32)->reveal()),
            "04ce96166289ff82ab95a38fbf52193751b41ff5323ba95c5545c686b6b9edbb");
  EXPECT_EQ(to_hex(derive(key, "mariadb check", context, 16)->reveal()), "c16666c582ee8002e7d66e0fe8df7ff4");
}

TEST_F(DerivedKeyTest, KeysDifferByDomainVersionLabelAndContextAndAreTheSameEachTime) {
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.add_domain("t", 1); }));
  rotate("system");
  EXPECT_EQ(*coffer_->protecting_version("system"), 2u);
  EXPECT_EQ(*coffer_->protecting_version("t"), 1u);
  const std::set<std::string> keys = {*derived("system", 1), *derived("system", 2), *derived("t", 1),
                                      *derived("t", 1, "mariadb check"), *derived("t", 1, "mariadb key", {2, 0, 0, 0})};
  EXPECT_EQ(keys.size(), 5u);
  EXPECT_EQ(*derived("system", 1), *derived("system", 1));
  coffer_ = open_coffer();
  EXPECT_TRUE(keys.contains(*derived("system", 1)));
}

TEST_F(DerivedKeyTest, AKeyThatAnotherProcessMadeIsKnownWhenItIsAskedFor) {
  auto other = open_coffer();
  rotate("system");
  std::swap(coffer_, other);
  EXPECT_EQ(*coffer_->protecting_version("system"), 1u);
  ASSERT_OK(derived("system", 2));
  EXPECT_EQ(*coffer_->protecting_version("system"), 2u);
  EXPECT_EQ(derived("system", 3).code(), Code::kKeyUnavailable);
  EXPECT_THAT(derived("system", 3).status().to_string(), HasSubstr("key 3 of domain system is not in the keyring"));
  EXPECT_EQ(coffer_->protecting_version("nobody").code(), Code::kNotFound);
  EXPECT_EQ(derived("nobody", 1).code(), Code::kKeyUnavailable);
}

TEST_F(DerivedKeyTest, StatesAndLocksDecideOnWhatIsHandedOut) {
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.add_domain("t", 1); }));
  for (const KeyState state : {KeyState::kSuspended, KeyState::kDeactivated, KeyState::kCompromised}) {
    const uint32_t version = *coffer_->protecting_version("t");
    ASSERT_OK(change_key(*coffer_, "t:" + std::to_string(version), state));
    EXPECT_EQ(*coffer_->protecting_version("t"), version + 1);
    ASSERT_OK(derived("t", version));
  }
  ASSERT_OK(destroy_key(*coffer_, "t:3"));
  EXPECT_EQ(derived("t", 3).code(), Code::kKeyDestroyed);
  ASSERT_OK(lock_domain(*coffer_, "t"));
  EXPECT_EQ(coffer_->protecting_version("t").code(), Code::kKeyUnavailable);
  EXPECT_EQ(derived("t", 4).code(), Code::kKeyUnavailable);
  ASSERT_OK(unlock_domain(*coffer_, "t"));
  ASSERT_OK(derived("t", 4));
  coffer_->live_keyring().fence({Code::kKeyUnavailable, "revoked"});
  EXPECT_THAT(coffer_->protecting_version("t").status().to_string(), HasSubstr("revoked"));
  EXPECT_THAT(derived("t", 4).status().to_string(), HasSubstr("revoked"));
}

TEST_F(DerivedKeyTest, AKeyGroupThatIsFencedGivesNeitherKeysNorVersions) {
  ASSERT_OK(add_group(*coffer_, "acme", key_uri("other.key"), open_provider));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.add_domain("t", 1, "acme"); }));
  ASSERT_OK(derived("t", 1));
  const auto keyring = coffer_->keyring();
  const Id group = keyring->find_group("acme")->id;
  coffer_->live_keyring().groups().fence(group, {Code::kKeyUnavailable, "revoked"});
  EXPECT_THAT(coffer_->protecting_version("t").status().to_string(), HasSubstr("revoked"));
  EXPECT_THAT(derived("t", 1).status().to_string(), HasSubstr("revoked"));
  ASSERT_OK(coffer_->protecting_version("system"));
  coffer_->live_keyring().groups().end_fence(group);
  ASSERT_OK(coffer_->protecting_version("t"));
  ASSERT_OK(derived("t", 1));
}

TEST_F(DerivedKeyTest, OnlyTheKeyThatProtectsIsCountedAsUsed) {
  rotate("system");
  const Id active = coffer_->keyring()->find_domain("system")->active()->id;
  ASSERT_OK(derived("system", 1));
  EXPECT_TRUE(coffer_->usage().total()->empty());
  ASSERT_OK(derived("system", 2));
  EXPECT_EQ(coffer_->usage().total()->at(active).seals, 1u);
}

}  // namespace
}  // namespace coffer
