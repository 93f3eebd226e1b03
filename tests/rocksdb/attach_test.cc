// A domain for a column family without a path of its own: its data files are under that domain's keys, however they
// come about, and so are their copies.
#include "coffer/engines/rocksdb/attach.h"

#include <rocksdb/utilities/backup_engine.h>
#include <rocksdb/utilities/checkpoint.h>

#include "coffer/base/clock.h"
#include "rocksdb/store_fixture.h"

namespace coffer {
namespace {

constexpr char kTenant[] = "tenant";

class Attach : public ::testing::Test {
 protected:
  Attach() { add_domain("secret"); }

  void add_domain(const char* name) {
    EXPECT_FINE(work_.coffer().live_keyring().update(
        [&](Keyring& keyring) { return keyring.add_domain(name, now_seconds()); }));
  }

  void attach_to(rocksdb::DBOptions& options) {
    auto env = attach(options, work_.coffer_directory(), {.column_families = {{kTenant, "secret"}}});
    ASSERT_FINE(env);
    env_ = *env;
  }

  static rocksdb::Options plain_options() {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.compression = rocksdb::kNoCompression;
    options.enable_blob_files = true;
    options.min_blob_size = 1000;
    return options;
  }

  // Opens the database with both column families, and gives it to `body`.
  template <class Body>
  void with_database(const std::string& name, const Body& body) {
    rocksdb::Options options = plain_options();
    attach_to(options);
    rocksdb::DB* db = nullptr;
    std::vector<rocksdb::ColumnFamilyHandle*> families;
    ASSERT_FINE(rocksdb::DB::Open(options, work_.path(name),
                                  {{rocksdb::kDefaultColumnFamilyName, options}, {kTenant, options}}, &families, &db));
    OpenDb owner(db);
    body(db, families);
    for (rocksdb::ColumnFamilyHandle* family : families) ASSERT_FINE(db->DestroyColumnFamilyHandle(family));
  }

  static void fill(rocksdb::DB* db, const std::vector<rocksdb::ColumnFamilyHandle*>& families, int round) {
    for (rocksdb::ColumnFamilyHandle* family : families) {
      for (int i = 0; i < 50; ++i) {
        ASSERT_FINE(db->Put({}, family, key_of(i), value_of(i + round, i % 5 == 0 ? 2000 : 50)));
      }
      ASSERT_FINE(db->Flush({}, family));
    }
  }

  std::string domain_of(const std::string& path) {
    auto scan = scan_envelope(as_bytes(read_bytes(path)).first(kEnvelopeSize));
    EXPECT_FINE(scan);
    return work_.coffer().keyring()->find_key(scan->fields.domain_key_id).domain->name;
  }

  // How many files of each column family there are, each in its domain.
  void expect_domains(rocksdb::DB* db, size_t tables_min = 1) {
    std::map<std::string, size_t> tables, blobs;
    std::vector<rocksdb::LiveFileStorageInfo> files;
    ASSERT_FINE(db->GetLiveFilesStorageInfo({}, &files));
    std::vector<rocksdb::ColumnFamilyMetaData> families;
    db->GetAllColumnFamilyMetaData(&families);
    for (const rocksdb::ColumnFamilyMetaData& family : families) {
      const std::string expected = family.name == kTenant ? "secret" : "system";
      for (const auto& level : family.levels) {
        for (const auto& table : level.files) {
          EXPECT_EQ(domain_of(table.db_path + table.name), expected) << table.name;
          ++tables[family.name];
        }
      }
      for (const auto& blob : family.blob_files) {
        EXPECT_EQ(domain_of(blob.blob_file_path + "/" + blob.blob_file_name), expected) << blob.blob_file_name;
        ++blobs[family.name];
      }
    }
    for (const char* name : {kTenant, "default"}) {
      EXPECT_GE(tables[name], tables_min) << name;
      EXPECT_GE(blobs[name], 1u) << name;
    }
    for (const std::string& path : files_below(db->GetName())) {
      const std::string bytes = read_bytes(path);
      if (bytes.empty()) continue;  // LOCK
      ASSERT_GE(bytes.size(), kEnvelopeSize) << path;
      const auto scan = scan_envelope(as_bytes(bytes).first(kEnvelopeSize));
      ASSERT_FINE(scan);
      const EnvelopeFields& fields = scan->fields;
      EXPECT_TRUE(fields.kind != Kind::kLog || domain_of(path) == "system") << path;
    }
  }

