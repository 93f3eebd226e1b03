// What a crash leaves of a write-ahead log is recovered exactly as far as plain RocksDB would; what was synced and then
// damaged stops RocksDB instead of being cut off.
#include <sys/stat.h>

#include "coffer/format/log.h"
#include "coffer/ops/stores.h"
#include "rocksdb/store_fixture.h"
#include "support/long.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;

// The only write-ahead log of a database that was not closed.
std::string log_of(const std::string& db) {
  std::vector<std::string> logs = files_below(db, ".log");
  EXPECT_EQ(logs.size(), 1u) << db;
  return logs.empty() ? "" : logs.front();
}

// A copy that may be opened where it is.
void copy_database(const Workplace& work, const std::string& from, const std::string& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
  const auto adopted = adopt(work.coffer(), to, {});
  // Plain ones, and those that take the place of a copy, need no leave.
  EXPECT_TRUE(adopted.is_ok() || adopted.code() == Code::kInvalidArgument) << adopted.status().to_string();
}

// A few puts, some synced, with the size of the log after each of them; then the files as a crash would leave them.
struct WrittenLog {
  std::vector<uint64_t> ends;  // ends[i]: size of the log file once i puts are in it
  std::string bytes;           // of the log file
  std::string directory;       // of the copied database
};

constexpr int kPuts = 8;
bool is_synced(int put) { return put == 2 || put == 4; }

WrittenLog write_log(const Workplace& work, rocksdb::Env* env, const std::string& name) {
  WrittenLog out;
  rocksdb::Options options = work.options();
  options.env = env;
  OpenDb db = work.open(options, name);
  const std::string log = log_of(work.path(name));
  out.ends.push_back(0);
  for (int i = 0; i < kPuts; ++i) {
    rocksdb::WriteOptions write;
    write.sync = is_synced(i);
    EXPECT_FINE(db->Put(write, key_of(i), value_of(i, 20 + static_cast<size_t>(i))));
    out.ends.push_back(fs::file_size(log));
  }
  out.directory = work.path(name + "_crashed");
  copy_database(work, work.path(name), out.directory);
  out.bytes = read_bytes(log);
  // Preallocated space is not part of the size.
  EXPECT_EQ(out.bytes.size(), out.ends.back());
  return out;
}

class WriteAheadLog : public ::testing::Test {
 protected:
  WriteAheadLog()
      : sealed_(write_log(work_, work_.env(), "sealed")), plain_(write_log(work_, rocksdb::Env::Default(), "plain")) {}

  // Opens the database without changing anything, so that one copy serves all cases.
  rocksdb::Status recover(rocksdb::Env* env, const std::string& directory, std::map<std::string, std::string>* contents,
                          rocksdb::WALRecoveryMode mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery) {
    rocksdb::Options options = work_.options();
    options.env = env;
    options.wal_recovery_mode = mode;
    rocksdb::DB* db = nullptr;
    rocksdb::Status status = rocksdb::DB::OpenForReadOnly(options, directory, &db);
    OpenDb opened(db);
    if (status.ok()) *contents = contents_of(db);
    return status;
  }
  rocksdb::Status recover_sealed(const std::string& log_bytes, std::map<std::string, std::string>* contents,
                                 rocksdb::WALRecoveryMode mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery) {
    write_bytes(log_of(sealed_.directory), log_bytes);
    return recover(work_.env(), sealed_.directory, contents, mode);
  }
  // What plain RocksDB makes of its log when the first `puts` puts are wholly in it.
  std::map<std::string, std::string> plain_contents(int puts) {
    write_bytes(log_of(plain_.directory), plain_.bytes.substr(0, plain_.ends[static_cast<size_t>(puts)]));
    std::map<std::string, std::string> contents;
    EXPECT_FINE(recover(rocksdb::Env::Default(), plain_.directory, &contents));
    EXPECT_EQ(contents.size(), static_cast<size_t>(puts));
    return contents;
  }
  // The put whose frame holds this byte of the log; -1 before the first frame.
  int put_at(uint64_t offset) const {
    if (offset < kEnvelopeSize + kLogSessionHeaderSize) return -1;
    return static_cast<int>(std::upper_bound(sealed_.ends.begin() + 1, sealed_.ends.end(), offset) -
                            sealed_.ends.begin()) -
           1;
  }
  // Every byte of the session header and the frames, and the edges of the header. Of frames behind the second every
  // fourth, unless it may take long.
  std::vector<uint64_t> interesting_offsets() const {
    std::vector<uint64_t> out = {0, 1, 8, 511, 512, 513, 4095, 4096, 4097, 4608, 8191};
    for (uint64_t offset = kEnvelopeSize; offset < sealed_.bytes.size(); ++offset) {
      if (may_take_long() || offset < sealed_.ends[2] || offset % 4 == 0) out.push_back(offset);
    }
    return out;
  }

