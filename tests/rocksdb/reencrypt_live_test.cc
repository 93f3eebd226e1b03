// Files of a database get other keys while it is served: nobody who reads or writes notices.
#include <rocksdb/table.h>

#include <thread>

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/engines/rocksdb/reencrypt.h"
#include "coffer/files/successor.h"
#include "coffer/ops/inventory.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/rewrap.h"
#include "coffer/ops/verify.h"
#include "coffer/store/runs.h"
#include "rocksdb/store_fixture.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using Families = std::vector<rocksdb::ColumnFamilyHandle*>;
constexpr int kKeys = 600;

class ReencryptLive : public ::testing::Test {
 protected:
  explicit ReencryptLive(const Config& config = {}) : work_(config) {}
  // A family of each style of compaction, and one with blob files; entries have a time to live.
  void open() {
    rocksdb::Options options = work_.options();
    options.create_missing_column_families = true;
    options.write_buffer_size = 64 << 10;
    options.max_open_files = open_files_;
    rocksdb::BlockBasedTableOptions tables;
    tables.no_block_cache = true;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(tables));
    rocksdb::ColumnFamilyOptions blobs = options, universal = options, fifo = options;
    blobs.enable_blob_files = true;
    blobs.min_blob_size = 500;
    universal.compaction_style = rocksdb::kCompactionStyleUniversal;
    universal.ttl = 30 * 86400;
    fifo.compaction_style = rocksdb::kCompactionStyleFIFO;
    fifo.ttl = 0;  // RocksDB wants all of such a family's files open
    rocksdb::DB* db = nullptr;
    ASSERT_FINE(rocksdb::DB::Open(
        options, work_.path("db"),
        {{rocksdb::kDefaultColumnFamilyName, options}, {"blobs", blobs}, {"universal", universal}, {"fifo", fifo}},
        &families_, &db));
    db_ = OpenDb(db);
  }
  void close() {
    for (rocksdb::ColumnFamilyHandle* family : families_) ASSERT_FINE(db_->DestroyColumnFamilyHandle(family));
    families_.clear();
    db_.close();
  }
  ~ReencryptLive() override {
    if (db_) close();
  }

  void fill() {
    for (rocksdb::ColumnFamilyHandle* family : families_) {
      for (int round = 0; round < 3; ++round) {
        for (int i = round; i < kKeys; i += 2) ASSERT_FINE(db_->Put({}, family, key_of(i), value(i, round)));
        ASSERT_FINE(db_->Flush({}, family));
      }
      for (int i = 0; i < kKeys; i += 7) ASSERT_FINE(db_->Delete({}, family, key_of(i)));
    }
    // What lies in the last level no compaction comes to by itself.
    for (int i = 0; i < 2; ++i) ASSERT_FINE(db_->CompactRange({}, families_[i], nullptr, nullptr));
    for (rocksdb::ColumnFamilyHandle* family : families_) ASSERT_FINE(db_->Put({}, family, "last", "in the log"));
  }
  static std::string value(int i, int round) { return value_of(i * 10 + round, i % 5 == 0 ? 1500 : 60); }

  std::map<std::string, std::string> contents(rocksdb::ReadOptions options = {}) {
    std::map<std::string, std::string> out;
    for (rocksdb::ColumnFamilyHandle* family : families_) {
      std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, family));
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        if (it->key().starts_with("written")) continue;
        out[family->GetName() + "/" + it->key().ToString()] = it->value().ToString();
      }
      EXPECT_FINE(it->status());
    }
    return out;
  }

  void rotate() {
    ASSERT_FINE(work_.coffer().live_keyring().update(
        [](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, now_seconds()); }));
  }
  const DomainKeyEntry& key(uint32_t version) {
    keyring_ = work_.coffer().keyring();
    return keyring_->find_domain(kSystemDomain)->keys.at(version - 1);
  }
  Result<ReencryptDatabaseReport> reencrypt(const ReencryptDatabaseOptions& options = {}) {
    return reencrypt_database(*db_.get(), work_.shared(), families_, options);
  }

  // While another thread writes, and one reads what was there before.
  Result<ReencryptDatabaseReport> reencrypt_under_load(const std::map<std::string, std::string>& before, int* count) {
    std::atomic<bool> stop{false};
    std::atomic<int> written{0};
    std::thread writer([&] {
      for (int i = 0; !stop; written = ++i) {
        for (rocksdb::ColumnFamilyHandle* family : families_) {
          ASSERT_FINE(db_->Put({}, family, "written" + key_of(i), value(i, 3)));
        }
      }
    });
    std::thread reader([&] {
      while (!stop) ASSERT_EQ(contents(), before);
    });
    while (written < 100) std::this_thread::yield();
    auto report = reencrypt();
    stop = true;
    writer.join();
    reader.join();
    *count = written;
    return report;
  }
  void expect_written(int count) {
    for (int i = 0; i < count; ++i) {
      for (rocksdb::ColumnFamilyHandle* family : families_) {
        std::string found;
        ASSERT_FINE(db_->Get({}, family, "written" + key_of(i), &found));
        ASSERT_EQ(found, value(i, 3));
      }
    }
  }

  // Paths of files that the key ever protected, by their headers.
  std::set<std::string> protected_by(uint32_t version) {
    std::set<std::string> out;
    EXPECT_FINE(visit_files(work_.coffer(), {}, [&](const InventoryFile& file) {
      if (!file.empty && file.status.is_ok() && file.scan.fields.oldest_key_version <= version &&
          version <= file.scan.fields.newest_key_version) {
        out.insert(file.path);
      }
      return Status::ok();
    }));
    return out;
  }
  void expect_all_sound() {
    EXPECT_FINE(verify(work_.coffer(), {}, {}, [](const VerifiedFile& file) {
      EXPECT_TRUE(file.status.is_ok()) << file.status.to_string();
      EXPECT_FALSE(is_successor(file.path)) << file.path;
      return Status::ok();
    }));
  }

  Workplace work_;
  OpenDb db_;
  Families families_;
  std::shared_ptr<const Keyring> keyring_;
  int open_files_ = 8;  // so that tables are opened all the time
};