  Workplace work_;
  std::shared_ptr<rocksdb::Env> env_;
};

TEST_F(Attach, AnUnknownDomainIsAnErrorAtOnceAndChangesNothing) {
  rocksdb::Options options;
  rocksdb::Env* const before = options.env;
  auto env = attach(options, work_.coffer_directory(), {.column_families = {{kTenant, "nobodys"}}});
  EXPECT_EQ(env.code(), Code::kNotFound);
  EXPECT_THAT(text_of(env), ::testing::HasSubstr("nobodys"));
  EXPECT_THAT(text_of(env), ::testing::HasSubstr(kTenant));
  EXPECT_EQ(options.env, before);
  EXPECT_TRUE(options.listeners.empty());
}

TEST_F(Attach, AColumnFamilysFilesAreInItsDomainAfterFlushCompactionAndReopening) {
  with_database("db", [&](rocksdb::DB* db, const auto& families) {
    for (int round = 0; round < 3; ++round) fill(db, families, round);
    expect_domains(db, 3);
    for (rocksdb::ColumnFamilyHandle* family : families) {
      rocksdb::CompactRangeOptions all;
      all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
      ASSERT_FINE(db->CompactRange(all, family, nullptr, nullptr));
    }
    expect_domains(db);
    // For the log to be replayed and flushed when the database is opened again.
    for (rocksdb::ColumnFamilyHandle* family : families) ASSERT_FINE(db->Put({}, family, "last", "value"));
  });
  with_database("db", [&](rocksdb::DB* db, const auto& families) {
    std::string value;
    for (rocksdb::ColumnFamilyHandle* family : families) ASSERT_FINE(db->Get({}, family, "last", &value));
    expect_domains(db, 2);
  });
}

TEST_F(Attach, ACheckpointKeepsTheDomains) {
  with_database("db", [&](rocksdb::DB* db, const auto& families) {
    fill(db, families, 0);
    rocksdb::Checkpoint* made = nullptr;
    ASSERT_FINE(rocksdb::Checkpoint::Create(db, &made));
    std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    ASSERT_FINE(checkpoint->CreateCheckpoint(work_.path("checkpoint")));
  });
  with_database("checkpoint", [&](rocksdb::DB* db, const auto&) { expect_domains(db); });
}

// RocksDB opens the two files of a copy in either order.
TEST_F(Attach, ACopyIsInTheDomainOfItsSourceWhicheverIsOpenedFirst) {
  with_database("db", [&](rocksdb::DB* db, const auto& families) { fill(db, families, 0); });
  auto& file_system = *env_->GetFileSystem();
  for (const std::string& source : files_below(work_.path("db"), ".sst")) {
    for (bool source_first : {true, false}) {
      const std::string copy = work_.path("copy.sst");
      std::unique_ptr<rocksdb::FSSequentialFile> in;
      std::unique_ptr<rocksdb::FSWritableFile> out;
      if (source_first) ASSERT_FINE(file_system.NewSequentialFile(source, {}, &in, nullptr));
      ASSERT_FINE(file_system.NewWritableFile(copy, {}, &out, nullptr));
      if (!source_first) ASSERT_FINE(file_system.NewSequentialFile(source, {}, &in, nullptr));
      ASSERT_FINE(out->Append("copied", {}, nullptr));
      ASSERT_FINE(out->Close({}, nullptr));
      EXPECT_EQ(domain_of(copy), domain_of(source)) << source_first;
      in.reset();
      ASSERT_FINE(file_system.NewWritableFile(copy, {}, &out, nullptr));
      ASSERT_FINE(out->Close({}, nullptr));
      EXPECT_EQ(domain_of(copy), "system") << "once the source is closed nothing is its copy";
    }
  }
}

TEST_F(Attach, BackupsAndWhatIsRestoredFromThemKeepTheDomains) {
  with_database("db", [&](rocksdb::DB* db, const auto& families) {
    fill(db, families, 0);
    rocksdb::BackupEngineOptions options(work_.path("backup"), env_.get());
    rocksdb::BackupEngine* made = nullptr;
    ASSERT_FINE(rocksdb::BackupEngine::Open(options, env_.get(), &made));
    std::unique_ptr<rocksdb::BackupEngine> backup(made);
    ASSERT_FINE(backup->CreateNewBackup(db, true));
    ASSERT_FINE(backup->VerifyBackup(1, true));
    ASSERT_FINE(backup->RestoreDBFromBackup(1, work_.path("restored"), work_.path("restored")));
    std::map<std::string, int> in_domain;
    for (const std::string& path : files_below(work_.path("backup"))) {
      if (path.ends_with(".sst") || path.ends_with(".blob")) ++in_domain[domain_of(path)];
    }
    EXPECT_GE(in_domain["secret"], 2);
    EXPECT_EQ(in_domain["secret"], in_domain["system"]);
  });
  work_.expect_no_plaintext("backup");
  with_database("restored", [&](rocksdb::DB* db, const auto& families) {
    expect_domains(db);
    std::string value;
    ASSERT_FINE(db->Get({}, families[1], key_of(7), &value));
    EXPECT_EQ(value, value_of(7, 50));
  });
}

}  // namespace
}  // namespace coffer
