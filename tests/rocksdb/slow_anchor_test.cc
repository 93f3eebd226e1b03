// The anchor's disk takes its time, or is full: the database that is protected goes on.
#include <thread>

#include "coffer/base/clock.h"
#include "coffer/files/freshness_check.h"
#include "rocksdb/store_fixture.h"
#include "support/passing_disk.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;

class SlowAnchor : public ::testing::Test {
 protected:
  SlowAnchor()
      : work_(std::make_unique<Workplace>(config())), full_(Disk::posix(), anchors()), disk_(full_, anchors()) {
    open_coffer();
  }

  Config config() const {
    Config out;
    fs::create_directory(anchors());
    out.anchor = anchors() + "/anchor";
    out.freshness = true;
    return out;
  }
  std::string anchors() const { return directory_ / "anchors"; }
  void open_coffer() {
    auto coffer =
        Coffer::open(disk_, work_->coffer_directory(), {.mark_interval = std::chrono::milliseconds(1)}, open_provider);
    ASSERT_FINE(coffer);
    coffer_ = *coffer;
    auto files = make_coffer_file_system(coffer_, nullptr);
    ASSERT_FINE(files);
    env_ = rocksdb::NewCompositeEnv(*files);
  }
  rocksdb::Options options() const {
    rocksdb::Options out = work_->options();
    out.env = env_.get();
    return out;
  }
  static void put_synced(const OpenDb& db, int from, int count) {
    rocksdb::WriteOptions write;
    write.sync = true;
    for (int i = from; i < from + count; ++i) ASSERT_FINE(db->Put(write, key_of(i), value_of(i)));
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Workplace> work_;
  FullDisk full_;
  GatedDisk disk_;
  std::shared_ptr<Coffer> coffer_;
  std::unique_ptr<rocksdb::Env> env_;
};

TEST_F(SlowAnchor, KeepsNoWriterWaiting) {
  {
    const OpenDb db = work_->open(options());
    put_synced(db, 0, 5);
    disk_.gate().close();
    put_synced(db, 5, 5);
    disk_.gate().wait_for_somebody();  // the marks are being written
    // None of this could end if it waited for them: synced writes, a full memtable's table, and the next log.
    put_synced(db, 10, 200);
    rocksdb::FlushOptions aside;
    aside.wait = false;
    ASSERT_FINE(db->Flush(aside));
    put_synced(db, 210, 200);
    EXPECT_EQ(contents_of(db.get()).size(), 410u);
    disk_.gate().open();
  }
  env_.reset();
  coffer_.reset();
  open_coffer();
  const OpenDb db = work_->open(options());
  EXPECT_EQ(contents_of(db.get()).size(), 410u);
  EXPECT_FINE(check_freshness(*coffer_, coffer_->keyring()->stores().front()));
}

TEST_F(SlowAnchor, ThatIsFullKeepsNobodyFromWritingAndCatchesUp) {
  {
    const OpenDb db = work_->open(options());
    put_synced(db, 0, 10);
    full_.set_full(true);
    put_synced(db, 10, 10);
    EXPECT_EQ(coffer_->freshness()->mark_now().code(), Code::kNoSpace);
    uint64_t seen = 0;
    EXPECT_THAT(coffer_->freshness()->news_since(seen), ::testing::HasSubstr("cannot be brought up to date"));
    ASSERT_FINE(db->Flush({}));
    put_synced(db, 20, 10);
    full_.set_full(false);
    EXPECT_FINE(coffer_->freshness()->mark_now());
    EXPECT_THAT(coffer_->freshness()->news_since(seen), ::testing::HasSubstr("up to date again"));
  }
  env_.reset();
  coffer_.reset();
  open_coffer();
  const OpenDb db = work_->open(options());
  EXPECT_EQ(contents_of(db.get()).size(), 30u);
}

// New files under keys that another process has rotated, while the anchor does not answer.
TEST_F(SlowAnchor, KeepsNoReaderWaiting) {
  const OpenDb db = work_->open(options());
  put_synced(db, 0, 50);
  ASSERT_FINE(db->Flush({}));
  disk_.gate().close();
  ASSERT_FINE(work_->coffer().live_keyring().update(
      [](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, now_seconds()); }));
  EXPECT_EQ(contents_of(db.get()).size(), 50u);
  put_synced(db, 50, 50);
  EXPECT_EQ(coffer_->keyring()->version(), work_->coffer().keyring()->version() - 1) << "it has not been looked at";
  disk_.gate().open();
  ASSERT_FINE(db->Flush({}));
  EXPECT_EQ(coffer_->keyring()->version(), work_->coffer().keyring()->version());
}

}  // namespace
}  // namespace coffer
