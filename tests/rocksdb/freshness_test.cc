// A store that is put back to an earlier state, or cut where a crash might have cut it, is refused when it is opened;
// what engines and crashes do to it by themselves is not.
#include <thread>

#include "coffer/files/freshness_check.h"
#include "coffer/ops/stores.h"
#include "rocksdb/store_fixture.h"
#include "support/own_child.h"
#include "support/seed.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class FreshStores : public testing::Test {
 protected:
  FreshStores() {
    Config config;
    fs::create_directory(anchors());
    config.anchor = anchors() + "/anchor";
    config.freshness = true;
    work_ = std::make_unique<Workplace>(config);
  }

  std::string anchors() const { return directory_ / "anchors"; }
  std::string marks() const { return anchors() + "/anchor.stores"; }
  rocksdb::Options options() const { return work_->options(); }
  std::string db() const { return work_->path("db"); }

  static void put_synced(const OpenDb& db, int from, int count) {
    rocksdb::WriteOptions write;
    write.sync = true;
    for (int i = from; i < from + count; ++i) ASSERT_FINE(db->Put(write, key_of(i), value_of(i)));
  }
  std::string only(const std::string& ending) const {
    for (const std::string& file : files_below(db())) {
      if (fs::path(file).filename().string().find(ending) != std::string::npos) return file;
    }
    return "";
  }
  void expect_rolled_back(const std::string& what, const rocksdb::Options& options) const {
    EXPECT_THAT(work_->try_open(options).ToString(), AllOf(HasSubstr("rolled_back"), HasSubstr(what)));
  }
  void expect_rolled_back(const std::string& what) const { expect_rolled_back(what, options()); }
  // Whether the marks require of the store that a write-ahead log reaches beyond its header.
  bool has_marked_log(const std::string& name) const {
    if (!work_->coffer().live_keyring().refresh().is_ok()) return false;
    const auto store = find_store(work_->coffer(), work_->path(name));
    const auto marks = work_->coffer().freshness()->load();
    if (!store.is_ok() || !marks.is_ok() || !marks->contains(store->id)) return false;
    return std::ranges::any_of(marks->at(store->id).logs, [](const LogMark& log) {
      return log.name.ends_with(".log") && log.durable > kEnvelopeSize;
    });
  }
  void expect_fresh() const {
    for (const auto keys = work_->coffer().keyring(); const StoreEntry& store : keys->stores()) {
      EXPECT_FINE(check_freshness(work_->coffer(), store));
    }
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Workplace> work_;
};

TEST_F(FreshStores, AWriteAheadLogCutAtAnyFrameIsRefused) {
  std::vector<uint64_t> ends = {0, kEnvelopeSize};
  {
    const OpenDb db = work_->open();
    for (int i = 0; i < 8; ++i) {
      put_synced(db, i, 1);
      ends.push_back(fs::file_size(only(".log")));
    }
  }
  const std::string log = only(".log"), whole = read_bytes(log);
  ASSERT_GT(whole.size(), ends.back()) << "the clean close, which is durable when the store is closed";
  for (uint64_t end : ends) {
    SCOPED_TRACE(end);
    write_bytes(log, whole.substr(0, end));
    expect_rolled_back(fs::path(log).filename().string());
  }
  write_bytes(log, whole);
  const OpenDb db = work_->open();
  EXPECT_EQ(contents_of(db.get()).size(), 8u);
}

TEST_F(FreshStores, HalfAManifestIsRefused) {
  put_synced(work_->open(), 0, 1);
  const std::string manifest = only("MANIFEST-"), whole = read_bytes(manifest);
  write_bytes(manifest, whole.substr(0, kEnvelopeSize + (whole.size() - kEnvelopeSize) / 2));
  expect_rolled_back("MANIFEST-");
  fs::remove(manifest);
  expect_rolled_back("it is missing, and the anchor has seen it durable to");
}

TEST_F(FreshStores, ADirectoryThatIsPutBackIsRefusedUntilItIsAdopted) {
  put_synced(work_->open(), 0, 5);
  fs::copy(db(), work_->path("before"), fs::copy_options::recursive);
  put_synced(work_->open(), 5, 5);
  fs::remove_all(db());
  fs::rename(work_->path("before"), db());
  expect_rolled_back("--older");

  ASSERT_FINE(adopt_older(work_->coffer(), db()));
  {
    const OpenDb db = work_->open();
    EXPECT_EQ(contents_of(db.get()).size(), 5u);
    put_synced(db, 5, 1);
  }
  // As often as it is needed.
  ASSERT_FINE(adopt_older(work_->coffer(), db()));
  work_->reopen();
  const auto store = find_store(work_->coffer(), db());
  ASSERT_FINE(store);
  ASSERT_EQ(store->lineage.size(), 1u);
  EXPECT_EQ(store->lineage.front().how, LineageHow::kOlder);
  EXPECT_EQ(store->lineage.front().store, store->id);
}

