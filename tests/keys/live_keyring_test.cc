// What a live keyring owes its readers and its operators, wherever the keyring is kept.
#include "coffer/keys/live_keyring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>

#include "coffer/keys/first_keyring.h"
#include "coffer/providers/registry.h"
#include "io/temporary_directory.h"
#include "keys/fixtures.h"
#include "keys/keyring_places.h"
#include "support/gate.h"

namespace coffer {
namespace {

using testing::HasSubstr;

class LiveKeyringTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      place_ = std::make_unique<DirectoryPlace>();
    } else {
      place_ = std::make_unique<ValuePlace>();
    }
    write_key("root.key", 0x81);
    write_key("other.key", 0x82);
    make_first(*place_, 0xc0);
  }

  std::string key_uri(const std::string& name) const { return "file://" + directory_ / name; }
  void write_key(const std::string& name, uint8_t fill) {
    const std::string path = directory_ / name;
    ASSERT_TRUE(replace_file(Disk::posix(), path, Bytes(64, fill), 0600).is_ok());
  }
  void remove_key(const std::string& name) { ASSERT_TRUE(Disk::posix().remove(directory_ / name).is_ok()); }

  KeyringSurroundings surroundings(KeyringPlace& place) {
    KeyringSurroundings out;
    out.store = place.open();
    out.open_root = [this](const std::string& uri) {
      ++asked_;
      gate_.pass();
      return open_provider(uri, {});
    };
    out.retry_delay = retry_delay_;
    if (anchored_) {
      out.open_anchor = [this](const Id& coffer_id) -> Result<std::unique_ptr<VersionAnchor>> {
        return open_file_anchor(anchor_disk_, "/anchor", coffer_id);
      };
    }
    return out;
  }
  void make_first(KeyringPlace& place, uint8_t coffer) {
    auto provider = open_provider(key_uri("root.key"), {});
    ASSERT_TRUE(provider.is_ok()) << provider.status().to_string();
    auto sealed = seal_first_keyring(Keyring::create(id_of(coffer), 1).value(), **provider);
    ASSERT_TRUE(sealed.is_ok()) << sealed.status().to_string();
    ASSERT_TRUE(save_first_keyring(surroundings(place), *sealed).is_ok());
  }

  // As one more program.
  std::unique_ptr<LiveKeyring> open(const std::string& root_uri = {}) {
    KeyringSurroundings given = surroundings(*place_);
    given.root_uri = root_uri;
    auto live = LiveKeyring::open(std::move(given));
    EXPECT_TRUE(live.is_ok()) << live.status().to_string();
    return live.is_ok() ? std::move(*live) : nullptr;
  }
  static void rotate_domain(LiveKeyring& live) {
    const Status done = live.update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 2); });
    ASSERT_TRUE(done.is_ok()) << done.to_string();
  }
  void rotate_root(LiveKeyring& live) {
    const Status done = live.rotate_root(key_uri("other.key"));
    ASSERT_TRUE(done.is_ok()) << done.to_string();
  }

  TemporaryDirectory directory_;
  MemoryDisk anchor_disk_;
  bool anchored_ = false;
  std::chrono::milliseconds retry_delay_ = std::chrono::hours(1);
  std::unique_ptr<KeyringPlace> place_;
  Gate gate_;
  std::atomic<int> asked_{0};
};

INSTANTIATE_TEST_SUITE_P(Places, LiveKeyringTest, testing::Bool(),
                         [](const auto& given) { return given.param ? "Directory" : "Value"; });

TEST_P(LiveKeyringTest, WhatAnotherSavedIsTakenUpWithTheKeyInHand) {
  auto mine = open();
  auto other = open();
  rotate_domain(*other);
  asked_ = 0;
  const auto before = mine->snapshot();
  ASSERT_TRUE(mine->refresh_without_waiting().is_ok());
  EXPECT_EQ(mine->snapshot()->version(), 2u);
  EXPECT_EQ(mine->header()->version, 2u);
  EXPECT_EQ(before->version(), 1u) << "who has a snapshot keeps it";
  EXPECT_EQ(asked_, 0) << "no provider is needed for that";
}