// Only what RocksDB alone can make anew waits for it to be opened again.
void expect_left_for_reopening(const ReencryptDatabaseReport& report) {
  EXPECT_EQ(report.files_left, report.left.size());
  for (const auto& left : report.left) {
    const std::string name(base_name(left.path));
    EXPECT_TRUE(name == "CURRENT" || name == "LOG" || name.starts_with("MANIFEST-")) << left.path << ": " << left.when;
    EXPECT_THAT(left.when, HasSubstr("opened next"));
  }
}

// RocksDB reads on in what it has open: files that have lost their name to a successor, and have no other header.
TEST_F(ReencryptLive, WhatIsOpenStaysReadableWhenTheOldKeyIsDestroyed) {
  open_files_ = -1;
  open();
  fill();
  const auto before = contents();
  ASSERT_FINE(work_.coffer().live_keyring().update(
      [&](Keyring& keyring) { return keyring.change_key(key(1).id, KeyState::kCompromised, now_seconds()); }));
  ASSERT_FINE(reencrypt());
  ASSERT_FINE(rewrap(work_.coffer(), {}, {}, nullptr));
  ASSERT_FINE(destroy_key(work_.coffer(), "system:1"));
  std::this_thread::sleep_for(3 * KeyWatch::kInterval);
  EXPECT_EQ(contents(), before);
  close();
  open();
  EXPECT_EQ(contents(), before);
}

TEST_F(ReencryptLive, EveryFileGetsAnotherKeyWhileTheDatabaseIsWrittenAndRead) {
  open();
  fill();
  const auto before = contents();
  rocksdb::ReadOptions at_snapshot;
  at_snapshot.snapshot = db_->GetSnapshot();
  std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator({}, families_[0]));
  iterator->SeekToFirst();
  const Id old_key = key(1).id;
  rotate();

  int written = 0;
  auto report = reencrypt_under_load(before, &written);
  ASSERT_FINE(report);
  EXPECT_GE(report->files, 8u);  // a table of each family, a blob file, OPTIONS, IDENTITY
  EXPECT_GT(report->bytes, 0u);
  EXPECT_EQ(contents(), before);
  EXPECT_EQ(contents(at_snapshot), before);
  db_->ReleaseSnapshot(at_snapshot.snapshot);
  size_t seen = 0;
  for (; iterator->Valid(); iterator->Next(), ++seen) {
    ASSERT_EQ(iterator->value().ToString(), before.at("default/" + iterator->key().ToString()));
  }
  EXPECT_GT(seen, 0u);
  iterator.reset();

  // What the iterator kept is deleted by now, or by the run.
  report = reencrypt();
  ASSERT_FINE(report);
  expect_left_for_reopening(*report);
  std::set<std::string> left;
  for (const auto& file : report->left) left.insert(file.path);
  EXPECT_EQ(protected_by(1), left);
  expect_all_sound();

  close();
  open();
  report = reencrypt();
  ASSERT_FINE(report);
  EXPECT_EQ(report->files_left, 0u) << report->left.front().path;
  EXPECT_EQ(protected_by(1), std::set<std::string>());
  auto inventory = take_inventory(work_.coffer(), {});
  ASSERT_FINE(inventory);
  EXPECT_FALSE(is_in_use(key(1), *inventory));
  EXPECT_FALSE(inventory->by_key.contains(old_key));
  EXPECT_EQ(contents(), before);
  expect_written(written);
}

