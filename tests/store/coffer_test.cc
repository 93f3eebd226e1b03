#include "coffer/store/coffer.h"

#include <thread>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/ops/slots.h"
#include "coffer_fixture.h"
#include "support/gate.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

class CofferTest : public CofferFixture {};

TEST_F(CofferTest, ASecondInitIsRefusedAndChangesNothing) {
  std::string before = read(coffer_path() + "/keyring");
  Status status = Coffer::create(disk(), coffer_path(), {.root_uri = key_uri("root.key"), .config = {}}, open_provider);
  EXPECT_EQ(status.code(), Code::kAlreadyExists) << status.to_string();
  EXPECT_EQ(read(coffer_path() + "/keyring"), before);
}

TEST_F(CofferTest, InitRefusesADirectoryWithOtherThings) {
  Status status = Coffer::create(disk(), root_, {.root_uri = key_uri("root.key"), .config = {}}, open_provider);
  EXPECT_EQ(status.code(), Code::kInvalidArgument) << status.to_string();
  EXPECT_FALSE(std::filesystem::exists(root_ + "/keyring"));
}

TEST_F(CofferTest, InitWithAMissingKeyFileLeavesNothingBehind) {
  Status status =
      Coffer::create(disk(), root_ + "/new", {.root_uri = key_uri("none.key"), .config = {}}, open_provider);
  EXPECT_EQ(status.code(), Code::kNotFound) << status.to_string();
  EXPECT_FALSE(std::filesystem::exists(root_ + "/new"));
}

TEST_F(CofferTest, OpeningADirectoryThatIsNoCofferSaysSo) {
  auto coffer = Coffer::open(disk(), root_ + "/db", {}, open_provider);
  EXPECT_EQ(coffer.code(), Code::kNotFound);
  EXPECT_THAT(std::string(coffer.status().message()), HasSubstr("not a coffer"));
}

TEST_F(CofferTest, AnotherRootKeyIsAWrongKeyNotDamage) {
  auto coffer = Coffer::open(disk(), coffer_path(), {.root_uri = key_uri("other.key")}, open_provider);
  EXPECT_EQ(coffer.code(), Code::kWrongKey) << status_text(coffer);
}

TEST_F(CofferTest, TheRootKeyMayMove) {
  std::filesystem::rename(root_ + "/root.key", root_ + "/moved.key");
  EXPECT_EQ(Coffer::open(disk(), coffer_path(), {}, open_provider).code(), Code::kKeyUnavailable);
  EXPECT_NE(open_coffer(key_uri("moved.key")), nullptr);
}

TEST_F(CofferTest, ARunningCofferSeesARotationByAnother) {
  auto other = open_coffer();
  auto before = coffer_->new_file({.kind = Kind::kLog});
  ASSERT_OK(before);
  ASSERT_OK(other->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1000); }));
  auto after = coffer_->new_file({.kind = Kind::kLog});
  ASSERT_OK(after);
  EXPECT_EQ(before->fields.domain_key_version, 1u);
  EXPECT_EQ(after->fields.domain_key_version, 2u);
  EXPECT_NE(before->fields.domain_key_id, after->fields.domain_key_id);
  ASSERT_OK(coffer_->unlock(before->envelope, "f"));
}

TEST_F(CofferTest, RootRotationKeepsFilesReadableAndLocksOutTheOldKey) {
  auto file = coffer_->new_file({.kind = Kind::kLog});
  ASSERT_OK(file);
  ASSERT_OK(rotate_root(*open_coffer(), key_uri("other.key"), open_provider));
  EXPECT_EQ(Coffer::open(disk(), coffer_path(), {.root_uri = key_uri("root.key")}, open_provider).code(),
            Code::kWrongKey);
  auto reopened = open_coffer();
  ASSERT_NE(reopened, nullptr);
  ASSERT_OK(coffer_->unlock(file->envelope, "f"));
  // The process that had it open follows, although its keyring key is no longer the stored one.
  ASSERT_OK(coffer_->live_keyring().refresh());
  EXPECT_EQ(coffer_->keyring()->version(), reopened->keyring()->version());
}

