// What a live keyring owes its readers and its operators, wherever the keyring is kept.
#include "coffer/keys/live_keyring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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
    out.coffer_id = id_of(0xc0);
    out.open_root = [this](const std::string& name, const std::string& uri_instead) -> Result<ConfiguredRoot> {
      ++asked_;
      gate_.pass();
      return configured(name, uri_instead);
    };
    out.retry_delay = retry_delay_;
    if (anchored_) {
      out.open_anchor = [this]() -> Result<std::unique_ptr<VersionAnchor>> {
        return open_file_anchor(anchor_disk_, "/anchor", id_of(0xc0));
      };
    }
    return out;
  }
  void make_first(KeyringPlace& place, uint8_t coffer) {
    auto root = configured("root-1", "");
    ASSERT_TRUE(root.is_ok()) << root.status().to_string();
    auto first = seal_first_keyring(Keyring::create(id_of(coffer), 1).value(), *root, "");
    ASSERT_TRUE(first.is_ok()) << first.status().to_string();
    const KeyringSurroundings around = surroundings(place);
    ASSERT_TRUE(around.store->save(first->sealed, 0, first->audit_record).is_ok());
    ASSERT_TRUE(remember_first_keyring(around, first->sealed).is_ok());
  }

  // root-1 and root-2 are configured, and pinned if the test says so.
  Result<ConfiguredRoot> configured(const std::string& name, const std::string& uri_instead) {
    if (name != "root-1" && name != "root-2") return {Code::kKeyUnavailable, "no root " + name};
    const std::string file = name == "root-1" ? "root.key" : "other.key";
    COFFER_ASSIGN(auto provider, open_provider(uri_instead.empty() ? key_uri(file) : uri_instead, {}));
    return ConfiguredRoot{name, std::move(provider), pins_[name]};
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
    const Status done = live.rotate_root("root-2");
    ASSERT_TRUE(done.is_ok()) << done.to_string();
  }

  TemporaryDirectory directory_;
  MemoryDisk anchor_disk_;
  bool anchored_ = false;
  std::map<std::string, std::string> pins_;
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
  mine->refresh_without_waiting();
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
  for (int i = 0; i < 3; ++i) mine->refresh_without_waiting();
  gate_.wait_for_somebody();
  mine->refresh_without_waiting();
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
  mine->refresh_without_waiting();
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
  mine->refresh_without_waiting();
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

TEST_P(LiveKeyringTest, AnOlderKeyringIsRefusedAndWhoServesGoesOnWithTheNewerOne) {
  auto mine = open();
  const Bytes old = place_->read();
  rotate_domain(*mine);
  const Bytes newest = place_->read();
  place_->put(old);
  mine->refresh_without_waiting();
  EXPECT_EQ(mine->condition().last_refresh.code(), Code::kRolledBack);
  EXPECT_EQ(mine->refresh().code(), Code::kRolledBack);
  EXPECT_EQ(mine->snapshot()->version(), 2u);
  EXPECT_EQ(mine->update([](Keyring&) { return Status::ok(); }).code(), Code::kRolledBack) << "nothing is built on it";
  place_->put(newest);
  EXPECT_TRUE(mine->refresh().is_ok());
}

TEST_P(LiveKeyringTest, AnotherCoffersKeyringIsForeignAndAnotherOfTheSameNumberDiverged) {
  auto mine = open();
  const Bytes first = place_->read();
  ValuePlace elsewhere;
  make_first(elsewhere, 0xc1);
  place_->put(elsewhere.read());
  EXPECT_EQ(mine->refresh().code(), Code::kForeign);
  EXPECT_EQ(LiveKeyring::open(surroundings(*place_)).code(), Code::kForeign) << "nor does a program begin with it";
  ValuePlace sideways;
  make_first(sideways, 0xc0);
  place_->put(sideways.read());
  const Status refused = mine->refresh();
  EXPECT_EQ(refused.code(), Code::kDiverged);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("version 1"));
  place_->put(first);
  EXPECT_TRUE(mine->refresh().is_ok());
}