  Workplace work_;
  WrittenLog sealed_;
  WrittenLog plain_;
};

TEST_F(WriteAheadLog, CutAtEveryByteIsRecoveredAsByPlainRocksDb) {
  std::vector<std::map<std::string, std::string>> expected;
  for (int puts = 0; puts <= kPuts; ++puts) expected.push_back(plain_contents(puts));
  std::vector<uint64_t> cuts = interesting_offsets();
  cuts.push_back(sealed_.bytes.size());
  for (uint64_t cut : cuts) {
    std::map<std::string, std::string> contents;
    rocksdb::Status status = recover_sealed(sealed_.bytes.substr(0, cut), &contents);
    ASSERT_TRUE(status.ok()) << "cut at " << cut << ": " << status.ToString();
    ASSERT_EQ(contents, expected[static_cast<size_t>(std::max(put_at(cut), 0))]) << "cut at " << cut;
  }
}

TEST_F(WriteAheadLog, GarbageBehindEveryByteIsRecoveredAsByPlainRocksDb) {
  std::vector<std::map<std::string, std::string>> expected;
  for (int puts = 0; puts <= kPuts; ++puts) expected.push_back(plain_contents(puts));
  std::mt19937 random(11);
  for (uint64_t cut : interesting_offsets()) {
    if (cut < kEnvelopeSize) continue;
    std::string bytes = sealed_.bytes;
    for (size_t i = cut; i < bytes.size(); ++i) bytes[i] = static_cast<char>(random());
    if (bytes[cut] == sealed_.bytes[cut]) ++bytes[cut];
    std::map<std::string, std::string> contents;
    rocksdb::Status status = recover_sealed(bytes, &contents);
    // The log's first sector is written whole or not at all: what begins a session there was put there (L10).
    if (cut >= kEnvelopeSize + 4 && cut < kEnvelopeSize + kLogSessionHeaderSize) {
      ASSERT_FALSE(status.ok()) << "garbage from " << cut;
      continue;
    }
    ASSERT_TRUE(status.ok()) << "garbage from " << cut << ": " << status.ToString();
    ASSERT_EQ(contents, expected[static_cast<size_t>(std::max(put_at(cut), 0))]) << "garbage from " << cut;
  }
}

TEST_F(WriteAheadLog, ZerosBehindEveryFrameAreTheEnd) {
  for (int puts = 0; puts <= kPuts; ++puts) {
    std::string bytes = sealed_.bytes.substr(0, puts == 0 ? kEnvelopeSize : sealed_.ends[static_cast<size_t>(puts)]);
    bytes.resize(bytes.size() + 100000);
    std::map<std::string, std::string> contents;
    ASSERT_FINE(recover_sealed(bytes, &contents));
    ASSERT_EQ(contents.size(), static_cast<size_t>(puts));
  }
}

TEST_F(WriteAheadLog, AFlippedBitInSyncedDataStopsRocksDbAndOneBehindIsATornTail) {
  // After a sync the next frame says so; whatever lies before that point and does not read is damage.
  const uint64_t durable = sealed_.ends[5];
  int stopped = 0;
  for (uint64_t offset : interesting_offsets()) {
    if (offset < kEnvelopeSize) continue;
    std::string bytes = sealed_.bytes;
    bytes[offset] = static_cast<char>(bytes[offset] ^ 4);
    std::map<std::string, std::string> contents;
    rocksdb::Status status = recover_sealed(bytes, &contents);
    const int put = put_at(offset);
    if (put < 0 || sealed_.ends[static_cast<size_t>(put)] < durable) {
      ASSERT_TRUE(status.IsIOError()) << "byte " << offset << ": " << status.ToString();
      ASSERT_THAT(status.ToString(), ::testing::HasSubstr(".log"));
      ++stopped;
    } else {
      ASSERT_TRUE(status.ok()) << "byte " << offset << ": " << status.ToString();
      ASSERT_EQ(contents.size(), static_cast<size_t>(put)) << "byte " << offset;
    }
  }
  EXPECT_GT(stopped, 300);
}

