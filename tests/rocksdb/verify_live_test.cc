// Verify beside a running database, after its process was killed, and on files that somebody cut: what is not finished
// is told from what was.
#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/engines/rocksdb/records.h"
#include "coffer/ops/verify.h"
#include "rocksdb/store_fixture.h"
#include "support/own_child.h"
#include "support/seed.h"

namespace coffer {
namespace {

namespace fs = std::filesystem;

using ::testing::AnyOf;

struct Verdicts {
  std::map<std::string, Status> problems;
  std::map<std::string, Unjudged> unjudged;
};

Verdicts verify_all(const Workplace& work) {
  Verdicts out;
  EXPECT_FINE(verify(work.coffer(), {}, {.role_of = rocks::role_of, .records = &rocks::records()},
                     [&](const VerifiedFile& file) {
                       const std::string name = fs::path(file.path).filename();
                       if (!file.status.is_ok()) out.problems[name] = file.status;
                       if (file.unjudged != Unjudged::kNo) out.unjudged[name] = file.unjudged;
                       return Status::ok();
                     }));
  return out;
}

rocksdb::Options small_and_busy(rocksdb::Options options) {
  options.write_buffer_size = 256 << 10;
  options.target_file_size_base = 256 << 10;
  options.level0_file_num_compaction_trigger = 2;
  options.recycle_log_file_num = 2;
  options.enable_blob_files = true;
  options.min_blob_size = 900;
  return options;
}

// Not a test of its own: what the next ones run in another process, until it is killed.
TEST(BusyChild, WritesUntilItIsKilled) {
  const char* coffer_directory = std::getenv("COFFER_TEST_BUSY_COFFER");
  const char* db_path = std::getenv("COFFER_TEST_BUSY_DB");
  if (coffer_directory == nullptr || db_path == nullptr) GTEST_SKIP() << "is run by VerifyLive";
  auto env = open_coffer_env(coffer_directory);
  ASSERT_FINE(env);
  rocksdb::Options options;
  options.env = env.value().get();
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  ASSERT_FINE(rocksdb::DB::Open(small_and_busy(options), db_path, &db));
  std::mt19937 random(1);
  for (int i = 0;; ++i) {
    const int key = static_cast<int>(random() % 4000);
    ASSERT_FINE(db->Put({}, key_of(key), value_of(key, 100 + random() % 1000)));
    if (i == 100) {
      ASSERT_EQ(::write(STDOUT_FILENO, "!", 1), 1);
    }
  }
}

// That child, from when it has begun to write.
class Busy {
 public:
  explicit Busy(const Workplace& work)
      : child_("BusyChild.*",
               {{"COFFER_TEST_BUSY_COFFER", work.coffer_directory()}, {"COFFER_TEST_BUSY_DB", work.path("db")}}) {
    EXPECT_TRUE(child_.wait_for('!'));
  }
  void kill() { child_.kill(); }

 private:
  OwnChild child_;
};

class VerifyLive : public ::testing::TestWithParam<std::pair<Kind, Kind>> {
 protected:
  VerifyLive() : work_(config_of(GetParam().first, GetParam().second)) {}
  Workplace work_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, VerifyLive,
                         ::testing::Values(std::pair(Kind::kBlocks, Kind::kLog), std::pair(Kind::kCtr, Kind::kLog)),
                         [](const auto& kinds) { return std::string(kind_name(kinds.param.first)); });

// COFFER_VERIFY_ROUNDS makes it longer.
TEST_P(VerifyLive, NeverCallsAHealthyStoreWrong) {
  const char* asked = std::getenv("COFFER_VERIFY_ROUNDS");
  const uint64_t rounds = asked != nullptr ? std::strtoull(asked, nullptr, 10) : 3;
  std::mt19937 random(static_cast<unsigned>(seeds(1).front()));
  int crash_remains = 0, unjudged = 0, runs = 0;
  for (uint64_t round = 0; round < rounds; ++round) {
    Busy busy(work_);
    for (int run = 0; run < 6; ++run, ++runs) {
      work_.reopen();
      const Verdicts beside = verify_all(work_);
      for (const auto& [name, status] : beside.problems) ADD_FAILURE() << "beside: " << status.to_string();
      unjudged += static_cast<int>(beside.unjudged.size());
    }
    ::usleep(random() % 100000);  // so that it is killed at any moment of its work
    busy.kill();
    const Verdicts after = verify_all(work_);
    for (const auto& [name, status] : after.problems) ADD_FAILURE() << "after a kill: " << status.to_string();
    for (const auto& [name, why] : after.unjudged) EXPECT_EQ(why, Unjudged::kUnfinished) << name;
    crash_remains += static_cast<int>(after.unjudged.size());
    if (HasFailure()) return;
  }
  RecordProperty("runs", runs);
  RecordProperty("not_judged_yet", unjudged);
  RecordProperty("left_by_crashes", crash_remains);
}

// A database with tables and blob files, closed.
class VerifyCut : public VerifyLive {
 protected:
  VerifyCut() {
    OpenDb db = work_.open(small_and_busy(work_.options()));
    for (int i = 0; i < 600; ++i) EXPECT_FINE(db->Put({}, key_of(i), value_of(i, 400 + i)));
    EXPECT_FINE(db->Flush({}));
    EXPECT_FINE(db->CompactRange({}, nullptr, nullptr));
    EXPECT_FINE(db->Put({}, "in the log", value_of(1)));
    db.close();
    for (const char* ending : {".sst", ".blob"}) {
      for (const std::string& path : files_below(work_.path("db"), ending)) data_.push_back(path);
    }
  }
  static std::string name_of(const std::string& path) { return fs::path(path).filename(); }

