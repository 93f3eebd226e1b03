// The backups of a coffer in its keyring.
#include "coffer/keys/backup_list.h"

#include <gmock/gmock.h>

#include "coffer/keys/audit_changes.h"
#include "coffer/keys/keyring_body.h"
#include "keys/fixtures.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kBegun = 1'700'000'000;
const Sha256 kIndexDigest{1, 2, 3};

class BackupListTest : public ::testing::Test {
 protected:
  static Bytes body_of(const Keyring& keyring) {
    const auto body = KeyringBody::encode(keyring);
    EXPECT_TRUE(body.is_ok());
    return Bytes(body->reveal().begin(), body->reveal().end());
  }

  Keyring keyring_ = std::move(*Keyring::create(id_of(0xc0), kBegun));
};

// docs/format.md, section 7, "backups", written down a second time.
struct BackupFields {
  uint8_t id;
  std::string target;
  uint8_t state;
  uint8_t index;
};
Bytes backups_tail(const std::vector<BackupFields>& backups) {
  Bytes out(100'000);
  Writer writer(out);
  writer.u8('B');
  writer.u16(static_cast<uint16_t>(backups.size()));
  for (const BackupFields& backup : backups) {
    writer.bytes(Bytes(16, backup.id));
    writer.bytes8(as_bytes(backup.target));
    writer.u64(9);
    writer.u8(backup.state);
    writer.bytes(Bytes(32, backup.index));
  }
  out.resize(writer.written());
  return out;
}

TEST_F(BackupListTest, ItReadsBackWithNodesAndWithoutAndTakesNoRoomWhereThereIsNone) {
  const size_t without = body_of(keyring_).size();
  ASSERT_TRUE(keyring_.begin_backup(id_of(2), "nas", kBegun).is_ok());
  ASSERT_TRUE(keyring_.begin_backup(id_of(1), "/srv/backups", kBegun + 1).is_ok());
  ASSERT_TRUE(keyring_.finish_backup(id_of(2), kIndexDigest).is_ok());
  EXPECT_EQ(body_of(keyring_).size(), without + 3 + 2 * (16 + 1 + 8 + 1 + 32) + 3 + 12);
  for (const bool with_node : {false, true}) {
    if (with_node) {
      ASSERT_TRUE(keyring_.add_node(NodeIdentity::create("a", id_of(0xc0))->node(), 1).is_ok());
    }
    const auto read = KeyringBody::decode(body_of(keyring_));
    ASSERT_TRUE(read.is_ok()) << read.status().to_string();
    EXPECT_EQ(read->backups(), keyring_.backups());
    EXPECT_EQ(read->nodes().size(), with_node ? 1u : 0u);
  }
  EXPECT_EQ(*keyring_.find_backup(id_of(2)),
            (ListedBackup{id_of(2), "nas", kBegun, BackupState::kWhole, kIndexDigest}));
  EXPECT_EQ(keyring_.backups()[1].id, id_of(1)) << "in the order in which they were begun";
}

TEST_F(BackupListTest, ABackupIsBegunMadeAndForgottenInThisOrderOnly) {
  const Id id = id_of(1);
  EXPECT_EQ(keyring_.finish_backup(id, kIndexDigest).code(), Code::kNotFound);
  EXPECT_EQ(keyring_.begin_forgetting(id).code(), Code::kNotFound);
  EXPECT_EQ(keyring_.forget_backup(id).code(), Code::kNotFound);
  EXPECT_EQ(keyring_.begin_backup(Id{}, "nas", kBegun).code(), Code::kInvalidArgument);
  for (const std::string& target : {std::string(), std::string("a\nb"), std::string(256, 'a')}) {
    EXPECT_EQ(keyring_.begin_backup(id, target, kBegun).code(), Code::kInvalidArgument) << target;
  }
  ASSERT_TRUE(keyring_.begin_backup(id, "nas", kBegun).is_ok());
  EXPECT_EQ(keyring_.begin_backup(id, "nas", kBegun).code(), Code::kAlreadyExists);
  EXPECT_EQ(keyring_.forget_backup(id).code(), Code::kConflict);
  ASSERT_TRUE(keyring_.finish_backup(id, kIndexDigest).is_ok());
  EXPECT_EQ(keyring_.finish_backup(id, kIndexDigest).code(), Code::kConflict);
  EXPECT_EQ(keyring_.forget_backup(id).code(), Code::kConflict);
  ASSERT_TRUE(keyring_.begin_forgetting(id).is_ok());
  EXPECT_TRUE(keyring_.begin_forgetting(id).is_ok()) << "where it was interrupted, once more";
  EXPECT_EQ(keyring_.finish_backup(id, kIndexDigest).code(), Code::kConflict);
  ASSERT_TRUE(keyring_.forget_backup(id).is_ok());
  EXPECT_TRUE(keyring_.backups().empty());
}

TEST_F(BackupListTest, NothingIsBegunWhereOneIsBeingForgottenAndNothingForgottenWhereOneIsBeingMade) {
  ASSERT_TRUE(keyring_.begin_backup(id_of(1), "nas", kBegun).is_ok());
  ASSERT_TRUE(keyring_.finish_backup(id_of(1), kIndexDigest).is_ok());
  ASSERT_TRUE(keyring_.begin_backup(id_of(2), "nas", kBegun).is_ok());
  const Status busy = keyring_.begin_forgetting(id_of(1));
  EXPECT_EQ(busy.code(), Code::kBusy);
  EXPECT_THAT(busy.to_string(), HasSubstr(id_of(2).hex()));
  ASSERT_TRUE(keyring_.begin_forgetting(id_of(2)).is_ok()) << "that very one";
  EXPECT_EQ(keyring_.begin_backup(id_of(3), "nas", kBegun).code(), Code::kBusy);
  EXPECT_TRUE(keyring_.begin_backup(id_of(4), "tape", kBegun).is_ok());
  ASSERT_TRUE(keyring_.begin_forgetting(id_of(1)).is_ok());
  ASSERT_TRUE(keyring_.forget_backup(id_of(1)).is_ok());
  ASSERT_TRUE(keyring_.forget_backup(id_of(2)).is_ok());
  EXPECT_TRUE(keyring_.begin_backup(id_of(3), "nas", kBegun).is_ok());
}

TEST_F(BackupListTest, EveryRuleOfTheListIsKept) {
  const Bytes body = body_of(keyring_);
  const auto error_of = [&](const Bytes& backups) {
    Bytes whole = body;
    whole.insert(whole.end(), backups.begin(), backups.end());
    const auto read = KeyringBody::decode(whole);
    return read.is_ok() ? "none" : read.status().to_string();
  };
  EXPECT_EQ(error_of(backups_tail({{1, "a", 1, 0}, {2, "b", 2, 5}, {3, "b", 3, 0}, {4, "b", 3, 5}})), "none");
  EXPECT_THAT(error_of(backups_tail({})), HasSubstr("1 to 4096 backups"));
  EXPECT_THAT(error_of(backups_tail({{0, "a", 1, 0}})), HasSubstr("must not be zero"));
  EXPECT_THAT(error_of(backups_tail({{1, "a", 1, 0}, {1, "b", 1, 0}})), HasSubstr("must not repeat"));
  EXPECT_THAT(error_of(backups_tail({{1, "", 1, 0}})), HasSubstr("must name its target"));
  EXPECT_THAT(error_of(backups_tail({{1, "a\nb", 1, 0}})), HasSubstr("must name its target"));
  EXPECT_THAT(error_of(backups_tail({{1, "a", 0, 0}})), HasSubstr("a known state"));
  EXPECT_THAT(error_of(backups_tail({{1, "a", 4, 1}})), HasSubstr("a known state"));
  EXPECT_THAT(error_of(backups_tail({{1, "a", 1, 1}})), HasSubstr("no index while it is being made"));
  EXPECT_THAT(error_of(backups_tail({{1, "a", 2, 0}})), HasSubstr("must have an index"));
  const Bytes good = backups_tail({{1, "a", 1, 0}, {2, "b", 2, 5}});
  for (size_t size = 1; size < good.size(); ++size) {
    EXPECT_NE(error_of(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))), "none") << size;
  }
  Bytes twice = good;
  twice.insert(twice.end(), good.begin(), good.end());
  EXPECT_THAT(error_of(twice), HasSubstr("must end with its last store, node, backup, rollout or question"));
}

