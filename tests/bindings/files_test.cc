// Files that a program reads and writes by its callbacks, by the C library.
#include <thread>

#include "bindings/c_file_fixture.h"
#include "coffer/format/envelope.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_P(CFileTest, WhatWasAppendedIsReadAtEverySize) {
  for (const size_t size : {0, 1, 15, 16, 17, 4095, 4096, 4097, 16384, 100'000}) {
    SCOPED_TRACE(size);
    MemoryFile memory;
    write_file(memory, text_of(size));
    EXPECT_THAT(memory.bytes, Not(HasSubstr("contents 0")));
    coffer_file_t* const file = open(memory);
    ASSERT_NE(file, nullptr) << error_.text();
    EXPECT_EQ(read_all(file), text_of(size));
    char byte[3] = {};
    size_t done = 7;
    ASSERT_C_OK(error_, coffer_file_read_at(file, size, byte, 3, &done, error_.out()));
    EXPECT_EQ(done, 0u);
    ASSERT_C_OK(error_, coffer_file_read_at(file, UINT64_MAX - 1, byte, 3, &done, error_.out()));
    EXPECT_EQ(done, 0u);
    if (size > 100) {
      ASSERT_C_OK(error_, coffer_file_read_at(file, size - 2, byte, 3, &done, error_.out()));
      EXPECT_EQ(std::string(byte, done), text_of(size).substr(size - 2));
    }
    close(file);
  }
}

TEST_P(CFileTest, IsOfItsKind) {
  MemoryFile memory;
  write_file(memory, "text");
  const auto scan = scan_envelope(as_bytes(memory.bytes).first(kEnvelopeSize));
  ASSERT_OK(scan);
  EXPECT_EQ(kind_name(scan->fields.kind), GetParam().kind);
}

TEST_P(CFileTest, AFileThatIsWrittenIsNotReadNorTheOtherWayRound) {
  MemoryFile memory;
  coffer_file_t* file = create(memory);
  char byte = 0;
  size_t done = 0;
  uint64_t size = 7;
  EXPECT_EQ(coffer_file_read_at(file, 0, &byte, 1, &done, error_.out()), COFFER_UNSUPPORTED);
  EXPECT_THAT(error_.text(), HasSubstr(path() + ": is open for writing"));
  append(file, "text");
  ASSERT_C_OK(error_, coffer_file_size(file, &size, error_.out()));
  EXPECT_EQ(size, 4u);
  close(file);
  file = open(memory);
  EXPECT_EQ(coffer_file_append(file, "x", 1, error_.out()), COFFER_UNSUPPORTED);
  EXPECT_EQ(coffer_file_sync(file, error_.out()), COFFER_UNSUPPORTED);
  close(file);
}

TEST_P(CFileTest, WhatWasSyncedIsThereAfterACrash) {
  MemoryFile memory;
  coffer_file_t* const file = create(memory);
  append(file, "durable");
  ASSERT_C_OK(error_, coffer_file_sync(file, error_.out()));
  if (!is("blocks")) append(file, " lost");
  coffer_file_abandon(file);
  MemoryFile after;
  after.bytes = memory.synced;
  coffer_file_t* const read = open(after);
  ASSERT_NE(read, nullptr) << error_.text();
  EXPECT_EQ(read_all(read), "durable");
  close(read);
}

TEST_P(CFileTest, OnlyALogIsAppendedToAgain) {
  MemoryFile memory;
  write_file(memory, "first;");
  coffer_file_t* file = reopen(memory);
  ASSERT_NE(file, nullptr) << error_.text();
  uint64_t size = 0;
  ASSERT_C_OK(error_, coffer_file_size(file, &size, error_.out()));
  EXPECT_EQ(size, 6u);
  if (is("log")) {
    append(file, "second;");
    close(file);
    file = open(memory);
    EXPECT_EQ(read_all(file), "first;second;");
    close(file);
  } else {
    EXPECT_EQ(coffer_file_append(file, "x", 1, error_.out()), COFFER_UNSUPPORTED) << error_.text();
    coffer_file_abandon(file);
  }
}

TEST_P(CFileTest, OneThatWasNeverWrittenIsBegunByReopening) {
  MemoryFile memory;
  memory.bytes = std::string(100, '\0');
  coffer_file_t* const file = reopen(memory);
  ASSERT_NE(file, nullptr) << error_.text();
  append(file, "text");
  close(file);
  coffer_file_t* const read = open(memory);
  EXPECT_EQ(read_all(read), "text");
  close(read);
}

TEST_P(CFileTest, ManyThreadsReadOneFile) {
  MemoryFile memory;
  write_file(memory, text_of(100'000));
  coffer_file_t* const file = open(memory);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&, number] {
      for (int turn = 0; turn < 50; ++turn) {
        const uint64_t offset = static_cast<uint64_t>(turn * 1999 + number * 13) % 99'000;
        char out[1000];
        size_t done = 0;
        if (coffer_file_read_at(file, offset, out, sizeof out, &done, nullptr) != COFFER_OK ||
            std::string(out, done) != text_of(100'000).substr(offset, 1000)) {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  close(file);
}

TEST_P(CFileTest, AFileKeepsWhatItNeedsOfACofferThatIsClosed) {
  MemoryFile memory;
  coffer_file_t* file = create(memory);
  coffer_close(c_);
  append(file, "text");
  close(file);
  c_ = open_c();
  file = open(memory);
  EXPECT_EQ(read_all(file), "text");
  close(file);
}

// Others belong to the domain system.
class CDataFileTest : public CFileTest {};

TEST_P(CDataFileTest, ALockedDomainsOpenFileIsReadAgainOnceItIsUnlocked) {
  MemoryFile memory;
  write_file(memory, text_of(10'000), "tenant");
  coffer_file_t* const file = open(memory);
  ASSERT_NE(file, nullptr) << error_.text();
  ASSERT_OK(lock_domain(*coffer_, "tenant"));
  std::string out(100, '?');
  size_t done = 7;
  const auto read = [&] { return coffer_file_read_at(file, 0, out.data(), out.size(), &done, error_.out()); };
  ASSERT_TRUE(comes([&] { return read() == COFFER_KEY_UNAVAILABLE; }));
  EXPECT_EQ(out, std::string(100, '\0'));
  EXPECT_EQ(done, 0u);
  ASSERT_OK(unlock_domain(*coffer_, "tenant"));
  EXPECT_TRUE(comes([&] { return read() == COFFER_OK; }));
  EXPECT_EQ(out, text_of(100));
  close(file);
}

INSTANTIATE_TEST_SUITE_P(Kinds, CFileTest, testing::Values(kBlocksFile, kLogFile, kCtrFile), name_of);
INSTANTIATE_TEST_SUITE_P(Kinds, CDataFileTest, testing::Values(kBlocksFile, kCtrFile), name_of);

}  // namespace
}  // namespace coffer
