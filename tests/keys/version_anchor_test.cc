#include "coffer/keys/version_anchor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "keys/keyring_history.h"
#include "support/fault_disk.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

using testing::HasSubstr;

KeyringMark mark_of(uint64_t version, uint8_t hash) {
  KeyringMark mark;
  mark.version = version;
  mark.hash.fill(hash);
  return mark;
}

Status check_anchor(VersionAnchor& anchor, const KeyringMark& found) {
  COFFER_ASSIGN(const std::optional<KeyringMark> remembered, anchor.load());
  return check_mark(remembered, found);
}

TEST(VersionAnchor, AcceptsWhatItSeesFirstAndWhatIsNewer) {
  MemoryDisk disk;
  auto anchor = open_file_anchor(disk, "/anchor", id_of(1));
  EXPECT_EQ(anchor->load().value(), std::nullopt);
  EXPECT_TRUE(check_anchor(*anchor, mark_of(5, 1)).is_ok());
  ASSERT_TRUE(anchor->advance(mark_of(5, 1)).is_ok());
  EXPECT_EQ(anchor->load().value(), mark_of(5, 1));
  EXPECT_TRUE(check_anchor(*anchor, mark_of(5, 1)).is_ok());
  EXPECT_TRUE(check_anchor(*anchor, mark_of(6, 2)).is_ok());
}

TEST(VersionAnchor, AnOlderKeyringIsRolledBackAndAnotherOfTheSameNumberDiverged) {
  MemoryDisk disk;
  auto anchor = open_file_anchor(disk, "/anchor", id_of(1));
  ASSERT_TRUE(anchor->advance(mark_of(5, 1)).is_ok());
  Status older = check_anchor(*anchor, mark_of(4, 9));
  EXPECT_EQ(older.code(), Code::kRolledBack);
  EXPECT_THAT(std::string(older.message()), HasSubstr("version 4 is older than version 5"));
  EXPECT_EQ(check_anchor(*anchor, mark_of(5, 2)).code(), Code::kDiverged);
  EXPECT_EQ(anchor->advance(mark_of(5, 2)).code(), Code::kDiverged);
  EXPECT_EQ(anchor->load().value(), mark_of(5, 1));
}

