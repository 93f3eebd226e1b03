// Files belong to their place: what RocksDB itself does to places is allowed, what anybody else does is not.
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/utilities/backup_engine.h>
#include <rocksdb/utilities/checkpoint.h>

#include "coffer/base/clock.h"
#include "coffer/crypto/random.h"
#include "coffer/files/file_reader.h"
#include "coffer/ops/stores.h"
#include "coffer/ops/verify.h"
#include "rocksdb/store_fixture.h"
#include "support/forked_child.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class PlacesTest : public ::testing::Test {
 protected:
  // A database with one table of `count` keys from `first` on, and one more key in its log.
  void fill(const std::string& name, int first, int count = 50) {
    OpenDb db = work_.open(name);
    ASSERT_TRUE(db);
    for (int i = first; i < first + count; ++i) ASSERT_FINE(db->Put({}, key_of(i), value_of(i)));
    ASSERT_FINE(db->Flush({}));
    ASSERT_FINE(db->Put({}, key_of(first + count), value_of(first + count)));
  }
  void expect_keys(const std::string& name, int first, int count) {
    OpenDb db = work_.open(name);
    ASSERT_TRUE(db) << name;
    const auto contents = contents_of(db.get());
    ASSERT_EQ(contents.size(), static_cast<size_t>(count)) << name;
    EXPECT_EQ(contents.begin()->first, key_of(first));
  }
  std::string the(const std::string& name, const std::string& ending) {
    const auto files = files_below(work_.path(name), ending);
    EXPECT_EQ(files.size(), 1u) << name << " " << ending;
    return files.empty() ? std::string() : files[0];
  }
  // path → code, of what verify finds wrong.
  std::map<std::string, Code> problems(const std::vector<std::string>& paths = {}) {
    std::map<std::string, Code> out;
    EXPECT_FINE(verify(work_.coffer(), paths, {}, [&](const VerifiedFile& file) {
      if (!file.status.is_ok()) out[file.path] = file.status.code();
      return Status::ok();
    }));
    return out;
  }
  // Names of the directories that operators see as stores.
  std::vector<std::string> stores() {
    EXPECT_FINE(work_.coffer().live_keyring().refresh());
    std::vector<std::string> out;
    for (const auto keys = work_.coffer().keyring(); const StoreEntry& store : keys->stores()) {
      if (store.confirmed || work_.coffer().stores().is_present(store)) out.push_back(fs::path(store.path).filename());
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  void checkpoint(const std::string& name, const std::string& to) {
    OpenDb db = work_.open(name);
    ASSERT_TRUE(db);
    rocksdb::Checkpoint* made = nullptr;
    ASSERT_FINE(rocksdb::Checkpoint::Create(db.get(), &made));
    std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    ASSERT_FINE(checkpoint->CreateCheckpoint(work_.path(to), 1 << 30));
  }
  void destroy(const std::string& name) { ASSERT_FINE(rocksdb::DestroyDB(work_.path(name), work_.options())); }
  rocksdb::IOStatus rename(const std::string& from, const std::string& to) {
    return work_.file_system()->RenameFile(work_.path(from), work_.path(to), {}, nullptr);
  }

  Workplace work_;
};

// T3.
TEST_F(PlacesTest, ATenantsLogAndTableInAnothersStoreAreRefused) {
  fill("a", 0);
  fill("b", 1000);
  for (const char* ending : {".log", ".sst"}) {
    const std::string of_b = the("b", ending);
    const std::string kept = read_bytes(of_b);
    write_bytes(of_b, read_bytes(the("a", ending)));
    EXPECT_EQ(problems(), (std::map<std::string, Code>{{of_b, Code::kForeign}})) << ending;
    auto reader = FileReader::open(work_.coffer(), of_b);
    ASSERT_EQ(reader.code(), Code::kForeign) << ending;
    EXPECT_THAT(reader.status().to_string(), HasSubstr("the store " + work_.path("a")));
    EXPECT_THAT(reader.status().to_string(), HasSubstr("in the store " + work_.path("b")));
    rocksdb::Options options = work_.options();
    options.paranoid_checks = true;
    rocksdb::DB* db = nullptr;
    rocksdb::Status status = rocksdb::DB::OpenForReadOnly(options, work_.path("b"), &db);
    if (status.ok()) {
      std::string value;
      status = db->Get({}, key_of(0), &value);
      EXPECT_FALSE(status.ok()) << "a's data were read from b";
      status = db->VerifyChecksum();
      delete db;
    }
    EXPECT_THAT(status.ToString(), HasSubstr("foreign")) << ending;
    write_bytes(of_b, kept);
  }
  EXPECT_TRUE(problems().empty());
  expect_keys("b", 1000, 51);
}

TEST_F(PlacesTest, WholeStoresThatChangedPlacesAreRefused) {
  fill("a", 0);
  fill("b", 1000);
  fs::rename(work_.path("a"), work_.path("kept"));
  fs::rename(work_.path("b"), work_.path("a"));
  fs::rename(work_.path("kept"), work_.path("b"));
  for (const char* name : {"a", "b"}) {
    const rocksdb::Status status = work_.try_open(work_.options(), name);
    EXPECT_THAT(status.ToString(), HasSubstr("foreign"));
    EXPECT_THAT(status.ToString(), HasSubstr("the store " + work_.path("a")));
    EXPECT_THAT(status.ToString(), HasSubstr("the store " + work_.path("b")));
  }
}

TEST_F(PlacesTest, ALinkInAStoresPlaceMakesItNoOther) {
  fill("a", 0);
  fill("b", 1000);
  fs::rename(work_.path("b"), work_.path("kept"));
  fs::create_symlink(work_.path("a"), work_.path("b"));
  EXPECT_THAT(work_.try_open(work_.options(), "b").ToString(), HasSubstr("foreign"));
}

TEST_F(PlacesTest, AnAliasIsTheStoreItLeadsTo) {
  fs::create_directory(work_.path("real"));
  fs::create_symlink(work_.path("real"), work_.path("alias"));
  fill("alias", 0);
  EXPECT_EQ(stores(), std::vector<std::string>{"real"});
  expect_keys("real", 0, 51);
  expect_keys("alias", 0, 51);
  EXPECT_EQ(stores(), std::vector<std::string>{"real"});
}

TEST_F(PlacesTest, ADataFileOfATenantsDirectoryIsRefusedInAnothers) {
  ASSERT_FINE(work_.coffer().live_keyring().update([](Keyring& keyring) -> Status {
    COFFER_TRY(keyring.add_domain("red", now_seconds()));
    return keyring.add_domain("blue", now_seconds());
  }));
  write_bytes(work_.coffer_directory() + "/coffer.yaml",
              read_bytes(work_.coffer_directory() + "/coffer.yaml") + "domains:\n  - name: red\n    path: " +
                  work_.path("db/red") + "\n  - name: blue\n    path: " + work_.path("db/blue") + "\n");
  work_.reopen();
  { OpenDb db = work_.open("db"); }
  for (const char* name : {"red", "blue"}) {
    fs::create_directory(work_.path("db") + "/" + name);
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), work_.options());
    ASSERT_FINE(writer.Open(work_.path("db") + "/" + name + "/1.sst"));
    ASSERT_FINE(writer.Put(key_of(1), value_of(1)));
    ASSERT_FINE(writer.Finish());
  }
  EXPECT_TRUE(problems().empty());
  const std::string blue = work_.path("db/blue/1.sst");
  write_bytes(blue, read_bytes(work_.path("db/red/1.sst")));
  EXPECT_EQ(problems(), (std::map<std::string, Code>{{blue, Code::kForeign}}));
  const auto reader = FileReader::open(work_.coffer(), blue);
  EXPECT_THAT(reader.status().to_string(), HasSubstr("domain red"));
  EXPECT_THAT(reader.status().to_string(), HasSubstr("domain blue"));
  // An operator may say otherwise.
  ASSERT_FINE(adopt(work_.coffer(), work_.path("db/blue"), {}));
  EXPECT_TRUE(problems().empty());
}