TEST_F(BackupListTest, AKeyringHasRoomForAllThatItMayList) {
  for (size_t i = 1; i <= kBackupCountMax; ++i) {
    Id id;
    store_le32(id.bytes.data(), static_cast<uint32_t>(i));
    ASSERT_TRUE(keyring_.begin_backup(id, std::string(kBackupTargetSizeMax, 't'), kBegun).is_ok());
  }
  EXPECT_EQ(keyring_.begin_backup(id_of(1), "nas", kBegun).code(), Code::kLimitExceeded);
  const auto read = KeyringBody::decode(body_of(keyring_));
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(read->backups().size(), kBackupCountMax);
}

TEST_F(BackupListTest, ACloneListsNoneAndTheAuditLogHasEachStep) {
  const auto changes = [&](const std::function<Status()>& change) {
    const Keyring was = keyring_;
    EXPECT_TRUE(change().is_ok());
    const KeyringContents before{was, {}};
    return changes_between(&before, {keyring_, {}});
  };
  const std::string of = R"(","backup":")" + id_of(1).hex() + R"(","target":"nas"}])";
  EXPECT_EQ(changes([&] { return keyring_.begin_backup(id_of(1), "nas", kBegun); }), R"([{"what":"backup begun)" + of);
  EXPECT_EQ(changes([&] { return keyring_.finish_backup(id_of(1), kIndexDigest); }), R"([{"what":"backup made)" + of);
  EXPECT_TRUE(keyring_.clone_for(id_of(0xc1), 5)->backups().empty());
  EXPECT_EQ(changes([&] { return keyring_.begin_forgetting(id_of(1)); }), R"([{"what":"backup being forgotten)" + of);
  EXPECT_EQ(changes([&] { return keyring_.forget_backup(id_of(1)); }), R"([{"what":"backup forgotten)" + of);
}

}  // namespace
}  // namespace coffer
