// Faults at every operation of the disk below, power cuts, and kill -9: nothing synced is lost, nothing comes back
// altered.
#include <rocksdb/system_clock.h>

#include "rocksdb/fault_file_system.h"
#include "rocksdb/store_fixture.h"
#include "support/long.h"
#include "support/own_child.h"
#include "support/seed.h"

namespace coffer {
namespace {

// What a database may hold: for every key the value last known to be durable, and what may have been written since.
class Ledger {
 public:
  void wrote(const std::string& key, const std::string& value, bool acknowledged, bool synced) {
    entries_[key].written.push_back({value, acknowledged});
    if (!acknowledged || !synced) return;
    // A synced write makes everything before it durable as well.
    for (auto& [_, entry] : entries_) entry.settle();
  }

  void check(rocksdb::DB* db) const {
    std::map<std::string, std::string> contents = contents_of(db);
    for (const auto& [key, value] : contents) {
      auto entry = entries_.find(key);
      ASSERT_NE(entry, entries_.end()) << key << " was never written";
      const auto& written = entry->second.written;
      const bool is_one_of_them = std::any_of(written.begin(), written.end(),
                                              [&, &value = value](const Written& one) { return one.value == value; });
      ASSERT_TRUE(is_one_of_them) << key << " has a value it cannot have";
    }
    for (const auto& [key, entry] : entries_) {
      ASSERT_TRUE(!entry.must_exist || contents.count(key) == 1) << key << " was acknowledged and is gone";
    }
  }
  // After recovery, what is there is what counts.
  void adopt(rocksdb::DB* db) {
    entries_.clear();
    for (const auto& [key, value] : contents_of(db)) entries_[key] = {{{value, true}}, true};
  }

 private:
  struct Written {
    std::string value;
    bool acknowledged;
  };
  struct Entry {
    std::vector<Written> written;
    bool must_exist = false;

    void settle() {
      auto last = std::find_if(written.rbegin(), written.rend(), [](const Written& one) { return one.acknowledged; });
      if (last == written.rend()) return;
      must_exist = true;
      written.erase(written.begin(), last.base() - 1);
    }
  };
  std::map<std::string, Entry> entries_;
};

// RocksDB sleeps a second after each failure in the background; these tests fail hundreds of times.
class ImpatientEnv : public rocksdb::EnvWrapper {
 public:
  explicit ImpatientEnv(rocksdb::Env* env) : EnvWrapper(env) {
    system_clock_ = std::make_shared<ImpatientClock>(env->GetSystemClock());
    file_system_ = env->GetFileSystem();
  }

 private:
  struct ImpatientClock : rocksdb::SystemClockWrapper {
    using SystemClockWrapper::SystemClockWrapper;
    const char* Name() const override { return "ImpatientClock"; }
    void SleepForMicroseconds(int) override { SystemClockWrapper::SleepForMicroseconds(10); }
  };
};

// A database upon a Coffer file system upon a disk in memory that fails and forgets.
class FaultyDisk {
 public:
  explicit FaultyDisk(Workplace& work) : work_(work), memory_(rocksdb::NewMemEnv(rocksdb::Env::Default())) {
    disk_ = std::make_shared<FaultFileSystem>(memory_->GetFileSystem());
    work_.reopen(disk_);
    env_ = std::make_unique<ImpatientEnv>(work_.env());
  }

  FaultFileSystem& disk() { return *disk_; }
  rocksdb::Options options() const {
    rocksdb::Options options = work_.options();
    options.env = env_.get();
    options.write_buffer_size = 16 << 10;
    options.max_background_jobs = 1;
    options.paranoid_file_checks = true;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    return options;
  }
  rocksdb::Status open(OpenDb* db) const {
    rocksdb::DB* opened = nullptr;
    rocksdb::Status status = rocksdb::DB::Open(options(), "/db", &opened);
    *db = OpenDb(opened);
    return status;
  }