TEST_F(CofferTest, ARunningCofferGoesOnWhenTheNewRootKeyIsOutOfReach) {
  ASSERT_OK(rotate_root(*open_coffer(), key_uri("other.key"), open_provider));
  std::filesystem::remove(root_ + "/other.key");
  EXPECT_FALSE(coffer_->live_keyring().refresh().is_ok());
  ASSERT_OK(coffer_->new_file({.kind = Kind::kLog}));
  // Asked again at once, it would wait for the provider again.
  ASSERT_OK(coffer_->new_file({.kind = Kind::kLog}));
  EXPECT_EQ(coffer_->live_keyring().refresh().code(), Code::kKeyUnavailable);
  write_key_file("other.key", 'o');
  ASSERT_OK(coffer_->live_keyring().refresh());
  EXPECT_EQ(coffer_->keyring()->version(), 2u);
}

TEST_F(CofferTest, AFileOfAKeyringThatCannotBeUnlockedIsNotCalledRolledBack) {
  auto other = open_coffer();
  ASSERT_OK(rotate_root(*other, key_uri("other.key"), open_provider));
  auto file = other->new_file({.kind = Kind::kLog});
  ASSERT_OK(file);
  std::filesystem::remove(root_ + "/other.key");
  for (int again = 0; again < 2; ++again) {
    auto opened = coffer_->unlock(file->envelope, "f");
    EXPECT_EQ(opened.code(), Code::kKeyUnavailable) << status_text(opened);
    EXPECT_THAT(status_text(opened), ::testing::HasSubstr("other.key"));
  }
  write_key_file("other.key", 'o');
  ASSERT_OK(coffer_->live_keyring().refresh());
  ASSERT_OK(coffer_->unlock(file->envelope, "f"));
}

// Providers that answer when the test lets them.
Gate gate;

Result<std::unique_ptr<RootKeyProvider>> open_behind_gate(const ProviderUri& uri, const ProviderConfig& config) {
  gate.pass();
  return open_provider(uri, config);
}

TEST_F(CofferTest, NoNewFileWaitsForAProvider) {
  auto slow = Coffer::open(disk(), coffer_path(), {}, open_behind_gate);
  ASSERT_OK(slow);
  // As who serves does at the start: only the first file of another one waits.
  (*slow)->keyring_uses().begin();
  auto other = open_coffer();
  ASSERT_OK(rotate_root(*other, key_uri("other.key"), open_provider));
  gate.close();
  // Would hang if it waited.
  for (int i = 0; i < 3; ++i) ASSERT_OK((*slow)->new_file({.kind = Kind::kLog}));
  gate.wait_for_somebody();
  ASSERT_OK((*slow)->new_file({.kind = Kind::kLog}));
  EXPECT_EQ((*slow)->keyring()->version(), 1u);
  EXPECT_EQ((*slow)->live_keyring().condition().last_refresh.code(), Code::kProviderUnavailable);

  auto file = other->new_file({.kind = Kind::kLog});
  ASSERT_OK(file);
  std::thread opener([] { gate.open(); });
  // A file that needs the new keyring is worth waiting for.
  ASSERT_OK((*slow)->unlock(file->envelope, "f"));
  opener.join();
  EXPECT_EQ((*slow)->keyring()->version(), 2u);
  EXPECT_TRUE((*slow)->live_keyring().condition().last_refresh.is_ok());
}

TEST_F(CofferTest, FilesOfANewKeyringOpenAtOnceOnEveryThread) {
  auto other = open_coffer();
  for (uint64_t round = 0; round < 50; ++round) {
    ASSERT_OK(other->live_keyring().update(
        [&](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1000 + round); }));
    auto file = other->new_file({.kind = Kind::kLog});
    ASSERT_OK(file);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        auto opened = coffer_->unlock(file->envelope, "f");
        EXPECT_TRUE(opened.is_ok()) << status_text(opened);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_F(CofferTest, ARunningCofferGoesOnWithItsKeysWhenAnOlderKeyringIsPutBack) {
  std::string old = read(coffer_path() + "/keyring");
  ASSERT_OK(
      coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1000); }));
  write(coffer_path() + "/keyring", old);
  EXPECT_EQ(coffer_->live_keyring().refresh().code(), Code::kRolledBack);
  auto file = coffer_->new_file({.kind = Kind::kLog});
  ASSERT_OK(file);
  EXPECT_EQ(file->fields.domain_key_version, 2u);
  EXPECT_EQ(coffer_->live_keyring().condition().last_refresh.code(), Code::kRolledBack);
}

