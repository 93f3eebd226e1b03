// The keyring file: compare and swap, failing disks, and telling cheaply whether it changed.
#include "coffer/keys/keyring_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/temporary_directory.h"
#include "keys/fixtures.h"
#include "keys/keyring_history.h"
#include "keys/keyring_store_contract.h"
#include "support/fault_disk.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

class FilesPlace final : public ContractPlace {
 public:
  FilesPlace() { EXPECT_TRUE(disk_.make_directory("/coffer", 0700).is_ok()); }
  std::unique_ptr<KeyringStore> open() override { return open_file_keyring_store(disk_, "/coffer"); }
  void put(ByteView stored) override {
    const std::string path = "/coffer/keyring";
    EXPECT_TRUE((stored.empty() ? disk_.remove(path) : replace_file(disk_, path, stored, 0600)).is_ok());
  }

 private:
  MemoryDisk disk_;
};

INSTANTIATE_TEST_SUITE_P(Files, KeyringStoreContract,
                         testing::Values([] { return std::make_unique<FilesPlace>(); }));

class KeyringStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(disk_.make_directory("/coffer", 0700).is_ok());
    store_ = open_file_keyring_store(disk_, "/coffer");
  }
  void write(ByteView contents) { ASSERT_TRUE(replace_file(disk_, "/coffer/keyring", contents, 0600).is_ok()); }

  MemoryDisk disk_;
  KeyringHistory history_;
  std::unique_ptr<KeyringStore> store_;
};

TEST_F(KeyringStoreTest, SizesThatNoKeyringHasAreReported) {
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  EXPECT_EQ(disk_.info("/coffer/keyring")->mode, 0600u);
  write({});
  EXPECT_EQ(store_->load().code(), Code::kTruncated);
  EXPECT_EQ(store_->save(history_.sealed(1), 0).code(), Code::kTruncated) << "an empty file is not none";
  write(Bytes(kKeyringFileSizeMax + 1));
  EXPECT_EQ(store_->load().code(), Code::kLimitExceeded);
}

TEST(KeyringStoreOnDisk, EveryReplacementIsNoticedHoweverFast) {
  TemporaryDirectory directory;
  KeyringHistory history;
  auto store = open_file_keyring_store(Disk::posix(), directory.path());
  auto writer = open_file_keyring_store(Disk::posix(), directory.path());
  ASSERT_TRUE(writer->save(history.sealed(1), 0).is_ok());
  for (uint64_t version = 2; version <= 60; version += 2) {
    ASSERT_TRUE(store->load().is_ok());
    // Two at once, of one size: the second could get the first one's inode number within the same clock tick.
    ASSERT_TRUE(writer->save(history.sealed(version), version - 1).is_ok());
    ASSERT_TRUE(writer->save(history.sealed(version + 1), version).is_ok());
    ASSERT_TRUE(store->may_have_changed()) << version;
  }
}

TEST_F(KeyringStoreTest, LeftoversOfCrashesAreRemovedAndNothingElse) {
  for (const char* name :
       {"keyring.tmp-1-0", "keyring.tmp-99-7", "keyring.old", "coffer.yaml", "coffer.yaml.tmp-1-0"}) {
    ASSERT_TRUE(create_file(disk_, std::string("/coffer/") + name, as_bytes("x"), 0600).is_ok());
  }
  ASSERT_TRUE(store_->save(history_.sealed(1), 0).is_ok());
  std::vector<std::string> names;
  auto entries = disk_.list("/coffer");
  for (const DirectoryEntry& entry : *entries) names.push_back(entry.name);
  EXPECT_THAT(names,
              testing::ElementsAre("coffer.yaml", "coffer.yaml.tmp-1-0", "keyring", "keyring.lock", "keyring.old"));
}

struct FaultCase {
  bool for_good;
  bool short_write;
  Code code;
};

class KeyringStoreFaults : public testing::TestWithParam<FaultCase> {};

INSTANTIATE_TEST_SUITE_P(Every, KeyringStoreFaults,
                         testing::Values(FaultCase{false, false, Code::kIo}, FaultCase{true, false, Code::kIo},
                                         FaultCase{false, true, Code::kNoSpace}, FaultCase{true, true, Code::kNoSpace}),
                         [](const auto& param) {
                           return std::string(param.param.for_good ? "ForGood" : "Once") +
                                  (param.param.short_write ? "Short" : "");
                         });

TEST_P(KeyringStoreFaults, WhileSavingLeaveOldOrNew) {
  KeyringHistory history;
  int failed_saves = 0;
  for (uint64_t operation = 1;; ++operation) {
    MemoryDisk memory;
    ASSERT_TRUE(open_file_keyring_store(memory, "/")->save(history.sealed(1), 0).is_ok());
    FaultDisk disk(memory);
    auto store = open_file_keyring_store(disk, "/");
    disk.arm({operation, GetParam().for_good, GetParam().short_write, GetParam().code});
    Status saved = store->save(history.sealed(2), 1);
    const bool injected = disk.fault_count() > 0;
    auto loaded = open_file_keyring_store(memory, "/")->load();
    ASSERT_TRUE(loaded.is_ok()) << "operation " << operation << ": " << loaded.status().to_string();
    if (saved.is_ok()) {
      EXPECT_EQ(loaded->sealed, history.sealed(2));
    } else {
      ++failed_saves;
      EXPECT_EQ(saved.code(), GetParam().code) << saved.to_string();
      EXPECT_TRUE(loaded->sealed == history.sealed(1) || loaded->sealed == history.sealed(2));
    }
    if (!injected) break;
  }
  EXPECT_GE(failed_saves, 9) << "lock, three of reading, create, write, sync, close, rename, sync the directory";
}

TEST_P(KeyringStoreFaults, WhileLoadingAreReportedAndLoadingAgainWorks) {
  KeyringHistory history;
  MemoryDisk memory;
  ASSERT_TRUE(open_file_keyring_store(memory, "/")->save(history.sealed(1), 0).is_ok());
  FaultDisk disk(memory);
  uint64_t operation = 1;
  for (;; ++operation) {
    auto store = open_file_keyring_store(disk, "/");
    disk.arm({operation, GetParam().for_good, GetParam().short_write, GetParam().code});
    auto loaded = store->load();
    if (disk.fault_count() == 0) break;
    EXPECT_EQ(loaded.code(), GetParam().code);
    EXPECT_TRUE(store->may_have_changed());
    disk.arm({});
    EXPECT_TRUE(store->load().is_ok());
    disk.arm({1, true, false, Code::kIo});
    EXPECT_TRUE(store->may_have_changed()) << "a disk that fails hides changes";
  }
  EXPECT_EQ(operation, 5u) << "open, stat, read, sync the directory";
}

}  // namespace
}  // namespace coffer
