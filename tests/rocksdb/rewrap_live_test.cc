// Another process rotates a domain's key and rewraps all files again and again, while this one reads and writes.
#include <cstdlib>
#include <thread>

#include "coffer/ops/verify.h"
#include "coffer_test_paths.h"
#include "rocksdb/store_fixture.h"

namespace coffer {
namespace {

constexpr int kRounds = 12;
constexpr int kKeysAtFirst = 2000;

// The command line, as an operator would: 0, or the exit status of what failed.
int rotate_and_rewrap(const std::string& coffer_directory) {
  const std::string command =
      COFFER_BINARY_DIR "/coffer rotate domain " + coffer_directory + " system --rewrap >/dev/null";
  for (int round = 0; round < kRounds; ++round) {
    if (const int status = std::system(command.c_str()); status != 0) return status;
  }
  return 0;
}

class RewrapUnderADatabase : public ::testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(Kinds, RewrapUnderADatabase, ::testing::ValuesIn(kDataKinds),
                         [](const auto& param) { return std::string(kind_name(param.param)); });

TEST_P(RewrapUnderADatabase, NoReadIsWrongAndNoWriteIsLost) {
  Workplace work(config_of(GetParam(), Kind::kLog));
  rocksdb::Options options = work.options();
  options.write_buffer_size = 64 << 10;
  options.max_open_files = 8;  // so that headers are read all the time
  options.recycle_log_file_num = 2;
  OpenDb db = work.open(options);
  ASSERT_TRUE(db);
  for (int i = 0; i < kKeysAtFirst; ++i) ASSERT_FINE(db->Put({}, key_of(i), value_of(i)));
  ASSERT_FINE(db->Flush({}));

  std::atomic<bool> stop{false};
  std::atomic<int> written{kKeysAtFirst};
  std::thread writer([&] {
    for (int i = kKeysAtFirst; !stop; ++i) {
      rocksdb::WriteOptions how;
      how.sync = i % 50 == 0;
      ASSERT_FINE(db->Put(how, key_of(i), value_of(i)));
      written = i + 1;
    }
  });
  std::vector<std::thread> readers;
  std::atomic<int> reads{0};
  for (unsigned seed : {1u, 2u}) {
    readers.emplace_back([&, seed] {
      for (std::mt19937 random(seed); !stop; ++reads) {
        const int i = static_cast<int>(random() % static_cast<unsigned>(written.load()));
        std::string value;
        ASSERT_FINE(db->Get({}, key_of(i), &value));
        ASSERT_EQ(value, value_of(i));
      }
    });
  }
  EXPECT_EQ(rotate_and_rewrap(work.coffer_directory()), 0);
  stop = true;
  writer.join();
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(reads, 0);
  EXPECT_GT(written, kKeysAtFirst);
  db.close();

  work.reopen();
  ASSERT_FINE(verify(work.coffer(), {}, {}, [](const VerifiedFile& file) {
    EXPECT_TRUE(file.status.is_ok()) << file.status.to_string();
    return Status::ok();
  }));
  db = work.open();
  ASSERT_TRUE(db);
  for (int i = 0; i < written; ++i) {
    std::string value;
    ASSERT_FINE(db->Get({}, key_of(i), &value));
    ASSERT_EQ(value, value_of(i));
  }
}

}  // namespace
}  // namespace coffer