// Two copies, each changed by itself, and one put in the place of the other.
TEST_P(LiveKeyringTest, ALaterVersionThatDoesNotDescendFromTheOneInUseIsDiverged) {
  auto mine = open();
  const Bytes first = place_->read();
  rotate_domain(*open());
  rotate_domain(*open());
  const Bytes apart = place_->read();
  place_->put(first);
  rotate_domain(*mine);
  const Bytes own = place_->read();
  place_->put(apart);
  EXPECT_EQ(mine->refresh().code(), Code::kDiverged);
  EXPECT_EQ(mine->snapshot()->version(), 2u);
  place_->put(own);
  EXPECT_TRUE(mine->refresh().is_ok());
}

TEST_P(LiveKeyringTest, AKeyringThatAStrangersRootKeyLocksIsTakenUpByNobody) {
  auto mine = open();
  const Bytes own = place_->read();
  // A stranger makes a keyring of this coffer's id and a later version, under a root key of his own.
  write_key("stranger.key", 0x91);
  for (const char* name : {"root-1", "root-9"}) {
    auto stranger = open_provider(key_uri("stranger.key"), {});
    ASSERT_TRUE(stranger.is_ok());
    const ConfiguredRoot root{name, std::move(*stranger)};
    Keyring keyring = Keyring::create(id_of(0xc0), 1).value();
    const Bytes sealed = seal_first_keyring(keyring, root, "")->sealed;
    ASSERT_TRUE(KeyringCodec::prepare_successor(keyring, sealed, 2).is_ok());
    const KeyringKey key = keyring_key_of(9);
    const KeyringSlot slot = make_slot(root, id_of(0xc0), key).value();
    place_->put(KeyringCodec::seal(keyring, std::span(&slot, 1), key).value());
    const Code expected = std::string_view(name) == "root-1" ? Code::kWrongKey : Code::kKeyUnavailable;
    EXPECT_EQ(LiveKeyring::open(surroundings(*place_)).code(), expected) << name;
    EXPECT_EQ(mine->refresh().code(), expected) << name;
    EXPECT_EQ(mine->snapshot()->version(), 1u);
  }
  place_->put(own);
  EXPECT_TRUE(mine->refresh().is_ok());
}

TEST_P(LiveKeyringTest, APinnedRootIsThatKeyOnly) {
  const std::string own =
      configured("root-1", "")->provider->fingerprint(configured("root-1", "")->provider->current().value()).value();
  EXPECT_EQ(own.size(), 32u);
  pins_["root-1"] = own;
  auto mine = open();
  EXPECT_TRUE(mine->rotate_root("").is_ok());
  // Another key at its place neither wraps nor unwraps.
  write_key("root.key", 0x85);
  const Status refused = mine->rotate_root("");
  EXPECT_EQ(refused.code(), Code::kWrongKey);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("pinned to the key with fingerprint " + own));
  pins_["root-1"] = std::string(32, '0');
  write_key("root.key", 0x81);
  EXPECT_EQ(LiveKeyring::open(surroundings(*place_)).code(), Code::kWrongKey);
}

TEST_P(LiveKeyringTest, WhatMayNotBeChangedIsNotChanged) {
  KeyringSurroundings given = surroundings(*place_);
  given.may_change = {Code::kForeign, "a copy"};
  const auto copy = LiveKeyring::open(std::move(given));
  ASSERT_TRUE(copy.is_ok());
  const Bytes before = place_->read();
  EXPECT_EQ((*copy)->update([](Keyring&) { return Status::ok(); }).message(), "a copy");
  EXPECT_EQ((*copy)->rotate_root("root-2").code(), Code::kForeign);
  EXPECT_EQ(place_->read(), before);
  EXPECT_TRUE((*copy)->refresh().is_ok());
}

