// A RocksDB database on a coffer behaves as one without.
#include <rocksdb/write_batch.h>

#include "rocksdb/store_fixture.h"
#include "support/seed.h"

namespace coffer {
namespace {

class Database : public ::testing::TestWithParam<std::pair<Kind, Kind>> {
 protected:
  Database() : work_(config_of(GetParam().first, GetParam().second)) {}
  Workplace work_;
};

std::string kinds_of(const ::testing::TestParamInfo<std::pair<Kind, Kind>>& info) {
  return std::string(kind_name(info.param.first)) + "_" + std::string(kind_name(info.param.second));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Database, ::testing::ValuesIn(kinds_of_files()), kinds_of);

TEST_P(Database, KeepsWhatWasWrittenAcrossFlushCompactionAndReopening) {
  {
    OpenDb db = work_.open();
    ASSERT_TRUE(db);
    for (int i = 0; i < 3000; ++i) ASSERT_FINE(db->Put({}, key_of(i), value_of(i)));
    ASSERT_FINE(db->Flush({}));
    for (int i = 0; i < 3000; i += 3) ASSERT_FINE(db->Delete({}, key_of(i)));
    ASSERT_FINE(db->Flush({}));
    ASSERT_FINE(db->CompactRange({}, nullptr, nullptr));
    ASSERT_FINE(db->Put({}, "unflushed", value_of(-1)));
  }
  work_.reopen();
  OpenDb db = work_.open();
  ASSERT_TRUE(db);
  for (int i = 0; i < 3000; ++i) {
    std::string value;
    rocksdb::Status status = db->Get({}, key_of(i), &value);
    if (i % 3 == 0) {
      ASSERT_TRUE(status.IsNotFound()) << i;
    } else {
      ASSERT_FINE(status);
      ASSERT_EQ(value, value_of(i));
    }
  }
  std::string value;
  ASSERT_FINE(db->Get({}, "unflushed", &value));
  ASSERT_FINE(db->VerifyChecksum());
  db.close();
  work_.expect_no_plaintext("db");
}

// The same operations, chosen by a seed, on a database with a coffer and on one without.
class Twins {
 public:
  Twins(const Workplace& work, uint64_t seed) : work_(work), random_(static_cast<unsigned>(seed)) { open(); }

  void run(int operations) {
    for (int i = 0; i < operations && !::testing::Test::HasFatalFailure(); ++i) step();
    EXPECT_EQ(contents_of(sealed_.get()), contents_of(plain_.get()));
  }

 private:
  void open() {
    sealed_.close();
    plain_.close();
    rocksdb::Options options = work_.options();
    options.write_buffer_size = 64 << 10;
    options.target_file_size_base = 64 << 10;
    sealed_ = work_.open(options, "sealed");
    options.env = rocksdb::Env::Default();
    plain_ = work_.open(options, "plain");
    ASSERT_TRUE(sealed_ && plain_);
  }

  template <class Operation>
  void both(const Operation& operation) {
    rocksdb::Status of_sealed = operation(sealed_.get());
    rocksdb::Status of_plain = operation(plain_.get());
    ASSERT_EQ(of_sealed.code(), of_plain.code()) << of_sealed.ToString() << " / " << of_plain.ToString();
  }

  void step() {
    const int choice = static_cast<int>(random_() % 1000);
    const std::string key = key_of(static_cast<int>(random_() % 500));
    if (choice < 700) {
      const std::string value = value_of(static_cast<int>(random_() % 10000), random_() % 3000);
      rocksdb::WriteOptions options;
      options.sync = random_() % 50 == 0;
      both([&](rocksdb::DB* db) { return db->Put(options, key, value); });
    } else if (choice < 850) {
      both([&](rocksdb::DB* db) { return db->Delete({}, key); });
    } else if (choice < 980) {
      std::string values[2];
      int i = 0;
      both([&](rocksdb::DB* db) { return db->Get({}, key, &values[i++]); });
      ASSERT_EQ(values[0], values[1]);
    } else if (choice < 992) {
      both([](rocksdb::DB* db) { return db->Flush({}); });
    } else if (choice < 996) {
      both([](rocksdb::DB* db) { return db->CompactRange({}, nullptr, nullptr); });
    } else {
      open();
    }
  }

  const Workplace& work_;
  std::mt19937 random_;
  OpenDb sealed_;
  OpenDb plain_;
};

TEST_P(Database, DoesWhatOneWithoutCofferDoes) {
  for (uint64_t seed : seeds(2)) {
    SCOPED_TRACE("COFFER_SEED=" + std::to_string(seed));
    Twins(work_, seed).run(1500);
    std::filesystem::remove_all(work_.path("sealed"));
    std::filesystem::remove_all(work_.path("plain"));
  }
}

TEST_P(Database, WritesNothingInClearNotEvenItsLog) {
  rocksdb::Options options = work_.options();
  options.info_log_level = rocksdb::DEBUG_LEVEL;
  options.statistics = rocksdb::CreateDBStatistics();
  rocksdb::ColumnFamilyHandle* family = nullptr;
  OpenDb db = work_.open(options);
  ASSERT_TRUE(db);
  // Names of column families go to MANIFEST, OPTIONS and LOG.
  ASSERT_FINE(db->CreateColumnFamily(options, kCanary, &family));
  ASSERT_FINE(db->Put({}, family, kCanary, kCanary));
  ASSERT_FINE(db->Flush({}, family));
  ASSERT_FINE(db->DestroyColumnFamilyHandle(family));
  db.close();
  EXPECT_FALSE(files_below(work_.path("db"), "LOG").empty());
  work_.expect_no_plaintext("db");
  // And the log can be read.
  std::string log;
  ASSERT_FINE(rocksdb::ReadFileToString(work_.env(), work_.path("db/LOG"), &log));
  EXPECT_THAT(log, ::testing::HasSubstr(kCanary));
  EXPECT_THAT(log, ::testing::HasSubstr("Shutdown complete"));
}

TEST_P(Database, RefusesASecondOpener) {
  OpenDb db = work_.open();
  ASSERT_TRUE(db);
  EXPECT_TRUE(work_.try_open(work_.options()).IsIOError());
  ASSERT_FINE(db->Put({}, "a", "b"));
}

}  // namespace
}  // namespace coffer
