// What RocksDB offers besides reading and writing works on a coffer.
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/backup_engine.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/utilities/transaction.h>
#include <rocksdb/utilities/transaction_db.h>

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/config/config_edit.h"
#include "coffer/ops/slots.h"
#include "rocksdb/store_fixture.h"

namespace coffer {
namespace {

class Features : public ::testing::TestWithParam<Kind> {
 protected:
  Features() : work_(config_of(GetParam(), Kind::kLog)) {}

  void fill(rocksdb::DB* db, int from, int to, size_t value_size = 100) {
    for (int i = from; i < to; ++i) ASSERT_FINE(db->Put({}, key_of(i), value_of(i, value_size)));
  }
  void expect_filled(rocksdb::DB* db, int from, int to, size_t value_size = 100) {
    for (int i = from; i < to; ++i) {
      std::string value;
      ASSERT_FINE(db->Get({}, key_of(i), &value));
      ASSERT_EQ(value, value_of(i, value_size)) << i;
    }
  }

  Workplace work_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, Features, ::testing::ValuesIn(kDataKinds),
                         [](const auto& kind) { return std::string(kind_name(kind.param)); });

TEST_P(Features, CheckpointsOpenAsDatabases) {
  OpenDb db = work_.open();
  ASSERT_TRUE(db);
  fill(db.get(), 0, 500);
  ASSERT_FINE(db->Flush({}));
  fill(db.get(), 500, 600);
  rocksdb::Checkpoint* made = nullptr;
  ASSERT_FINE(rocksdb::Checkpoint::Create(db.get(), &made));
  std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  ASSERT_FINE(checkpoint->CreateCheckpoint(work_.path("flushed")));
  ASSERT_FINE(checkpoint->CreateCheckpoint(work_.path("with_log"), 1 << 30));
  for (const char* name : {"flushed", "with_log"}) {
    OpenDb copy = work_.open(name);
    ASSERT_TRUE(copy) << name;
    expect_filled(copy.get(), 0, 600);
    copy.close();
    work_.expect_no_plaintext(name);
  }
}

TEST_P(Features, BackupsAreEncryptedVerifiedAndRestored) {
  OpenDb db = work_.open();
  ASSERT_TRUE(db);
  rocksdb::BackupEngineOptions backup_options(work_.path("backup"), work_.env());
  rocksdb::BackupEngine* made = nullptr;
  ASSERT_FINE(rocksdb::BackupEngine::Open(backup_options, work_.env(), &made));
  std::unique_ptr<rocksdb::BackupEngine> engine(made);
  for (int round = 0; round < 3; ++round) {
    fill(db.get(), round * 200, (round + 1) * 200);
    ASSERT_FINE(engine->CreateNewBackup(db.get(), round % 2 == 0));
  }
  db.close();
  engine.reset();
  ASSERT_FINE(rocksdb::BackupEngine::Open(backup_options, work_.env(), &made));
  engine.reset(made);
  for (rocksdb::BackupID id : {1u, 2u, 3u}) EXPECT_FINE(engine->VerifyBackup(id, true));
  work_.expect_no_plaintext("backup");
  ASSERT_FINE(engine->RestoreDBFromBackup(2, work_.path("restored"), work_.path("restored")));
  OpenDb restored = work_.open("restored");
  ASSERT_TRUE(restored);
  expect_filled(restored.get(), 0, 400);
  std::string value;
  EXPECT_TRUE(restored->Get({}, key_of(400), &value).IsNotFound());

  // The backup is one store of the coffer, whatever folders it has.
  int stores = 0;
  for (const auto keys = work_.coffer().keyring(); const StoreEntry& store : keys->stores())
    stores += store.path.find("/backup") != std::string::npos;
  EXPECT_EQ(stores, 1);
}

TEST_P(Features, FilesWrittenOutsideAreIngested) {
  OpenDb db = work_.open();
  ASSERT_TRUE(db);
  fill(db.get(), 0, 100);
  ASSERT_FINE(db->Flush({}));
  const rocksdb::Snapshot* snapshot = db->GetSnapshot();  // forces a sequence number upon what is ingested
  int next = 50;
  for (bool write_global_seqno : {false, true}) {
    for (bool move_files : {false, true}) {
      const std::string file = work_.path("made" + std::to_string(next) + ".sst");
      rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), work_.options());
      ASSERT_FINE(writer.Open(file));
      for (int i = next; i < next + 100; ++i) ASSERT_FINE(writer.Put(key_of(i), value_of(i + 1000)));
      ASSERT_FINE(writer.Finish());
      rocksdb::IngestExternalFileOptions options;
      options.write_global_seqno = write_global_seqno;
      options.move_files = move_files;
      ASSERT_FINE(db->IngestExternalFile({file}, options));
      next += 100;
    }
  }
  db->ReleaseSnapshot(snapshot);
  auto check = [&] {
    for (int i = 50; i < next; ++i) {
      std::string value;
      ASSERT_FINE(db->Get({}, key_of(i), &value));
      ASSERT_EQ(value, value_of(i + 1000));
    }
  };
  check();
  db.close();
  db = work_.open();
  ASSERT_TRUE(db);
  check();
}

