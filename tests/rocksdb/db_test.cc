// A RocksDB database on a coffer behaves as one without.
#include "rocksdb/store_fixture.h"

namespace coffer {
namespace {

class Database : public ::testing::TestWithParam<std::pair<Kind, Kind>> {
 protected:
  Database() : work_(config_of(GetParam().first, GetParam().second)) {}
  Workplace work_;
};

std::string kinds_of(const ::testing::TestParamInfo<std::pair<Kind, Kind>>& info) {
  return std::string(kind_name(info.param.first)) + "_" + std::string(kind_name(info.param.second));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Database,
                         ::testing::Values(std::pair(Kind::kBlocks, Kind::kLog), std::pair(Kind::kCtr, Kind::kLog),
                                           std::pair(Kind::kCtr, Kind::kCtr)),
                         kinds_of);

TEST_P(Database, KeepsWhatWasWrittenAcrossFlushCompactionAndReopening) {
  {
    OpenDb db = work_.open();
    ASSERT_TRUE(db);
    for (int i = 0; i < 3000; ++i) ASSERT_FINE(db->Put({}, key_of(i), value_of(i)));
    ASSERT_FINE(db->Flush({}));
    for (int i = 0; i < 3000; i += 3) ASSERT_FINE(db->Delete({}, key_of(i)));
    ASSERT_FINE(db->Flush({}));
    ASSERT_FINE(db->CompactRange({}, nullptr, nullptr));
    ASSERT_FINE(db->Put({}, "unflushed", value_of(-1)));
  }
  work_.reopen();
  OpenDb db = work_.open();
  ASSERT_TRUE(db);
  for (int i = 0; i < 3000; ++i) {
    std::string value;
    rocksdb::Status status = db->Get({}, key_of(i), &value);
    if (i % 3 == 0) {
      ASSERT_TRUE(status.IsNotFound()) << i;
    } else {
      ASSERT_FINE(status);
      ASSERT_EQ(value, value_of(i));
    }
  }
  std::string value;
  ASSERT_FINE(db->Get({}, "unflushed", &value));
  ASSERT_FINE(db->VerifyChecksum());
  db.close();
  work_.expect_no_plaintext("db");
}

}  // namespace
}  // namespace coffer