TEST_P(LiveKeyringTest, AnOldKeyringPutBackIsNoticedByTheAnchorEvenIfItIsTheOneInUse) {
  anchored_ = true;
  auto mine = open();
  const Bytes old = place_->read();
  rotate_domain(*open());
  place_->put(old);
  EXPECT_EQ(mine->refresh().code(), Code::kRolledBack);
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
  mine->refresh_without_waiting();
  EXPECT_EQ(mine->condition().last_refresh.code(), Code::kDamaged);
  place_->put(good);
  EXPECT_TRUE(mine->refresh().is_ok());
}

TEST_P(LiveKeyringTest, AChildThatWasForkedOffClosesItWithoutWaiting) {
  auto mine = open();
  asked_ = 0;
  mine->watch_root();
  while (asked_ == 0) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // most likely it waits by now
  const pid_t child = ::fork();
  if (child == 0) {
    mine.reset();
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_P(LiveKeyringTest, AnotherKeyInTheRootKeysPlaceIsFoundOut) {
  const auto mine = open();
  EXPECT_TRUE(mine->check_root().is_ok());
  write_key("root.key", 0x85);
  EXPECT_EQ(mine->check_root().code(), Code::kWrongKey);
  EXPECT_EQ(mine->snapshot()->version(), 1u) << "another key under the same name takes over by itself only at a server";
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
        mine->refresh_without_waiting();
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
  EXPECT_EQ(mine->header()->slots.front().root, "root-2");
  // Another program rotates once more; the place that was given for the first root key says nothing of this one.
  ASSERT_TRUE(open()->rotate_root({}).is_ok());
  EXPECT_TRUE(mine->refresh().is_ok());
}

TEST_P(LiveKeyringTest, NewsIsToldOnceToEachThatAsks) {
  auto mine = open();
  uint64_t seen = 0, late = 0;
  EXPECT_THAT(mine->news_since(seen), HasSubstr("version 1 is in use; active keys: system:1 ("));
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
    mine->refresh_without_waiting();
    EXPECT_EQ(mine->news_since(seen), "") << "not while it is asked";
    EXPECT_FALSE(mine->refresh().is_ok());
    EXPECT_EQ(mine->news_since(seen), "") << "nor after it";
    EXPECT_GT(asked_, 0);
  }
}

TEST_P(LiveKeyringTest, RefusalIsNews) {
  auto mine = open();
  const Bytes old = place_->read();
  rotate_domain(*mine);
  uint64_t seen = 0;
  EXPECT_THAT(mine->news_since(seen), HasSubstr("version 2 is in use"));
  place_->put(old);
  EXPECT_FALSE(mine->refresh().is_ok());
  EXPECT_THAT(mine->news_since(seen), testing::AllOf(HasSubstr("version 2 stays in use"), HasSubstr("rolled_back")));
}

TEST_P(LiveKeyringTest, AnySlotUnlocksAndTheFirstOnesErrorCounts) {
  auto key = keyring_key_of(7);
  KeyringHeader header{id_of(0xc0), 1, {}};
  for (const char* name : {"root-1", "root-2"}) {
    auto root = configured(name, "");
    ASSERT_TRUE(root.is_ok());
    auto slot = make_slot(*root, header.coffer_id, key);
    ASSERT_TRUE(slot.is_ok());
    header.slots.push_back(std::move(*slot));
  }
  const auto open_root = [this](const std::string& name, const std::string& uri) { return configured(name, uri); };
  remove_key("root.key");
  EXPECT_TRUE(unlock_slots(header, open_root, "").is_ok());
  remove_key("other.key");
  const auto locked = unlock_slots(header, open_root, "");
  EXPECT_EQ(locked.code(), Code::kKeyUnavailable);
  EXPECT_THAT(std::string(locked.status().message()), HasSubstr("root.key"));
}

}  // namespace
}  // namespace coffer
