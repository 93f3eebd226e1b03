#include "coffer/keys/succession.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keys/fixtures.h"

namespace coffer {
namespace {

KeyringIdentity identity(uint8_t coffer, uint64_t version, uint8_t hash) {
  KeyringIdentity out{id_of(coffer), {version, {}}};
  out.mark.hash.fill(hash);
  return out;
}

TEST(Succession, TheVeryOneInUseAndAnyLaterVersionMayFollow) {
  const KeyringIdentity in_use = identity(1, 5, 5);
  EXPECT_TRUE(check_succession(in_use, identity(1, 5, 5)).is_ok());
  EXPECT_TRUE(check_succession(in_use, identity(1, 6, 6)).is_ok());
  EXPECT_TRUE(check_succession(in_use, identity(1, 600, 5)).is_ok());
}

TEST(Succession, BackIsRolledBackAndSidewaysIsTampered) {
  const KeyringIdentity in_use = identity(1, 5, 5);
  EXPECT_EQ(check_succession(in_use, identity(1, 4, 5)).code(), Code::kRolledBack);
  EXPECT_EQ(check_succession(in_use, identity(1, 5, 6)).code(), Code::kTampered);
  for (uint64_t version : {4u, 5u, 6u}) {
    EXPECT_EQ(check_succession(in_use, identity(2, version, 5)).code(), Code::kTampered) << version;
  }
}

TEST(Succession, OnlyWhatSomebodyPutThereOnPurposeIsASignOfAttack) {
  for (Code code : {Code::kRolledBack, Code::kTampered}) EXPECT_TRUE(is_sign_of_attack({code, "x"}));
  for (Code code : {Code::kDamaged, Code::kIo, Code::kNotFound, Code::kProviderUnavailable, Code::kWrongKey,
                    Code::kKeyUnavailable, Code::kTruncated, Code::kPermissionDenied}) {
    EXPECT_FALSE(is_sign_of_attack({code, "x"})) << code_name(code);
  }
  EXPECT_FALSE(is_sign_of_attack(Status::ok()));
}

}  // namespace
}  // namespace coffer