  std::vector<std::string> data_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, VerifyCut,
                         ::testing::Values(std::pair(Kind::kBlocks, Kind::kLog), std::pair(Kind::kCtr, Kind::kLog)),
                         [](const auto& kinds) { return std::string(kind_name(kinds.param.first)); });

TEST_P(VerifyCut, WhatTheDatabaseReliesUponIsAProblemOnceItWasCutHoweverMuch) {
  ASSERT_GT(data_.size(), 1u);
  EXPECT_TRUE(verify_all(work_).problems.empty());
  for (const std::string& path : {data_.front(), data_.back()}) {
    const std::string whole = read_bytes(path);
    for (size_t size : {size_t{0}, size_t{100}, size_t{8191}, kEnvelopeSize, kEnvelopeSize + 56, whole.size() / 2,
                        whole.size() - 1}) {
      write_bytes(path, whole.substr(0, size));
      const Verdicts found = verify_all(work_);
      ASSERT_EQ(found.problems.size(), 1u) << path << " cut to " << size;
      EXPECT_EQ(found.problems.begin()->first, name_of(path));
      EXPECT_THAT(found.problems.begin()->second.code(), AnyOf(Code::kTruncated, Code::kTampered)) << size;
    }
    write_bytes(path, std::string(kEnvelopeSize, '\0') + whole.substr(kEnvelopeSize));
    EXPECT_EQ(verify_all(work_).problems[name_of(path)].code(), Code::kDamaged) << "its header is gone";
    write_bytes(path, whole);
  }
}

TEST_P(VerifyCut, TheSameFileUnderANumberThatTheDatabaseDoesNotKnowWasLeftByACrash) {
  const std::string whole = read_bytes(data_.front());
  for (size_t size : {size_t{0}, size_t{100}, kEnvelopeSize, whole.size() / 2, whole.size() - 1}) {
    write_bytes(work_.path("db/999999.sst"), whole.substr(0, size));
    const Verdicts found = verify_all(work_);
    for (const auto& [name, status] : found.problems) ADD_FAILURE() << status.to_string();
    EXPECT_EQ(found.unjudged, (std::map<std::string, Unjudged>{{"999999.sst", Unjudged::kUnfinished}})) << size;
  }
  write_bytes(work_.path("db/999999.sst"), std::string(20000, 'p'));
  EXPECT_EQ(verify_all(work_).problems["999999.sst"].code(), Code::kPlaintext) << "no crash leaves that";
}

// T8: what speaks of the MAC is in the header alone, so who puts the earlier header back takes the proof away.
TEST_P(VerifyCut, AHeaderFromBeforeTheCloseDoesNotMakeAFileOneThatWasNotClosed) {
  if (GetParam().first != Kind::kCtr) GTEST_SKIP() << "only a ctr body is sealed by its header";
  const std::string& path = data_.front();
  std::string bytes = read_bytes(path);
  auto opened = work_.coffer().open_file(as_bytes(bytes).first(kEnvelopeSize), path);
  ASSERT_FINE(opened);
  EnvelopeFields fields = opened->fields;
  fields.body_sealed = false;
  fields.body_size = 0;
  fields.body_mac = {};
  std::array<uint8_t, kEnvelopeSize> earlier{};
  const DomainKey key = work_.coffer().keyring()->find_key(fields.domain_key_id).entry->key.open().value();
  ASSERT_FINE(seal_envelope(fields, key, opened->file_key, earlier));
  bytes.replace(0, kEnvelopeSize, as_text(earlier));
  bytes[9000] = static_cast<char>(bytes[9000] ^ 1);
  write_bytes(path, bytes);
  EXPECT_EQ(verify_all(work_).problems[name_of(path)].code(), Code::kTampered);
}

// T6: 500 rows must not become none.
TEST_P(VerifyCut, ALogUnderTheHeaderOfAnotherFileOrWithoutOneIsDamageToTheDatabaseAndToVerify) {
  const std::vector<std::string> logs = files_below(work_.path("db"), ".log");
  ASSERT_FALSE(logs.empty());
  const std::string& path = logs.back();
  const std::string whole = read_bytes(path);
  ASSERT_GT(whole.size(), kEnvelopeSize + 100);
  const std::string manifest = [&] {
    for (const std::string& name : files_below(work_.path("db"))) {
      if (name.find("MANIFEST-") != std::string::npos) return name;
    }
    return std::string();
  }();
  for (const std::string& header : {std::string(kEnvelopeSize, '\0'), read_bytes(manifest).substr(0, kEnvelopeSize)}) {
    write_bytes(path, header + whole.substr(kEnvelopeSize));
    EXPECT_EQ(verify_all(work_).problems[name_of(path)].code(), Code::kDamaged);
    EXPECT_FALSE(work_.try_open(work_.options()).ok());
    work_.reopen();
  }
}

}  // namespace
}  // namespace coffer