TEST_P(Features, LargeValuesGoToBlobFiles) {
  rocksdb::Options options = work_.options();
  options.enable_blob_files = true;
  options.min_blob_size = 500;
  options.enable_blob_garbage_collection = true;
  options.blob_garbage_collection_age_cutoff = 1.0;
  {
    OpenDb db = work_.open(options);
    ASSERT_TRUE(db);
    for (int round = 0; round < 3; ++round) {
      fill(db.get(), 0, 100, 2000 + static_cast<size_t>(round));
      ASSERT_FINE(db->Flush({}));
    }
    EXPECT_FALSE(files_below(work_.path("db"), ".blob").empty());
    ASSERT_FINE(db->CompactRange({}, nullptr, nullptr));
    expect_filled(db.get(), 0, 100, 2002);
  }
  OpenDb db = work_.open(options);
  ASSERT_TRUE(db);
  expect_filled(db.get(), 0, 100, 2002);
  db.close();
  work_.expect_no_plaintext("db");
}

TEST_P(Features, DirectReadsAndWrites) {
  rocksdb::Options options = work_.options();
  options.use_direct_reads = true;
  options.use_direct_io_for_flush_and_compaction = true;
  for (size_t buffer_size : {size_t{4096}, size_t{1} << 20}) {
    options.writable_file_max_buffer_size = buffer_size;
    const std::string name = "direct" + std::to_string(buffer_size);
    {
      OpenDb db = work_.open(options, name);
      ASSERT_TRUE(db);
      fill(db.get(), 0, 3000, 1000);
      ASSERT_FINE(db->Flush({}));
      ASSERT_FINE(db->CompactRange({}, nullptr, nullptr));
      expect_filled(db.get(), 0, 3000, 1000);
      std::vector<std::string> keys, values;
      for (int i = 0; i < 3000; i += 100) keys.push_back(key_of(i));
      std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
      for (const rocksdb::Status& status : db->MultiGet({}, slices, &values)) ASSERT_FINE(status);
      for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], value_of(static_cast<int>(i) * 100, 1000));
    }
    // What was written directly reads through the page cache as well.
    OpenDb db = work_.open(name);
    ASSERT_TRUE(db);
    expect_filled(db.get(), 0, 3000, 1000);
  }
}

TEST_P(Features, MappedReadsOfBlockBasedTables) {
  rocksdb::Options options = work_.options();
  options.allow_mmap_reads = true;
  options.allow_mmap_writes = true;
  OpenDb db = work_.open(options);
  ASSERT_TRUE(db);
  fill(db.get(), 0, 2000);
  ASSERT_FINE(db->Flush({}));
  ASSERT_FINE(db->CompactRange({}, nullptr, nullptr));
  expect_filled(db.get(), 0, 2000);
}

TEST_P(Features, MappedPlainTables) {
  rocksdb::Options options = work_.options();
  options.allow_mmap_reads = true;
  options.allow_concurrent_memtable_write = false;
  options.table_factory.reset(rocksdb::NewPlainTableFactory());
  options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(8));
  OpenDb db = work_.open(options);
  ASSERT_TRUE(db);
  fill(db.get(), 0, 2000);
  ASSERT_FINE(db->Flush({}));
  expect_filled(db.get(), 0, 2000);
  db.close();
  work_.expect_no_plaintext("db");
  db = work_.open(options);
  ASSERT_TRUE(db);
  expect_filled(db.get(), 0, 2000);
}

