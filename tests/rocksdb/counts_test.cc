// A database keeps the counts of its files as a full count would find them; and opening a store looks at no file but
// those that are read.
#include <mutex>
#include <set>
#include <thread>

#include "coffer/ops/inventory.h"
#include "coffer/ops/rewrap.h"
#include "rocksdb/store_fixture.h"

namespace coffer {
namespace {

// By class of files; what belongs to no key is not for a database to count.
std::map<FileClass, Usage> encrypted_of(const std::map<Id, StoreCounts>& stores) {
  std::map<FileClass, Usage> out;
  for (const auto& [store, counts] : stores) {
    for (const auto& [of, usage] : counts.by_class) {
      if (of.what != FileClass::What::kEncrypted) continue;
      out[of].files += usage.files;
      out[of].bytes += usage.bytes;
    }
  }
  return out;
}

class CountsOfADatabase : public ::testing::TestWithParam<std::pair<Kind, Kind>> {
 protected:
  std::map<FileClass, Usage> counted_anew() {
    FileTally tally(work_.coffer());
    EXPECT_FINE(visit_files(work_.coffer(), {}, [&](const InventoryFile& file) {
      tally.add(file);
      return Status::ok();
    }));
    return encrypted_of(tally.result().stores);
  }
  std::map<FileClass, Usage> kept() {
    EXPECT_FINE(work_.coffer().file_counts().save());
    const auto loaded = work_.coffer().file_counts().load();
    EXPECT_FINE(loaded);
    return loaded.is_ok() && *loaded ? encrypted_of((*loaded)->stores) : std::map<FileClass, Usage>();
  }
  rocksdb::Options options() {
    rocksdb::Options options = work_.options();
    options.write_buffer_size = 64 << 10;
    options.recycle_log_file_num = 2;
    options.keep_log_file_num = 2;
    options.max_manifest_file_size = 4096;
    return options;
  }
  void rotate() {
    ASSERT_FINE(work_.coffer().live_keyring().update([](Keyring& next) { return next.rotate_domain("system", 2000); }));
  }
  // What came and went before is told from what comes later by the clock, in milliseconds.
  void count_all(rocksdb::DB* db = nullptr) {
    if (db != nullptr) ASSERT_FINE(db->PauseBackgroundWork());
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    const auto counted = take_inventory(work_.coffer(), {}, FileCounts::Keep::kAlways);
    ASSERT_FINE(counted);
    ASSERT_FINE(counted->kept);
    if (db != nullptr) ASSERT_FINE(db->ContinueBackgroundWork());
  }
  // One that is cut short by the end of a database may delete its file before it has closed it, which is then counted
  // as there until the next full count.
  void end_compactions(rocksdb::DB& db) {
    ASSERT_FINE(db.SetOptions({{"disable_auto_compactions", "true"}}));
    ASSERT_FINE(db.PauseBackgroundWork());
    ASSERT_FINE(db.ContinueBackgroundWork());
  }
  void fill(rocksdb::DB& db, int begin, int end) {
    for (int i = begin; i < end; ++i) ASSERT_FINE(db.Put({}, key_of(i), value_of(i)));
    ASSERT_FINE(db.Flush({}));
  }

  Workplace work_{config_of(GetParam().first, GetParam().second)};
};

INSTANTIATE_TEST_SUITE_P(Kinds, CountsOfADatabase, ::testing::ValuesIn(kinds_of_files()), [](const auto& param) {
  return std::string(kind_name(param.param.first)) + "_" + std::string(kind_name(param.param.second));
});

TEST_P(CountsOfADatabase, AreThoseOfAFullCount) {
  OpenDb db = work_.open(options());
  ASSERT_TRUE(db);
  fill(*db.get(), 0, 500);
  db.close();
  count_all();
  EXPECT_EQ(kept(), counted_anew());

  for (int round = 1; round <= 3; ++round) {
    db = work_.open(options());
    ASSERT_TRUE(db);
    fill(*db.get(), round * 500, round * 500 + 3000);
    rotate();
    fill(*db.get(), 0, 1500);
    if (round == 2) ASSERT_FINE(db->CompactRange({}, nullptr, nullptr));
    ASSERT_FINE(db->Put({}, "last", "not flushed"));
    end_compactions(*db.get());
    db.close();
    EXPECT_EQ(kept(), counted_anew()) << "round " << round;
  }
  // Under the first key nothing was left behind that is not there.
  ASSERT_FINE(rewrap(work_.coffer(), {}, {}, nullptr));
  EXPECT_EQ(kept(), counted_anew());
  EXPECT_EQ(kept().size(), 1u);
}

// While it is served, as many files; their sizes as of the last minute.
TEST_P(CountsOfADatabase, AFullCountInBetweenCountsNoFileTwice) {
  OpenDb db = work_.open(options());
  ASSERT_TRUE(db);
  fill(*db.get(), 0, 500);
  count_all(db.get());
  fill(*db.get(), 500, 2000);
  ASSERT_FINE(work_.coffer().file_counts().save());
  count_all(db.get());
  fill(*db.get(), 2000, 4000);
  db.close();
  const auto anew = counted_anew(), counted = kept();
  ASSERT_EQ(anew.size(), counted.size());
  for (const auto& [of, usage] : anew) EXPECT_EQ(counted.at(of).files, usage.files);
}

class OpenedPaths final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "OpenedPaths"; }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                        rocksdb::IODebugContext* dbg) override {
    note(path);
    return target()->NewRandomAccessFile(path, options, result, dbg);
  }
  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                      rocksdb::IODebugContext* dbg) override {
    note(path);
    return target()->NewSequentialFile(path, options, result, dbg);
  }

  std::set<std::string> tables() {
    std::lock_guard lock(mutex_);
    return tables_;
  }

 private:
  void note(const std::string& path) {
    std::lock_guard lock(mutex_);
    if (path.ends_with(".sst")) tables_.insert(path);
  }
  std::mutex mutex_;
  std::set<std::string> tables_;
};

TEST(FirstReadAfterOpening, LooksAtNoOtherFile) {
  constexpr int kTables = 30;
  Workplace work;
  rocksdb::Options options = work.options();
  options.disable_auto_compactions = true;
  OpenDb db = work.open(options);
  ASSERT_TRUE(db);
  for (int i = 0; i < kTables; ++i) {
    ASSERT_FINE(db->Put({}, key_of(i), value_of(i)));
    ASSERT_FINE(db->Flush({}));
  }
  db.close();
  const auto paths = std::make_shared<OpenedPaths>(rocksdb::FileSystem::Default());
  work.reopen(paths);
  EXPECT_EQ(paths->tables(), std::set<std::string>());
  // By itself RocksDB asks each table for its size, and opens as many as it may keep open.
  options = work.options();
  options.disable_auto_compactions = true;
  options.skip_checking_sst_file_sizes_on_db_open = true;
  options.skip_stats_update_on_db_open = true;
  options.max_open_files = 12;
  db = work.open(options);
  ASSERT_TRUE(db);
  const std::set<std::string> at_open = paths->tables();
  EXPECT_LE(at_open.size(), size_t{kTables} / 10);
  std::string value;
  ASSERT_FINE(db->Get({}, key_of(kTables / 2), &value));
  EXPECT_EQ(value, value_of(kTables / 2));
  EXPECT_LE(paths->tables().size(), at_open.size() + 1);
}

}  // namespace
}  // namespace coffer