TEST_F(PlacesTest, CheckpointsOutliveRenamesAndTheirOrigin) {
  fill("db", 0);
  checkpoint("db", "first");
  checkpoint("db", "second");
  ASSERT_FINE(rename("second", "third"));
  expect_keys("first", 0, 51);
  expect_keys("third", 0, 51);
  destroy("db");
  EXPECT_TRUE(problems().empty());
  expect_keys("third", 0, 51);
  ASSERT_FINE(rename("third", "fourth"));
  work_.reopen();
  expect_keys("fourth", 0, 51);
  EXPECT_EQ(stores(), (std::vector<std::string>{"first", "fourth"}));
}

TEST_F(PlacesTest, IngestionAcrossStoresCopiesMovesAndLinks) {
  fill("db", 0, 10);
  OpenDb db = work_.open("db");
  ASSERT_TRUE(db);
  int next = 100;
  for (const char* how : {"copied", "moved"}) {
    fs::create_directory(work_.path(how));
    const std::string file = work_.path(how) + "/made.sst";
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), work_.options());
    ASSERT_FINE(writer.Open(file));
    for (int i = next; i < next + 10; ++i) ASSERT_FINE(writer.Put(key_of(i), value_of(i)));
    ASSERT_FINE(writer.Finish());
    rocksdb::IngestExternalFileOptions options;
    options.move_files = how == std::string("moved");
    ASSERT_FINE(db->IngestExternalFile({file}, options));
    next += 10;
  }
  db.close();
  fs::remove_all(work_.path("copied"));
  fs::remove_all(work_.path("moved"));
  work_.reopen();
  db = work_.open("db");
  EXPECT_EQ(contents_of(db.get()).size(), 31u);
  db.close();
  EXPECT_TRUE(problems().empty());
  const StoreEntry store = find_store(work_.coffer(), work_.path("db")).value();
  EXPECT_EQ(store.lineage.size(), 1u) << "a copy is a file of its own";
  // O3: staging directories are no stores once they are gone.
  EXPECT_EQ(stores(), std::vector<std::string>{"db"});
}