TEST_P(Features, BatchedAndAsynchronousReads) {
  rocksdb::Options options = work_.options();
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  table.block_size = 1000;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  OpenDb db = work_.open(options);
  ASSERT_TRUE(db);
  fill(db.get(), 0, 5000);
  ASSERT_FINE(db->Flush({}));
  std::mt19937 random(7);
  for (bool async_io : {false, true}) {
    rocksdb::ReadOptions read;
    read.async_io = async_io;
    read.readahead_size = 64 << 10;
    std::vector<std::string> keys;
    std::vector<int> numbers;
    for (int i = 0; i < 100; ++i) numbers.push_back(static_cast<int>(random() % 5000));
    for (int number : numbers) keys.push_back(key_of(number));
    std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(slices.size());
    std::vector<rocksdb::Status> statuses(slices.size());
    db->MultiGet(read, db->DefaultColumnFamily(), slices.size(), slices.data(), values.data(), statuses.data());
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_FINE(statuses[i]);
      ASSERT_EQ(values[i].ToString(), value_of(numbers[i]));
    }
    std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(read));
    int count = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) ASSERT_EQ(it->value().ToString(), value_of(count++));
    ASSERT_FINE(it->status());
    EXPECT_EQ(count, 5000);
  }
}

TEST_P(Features, UpdatesAreFollowedInTheLiveLog) {
  OpenDb db = work_.open();
  ASSERT_TRUE(db);
  fill(db.get(), 0, 1);
  std::unique_ptr<rocksdb::TransactionLogIterator> it;
  ASSERT_FINE(db->GetUpdatesSince(0, &it));
  uint64_t seen = 0;
  for (int round = 0; round < 50; ++round) {
    while (it->Valid()) {
      seen = it->GetBatch().sequence;
      it->Next();
    }
    EXPECT_EQ(seen, db->GetLatestSequenceNumber());
    fill(db.get(), round * 10, round * 10 + 10, static_cast<size_t>(round) * 400);
    // At the end of the live log an iterator may have to be made anew to go on.
    if (!it->Valid()) it->Next();
    if (!it->Valid()) ASSERT_FINE(db->GetUpdatesSince(seen + 1, &it));
    ASSERT_TRUE(it->Valid()) << it->status().ToString();
  }
}

TEST_P(Features, Transactions) {
  rocksdb::TransactionDB* made = nullptr;
  ASSERT_FINE(rocksdb::TransactionDB::Open(work_.options(), {}, work_.path("db"), &made));
  {
    std::unique_ptr<rocksdb::TransactionDB> db(made);
    std::unique_ptr<rocksdb::Transaction> kept(db->BeginTransaction({}));
    ASSERT_FINE(kept->SetName("kept"));
    ASSERT_FINE(kept->Put("a", "1"));
    ASSERT_FINE(kept->Prepare());
    std::unique_ptr<rocksdb::Transaction> dropped(db->BeginTransaction({}));
    ASSERT_FINE(dropped->Put("b", "2"));
    ASSERT_FINE(dropped->Rollback());
  }
  ASSERT_FINE(rocksdb::TransactionDB::Open(work_.options(), {}, work_.path("db"), &made));
  std::unique_ptr<rocksdb::TransactionDB> db(made);
  std::unique_ptr<rocksdb::Transaction> prepared(db->GetTransactionByName("kept"));
  ASSERT_NE(prepared, nullptr);
  ASSERT_FINE(prepared->Commit());
  std::string value;
  ASSERT_FINE(db->Get({}, "a", &value));
  EXPECT_TRUE(db->Get({}, "b", &value).IsNotFound());
}

TEST_P(Features, ASecondaryInstanceCatchesUp) {
  OpenDb primary = work_.open();
  ASSERT_TRUE(primary);
  fill(primary.get(), 0, 10);
  rocksdb::Options options = work_.options();
  options.max_open_files = -1;
  rocksdb::DB* made = nullptr;
  ASSERT_FINE(rocksdb::DB::OpenAsSecondary(options, work_.path("db"), work_.path("secondary"), &made));
  OpenDb secondary(made);
  for (int round = 1; round < 20; ++round) {
    fill(primary.get(), round * 10, round * 10 + 10);
    if (round % 4 == 0) ASSERT_FINE(primary->Flush({}));
    ASSERT_FINE(secondary->TryCatchUpWithPrimary());
    expect_filled(secondary.get(), 0, round * 10 + 10);
  }
  primary.close();
  secondary.close();
  work_.expect_no_plaintext("secondary");
}

TEST_P(Features, ReadOnlyAndBestEffortsOpening) {
  {
    OpenDb db = work_.open();
    ASSERT_TRUE(db);
    fill(db.get(), 0, 100);
    ASSERT_FINE(db->Flush({}));
  }
  rocksdb::DB* made = nullptr;
  ASSERT_FINE(rocksdb::DB::OpenForReadOnly(work_.options(), work_.path("db"), &made));
  OpenDb db(made);
  expect_filled(db.get(), 0, 100);
  db.close();
  rocksdb::Options options = work_.options();
  options.best_efforts_recovery = true;
  db = work_.open(options);
  ASSERT_TRUE(db);
  expect_filled(db.get(), 0, 100);
}

