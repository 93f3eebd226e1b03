// Reading data files from a mapping ("reads: mapping"), and what becomes of the signals that come with it.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>

#include "coffer/files/guarded_copy.h"
#include "rocksdb/store_fixture.h"

namespace coffer {
namespace {

constexpr size_t kMappedSize = 8192;

// A mapped file of two pages, of which truncation takes the second away.
class Mapping {
 public:
  explicit Mapping(const std::string& path) : path_(path) {
    write_bytes(path, std::string(kMappedSize, 'm'));
    const int file = open(path.c_str(), O_RDONLY);
    data_ = static_cast<uint8_t*>(mmap(nullptr, kMappedSize, PROT_READ, MAP_SHARED, file, 0));
    close(file);
    EXPECT_NE(data_, MAP_FAILED);
  }
  ~Mapping() { munmap(data_, kMappedSize); }
  void cut() { EXPECT_EQ(truncate(path_.c_str(), kMappedSize / 2), 0); }
  const uint8_t* data() const { return data_; }

 private:
  const std::string path_;
  uint8_t* data_;
};

TEST(GuardedCopyTest, WhatTheFileNoLongerHasIsAnErrorAndTheNextCopyWorks) {
  TemporaryDirectory directory;
  Mapping mapping(directory / "file");
  Bytes out(kMappedSize);
  ASSERT_TRUE(guarded_copy(out.data(), mapping.data(), kMappedSize));
  EXPECT_EQ(out, Bytes(kMappedSize, 'm'));
  mapping.cut();
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(guarded_copy(out.data(), mapping.data(), kMappedSize));
    EXPECT_TRUE(guarded_copy(out.data(), mapping.data(), kMappedSize / 2));
  }
}

TEST(GuardedCopyTest, ABusErrorElsewhereStillEndsTheProcess) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  TemporaryDirectory directory;
  EXPECT_DEATH(
      {
        Mapping mapping(directory / "file");
        uint8_t byte;
        if (!guarded_copy(&byte, mapping.data(), 1)) _exit(0);
        mapping.cut();
        _exit(static_cast<const volatile uint8_t*>(mapping.data())[kMappedSize - 1] == 'm' ? 0 : 1);
      },
      "");
}

TEST(GuardedCopyTest, ABusErrorElsewhereGoesToTheHandlerThatWasThereBefore) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  TemporaryDirectory directory;
  EXPECT_EXIT(
      {
        std::signal(SIGBUS, [](int) { _exit(42); });
        Mapping mapping(directory / "file");
        uint8_t byte;
        if (!guarded_copy(&byte, mapping.data(), 1)) _exit(1);
        mapping.cut();
        _exit(static_cast<const volatile uint8_t*>(mapping.data())[kMappedSize - 1]);
      },
      ::testing::ExitedWithCode(42), "");
}

class MappedReadTest : public ::testing::TestWithParam<Kind> {
 protected:
  static Config mapped() {
    Config config;
    config.data_kind = GetParam();
    config.read_mode = ReadMode::kMapping;
    return config;
  }
};

TEST_P(MappedReadTest, ADatabaseReadsTheSameAsByPread) {
  Workplace place(mapped());
  std::map<std::string, std::string> expected;
  {
    OpenDb db = place.open();
    for (int i = 0; i < 2000; ++i) {
      expected[key_of(i)] = value_of(i, 300);
      ASSERT_FINE(db->Put({}, key_of(i), value_of(i, 300)));
    }
    ASSERT_FINE(db->Flush({}));
  }
  OpenDb db = place.open();
  EXPECT_EQ(contents_of(db.get()), expected);
  std::vector<std::string> keys;
  for (int i = 0; i < 2000; i += 7) keys.push_back(key_of(i));
  std::vector<std::string> values;
  for (const rocksdb::Status& status : db->MultiGet({}, {keys.begin(), keys.end()}, &values)) ASSERT_FINE(status);
  for (size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(values[i], expected[keys[i]]);
}

TEST_P(MappedReadTest, AFileThatIsCutWhileItIsOpenFailsTheReadAndNotTheProcess) {
  Workplace place(mapped());
  const std::string path = place.path("000001.sst");
  std::unique_ptr<rocksdb::FSWritableFile> out;
  ASSERT_FINE(place.file_system()->NewWritableFile(path, {}, &out, nullptr));
  ASSERT_FINE(out->Append(std::string(100'000, 'p'), {}, nullptr));
  ASSERT_FINE(out->Close({}, nullptr));
  std::unique_ptr<rocksdb::FSRandomAccessFile> in;
  ASSERT_FINE(place.file_system()->NewRandomAccessFile(path, {}, &in, nullptr));
  std::string scratch(5000, '\0');
  rocksdb::Slice result;
  ASSERT_FINE(in->Read(80'000, scratch.size(), {}, &result, scratch.data(), nullptr));
  EXPECT_EQ(result, std::string(5000, 'p'));
  ASSERT_EQ(truncate(path.c_str(), 20'000), 0);
  EXPECT_TRUE(in->Read(80'000, scratch.size(), {}, &result, scratch.data(), nullptr).IsIOError());
  EXPECT_EQ(result.size(), 0u);
}

TEST_P(MappedReadTest, AByteThatIsFlippedWhileTheFileIsOpenIsSeen) {
  if (GetParam() == Kind::kCtr) GTEST_SKIP() << "reads of ctr files are not authenticated";
  Workplace place(mapped());
  const std::string path = place.path("000001.sst");
  std::unique_ptr<rocksdb::FSWritableFile> out;
  ASSERT_FINE(place.file_system()->NewWritableFile(path, {}, &out, nullptr));
  ASSERT_FINE(out->Append(std::string(100'000, 'p'), {}, nullptr));
  ASSERT_FINE(out->Close({}, nullptr));
  std::unique_ptr<rocksdb::FSRandomAccessFile> in;
  ASSERT_FINE(place.file_system()->NewRandomAccessFile(path, {}, &in, nullptr));
  flip_byte(path, 50'000);
  std::string scratch(100'000, '\0');
  rocksdb::Slice result;
  EXPECT_TRUE(in->Read(0, scratch.size(), {}, &result, scratch.data(), nullptr).IsCorruption());
}

INSTANTIATE_TEST_SUITE_P(Kinds, MappedReadTest, ::testing::Values(Kind::kBlocks, Kind::kCtr),
                         [](const auto& kind) { return std::string(kind_name(kind.param)); });

}  // namespace
}  // namespace coffer