TEST_F(PlacesTest, AFullLineageMakesRocksDbCopy) {
  fill("db", 0, 10);
  StoreEntry store = find_store(work_.coffer(), work_.path("db")).value();
  ASSERT_FINE(work_.coffer().live_keyring().update([&](Keyring& keyring) -> Status {
    StoreEntry full = *keyring.find_store(store.id);
    while (full.lineage.size() < kStoreLineageMax) {
      COFFER_ASSIGN(const Id id, random_id());
      full.lineage.push_back({id, 1, LineageHow::kLinked});
    }
    return keyring.replace_store(full);
  }));
  fs::create_directory(work_.path("staging"));
  const std::string file = work_.path("staging/made.sst");
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), work_.options());
  ASSERT_FINE(writer.Open(file));
  ASSERT_FINE(writer.Put(key_of(100), value_of(100)));
  ASSERT_FINE(writer.Finish());
  EXPECT_TRUE(work_.file_system()->LinkFile(file, work_.path("db/x.sst"), {}, nullptr).IsNotSupported());
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.failed_move_fall_back_to_copy = true;
  {
    OpenDb db = work_.open("db");
    ASSERT_FINE(db->IngestExternalFile({file}, options));
  }
  expect_keys("db", 0, 12);
  EXPECT_TRUE(problems({work_.path("db")}).empty());
}