TEST_P(LiveKeyringTest, ARotatedRootKeyIsAskedForAsideAndNobodyWhoServesWaits) {
  auto mine = open();
  rotate_root(*open());
  gate_.close();
  // Would hang if it waited.
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(mine->refresh_without_waiting().is_ok());
  gate_.wait_for_somebody();
  ASSERT_TRUE(mine->refresh_without_waiting().is_ok());
  EXPECT_EQ(mine->snapshot()->version(), 1u);
  EXPECT_EQ(mine->condition().last_refresh.code(), Code::kProviderUnavailable);
  gate_.open();
  // Who needs it waits for it.
  ASSERT_TRUE(mine->refresh_unless_just_failed().is_ok());
  EXPECT_EQ(mine->snapshot()->version(), 2u);
  EXPECT_TRUE(mine->condition().last_refresh.is_ok());
}

TEST_P(LiveKeyringTest, ClosingWaitsForTheProviderThatIsAskedAside) {
  auto mine = open();
  rotate_root(*open());
  gate_.close();
  ASSERT_TRUE(mine->refresh_without_waiting().is_ok());
  gate_.wait_for_somebody();
  std::atomic<bool> closed{false};
  std::thread closer([&] {
    mine.reset();
    closed = true;
  });
  EXPECT_FALSE(closed) << "nothing it uses goes away under it";
  gate_.open();
  closer.join();
}

TEST_P(LiveKeyringTest, AProviderThatIsAwayIsNotAskedForEveryFileAndTheSnapshotStays) {
  auto mine = open();
  rotate_root(*open());
  remove_key("other.key");
  EXPECT_EQ(mine->refresh().code(), Code::kKeyUnavailable);
  asked_ = 0;
  EXPECT_TRUE(mine->refresh_without_waiting().is_ok());
  EXPECT_EQ(mine->refresh_unless_just_failed().code(), Code::kKeyUnavailable);
  EXPECT_EQ(asked_, 0);
  EXPECT_EQ(mine->snapshot()->version(), 1u);
  EXPECT_EQ(mine->update([](Keyring&) { return Status::ok(); }).code(), Code::kKeyUnavailable);
  write_key("other.key", 0x82);
  ASSERT_TRUE(mine->refresh().is_ok());
  EXPECT_EQ(mine->snapshot()->version(), 2u);
}

TEST_P(LiveKeyringTest, AChangeThatSucceedsEndsAFailureToKeepUp) {
  auto mine = open();
  rotate_root(*open());
  remove_key("other.key");
  ASSERT_FALSE(mine->refresh().is_ok());
  write_key("other.key", 0x82);
  rotate_domain(*mine);
  EXPECT_TRUE(mine->condition().last_refresh.is_ok());
  EXPECT_EQ(mine->snapshot()->version(), 3u);
}

TEST_P(LiveKeyringTest, AnOlderKeyringIsRefusedUntilTheNewerOneIsBack) {
  auto mine = open();
  const Bytes old = place_->read();
  rotate_domain(*mine);
  const Bytes newest = place_->read();
  place_->put(old);
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(mine->refresh_without_waiting().code(), Code::kRolledBack) << "also who serves is told";
    EXPECT_EQ(mine->refresh().code(), Code::kRolledBack);
  }
  EXPECT_EQ(mine->snapshot()->version(), 2u);
  place_->put(newest);
  EXPECT_TRUE(mine->refresh_without_waiting().is_ok()) << "at once, not after a while";
}

TEST_P(LiveKeyringTest, AnotherCoffersKeyringAndAnotherOfTheSameNumberAreTampering) {
  auto mine = open();
  const Bytes first = place_->read();
  ValuePlace elsewhere;
  make_first(elsewhere, 0xc1);
  place_->put(elsewhere.read());
  EXPECT_EQ(mine->refresh_without_waiting().code(), Code::kTampered);
  ValuePlace sideways;
  make_first(sideways, 0xc0);
  place_->put(sideways.read());
  const Status refused = mine->refresh();
  EXPECT_EQ(refused.code(), Code::kTampered);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("version 1"));
  place_->put(first);
  EXPECT_TRUE(mine->refresh().is_ok());
}

