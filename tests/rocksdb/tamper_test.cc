// Whatever is done to a file on disk, RocksDB gets the right bytes or an error that it does not ignore.
#include "coffer/base/clock.h"
#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/ops/rewrap.h"
#include "coffer/ops/verify.h"
#include "rocksdb/store_fixture.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;

class Tampering : public ::testing::Test {
 protected:
  Tampering() {
    OpenDb db = work_.open();
    for (int i = 0; i < 40; ++i) EXPECT_FINE(db->Put({}, key_of(i), value_of(i)));
    EXPECT_FINE(db->Flush({}));
    for (int i = 40; i < 80; ++i) EXPECT_FINE(db->Put({}, key_of(i), value_of(i)));
    EXPECT_FINE(db->Flush({}));
    db.close();
    tables_ = files_below(work_.path("db"), ".sst");
    EXPECT_EQ(tables_.size(), 2u);
  }

  rocksdb::IOStatus read_all(const std::string& path, std::string* contents) {
    rocksdb::IOStatus status = rocksdb::ReadFileToString(work_.file_system().get(), path, contents);
    return status;
  }

  Workplace work_;
  std::vector<std::string> tables_;
};

TEST_F(Tampering, AFlippedBitInATableIsCorruptionOrWithoutEffectNeverOtherData) {
  const std::string& path = tables_.front();
  const std::string sealed = read_bytes(path);
  std::string original;
  ASSERT_FINE(read_all(path, &original));
  for (size_t offset = 0; offset < sealed.size(); offset += offset < kEnvelopeSize ? 61 : 5) {
    std::string altered = sealed;
    altered[offset] = static_cast<char>(altered[offset] ^ (1 << offset % 8));
    write_bytes(path, altered);
    std::string contents;
    rocksdb::IOStatus status = read_all(path, &contents);
    if (offset < kEnvelopeSize && status.ok()) {
      ASSERT_EQ(contents, original) << "byte " << offset;  // the other slot serves
    } else {
      ASSERT_TRUE(status.IsCorruption() || status.IsNotSupported()) << "byte " << offset << ": " << status.ToString();
      ASSERT_THAT(status.ToString(), ::testing::HasSubstr(path));
    }
  }
}

TEST_F(Tampering, ATableCutOrExtendedAnywhereDoesNotOpen) {
  const std::string& path = tables_.front();
  const std::string sealed = read_bytes(path);
  std::string contents;
  for (size_t size = 0; size < sealed.size(); size += size < kEnvelopeSize ? 509 : 7) {
    write_bytes(path, sealed.substr(0, size));
    ASSERT_TRUE(read_all(path, &contents).IsCorruption()) << size;
  }
  for (size_t more : {1u, 15u, 16u, 17u, 4096u, 4112u}) {
    write_bytes(path, sealed + std::string(more, '\0'));
    ASSERT_TRUE(read_all(path, &contents).IsCorruption()) << more;
  }
}

TEST_F(Tampering, SwappedAndPlaintextTablesAreRefused) {
  fs::rename(tables_[0], work_.path("kept"));
  fs::copy_file(tables_[1], tables_[0]);
  {
    // A table in another's place is authentic by itself; the authenticated manifest knows which one belongs there.
    rocksdb::DB* made = nullptr;
    rocksdb::Status status = rocksdb::DB::Open(work_.options(), work_.path("db"), &made);
    OpenDb db(made);
    std::string value;
    if (status.ok()) status = db->Get({}, key_of(0), &value);
    EXPECT_TRUE(status.IsCorruption()) << status.ToString();
  }
  write_bytes(tables_[0], std::string(20000, 'p'));
  std::string contents;
  rocksdb::IOStatus status = read_all(tables_[0], &contents);
  EXPECT_TRUE(status.IsCorruption());
  EXPECT_THAT(status.ToString(), ::testing::HasSubstr("plaintext"));
}