TEST_F(PlacesTest, BackupsRestoreAnywhereAndAreNoStoresOnceGone) {
  fill("db", 0);
  rocksdb::BackupEngine* made = nullptr;
  rocksdb::BackupEngineOptions options(work_.path("backup"), work_.env());
  ASSERT_FINE(rocksdb::BackupEngine::Open(options, work_.env(), &made));
  std::unique_ptr<rocksdb::BackupEngine> engine(made);
  {
    OpenDb db = work_.open("db");
    ASSERT_FINE(engine->CreateNewBackup(db.get(), true));
  }
  ASSERT_FINE(engine->RestoreDBFromLatestBackup(work_.path("restored"), work_.path("restored")));
  engine.reset();
  expect_keys("restored", 0, 51);
  EXPECT_TRUE(problems().empty());
  EXPECT_EQ(stores(), (std::vector<std::string>{"backup", "db", "restored"}));
  fs::remove_all(work_.path("backup"));
  EXPECT_EQ(stores(), (std::vector<std::string>{"db", "restored"}));
}

// O3.
TEST_F(PlacesTest, AFailedAttemptAndADeletedCheckpointLeaveNoStore) {
  fill("db", 0);
  rocksdb::Options options = work_.options();
  options.create_if_missing = false;
  EXPECT_FALSE(work_.try_open(options, "typo").ok());
  checkpoint("db", "checkpoint");
  fs::remove_all(work_.path("typo"));
  fs::remove_all(work_.path("checkpoint"));
  EXPECT_EQ(stores(), std::vector<std::string>{"db"});
  EXPECT_TRUE(missing_stores(work_.coffer()).empty());
  // A new one under the same name is the file system's own doing again.
  checkpoint("db", "checkpoint");
  expect_keys("checkpoint", 0, 51);
}

// O2.
TEST_F(PlacesTest, ADatabaseThatIsGoneOrEmptyIsMissing) {
  fill("db", 0);
  fs::rename(work_.path("db"), work_.path("away"));
  ASSERT_EQ(missing_stores(work_.coffer()).size(), 1u);
  EXPECT_TRUE(missing_stores(work_.coffer())[0].gone);
  fs::create_directory(work_.path("db"));
  ASSERT_EQ(missing_stores(work_.coffer()).size(), 1u);
  EXPECT_FALSE(missing_stores(work_.coffer())[0].gone);
  fs::remove(work_.path("db"));
  fs::rename(work_.path("away"), work_.path("db"));
  EXPECT_TRUE(missing_stores(work_.coffer()).empty());
  destroy("db");
  EXPECT_TRUE(missing_stores(work_.coffer()).empty()) << "the engine has deleted it";
}

// A process that is killed between two steps of a rename, and everything it did before.
TEST_F(PlacesTest, ARenameThatWasKilledAtAnyStepLosesNothing) {
  fill("db", 0);
  for (int step = 0; step < 3; ++step) {
    SCOPED_TRACE(step);
    const std::string from = "db" + std::string(static_cast<size_t>(step), 'x'), to = from + "x";
    in_child([&] {
      work_.reopen();
      auto moving = work_.coffer().stores().begin_move(work_.path(from), work_.path(to));
      ASSERT_FINE(moving);
      EXPECT_FALSE(moving->empty());
      if (step > 0) fs::rename(work_.path(from), work_.path(to));
      if (step > 1) (void)work_.coffer().stores().end_move(*moving, true);
    });
    work_.reopen();
    EXPECT_TRUE(problems().empty());
    if (step == 0) {
      expect_keys(from, 0, 51);
      ASSERT_FINE(rename(from, to));
    }
    expect_keys(to, 0, 51);
    EXPECT_EQ(stores(), std::vector<std::string>{to});
    fill(from, 500);  // the old place is free again, and no part of the new one
    EXPECT_EQ(stores().size(), 2u);
    destroy(from);
    EXPECT_EQ(stores(), std::vector<std::string>{to});
  }
}

}  // namespace
}  // namespace coffer