// The bytes are the same, so whatever they say is.
TEST_F(ReencryptLive, TablesStayAsTheyAre) {
  open();
  fill();
  for (rocksdb::ColumnFamilyHandle* family : families_) ASSERT_FINE(db_->Flush({}, family));
  ASSERT_FINE(db_->PauseBackgroundWork());
  const auto described = [&] {
    std::vector<rocksdb::LiveFileMetaData> tables;
    db_->GetLiveFilesMetaData(&tables);
    std::map<std::string, std::string> out;
    for (const auto& table : tables) {
      out[table.name] = table.column_family_name + " " + std::to_string(table.level) + " " +
                        std::to_string(table.size) + " " + std::to_string(table.smallest_seqno) + " " +
                        std::to_string(table.largest_seqno);
    }
    for (rocksdb::ColumnFamilyHandle* family : families_) {
      rocksdb::TablePropertiesCollection properties;
      EXPECT_FINE(db_->GetPropertiesOfAllTables(family, &properties));
      for (const auto& [path, table] : properties) {
        out[path] = table->ToString() + " " + table->db_session_id + " " + std::to_string(table->creation_time);
      }
    }
    return out;
  };
  const auto before = described();
  rotate();
  ASSERT_FINE(reencrypt({.domain = "system"}));
  EXPECT_EQ(described(), before);
  EXPECT_GT(before.size(), 8u);
  ASSERT_FINE(db_->ContinueBackgroundWork());
  std::set<std::string> old = protected_by(1);
  std::erase_if(old, [](const std::string& path) { return !path.ends_with(".sst") && !path.ends_with(".blob"); });
  EXPECT_EQ(old, std::set<std::string>());
}

TEST_F(ReencryptLive, StopsAndStandsStillWhenAsked) {
  open();
  fill();
  rotate();
  std::atomic<bool> stop{false};
  ReencryptDatabaseOptions options;
  options.stop = &stop;
  options.rate = [] { return std::optional<uint64_t>(50'000'000); };
  options.progress = [&](const ReencryptDatabaseReport& so_far) { stop = so_far.files == 2; };
  auto report = reencrypt(options);
  ASSERT_FINE(report);
  EXPECT_TRUE(report->stopped);
  EXPECT_EQ(report->files, 2u);
  EXPECT_GT(report->files_left, 5u);
  expect_all_sound();

  stop = false;
  std::atomic<bool> suspend{true};
  std::atomic<int> told{0};
  options.suspend = &suspend;
  options.progress = [&](const ReencryptDatabaseReport&) { ++told; };
  std::thread run([&] { report = reencrypt(options); });
  while (told == 0) std::this_thread::yield();  // what there is to do
  const size_t left = protected_by(1).size();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(told, 1);
  EXPECT_EQ(protected_by(1).size(), left);
  suspend = false;
  run.join();
  ASSERT_FINE(report);
  EXPECT_FALSE(report->stopped);
  expect_left_for_reopening(*report);
}

TEST_F(ReencryptLive, OnlyWhatAKeyProtected) {
  open();
  fill();
  rotate();
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    ASSERT_FINE(db_->Put({}, family, "more", "words"));
    ASSERT_FINE(db_->Flush({}, family));
  }
  rotate();
  ASSERT_FINE(reencrypt({.domain = "system", .key = 1}));
  EXPECT_GE(protected_by(2).size(), 2u);
  const std::set<std::string> old = protected_by(1);
  EXPECT_EQ(old.size(), 3u) << ::testing::PrintToString(old);  // CURRENT, LOG, MANIFEST
  EXPECT_EQ(reencrypt({.domain = "system", .key = 3}).code(), Code::kInvalidArgument);
  EXPECT_EQ(reencrypt({.domain = "system", .key = 9}).code(), Code::kNotFound);
  EXPECT_EQ(reencrypt({.key = 1}).code(), Code::kInvalidArgument);
  EXPECT_EQ(reencrypt({.domain = "nobodys"}).code(), Code::kNotFound);
}

