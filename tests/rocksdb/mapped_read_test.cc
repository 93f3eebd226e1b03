// Reading data files from mappings ("reads" in coffer.yaml), and what becomes of the signals that come with it.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "coffer/files/mapped_reads.h"
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

// Each in a process of its own, in which nobody handles SIGBUS.
class BusGuardDeathTest : public ::testing::Test {
 protected:
  BusGuardDeathTest() { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
  static void begin() { std::signal(SIGBUS, SIG_DFL); }
  [[noreturn]] static void end(bool as_expected) { _exit(as_expected ? 0 : 1); }

  TemporaryDirectory directory_;
};

[[noreturn]] void leave_with_42(int) { _exit(42); }

// Within a second, or never.
bool becomes(bool good) {
  for (int tries = 0; tries < 1000; ++tries) {
    if (BusGuard::mapped_reads_are_good(false) == good) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

TEST_F(BusGuardDeathTest, WhatTheFileNoLongerHasIsAnErrorAndTheNextCopyWorks) {
  EXPECT_EXIT(
      {
        begin();
        Mapping mapping(directory_ / "file");
        Bytes out(kMappedSize);
        bool good = BusGuard::install(false) && guarded_copy(out.data(), mapping.data(), kMappedSize);
        good = good && out == Bytes(kMappedSize, 'm');
        mapping.cut();
        for (int i = 0; i < 3; ++i) {
          good = good && !guarded_copy(out.data(), mapping.data(), kMappedSize);
          good = good && guarded_copy(out.data(), mapping.data(), kMappedSize / 2);
        }
        end(good);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(BusGuardDeathTest, ABusErrorElsewhereStillEndsTheProcess) {
  EXPECT_DEATH(
      {
        begin();
        Mapping mapping(directory_ / "file");
        uint8_t byte;
        if (!BusGuard::install(false) || !guarded_copy(&byte, mapping.data(), 1)) end(true);
        mapping.cut();
        end(static_cast<const volatile uint8_t*>(mapping.data())[kMappedSize - 1] == 'm');
      },
      "");
}

TEST_F(BusGuardDeathTest, ABusErrorElsewhereGoesToTheHandlerThatWasThereBefore) {
  EXPECT_EXIT(
      {
        std::signal(SIGBUS, leave_with_42);
        Mapping mapping(directory_ / "file");
        uint8_t byte;
        if (!BusGuard::install(true) || !guarded_copy(&byte, mapping.data(), 1)) end(false);
        mapping.cut();
        _exit(static_cast<const volatile uint8_t*>(mapping.data())[kMappedSize - 1]);
      },
      ::testing::ExitedWithCode(42), "");
}

TEST_F(BusGuardDeathTest, AHandlerOfTheProgramsOwnIsLeftAlone) {
  EXPECT_EXIT(
      {
        std::signal(SIGBUS, leave_with_42);
        const bool refused = !BusGuard::install(false) && !BusGuard::mapped_reads_are_good(false);
        const bool said = BusGuard::why_not() == "the program has a SIGBUS handler of its own";
        end(refused && said && std::signal(SIGBUS, SIG_DFL) == leave_with_42);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(BusGuardDeathTest, AHandlerThatComesLaterIsNoticedAndSoIsItsEnd) {
  EXPECT_EXIT(
      {
        begin();
        bool good = BusGuard::install(false) && becomes(true);
        struct sigaction ours {};
        sigaction(SIGBUS, nullptr, &ours);
        std::signal(SIGBUS, leave_with_42);
        good = good && becomes(false) && !BusGuard::install(true);
        sigaction(SIGBUS, &ours, nullptr);
        end(good && becomes(true) && BusGuard::why_not().empty());
      },
      ::testing::ExitedWithCode(0), "");
}

// Takes the file out of the page cache, reads it page by page from a mapping, and asks before each.
bool cold_pages_were_noticed(const std::string& path) {
  constexpr size_t kSize = size_t{16} << 20;
  const int file = open(path.c_str(), O_RDWR | O_CREAT, 0600);
  const Bytes page(4096, 'c');
  for (size_t at = 0; at < kSize; at += page.size()) {
    if (write(file, page.data(), page.size()) < 0) return false;
  }
  fsync(file);
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  auto* data = static_cast<uint8_t*>(mmap(nullptr, kSize, PROT_READ, MAP_SHARED, file, 0));
  madvise(data, kSize, MADV_RANDOM);
  Bytes resident(kSize / 4096);
  mincore(data, kSize, resident.data());
  if (std::count(resident.begin(), resident.end(), 0) < 4000) _exit(77);  // this file system keeps its pages
  uint8_t byte;
  for (size_t at = 0; at < kSize; at += 4096) {
    if (!BusGuard::mapped_reads_are_good(false)) return BusGuard::mapped_reads_are_good(true);
    if (!guarded_copy(&byte, data + at, 1)) return false;
    if (at % 65536 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

TEST_F(BusGuardDeathTest, ReadsThatWaitForTheDiskLeaveMappingsAlone) {
  const auto noticed_or_impossible = [](int status) {
    return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
  };
  EXPECT_EXIT(
      {
        begin();
        if (!BusGuard::install(false)) end(false);
        end(cold_pages_were_noticed(directory_ / "file"));
      },
      noticed_or_impossible, "");
}

TEST(WhyNotMappedTest, TellsLocalFileSystemsFromOthers) {
  TemporaryDirectory directory;
  EXPECT_EQ(why_not_mapped(directory.path()), "");
  EXPECT_EQ(why_not_mapped("/proc/self/status"), "its file system is not local, or not known");
  EXPECT_EQ(why_not_mapped(directory / "missing"), "its file system cannot be asked what it is");
}

using How = std::tuple<Kind, ReadMode>;

class MappedReadTest : public ::testing::TestWithParam<How> {
 protected:
  static Config mapped() {
    Config config;
    std::tie(config.data_kind, config.read_mode) = GetParam();
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
  for (uint64_t offset : {10'000, 80'000}) {
    const rocksdb::IOStatus status = in->Read(offset, scratch.size(), {}, &result, scratch.data(), nullptr);
    EXPECT_THAT(status.ToString(), ::testing::HasSubstr("became shorter while it was open")) << offset;
    EXPECT_EQ(result.size(), 0u);
  }
}

TEST_P(MappedReadTest, AByteThatIsFlippedWhileTheFileIsOpenIsSeen) {
  if (std::get<Kind>(GetParam()) == Kind::kCtr) GTEST_SKIP() << "reads of ctr files are not authenticated";
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

INSTANTIATE_TEST_SUITE_P(Hows, MappedReadTest,
                         ::testing::Combine(::testing::ValuesIn(kDataKinds),
                                            ::testing::Values(ReadMode::kAuto, ReadMode::kPread, ReadMode::kMapping)),
                         [](const auto& how) {
                           return std::string(kind_name(std::get<Kind>(how.param))) + "_" +
                                  std::string(read_mode_name(std::get<ReadMode>(how.param)));
                         });

// Whether a data file is mapped while it is open.
bool is_mapped_when_open(const Config& config) {
  Workplace place(config);
  const std::string path = place.path("000001.sst");
  std::unique_ptr<rocksdb::FSWritableFile> out;
  std::unique_ptr<rocksdb::FSRandomAccessFile> in;
  if (!place.file_system()->NewWritableFile(path, {}, &out, nullptr).ok()) return false;
  if (!out->Append(std::string(100'000, 'p'), {}, nullptr).ok() || !out->Close({}, nullptr).ok()) return false;
  if (!place.file_system()->NewRandomAccessFile(path, {}, &in, nullptr).ok()) return false;
  return read_bytes("/proc/self/maps").find(path) != std::string::npos;
}

TEST_F(BusGuardDeathTest, ByItselfADataFileIsMappedWhereNobodyElseHandlesBusErrors) {
  EXPECT_EXIT(
      {
        begin();
        end(is_mapped_when_open(Config()));
      },
      ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(
      {
        std::signal(SIGBUS, leave_with_42);
        end(!is_mapped_when_open(Config()) && std::signal(SIGBUS, SIG_DFL) == leave_with_42);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(BusGuardDeathTest, ByItselfOnlyAuthenticatedBodiesAreMapped) {
  EXPECT_EXIT(
      {
        begin();
        Config config;
        config.data_kind = Kind::kCtr;
        end(!is_mapped_when_open(config));
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace coffer