TEST_P(Features, FilesOnTheirWayOutAreCutPieceByPiece) {
  // As RocksDB does when its deletion is rate-limited, so that a large file's blocks are not freed all at once.
  auto& file_system = *work_.file_system();
  const std::string path = work_.path("000007.sst"), trash = path + ".trash";
  std::unique_ptr<rocksdb::FSWritableFile> file;
  ASSERT_FINE(file_system.NewWritableFile(path, {}, &file, nullptr));
  ASSERT_FINE(file->Append(std::string(100000, 'x'), {}, nullptr));
  ASSERT_FINE(file->Close({}, nullptr));
  ASSERT_FINE(file_system.ReopenWritableFile(path, {}, &file, nullptr));
  EXPECT_TRUE(file->Truncate(50000, {}, nullptr).IsNotSupported());
  ASSERT_FINE(file->Truncate(100000, {}, nullptr));
  ASSERT_FINE(file_system.RenameFile(path, trash, {}, nullptr));
  for (uint64_t left : {70001u, 40960u, 5u, 0u}) {
    ASSERT_FINE(file_system.ReopenWritableFile(trash, {}, &file, nullptr));
    ASSERT_FINE(file->Truncate(left, {}, nullptr));
    ASSERT_FINE(file->Fsync({}, nullptr));
    file.reset();
    uint64_t size = 0;
    ASSERT_FINE(file_system.GetFileSize(trash, {}, &size, nullptr));
    EXPECT_EQ(size, left);
    EXPECT_LT(std::filesystem::file_size(trash), left + left / 100 + 9000);
  }
}

TEST(Domains, AColumnFamilyWithItsOwnPathHasItsOwnKeys) {
  Config config;
  Workplace work(config);
  const std::string directory = work.path("tenant");
  ASSERT_FINE(work.coffer().live_keyring().update(
      [](Keyring& keyring) { return keyring.add_domain("tenant", now_seconds()); }));
  // The configuration names absolute paths, which are known only now.
  ASSERT_FINE(work.coffer().edit_config([&](std::string_view yaml) {
    return with_domain_path(yaml, {"tenant", directory}, "coffer.yaml");
  }));
  work.reopen();

  OpenDb db = work.open();
  ASSERT_TRUE(db);
  rocksdb::ColumnFamilyOptions family_options(work.options());
  family_options.cf_paths.emplace_back(directory, uint64_t{1} << 40);
  rocksdb::ColumnFamilyHandle* family = nullptr;
  ASSERT_FINE(db->CreateColumnFamily(family_options, "tenant", &family));
  ASSERT_FINE(db->Put({}, "a", "1"));
  ASSERT_FINE(db->Put({}, family, "b", "2"));
  ASSERT_FINE(db->Flush({}));
  ASSERT_FINE(db->Flush({}, family));
  ASSERT_FINE(db->DestroyColumnFamilyHandle(family));
  db.close();

  auto domain_of = [&](const std::string& path) {
    auto scan = scan_envelope(as_bytes(read_bytes(path)).first(kEnvelopeSize));
    EXPECT_FINE(scan);
    return work.coffer().keyring()->find_key(scan->fields.domain_key_id).domain->name;
  };
  ASSERT_FALSE(files_below(directory, ".sst").empty());
  for (const std::string& file : files_below(directory)) EXPECT_EQ(domain_of(file), "tenant") << file;
  for (const std::string& file : files_below(work.path("db"), ".sst")) EXPECT_EQ(domain_of(file), "system") << file;
}