TEST_F(FreshStores, AnOlderCurrentWithItsManifestIsRefused) {
  put_synced(work_->open(), 0, 1);
  const std::string manifest = only("MANIFEST-"), manifest_bytes = read_bytes(manifest);
  const std::string current_bytes = read_bytes(db() + "/CURRENT");
  put_synced(work_->open(), 1, 1);
  ASSERT_NE(only("MANIFEST-"), manifest);
  write_bytes(manifest, manifest_bytes);
  write_bytes(db() + "/CURRENT", current_bytes);
  expect_rolled_back("CURRENT");
}

TEST_F(FreshStores, AStoreThatIsGoneIsNotMadeAnew) {
  put_synced(work_->open(), 0, 1);
  fs::remove_all(db());
  expect_rolled_back("it is missing");
}

TEST_F(FreshStores, DestroyingADatabaseAndMakingAnotherIsNoRollback) {
  put_synced(work_->open(), 0, 1);
  ASSERT_FINE(rocksdb::DestroyDB(db(), options()));
  put_synced(work_->open(), 0, 1);
  expect_fresh();
}

// Flushes, MANIFESTs and write-ahead logs that come and go, of a store that is closed and opened again.
void live(const Workplace& work, rocksdb::Options options, bool recycle) {
  options.write_buffer_size = 64 << 10;
  options.max_manifest_file_size = 2000;
  if (recycle) options.recycle_log_file_num = 2;
  for (int round = 0; round < 3; ++round) {
    const OpenDb db = work.open(options);
    ASSERT_TRUE(db);
    rocksdb::WriteOptions write;
    for (int i = 0; i < 3000; ++i) {
      write.sync = i % 100 == 0;
      ASSERT_FINE(db->Put(write, key_of(i), value_of(i)));
    }
  }
}

TEST_F(FreshStores, LogsThatAreRecycledAreNoRollback) {
  live(*work_, options(), true);
  expect_fresh();
  fs::resize_file(only(".log"), kEnvelopeSize + 1);
  expect_rolled_back(".log");
}

TEST_F(FreshStores, LogsThatAreArchivedAreNoRollback) {
  rocksdb::Options with_archive = options();
  with_archive.WAL_ttl_seconds = 1000;
  live(*work_, with_archive, false);
  EXPECT_FALSE(files_below(db() + "/archive", ".log").empty());
  expect_fresh();
}

TEST_F(FreshStores, LogsInADirectoryOfTheirOwnAreMissed) {
  rocksdb::Options apart = options();
  apart.wal_dir = work_->path("wal");
  live(*work_, apart, false);
  put_synced(work_->open(apart), 0, 1);
  expect_fresh();
  for (const std::string& log : files_below(apart.wal_dir, ".log")) fs::remove(log);
  expect_rolled_back(".log: it is missing", apart);
}

TEST_F(FreshStores, TheTimeOfDayDecidesNothing) {
  put_synced(work_->open(), 0, 1);
  std::string text = read_bytes(marks());
  const size_t at = text.find("\"at\":") + 5;
  text.replace(at, text.find_first_of(",}", at) - at, "99999999999");
  write_bytes(marks(), text);
  put_synced(work_->open(), 1, 1);
  expect_fresh();
}

TEST_F(FreshStores, AnAnchorThatIsAwayIsToldWhileRunningAndRefusedAtOpening) {
  {
    const OpenDb db = work_->open();
    put_synced(db, 0, 10);
    ASSERT_FINE(work_->coffer().freshness()->mark_now());
    fs::rename(anchors(), anchors() + ".away");
    put_synced(db, 10, 10);
    ASSERT_FINE(db->Flush({}));
    put_synced(db, 20, 10);
    EXPECT_EQ(work_->coffer().freshness()->mark_now().code(), Code::kNotFound);
    uint64_t seen = 0;
    EXPECT_THAT(work_->coffer().freshness()->news_since(seen), HasSubstr("cannot be brought up to date"));
    EXPECT_EQ(work_->coffer().freshness()->news_since(seen), "");
  }
  EXPECT_FALSE(work_->try_open(options()).ok()) << "what CURRENT names cannot be compared";
  const auto opened = Coffer::open(Disk::posix(), work_->coffer_directory(), {}, open_provider);
  EXPECT_FALSE(opened.is_ok());
  fs::rename(anchors() + ".away", anchors());
  const OpenDb db = work_->open();
  EXPECT_EQ(contents_of(db.get()).size(), 30u);
}