TEST_F(CofferTest, AFileThatHasSeenANewerKeyringTellsOfARollback) {
  std::string old = read(coffer_path() + "/keyring");
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.add_domain("late", 1000); }));
  auto same_key = coffer_->new_file({.kind = Kind::kLog});
  auto new_key = coffer_->new_file({.kind = Kind::kLog, .domain = "late"});
  ASSERT_OK(same_key);
  ASSERT_OK(new_key);
  write(coffer_path() + "/keyring", old);
  auto restarted = open_coffer();
  ASSERT_NE(restarted, nullptr);
  EXPECT_EQ(restarted->unlock(same_key->envelope, "f").code(), Code::kRolledBack);
  // Without its key nothing in a header is proved: what it says of the keyring is a hint.
  const Status unknown = restarted->unlock(new_key->envelope, "f").status();
  EXPECT_EQ(unknown.code(), Code::kKeyUnavailable);
  EXPECT_THAT(unknown.to_string(), HasSubstr("restore the newer keyring"));
}

TEST_F(CofferTest, WhatAHeaderSaysOfTheKeyringIsBelievedOnceItIsAuthentic) {
  auto file = coffer_->new_file({.kind = Kind::kLog});
  ASSERT_OK(file);
  // With good checksums, as anybody can make them.
  for (size_t slot : {size_t{0}, kSlotSize}) {
    uint8_t* record = file->envelope.data() + slot;
    store_le64(record + 80, 1000);
    store_le32(record + 508, crc32c({record, 508}));
  }
  EXPECT_EQ(coffer_->unlock(file->envelope, "f").code(), Code::kTampered);
}

TEST_F(CofferTest, TheAnchorRemembersAcrossRestarts) {
  Config config;
  config.anchor = root_ + "/anchor";
  std::string path = root_ + "/anchored";
  ASSERT_OK(Coffer::create(disk(), path, {.root_uri = key_uri("root.key"), .config = config}, open_provider));
  std::string old = read(path + "/keyring");
  auto coffer = Coffer::open(disk(), path, {}, open_provider);
  ASSERT_OK(coffer);
  ASSERT_OK(
      (*coffer)->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1000); }));
  ASSERT_OK(Coffer::open(disk(), path, {}, open_provider));
  write(path + "/keyring", old);
  EXPECT_EQ(Coffer::open(disk(), path, {}, open_provider).code(), Code::kRolledBack);
}

TEST_F(CofferTest, AnUnknownDomainIsNamed) {
  auto file = coffer_->new_file({.kind = Kind::kLog, .domain = "tenant"});
  EXPECT_EQ(file.code(), Code::kNotFound);
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("\"tenant\""));
}

TEST_F(CofferTest, AFileOfAnotherCofferLacksItsKey) {
  std::string other_path = root_ + "/other";
  ASSERT_OK(Coffer::create(disk(), other_path, {.root_uri = key_uri("other.key"), .config = {}}, open_provider));
  auto other = Coffer::open(disk(), other_path, {}, open_provider);
  ASSERT_OK(other);
  auto file = (*other)->new_file({.kind = Kind::kLog});
  ASSERT_OK(file);
  auto opened = coffer_->unlock(file->envelope, "/db/1.log");
  EXPECT_EQ(opened.code(), Code::kKeyUnavailable);
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("/db/1.log"));
}

TEST_F(CofferTest, ADestroyedKeyIsUnavailableByThatName) {
  auto file = coffer_->new_file({.kind = Kind::kLog});
  ASSERT_OK(file);
  ASSERT_OK(coffer_->live_keyring().update([&](Keyring& keyring) -> Status {
    COFFER_TRY(keyring.rotate_domain(kSystemDomain, 1000));
    return keyring.set_key_state(file->fields.domain_key_id, KeyState::kDestroyed, 1001);
  }));
  auto opened = coffer_->unlock(file->envelope, "f");
  EXPECT_EQ(opened.code(), Code::kKeyDestroyed);
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("destroyed"));
}

TEST_F(CofferTest, ReadersAndRotationsRunAtOnce) {
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) {
      auto file = coffer_->new_file({.kind = Kind::kLog});
      ASSERT_OK(file);
      ASSERT_OK(coffer_->unlock(file->envelope, "f"));
    }
  });
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(coffer_->live_keyring()
                    .update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1000); })
                    .is_ok());
    EXPECT_TRUE(coffer_->live_keyring().rotate_root({}).is_ok());
  }
  stop = true;
  reader.join();
}

}  // namespace
}  // namespace coffer