TEST(VersionAnchor, NeverGoesBack) {
  MemoryDisk disk;
  auto anchor = open_file_anchor(disk, "/anchor", id_of(1));
  ASSERT_TRUE(anchor->advance(mark_of(5, 1)).is_ok());
  EXPECT_TRUE(anchor->advance(mark_of(3, 9)).is_ok()) << "a slower process reports what is old already";
  EXPECT_EQ(anchor->load().value(), mark_of(5, 1));
  std::vector<std::thread> threads;
  for (uint64_t start = 0; start < 4; ++start) {
    threads.emplace_back([&disk, start] {
      auto mine = open_file_anchor(disk, "/anchor", id_of(1));
      for (uint64_t version = 6 + start; version <= 40; version += 4)
        EXPECT_TRUE(mine->advance(mark_of(version, 1)).is_ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(anchor->load().value()->version, 40u);
}

TEST(VersionAnchor, IsTextThatPeopleCanRead) {
  MemoryDisk disk;
  ASSERT_TRUE(open_file_anchor(disk, "/anchor", id_of(0xab))->advance(mark_of(7, 0xcd)).is_ok());
  std::string hash, coffer;
  for (int i = 0; i < 32; ++i) hash += "cd";
  for (int i = 0; i < 16; ++i) coffer += "ab";
  EXPECT_EQ(as_text(*read_file(disk, "/anchor", 1000)),
            R"({"coffer":")" + coffer + R"(","version":7,"sha256":")" + hash + "\"}\n");
  EXPECT_EQ(disk.info("/anchor")->mode, 0600u);
}

TEST(VersionAnchor, WhatIsNoAnchorOfThisCofferIsRefusedNotReplaced) {
  MemoryDisk disk;
  ASSERT_TRUE(open_file_anchor(disk, "/good", id_of(1))->advance(mark_of(7, 1)).is_ok());
  const std::string good(as_text(*read_file(disk, "/good", 1000)));
  auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  std::vector<std::string> bad = {"",
                                  "{}",
                                  "[]",
                                  "null",
                                  "7",
                                  good + "x",
                                  good.substr(0, good.size() - 2),
                                  replaced(":7", ":-7"),
                                  replaced(":7", ":7.5"),
                                  replaced(":7", ":\"7\""),
                                  replaced(":7", ":99999999999999999999999"),
                                  replaced("version", "versoin"),
                                  replaced("}", ",\"more\":1}"),
                                  replaced("\"0101", "\"01"),
                                  replaced(":\"0101", ":\"zz01"),
                                  std::string(5000, ' ') + good};
  auto anchor = open_file_anchor(disk, "/anchor", id_of(1));
  for (const std::string& text : bad) {
    ASSERT_TRUE(replace_file(disk, "/anchor", as_bytes(text), 0600).is_ok());
    EXPECT_FALSE(anchor->load().is_ok()) << text;
    EXPECT_FALSE(check_anchor(*anchor, mark_of(9, 1)).is_ok()) << text;
    EXPECT_FALSE(anchor->advance(mark_of(9, 1)).is_ok()) << text;
    EXPECT_EQ(as_text(*read_file(disk, "/anchor", 10'000)), text);
  }
  auto other = open_file_anchor(disk, "/good", id_of(2))->load();
  EXPECT_EQ(other.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr(id_of(2).hex()));
}

TEST(VersionAnchor, AFailingDiskIsReportedAndNothingIsForgotten) {
  int failed = 0;
  for (uint64_t operation = 1;; ++operation) {
    MemoryDisk memory;
    ASSERT_TRUE(open_file_anchor(memory, "/anchor", id_of(1))->advance(mark_of(5, 1)).is_ok());
    FaultDisk disk(memory);
    disk.arm({operation, false, true, Code::kNoSpace});
    Status status = open_file_anchor(disk, "/anchor", id_of(1))->advance(mark_of(6, 2));
    auto now = open_file_anchor(memory, "/anchor", id_of(1))->load();
    ASSERT_TRUE(now.is_ok());
    EXPECT_TRUE(*now == mark_of(6, 2) || (!status.is_ok() && *now == mark_of(5, 1))) << operation;
    if (disk.fault_count() == 0) break;
    ++failed;
    EXPECT_EQ(status.code(), Code::kNoSpace);
  }
  EXPECT_GE(failed, 9);
}

TEST(VersionAnchor, NoticesARestoredOldKeyringFile) {
  MemoryDisk disk;
  KeyringHistory history;
  auto store = open_file_keyring_store(disk, "/");
  auto anchor = open_file_anchor(disk, "/anchor", id_of(0xc0));
  for (uint64_t version = 1; version <= 3; ++version) {
    ASSERT_TRUE(store->save(history.sealed(version), version - 1).is_ok());
    ASSERT_TRUE(anchor->advance({version, sha256(history.sealed(version)).value()}).is_ok());
  }
  auto check_now = [&] {
    auto remembered = anchor->load();
    auto loaded = store->load();
    return check_mark(*remembered, {loaded->header.version, sha256(loaded->sealed).value()});
  };
  EXPECT_TRUE(check_now().is_ok());
  ASSERT_TRUE(replace_file(disk, "/keyring", history.sealed(2), 0600).is_ok());
  EXPECT_EQ(check_now().code(), Code::kRolledBack);
  ASSERT_TRUE(replace_file(disk, "/keyring", history.another(3), 0600).is_ok());
  EXPECT_EQ(check_now().code(), Code::kDiverged);
  ASSERT_TRUE(replace_file(disk, "/keyring", history.sealed(3), 0600).is_ok());
  EXPECT_TRUE(check_now().is_ok());
}

}  // namespace
}  // namespace coffer