// What was cut must not come out whole; what a crash left is nobody's.
TEST_F(ReencryptLive, DamageStaysDamageAndLeftoversGo) {
  open();
  fill();
  rotate();
  std::string cut;
  for (const std::string& path : files_below(work_.path("db"))) {
    if (base_name(path).starts_with("OPTIONS-")) cut = path;
  }
  const std::string bytes = read_bytes(cut);
  write_bytes(cut, bytes.substr(0, bytes.size() - 40));
  write_bytes(work_.path("db/.coffer-new.000009.sst"), "half a file");
  auto report = reencrypt();
  ASSERT_FINE(report);
  const auto found = std::ranges::find(report->left, cut, &ReencryptDatabaseReport::Left::path);
  ASSERT_NE(found, report->left.end());
  EXPECT_THAT(found->when, HasSubstr("complete once"));
  EXPECT_EQ(read_bytes(cut).size(), bytes.size() - 40);
  for (const std::string& path : files_below(work_.path("db"))) EXPECT_FALSE(is_successor(path)) << path;
  write_bytes(cut, bytes);
}

TEST_F(ReencryptLive, ACompromisedKeysFilesFollowByThemselves) {
  open();
  fill();
  ASSERT_FINE(change_key(work_.coffer(), "system:1", KeyState::kCompromised));
  std::atomic<int> files{0};
  ReencryptDatabaseOptions options;
  options.progress = [&](const ReencryptDatabaseReport& so_far) { files = static_cast<int>(so_far.files); };
  auto following = follow_reencryption(*db_.get(), work_.shared(), families_, options);
  ASSERT_FINE(following);
  while ((*following)->last().files_left == 0 && (*following)->condition().is_ok()) std::this_thread::yield();
  EXPECT_FINE((*following)->condition());
  expect_left_for_reopening((*following)->last());
  EXPECT_GT(files, 5);
  const auto runs = read_runs(Disk::posix(), work_.coffer_directory());
  ASSERT_FINE(runs);
  ASSERT_EQ(runs->size(), 1u);
  EXPECT_EQ((*runs)[0].about, work_.path("db"));
  EXPECT_EQ((*runs)[0].state, RunRecord::State::kLeft);
  EXPECT_EQ((*runs)[0].files_left, (*following)->last().files_left);
  following->reset();
  close();
  open();
  following = follow_reencryption(*db_.get(), work_.shared(), families_);
  ASSERT_FINE(following);
  while (!protected_by(1).empty()) std::this_thread::yield();
  following->reset();
  EXPECT_FINE(destroy_key(work_.coffer(), "system:1"));
}

Config reencrypting_at_once() {
  Config config;
  config.policy.all.old_files = OldFiles::kReencrypt;
  config.policy.all.old_files_after = 0;
  return config;
}

class ReencryptLiveByPolicy : public ReencryptLive {
 protected:
  ReencryptLiveByPolicy() : ReencryptLive(reencrypting_at_once()) {}
};

TEST_F(ReencryptLiveByPolicy, OldFilesFollowByThemselvesWhereItSaysSo) {
  open();
  fill();
  const auto before = contents();
  rotate();
  auto following = follow_reencryption(*db_.get(), work_.shared(), families_);
  ASSERT_FINE(following);
  while ((*following)->last().files_left == 0 && (*following)->condition().is_ok()) std::this_thread::yield();
  EXPECT_FINE((*following)->condition());
  expect_left_for_reopening((*following)->last());
  EXPECT_EQ(protected_by(1).size(), (*following)->last().files_left);
  EXPECT_EQ(contents(), before);
}

TEST(ReencryptLivePlain, ADatabaseInClearIsRefused) {
  Workplace work;
  rocksdb::Options options = work.options();
  options.env = rocksdb::Env::Default();
  OpenDb db = work.open(options);
  ASSERT_TRUE(db);
  const auto report = reencrypt_database(*db.get(), work.shared(), {db->DefaultColumnFamily()});
  EXPECT_EQ(report.code(), Code::kPlaintext) << text_of(report);
}

}  // namespace
}  // namespace coffer