TEST_F(Tampering, MetadataThatWasCutOrAlteredKeepsTheDatabaseFromOpening) {
  for (const std::string& name : {std::string("CURRENT"), std::string("IDENTITY")}) {
    const std::string path = work_.path("db/" + name), sealed = read_bytes(path);
    for (size_t size :
         {size_t{0}, size_t{100}, kEnvelopeSize, kEnvelopeSize + 96, sealed.size() - 32, sealed.size() - 1}) {
      write_bytes(path, sealed.substr(0, size));
      std::string contents;
      EXPECT_TRUE(read_all(path, &contents).IsCorruption()) << name << " cut to " << size;
    }
    write_bytes(path, sealed);
  }
  const std::string manifest = [&] {
    for (const std::string& path : files_below(work_.path("db"))) {
      if (path.find("MANIFEST-") != std::string::npos) return path;
    }
    return std::string();
  }();
  flip_byte(manifest, kEnvelopeSize + 96 + 20);
  EXPECT_FALSE(work_.try_open(work_.options()).ok());
}

TEST_F(Tampering, VerifyFindsEveryAlteredByteOfWhatIsPublishedWhole) {
  const std::string path = work_.path("db/CURRENT"), sealed = read_bytes(path);
  auto verdict = [&] {
    Status found;
    EXPECT_FINE(verify(work_.coffer(), {path}, {.role_of = rocks::role_of}, [&](const VerifiedFile& file) {
      found = file.status;
      return Status::ok();
    }));
    return found;
  };
  EXPECT_FINE(verdict());
  for (size_t offset = kEnvelopeSize; offset < sealed.size(); ++offset) {
    flip_byte(path, offset);
    EXPECT_THAT(verdict().code(), ::testing::AnyOf(Code::kDamaged, Code::kTampered)) << "byte " << offset;
    flip_byte(path, offset);
  }
  for (size_t size : {size_t{0}, kEnvelopeSize, kEnvelopeSize + 96, sealed.size() - 32, sealed.size() - 1}) {
    write_bytes(path, sealed.substr(0, size));
    EXPECT_THAT(verdict().code(), ::testing::AnyOf(Code::kDamaged, Code::kTruncated)) << "cut to " << size;
  }
}

TEST_F(Tampering, AnotherCofferDoesNotOpenTheDatabase) {
  Workplace other;
  // As new as the one that it was written on: else the keyring is called rolled back.
  for (uint64_t now = 1; other.coffer().keyring()->version() < work_.coffer().keyring()->version(); ++now) {
    ASSERT_FINE(other.coffer().live_keyring().update(
        [&](Keyring& keyring) { return keyring.rotate_domain(kSystemDomain, now); }));
  }
  rocksdb::Options options = other.options();
  rocksdb::DB* db = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options, work_.path("db"), &db);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.ToString(), ::testing::HasSubstr("key_unavailable"));
}

TEST(Rotation, ALiveDatabaseTakesTheNewKeyAtOnce) {
  Workplace work;
  OpenDb db = work.open();
  ASSERT_TRUE(db);
  ASSERT_FINE(db->Put({}, "before", "1"));
  ASSERT_FINE(db->Flush({}));
  auto another = Coffer::open(Disk::posix(), work.coffer_directory(), {}, open_provider);
  ASSERT_FINE(another);
  ASSERT_FINE((*another)->live_keyring().update(
      [](Keyring& keyring) { return keyring.rotate_domain("system", now_seconds()); }));
  ASSERT_FINE(db->Put({}, "after", "2"));
  ASSERT_FINE(db->Flush({}));
  const Id active = (*another)->keyring()->find_domain("system")->active()->id;
  auto key_of_file = [](const std::string& path) {
    auto scan = scan_envelope(as_bytes(read_bytes(path)).first(kEnvelopeSize));
    return scan.is_ok() ? scan->fields.domain_key_id : Id();
  };
  std::vector<std::string> tables = files_below(work.path("db"), ".sst");
  ASSERT_EQ(tables.size(), 2u);
  EXPECT_NE(key_of_file(tables[0]), active);
  EXPECT_EQ(key_of_file(tables[1]), active);
  // Both remain readable, and so does everything after all headers were rewrapped under the open database.
  auto report = rewrap(**another, {work.path("db")}, {}, nullptr);
  ASSERT_FINE(report);
  EXPECT_TRUE(report->problems.empty());
  EXPECT_EQ(key_of_file(tables[0]), active);
  std::string value;
  ASSERT_FINE(db->Put({}, "last", "3"));
  db.close();
  work.reopen();
  db = work.open();
  ASSERT_TRUE(db);
  for (const char* key : {"before", "after", "last"}) EXPECT_FINE(db->Get({}, key, &value));
}

}  // namespace
}  // namespace coffer