TEST_F(FreshStores, MarksThatAreNoneAreRefused) {
  put_synced(work_->open(), 0, 1);
  const std::string text = read_bytes(marks());
  for (const std::string& bad : {std::string("{}"), text.substr(0, text.size() / 2), std::string("null")}) {
    write_bytes(marks(), bad);
    const auto opened = Coffer::open(Disk::posix(), work_->coffer_directory(), {}, open_provider);
    EXPECT_EQ(opened.code(), Code::kInvalidArgument) << bad;
  }
}

// Not a test of its own: what the next ones run in another process, until it is killed.
TEST(FreshChild, WritesUntilItIsKilled) {
  const char* coffer_directory = std::getenv("COFFER_TEST_CHILD_COFFER");
  const char* db_path = std::getenv("COFFER_TEST_CHILD_DB");
  const char* seed_text = std::getenv("COFFER_TEST_CHILD_SEED");
  if (coffer_directory == nullptr || db_path == nullptr || seed_text == nullptr) {
    GTEST_SKIP() << "is run by the tests below";
  }
  const uint64_t seed = std::strtoull(seed_text, nullptr, 10);
  auto coffer =
      Coffer::open(Disk::posix(), coffer_directory, {.mark_interval = std::chrono::milliseconds(3)}, open_provider);
  ASSERT_FINE(coffer);
  auto files = make_coffer_file_system(*coffer, nullptr);
  ASSERT_FINE(files);
  const auto env = rocksdb::NewCompositeEnv(*files);
  rocksdb::Options options;
  options.env = env.get();
  options.create_if_missing = true;
  options.write_buffer_size = 64 << 10;
  options.max_manifest_file_size = 2000;
  if (seed % 2 == 0) options.recycle_log_file_num = 2;
  if (seed % 3 == 0) options.WAL_ttl_seconds = 1000;
  rocksdb::DB* db = nullptr;
  ASSERT_FINE(rocksdb::DB::Open(options, db_path, &db));
  ASSERT_EQ(::write(STDOUT_FILENO, "!", 1), 1);
  std::mt19937 random(static_cast<unsigned>(seed));
  for (int i = 0;; ++i) {
    rocksdb::WriteOptions write;
    write.sync = random() % 20 == 0;
    ASSERT_FINE(db->Put(write, key_of(static_cast<int>(random() % 10000)), value_of(i)));
  }
}

// To be waited for: it writes a '!' once it has that database open.
OwnChild fresh_child(const Workplace& work, const std::string& name, uint64_t seed) {
  return OwnChild("FreshChild.*", {{"COFFER_TEST_CHILD_COFFER", work.coffer_directory()},
                                   {"COFFER_TEST_CHILD_DB", work.path(name)},
                                   {"COFFER_TEST_CHILD_SEED", std::to_string(seed)}});
}

TEST_F(FreshStores, AKilledProcessIsNoRollback) {
  for (uint64_t seed : seeds(20)) {
    SCOPED_TRACE("COFFER_SEED=" + std::to_string(seed));
    OwnChild child = fresh_child(*work_, "db", seed);
    ASSERT_TRUE(child.wait_for('!'));
    std::this_thread::sleep_for(std::chrono::milliseconds(std::mt19937(static_cast<unsigned>(seed))() % 100));
    child.kill();
    expect_fresh();
    if (HasFailure()) return;
  }
  EXPECT_FINE(work_->try_open(options()));
}

TEST_F(FreshStores, ProcessesShareTheMarks) {
  constexpr uint64_t kNoArchiveNorRecycling = 1;
  OwnChild child = fresh_child(*work_, "db2", kNoArchiveNorRecycling);
  ASSERT_TRUE(child.wait_for('!'));
  {
    const OpenDb db = work_->open("db");
    int written = 0;
    // Until what the child has synced stands in the file that this process writes as well.
    do {
      child.send(SIGCONT);
      for (int i = 0; i < 10; ++i) put_synced(db, written++, 1);
      ASSERT_FINE(work_->coffer().freshness()->mark_now());
      child.send(SIGSTOP);
    } while (!has_marked_log("db2") && !HasFailure());
    child.kill();  // before the marks are needed again, which it may have locked
  }
  EXPECT_TRUE(has_marked_log("db") && has_marked_log("db2")) << "neither has taken the other's away";
  expect_fresh();
  for (const std::string& log : files_below(work_->path("db2"), ".log")) fs::resize_file(log, kEnvelopeSize);
  EXPECT_THAT(work_->try_open(options(), "db2").ToString(), HasSubstr("rolled_back"));
  EXPECT_FINE(work_->try_open(options(), "db"));
}

}  // namespace
}  // namespace coffer