TEST_P(LiveKeyringTest, AnOldKeyringPutBackIsNoticedByTheAnchorEvenIfItIsTheOneInUse) {
  anchored_ = true;
  auto mine = open();
  const Bytes old = place_->read();
  rotate_domain(*open());
  place_->put(old);
  EXPECT_EQ(mine->refresh_without_waiting().code(), Code::kRolledBack);
  asked_ = 0;
  EXPECT_EQ(LiveKeyring::open(surroundings(*place_)).code(), Code::kRolledBack);
  EXPECT_EQ(asked_, 0) << "nobody follows what a keyring says that is refused anyway";
}

TEST_P(LiveKeyringTest, BytesThatAreNoKeyringLeaveTheSnapshotInUse) {
  auto mine = open();
  const Bytes good = place_->read();
  Bytes bad = good;
  bad.back() ^= 1;
  place_->put(bad);
  EXPECT_TRUE(mine->refresh_without_waiting().is_ok()) << "a disk's fault stops nobody";
  EXPECT_EQ(mine->condition().last_refresh.code(), Code::kDamaged);
  place_->put(good);
  EXPECT_TRUE(mine->refresh().is_ok());
}

TEST_P(LiveKeyringTest, NoChangeIsLostWhenSeveralChangeAtOnce) {
  constexpr int kThreads = 3, kChanges = 15;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread] {
      auto mine = open();
      for (int i = 0; i < kChanges; ++i) {
        const std::string name = "d" + std::to_string(thread) + "." + std::to_string(i);
        const Status added = mine->update([&](Keyring& keyring) { return keyring.add_domain(name, 2); });
        EXPECT_TRUE(added.is_ok()) << added.to_string();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto all = open();
  EXPECT_EQ(all->snapshot()->domains().size(), 1u + kThreads * kChanges);
  EXPECT_EQ(all->snapshot()->version(), 1u + kThreads * kChanges);
}

TEST_P(LiveKeyringTest, AChangeThatFailsSavesNothing) {
  auto mine = open();
  const Status failed = mine->update([](Keyring& keyring) -> Status {
    COFFER_TRY(keyring.add_domain("half", 2));
    return {Code::kConflict, "not tried again"};
  });
  EXPECT_EQ(failed.message(), "not tried again");
  EXPECT_EQ(open()->snapshot()->version(), 1u);
  EXPECT_EQ(mine->snapshot()->find_domain("half"), nullptr);
}

TEST_P(LiveKeyringTest, ReadersAndRotationsOfEveryKindRunAtOnce) {
  auto mine = open();
  auto other = open();
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      uint64_t version = 0;
      while (!stop) {
        EXPECT_TRUE(mine->refresh_without_waiting().is_ok());
        const auto keys = mine->snapshot();
        EXPECT_GE(keys->version(), version) << "never back";
        EXPECT_NE(keys->find_domain(kSystemDomain)->active(), nullptr);
        version = keys->version();
      }
    });
  }
  for (int i = 0; i < 5; ++i) {
    rotate_domain(*other);
    EXPECT_TRUE(other->rotate_root({}).is_ok());
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_TRUE(mine->refresh().is_ok());
  EXPECT_EQ(mine->snapshot()->version(), 11u);
}

TEST_P(LiveKeyringTest, AMovedRootKeyIsUsedUntilTheRootIsRotated) {
  ASSERT_TRUE(Disk::posix().rename(directory_ / "root.key", directory_ / "moved.key").is_ok());
  auto mine = open(key_uri("moved.key"));
  rotate_root(*mine);
  EXPECT_EQ(mine->header()->slots.front().provider_uri, key_uri("other.key"));
  // Another program rotates once more; the place that was given for the first root key says nothing of this one.
  ASSERT_TRUE(open()->rotate_root({}).is_ok());
  EXPECT_TRUE(mine->refresh().is_ok());
}

