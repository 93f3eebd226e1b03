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

TEST(Succession, BackIsRolledBackSidewaysDivergedAndAnotherCoffersForeign) {
  const KeyringIdentity in_use = identity(1, 5, 5);
  EXPECT_EQ(check_succession(in_use, identity(1, 4, 5)).code(), Code::kRolledBack);
  EXPECT_EQ(check_succession(in_use, identity(1, 5, 6)).code(), Code::kDiverged);
  for (uint64_t version : {4u, 5u, 6u}) {
    EXPECT_EQ(check_succession(in_use, identity(2, version, 5)).code(), Code::kForeign) << version;
  }
}

// `count` versions, each sealed and made the successor of the one before; the hashes of all that were sealed.
Keyring descendant(uint64_t count, std::vector<Sha256>& hashes) {
  Keyring keyring = Keyring::create(id_of(1), 1).value();
  for (uint64_t i = 0; i < count; ++i) {
    const KeyringSlot slot = slot_of(1);
    const Bytes sealed = KeyringCodec::seal(keyring, std::span(&slot, 1), keyring_key_of(5)).value();
    hashes.push_back(sha256(sealed).value());
    EXPECT_TRUE(KeyringCodec::prepare_successor(keyring, sealed, 2).is_ok());
  }
  return keyring;
}

TEST(Succession, ADescendantKnowsItsAncestorsAndNobodyElses) {
  std::vector<Sha256> hashes;
  const Keyring keyring = descendant(kAncestorsMax + 3, hashes);
  EXPECT_EQ(keyring.ancestors().size(), kAncestorsMax);
  for (uint64_t version = 1; version < keyring.version(); ++version) {
    KeyringMark mark{version, hashes[version - 1]};
    EXPECT_TRUE(check_descent(mark, keyring).is_ok()) << version;
    mark.hash[0] ^= 1;
    const bool remembered = keyring.version() - version <= kAncestorsMax;
    EXPECT_EQ(check_descent(mark, keyring).code(), remembered ? Code::kDiverged : Code::kOk) << version;
  }
}

}  // namespace
}  // namespace coffer