TEST_F(WriteAheadLog, OneSlotOfTheHeaderMayBeLost) {
  for (uint64_t offset :
       {uint64_t{0}, uint64_t{100}, uint64_t{511}, uint64_t{600}, uint64_t{4096}, uint64_t{4200}, uint64_t{8191}}) {
    std::string bytes = sealed_.bytes;
    bytes[offset] = static_cast<char>(bytes[offset] ^ 1);
    std::map<std::string, std::string> contents;
    ASSERT_FINE(recover_sealed(bytes, &contents));
    ASSERT_EQ(contents.size(), static_cast<size_t>(kPuts)) << offset;
  }
}

TEST_F(WriteAheadLog, DamageStopsEveryRecoveryModeThatIsNotToldToSkipIt) {
  std::string bytes = sealed_.bytes;
  bytes[kEnvelopeSize + 200] ^= 1;
  std::map<std::string, std::string> contents;
  using Mode = rocksdb::WALRecoveryMode;
  for (Mode mode : {Mode::kPointInTimeRecovery, Mode::kTolerateCorruptedTailRecords, Mode::kAbsoluteConsistency}) {
    EXPECT_TRUE(recover_sealed(bytes, &contents, mode).IsIOError()) << static_cast<int>(mode);
  }
  // The whole file plaintext or under a foreign key: not even the mode that skips damaged records skips that.
  for (Mode mode : {Mode::kPointInTimeRecovery, Mode::kTolerateCorruptedTailRecords, Mode::kAbsoluteConsistency,
                    Mode::kSkipAnyCorruptedRecords}) {
    rocksdb::Status status = recover_sealed(plain_.bytes, &contents, mode);
    EXPECT_TRUE(status.IsIOError()) << status.ToString();
    EXPECT_THAT(status.ToString(), ::testing::HasSubstr("plaintext"));
  }
}

TEST(RecycledLogs, SurviveCrashesWithWhatWasSynced) {
  Workplace work;
  rocksdb::Options options = work.options();
  options.recycle_log_file_num = 2;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;  // all others turn recycling off
  OpenDb db = work.open(options);
  ASSERT_TRUE(db);
  std::map<std::string, std::string> written;
  std::map<uint64_t, int> lives;  // inode → how often it became another log
  std::string last_log;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 20; ++i) {
      rocksdb::WriteOptions write;
      write.sync = i == 19;
      const std::string key = key_of(round * 7 + i);
      written[key] = value_of(round * 1000 + i, 50 + static_cast<size_t>(i * round));
      ASSERT_FINE(db->Put(write, key, written[key]));
    }
    // A flush that has returned may still be deleting files on its thread; a crash has all files of one instant.
    ASSERT_FINE(db->PauseBackgroundWork());
    copy_database(work, work.path("db"), work.path("crashed"));
    ASSERT_FINE(db->ContinueBackgroundWork());
    {
      OpenDb crashed = work.open(options, "crashed");
      ASSERT_TRUE(crashed) << round;
      ASSERT_EQ(contents_of(crashed.get()), written) << round;
    }
    const std::string log = files_below(work.path("db"), ".log").back();
    struct stat info {};
    ASSERT_EQ(::stat(log.c_str(), &info), 0);
    if (log != last_log) ++lives[info.st_ino];
    last_log = log;
    ASSERT_FINE(db->Flush({}));
  }
  int recycled = 0;
  for (const auto& [inode, count] : lives) recycled += count - 1;
  EXPECT_GT(recycled, 3) << "no log was recycled: the test proves nothing";
}

TEST(ReopenedLogs, GoOnWithAnotherSession) {
  Workplace work;
  const std::string path = work.path("000007.log");
  auto& file_system = *work.file_system();
  std::string expected;
  for (int session = 0; session < 5; ++session) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    ASSERT_FINE(file_system.ReopenWritableFile(path, {}, &file, nullptr));
    EXPECT_EQ(file->GetFileSize({}, nullptr), expected.size());
    if (session != 2) {  // one that writes nothing
      const std::string text = "session " + std::to_string(session);
      ASSERT_FINE(file->Append(text, {}, nullptr));
      expected += text;
    }
    if (session % 2 == 0) ASSERT_FINE(file->Sync({}, nullptr));
    if (session != 3) ASSERT_FINE(file->Close({}, nullptr));
    file.reset();
    if (session == 3) write_bytes(path, read_bytes(path) + "torn");
    std::string contents;
    ASSERT_FINE(rocksdb::ReadFileToString(work.env(), path, &contents));
    ASSERT_EQ(contents, expected) << session;
  }
}

}  // namespace
}  // namespace coffer