// One line of coffer.yaml, however many tenants there are, and whenever they come.
TEST(Domains, EachDirectoryOfATenantIsUnderItsOwnKey) {
  Workplace work;
  ASSERT_FINE(work.coffer().edit_config([&](std::string_view yaml) {
    return with_domain_path(yaml, {"*", work.path("tenants")}, "coffer.yaml");
  }));
  ASSERT_TRUE(std::filesystem::create_directory(work.path("tenants")));
  work.reopen();
  const std::string names[] = {"tenants/t-1", "tenants/t-2"};
  for (const std::string& name : names) {
    const std::string tenant(base_name(name));
    OpenDb db = work.open(name);
    ASSERT_TRUE(db);
    ASSERT_FINE(db->Put({}, "a", kCanary));
    const rocksdb::Status refused = db->Flush({});
    EXPECT_THAT(refused.ToString(), testing::HasSubstr("no domain \"" + tenant + "\" in the keyring"));
    db.close();
    EXPECT_TRUE(files_below(work.path(name), ".sst").empty());
    ASSERT_FINE(Coffer::open(Disk::posix(), work.coffer_directory(), {}, open_provider)
                    .value()
                    ->live_keyring()
                    .update([&](Keyring& keyring) { return keyring.add_domain(tenant, now_seconds()); }));
    db = work.open(name);
    ASSERT_TRUE(db);
    ASSERT_FINE(db->Flush({}));
    db.close();
    const std::vector<std::string> tables = files_below(work.path(name), ".sst");
    ASSERT_FALSE(tables.empty());
    for (const std::string& table : tables) {
      const auto scan = scan_envelope(as_bytes(read_bytes(table)).first(kEnvelopeSize));
      ASSERT_FINE(scan);
      EXPECT_EQ(work.coffer().keyring()->find_key(scan->fields.domain_key_id).domain->name, tenant);
    }
    work.expect_no_plaintext(name);
  }
  // One tenant's file does not open in the other's directory, even under its name.
  const std::string theirs = files_below(work.path(names[1]), ".sst").front();
  const std::string mine = files_below(work.path(names[0]), ".sst").front();
  std::filesystem::copy_file(theirs, mine, std::filesystem::copy_options::overwrite_existing);
  EXPECT_FALSE(work.try_open(work.options(), names[0]).ok());
}

TEST(Keyring, HowItKeepsUpIsInTheInfoLog) {
  Workplace work;
  auto log = [&] {
    std::string text;
    EXPECT_TRUE(rocksdb::ReadFileToString(work.env(), work.path("db/LOG"), &text).ok());
    return text;
  };
  auto lines_with = [](const std::string& text, std::string_view part) {
    int count = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
  };
  OpenDb db = work.open();
  ASSERT_TRUE(db);
  const std::string version = "version " + std::to_string(work.coffer().keyring()->version());

  // Another process takes a root key that is out of reach from here.
  ASSERT_FINE(generate_key_file(Disk::posix(), work.path("new.key"), {}));
  auto another = Coffer::open(Disk::posix(), work.coffer_directory(), {}, open_provider);
  ASSERT_FINE(another);
  ASSERT_FINE(rotate_root(**another, "file://" + work.path("new.key"), open_provider));
  ASSERT_FINE(Disk::posix().remove(work.path("new.key")));
  ASSERT_FALSE(work.coffer().live_keyring().refresh().is_ok());
  for (int i = 0; i < 3; ++i) {
    ASSERT_FINE(db->Put({}, key_of(i), value_of(i)));
    ASSERT_FINE(db->Flush({}));
  }
  db.close();
  const std::string text = log();
  EXPECT_EQ(lines_with(text, "[coffer] keyring " + work.coffer_directory() + "/keyring: " + version + " is in use"), 1);
  EXPECT_EQ(lines_with(text, version + " stays in use: key_unavailable"), 1) << text;
  EXPECT_THAT(text, testing::HasSubstr("new.key"));
}

// From one provider of root keys to another, by other processes, with a database open all the time.
TEST(Keyring, MovesToAnotherRootWhileItIsServed) {
  Workplace work;
  OpenDb db = work.open();
  ASSERT_TRUE(db);
  int written = 0;
  const auto write_some = [&] {
    for (int end = written + 50; written < end; ++written) ASSERT_FINE(db->Put({}, key_of(written), value_of(written)));
    ASSERT_FINE(db->Flush({}));
  };
  const auto elsewhere = [&] { return Coffer::open(Disk::posix(), work.coffer_directory(), {}, open_provider); };
  write_some();
  ASSERT_FINE(generate_key_file(Disk::posix(), work.path("new.key"), {}));
  ASSERT_FINE(add_slot(**elsewhere(), {"file://" + work.path("new.key"), "new", false}, open_provider));
  write_some();
  ASSERT_FINE(remove_slot(**elsewhere(), "root-1", false));
  ASSERT_FINE(Disk::posix().remove(work.path("root.key")));
  // What the new root alone opens is taken up: a key that is made from now on wraps the next file's.
  ASSERT_FINE(
      (**elsewhere()).live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, 1); }));
  ASSERT_FINE(work.coffer().live_keyring().refresh());
  write_some();
  EXPECT_EQ(work.coffer().keyring()->find_domain(kSystemDomain)->active()->version, 2u);
  for (int i = 0; i < written; ++i) {
    std::string value;
    ASSERT_FINE(db->Get({}, key_of(i), &value));
    ASSERT_EQ(value, value_of(i));
  }
}

}  // namespace
}  // namespace coffer
