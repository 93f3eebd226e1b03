// Backups of a database's checkpoints that are made while it is served and its keys are rotated.
#include "coffer/ops/backup_create.h"

#include <rocksdb/utilities/checkpoint.h>

#include <atomic>
#include <thread>

#include "coffer/engines/rocksdb/records.h"
#include "coffer/ops/backup_restore.h"
#include "coffer/ops/rewrap.h"
#include "rocksdb/store_fixture.h"

namespace coffer {
namespace {

constexpr int kWriters = 2;
constexpr int kRowsAtLeast = 400;  // of each writer, before the checkpoint
constexpr int kRowsAtMost = 20'000;

std::string row_key(int writer, int row) { return std::to_string(writer) + "-" + std::to_string(row); }
std::string row_value(int writer, int row) { return row_key(writer, row) + kCanary + std::string(200, 'v'); }

class RocksDbBackup : public ::testing::Test {
 protected:
  void SetUp() override {
    KeyFileRequest request;
    ASSERT_FINE(generate_key_file(Disk::posix(), work_.path("safe.key"), request));
    rocksdb::Options options = work_.options();
    options.write_buffer_size = 32 << 10;
    // So that both checkpoints have the older files.
    options.disable_auto_compactions = true;
    options.level0_slowdown_writes_trigger = options.level0_stop_writes_trigger = 1 << 20;
    db_ = work_.open(options);
    ASSERT_TRUE(db_);
    for (int writer = 0; writer < kWriters; ++writer) {
      writers_.emplace_back([this, writer] {
        rocksdb::WriteOptions synced;
        for (int row = 0; row < kRowsAtMost && !done_; ++row) {
          synced.sync = row % 50 == 0;
          ASSERT_TRUE(db_->Put(synced, row_key(writer, row), row_value(writer, row)).ok());
          acknowledged_[writer] = row + 1;
        }
      });
    }
  }
  void TearDown() override {
    stop();
    db_.close();
  }
  void stop() {
    done_ = true;
    for (std::thread& writer : writers_) writer.join();
    writers_.clear();
  }

  // A checkpoint, and what was acknowledged before it.
  std::array<int, kWriters> checkpoint(const std::string& name) {
    while (std::ranges::any_of(acknowledged_, [](const auto& rows) { return rows < kRowsAtLeast; })) {
      std::this_thread::yield();
    }
    std::array<int, kWriters> out{};
    std::ranges::copy(acknowledged_, out.begin());
    rocksdb::Checkpoint* made = nullptr;
    EXPECT_FINE(rocksdb::Checkpoint::Create(db_.get(), &made));
    const std::unique_ptr<rocksdb::Checkpoint> held(made);
    EXPECT_FINE(held->CreateCheckpoint(work_.path(name)));
    return out;
  }

  std::string uri(const std::string& name) const { return "file://" + work_.path(name); }
  NamedBackupTarget target() { return open_backup_target(work_.coffer(), work_.path("target")).value(); }
  Result<MadeBackup> back_up(const std::string& checkpoint) {
    const NamedBackupTarget at = target();
    return create_backup(work_.coffer(), open_provider, at, {work_.path(checkpoint)},
                         {.records = &rocks::records(), .recipients = {uri("root.key"), uri("safe.key")}});
  }

  static void expect_rows(OpenDb& db, const std::array<int, kWriters>& rows) {
    ASSERT_TRUE(db);
    const auto found = contents_of(db.get());
    for (int writer = 0; writer < kWriters; ++writer) {
      for (int row = 0; row < rows[writer]; ++row) {
        const auto at = found.find(row_key(writer, row));
        ASSERT_TRUE(at != found.end() && at->second == row_value(writer, row)) << row_key(writer, row);
      }
    }
  }

  Workplace work_;
  OpenDb db_;
  std::array<std::atomic<int>, kWriters> acknowledged_{};
  std::atomic<bool> done_{false};
  std::vector<std::thread> writers_;
};

TEST_F(RocksDbBackup, HasEveryAcknowledgedRowWhereverItIsRestored) {
  const auto before = checkpoint("first");
  const auto made = back_up("first");
  ASSERT_FINE(made);
  // Keys of then go; the files of the database that is served go over to the new ones.
  ASSERT_FINE(work_.coffer().live_keyring().update(
      [](Keyring& keys) { return keys.rotate_domain(kSystemDomain, 1'900'000'000); }));
  ASSERT_FINE(rewrap(work_.coffer(), {work_.path("db")}, {}, {}));
  const auto later = checkpoint("second");
  const auto second = back_up("second");
  ASSERT_FINE(second);
  EXPECT_GT(second->counts.left_out, 0u) << "files that both checkpoints have";
  stop();
  // Under the same coffer.
  const auto at = target();
  ASSERT_FINE(restore_backup(work_.coffer(), open_provider, *at.target, made->id, work_.path("new"), {}));
  OpenDb same = work_.open(work_.options(), "new");
  expect_rows(same, before);
  ASSERT_FINE(same->Put({}, "more", "rows"));
  // To plaintext, which RocksDB opens without us.
  ASSERT_FINE(restore_backup(work_.coffer(), open_provider, *at.target, second->id, work_.path("plain"),
                             {.plaintext = true}));
  rocksdb::Options plain = work_.options();
  plain.env = rocksdb::Env::Default();
  OpenDb in_clear = work_.open(plain, "plain");
  expect_rows(in_clear, later);
}

TEST_F(RocksDbBackup, OpensUnderAnotherCofferWithAnotherRoot) {
  const auto before = checkpoint("first");
  const auto made = back_up("first");
  ASSERT_FINE(made);
  stop();
  const SignaturePublicKey signer = work_.coffer().keyring()->sign({})->public_key;
  Workplace other;
  const auto at = target();
  ASSERT_FINE(restore_backup(other.coffer(), open_provider, *at.target, made->id, other.path("new"),
                             {.open_with = uri("safe.key"), .signed_by = signer}));
  OpenDb there = other.open(other.options(), "new");
  expect_rows(there, before);
  for (const std::string& file : files_below(work_.path("target"))) {
    EXPECT_EQ(read_bytes(file).find(kCanary), std::string::npos) << file;
  }
}

}  // namespace
}  // namespace coffer