 private:
  Workplace& work_;
  std::unique_ptr<rocksdb::Env> memory_;
  std::shared_ptr<FaultFileSystem> disk_;
  std::unique_ptr<rocksdb::Env> env_;
};

class Crash : public ::testing::TestWithParam<std::pair<Kind, Kind>> {
 protected:
  Crash() : work_(config_of(GetParam().first, GetParam().second)) {}
  Workplace work_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, Crash,
                         ::testing::Values(std::pair(Kind::kBlocks, Kind::kLog), std::pair(Kind::kCtr, Kind::kCtr)),
                         [](const auto& kinds) {
                           return std::string(kind_name(kinds.param.first)) + "_" +
                                  std::string(kind_name(kinds.param.second));
                         });

// Puts, flushes and a compaction; every failure is told, and then nothing more is expected of the database.
void work_on(rocksdb::DB* db, Ledger& ledger) {
  for (int i = 0; i < 12; ++i) {
    rocksdb::WriteOptions write;
    write.sync = i % 2 == 0;
    const std::string key = key_of(i % 5), value = value_of(i, 300);
    ledger.wrote(key, value, db->Put(write, key, value).ok(), write.sync);
    if (i == 5 || i == 9) db->Flush({}).PermitUncheckedError();
  }
  db->CompactRange({}, nullptr, nullptr).PermitUncheckedError();
  std::string value;
  db->Get({}, key_of(1), &value).PermitUncheckedError();
}

// Every fourth, another one for each kind and mode, unless it may take long.
TEST_P(Crash, EveryOperationOfTheDiskMayFail) {
  for (FaultMode mode : {FaultMode::kOnce, FaultMode::kForGood}) {
    const int64_t first = (mode == FaultMode::kOnce ? 0 : 1) + (GetParam().first == Kind::kCtr ? 2 : 0);
    int64_t countdown = may_take_long() ? 0 : first;
    for (bool injected = true; injected; countdown += may_take_long() ? 1 : 4) {
      SCOPED_TRACE("operation " + std::to_string(countdown) + (mode == FaultMode::kOnce ? " once" : " for good"));
      FaultyDisk faulty(work_);
      Ledger ledger;
      {
        OpenDb db;
        faulty.disk().faults().arm(countdown, mode);
        if (faulty.open(&db).ok()) work_on(db.get(), ledger);
        // Closing happens under the fault as well.
      }
      faulty.disk().faults().disarm();
      injected = faulty.disk().faults().injected() > 0;
      OpenDb db;
      rocksdb::Status status = faulty.open(&db);
      ASSERT_TRUE(status.ok()) << status.ToString();
      ledger.check(db.get());
      if (HasFatalFailure()) return;
      ASSERT_FINE(db->Put({}, "after", "all"));
    }
    EXPECT_GT(countdown, 100) << "the disk was hardly used: the test proves nothing";
  }
}

void cut_power_again_and_again(Workplace& work, uint64_t seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  FaultyDisk faulty(work);
  Ledger ledger;
  for (int cut = 0; cut < 150; ++cut) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    {
      OpenDb db;
      ASSERT_FINE(faulty.open(&db));
      ledger.check(db.get());
      if (::testing::Test::HasFatalFailure()) return;
      ledger.adopt(db.get());
      // The power goes at some operation, or, if there are not so many, when all is done.
      faulty.disk().faults().arm(static_cast<int64_t>(random() % 300), FaultMode::kForGood);
      for (int i = 0; i < 60 && faulty.disk().faults().injected() == 0; ++i) {
        rocksdb::WriteOptions write;
        write.sync = random() % 3 == 0;
        const std::string key = key_of(static_cast<int>(random() % 20));
        const std::string value = value_of(static_cast<int>(random() % 100000), random() % 2000);
        ledger.wrote(key, value, db->Put(write, key, value).ok(), write.sync);
        if (random() % 20 == 0) db->Flush({}).PermitUncheckedError();
      }
      faulty.disk().faults().arm(0, FaultMode::kForGood);
    }
    faulty.disk().faults().disarm();
    faulty.disk().cut_power(random);
  }
}

TEST_P(Crash, PowerCutsLoseNothingThatWasSynced) {
  for (uint64_t seed : seeds(2)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    cut_power_again_and_again(work_, seed);
  }
}

// Not a test of its own: what the next one runs in another process, until it is killed.
TEST(Child, WritesUntilItIsKilled) {
  const char* coffer_directory = std::getenv("COFFER_TEST_CHILD_COFFER");
  const char* db_path = std::getenv("COFFER_TEST_CHILD_DB");
  if (coffer_directory == nullptr || db_path == nullptr) GTEST_SKIP() << "is run by AKilledProcess";
  auto env = open_coffer_env(coffer_directory);
  ASSERT_FINE(env);
  rocksdb::Options options;
  options.env = env.value().get();
  options.create_if_missing = true;
  options.write_buffer_size = 64 << 10;
  rocksdb::DB* db = nullptr;
  ASSERT_FINE(rocksdb::DB::Open(options, db_path, &db));
  int first = 0;
  std::string value;
  while (db->Get({}, key_of(first), &value).ok()) ++first;
  rocksdb::WriteOptions write;
  write.sync = true;
  for (int i = first;; ++i) {
    ASSERT_FINE(db->Put(write, key_of(i), value_of(i, 500)));
    // Acknowledged.
    ASSERT_EQ(::write(STDOUT_FILENO, "!", 1), 1);
  }
}

TEST(AKilledProcess, LeavesAllThatItAcknowledged) {
  Workplace work;
  std::mt19937 random(static_cast<unsigned>(seeds(1).front()));
  int acknowledged = 0;
  for (int round = 0; round < 5; ++round) {
    OwnChild child("Child.*",
                   {{"COFFER_TEST_CHILD_COFFER", work.coffer_directory()}, {"COFFER_TEST_CHILD_DB", work.path("db")}});
    const int enough = acknowledged + 50 + static_cast<int>(random() % 200);
    char byte = 0;
    while (acknowledged < enough && child.read(&byte)) acknowledged += byte == '!';
    ASSERT_GE(acknowledged, enough) << "the child ended before it was killed";
    child.kill();
    while (child.read(&byte)) acknowledged += byte == '!';

    OpenDb db = work.open();
    ASSERT_TRUE(db);
    for (int i = 0; i < acknowledged; ++i) {
      std::string value;
      ASSERT_FINE(db->Get({}, key_of(i), &value));
      ASSERT_EQ(value, value_of(i, 500));
    }
    // One more may have been written than acknowledged; the next child counts from there.
    std::string value;
    while (db->Get({}, key_of(acknowledged), &value).ok()) ++acknowledged;
  }
  work.expect_no_plaintext("db");
}

}  // namespace
}  // namespace coffer