TEST_P(LiveKeyringTest, NewsIsToldOnceToEachThatAsks) {
  auto mine = open();
  uint64_t seen = 0, late = 0;
  EXPECT_THAT(mine->news_since(seen), HasSubstr("version 1 is in use"));
  EXPECT_EQ(mine->news_since(seen), "");
  ASSERT_TRUE(mine->refresh().is_ok());
  EXPECT_EQ(mine->news_since(seen), "") << "a look that finds nothing is no news";

  rotate_root(*open());
  remove_key("other.key");
  for (int again = 0; again < 3; ++again) EXPECT_FALSE(mine->refresh().is_ok());
  const std::string behind = mine->news_since(seen);
  EXPECT_THAT(behind, HasSubstr("version 1 stays in use"));
  EXPECT_THAT(behind, HasSubstr("other.key"));
  EXPECT_EQ(mine->news_since(seen), "") << "the same failure again is no news";
  EXPECT_EQ(mine->news_since(late), behind) << "who asks later hears how things are";

  write_key("other.key", 0x82);
  ASSERT_TRUE(mine->refresh().is_ok());
  EXPECT_THAT(mine->news_since(seen), HasSubstr("version 2 is in use"));

  place_->put(Bytes(place_->read()));
  ASSERT_TRUE(mine->refresh().is_ok()) << "the very one in use";
  EXPECT_EQ(mine->news_since(seen), "");
}

TEST_P(LiveKeyringTest, AFailureThatLastsIsNewsOnceHoweverOftenAProviderIsAskedAside) {
  retry_delay_ = {};
  auto mine = open();
  rotate_root(*open());
  remove_key("other.key");
  EXPECT_FALSE(mine->refresh().is_ok());
  uint64_t seen = 0;
  EXPECT_THAT(mine->news_since(seen), HasSubstr("other.key"));
  for (int again = 0; again < 3; ++again) {
    asked_ = 0;
    EXPECT_TRUE(mine->refresh_without_waiting().is_ok());
    EXPECT_EQ(mine->news_since(seen), "") << "not while it is asked";
    EXPECT_FALSE(mine->refresh().is_ok());
    EXPECT_EQ(mine->news_since(seen), "") << "nor after it";
    EXPECT_GT(asked_, 0);
  }
}

TEST_P(LiveKeyringTest, RefusalIsNewsThatSaysWhatItStops) {
  auto mine = open();
  const Bytes old = place_->read();
  rotate_domain(*mine);
  uint64_t seen = 0;
  EXPECT_THAT(mine->news_since(seen), HasSubstr("version 2 is in use"));
  place_->put(old);
  EXPECT_FALSE(mine->refresh().is_ok());
  EXPECT_THAT(mine->news_since(seen), testing::AllOf(HasSubstr("no new files"), HasSubstr("rolled_back")));
}

TEST_P(LiveKeyringTest, AnySlotUnlocksAndTheFirstOnesErrorCounts) {
  auto key = keyring_key_of(7);
  KeyringHeader header{id_of(0xc0), 1, {}};
  for (const char* name : {"root.key", "other.key"}) {
    auto provider = open_provider(key_uri(name), {});
    ASSERT_TRUE(provider.is_ok());
    auto slot = make_slot(**provider, header.coffer_id, key);
    ASSERT_TRUE(slot.is_ok());
    header.slots.push_back(std::move(*slot));
  }
  const RootOpener open_root = [](const std::string& uri) { return open_provider(uri, {}); };
  remove_key("root.key");
  EXPECT_TRUE(unlock_slots(header, open_root).is_ok());
  remove_key("other.key");
  const auto locked = unlock_slots(header, open_root);
  EXPECT_EQ(locked.code(), Code::kKeyUnavailable);
  EXPECT_THAT(std::string(locked.status().message()), HasSubstr("root.key"));
}

}  // namespace
}  // namespace coffer
