// Files that are not what they were, and callbacks that fail, by the C library.
#include "bindings/c_file_fixture.h"
#include "coffer/format/envelope.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

class CFileFaultTest : public CFileTest {};

TEST_P(CFileFaultTest, AtAnotherPlaceItIsForeignAndWhatIsInClearIsRefused) {
  MemoryFile memory;
  write_file(memory, "text");
  std::filesystem::create_directory(root_ + "/elsewhere");
  EXPECT_EQ(open(memory, root_ + "/elsewhere/file"), nullptr);
  EXPECT_EQ(code_, COFFER_FOREIGN) << error_.text();
  MemoryFile clear;
  clear.bytes = std::string(20'000, 'c');
  EXPECT_EQ(open(clear), nullptr);
  EXPECT_EQ(code_, COFFER_PLAINTEXT);
  EXPECT_EQ(reopen(clear), nullptr);
  EXPECT_EQ(code_, COFFER_PLAINTEXT);
  EXPECT_EQ(create(clear), nullptr);
  EXPECT_EQ(code_, COFFER_ALREADY_EXISTS);
  EXPECT_EQ(clear.bytes, std::string(20'000, 'c'));
  MemoryFile empty;
  coffer_file_t* const nothing = open(empty);
  EXPECT_EQ(nothing != nullptr, GetParam().role != COFFER_ROLE_DATA) << error_.text();
  if (nothing != nullptr) {
    EXPECT_EQ(read_all(nothing), "");
  }
  coffer_file_abandon(nothing);
}

TEST_P(CFileFaultTest, EachByteOfAHeaderIsNoticedAndSoIsACutBody) {
  MemoryFile memory;
  write_file(memory, text_of(10'000));
  const std::string whole = memory.bytes;
  for (size_t at = 0; at < 512; at += 7) {
    memory.bytes = whole;
    for (const size_t slot : {0, 4096}) memory.bytes[slot + at] = static_cast<char>(memory.bytes[slot + at] ^ 1);
    coffer_file_abandon(open(memory));
    EXPECT_NE(code_, COFFER_OK) << at;
  }
  memory.bytes = whole.substr(0, whole.size() - 1);
  coffer_file_t* const file = open(memory);
  if (is("log")) {  // a torn tail
    EXPECT_EQ(read_all(file).substr(0, 9000), text_of(9000));
    close(file);
  } else {
    EXPECT_EQ(file, nullptr);
    EXPECT_THAT(code_, testing::AnyOf(COFFER_TRUNCATED, COFFER_TAMPERED)) << error_.text();
  }
}

TEST_P(CFileFaultTest, WhicheverCallbackFailsTheCallSaysItAndNothingIsReleased) {
  MemoryFile memory;
  write_file(memory, text_of(10'000));
  for (const coffer_code_t failure : {coffer_code_t{COFFER_NO_SPACE}, 12345, -1}) {
    const coffer_code_t expected = failure == COFFER_NO_SPACE ? COFFER_NO_SPACE : COFFER_IO;
    for (int calls = 1;; ++calls) {
      MemoryFile failing;
      failing.bytes = memory.bytes;
      failing.failure = failure;
      failing.calls_left = calls;
      coffer_file_t* const file = open(failing);
      std::string out(10'000, '?');
      size_t done = 0;
      const bool was_opened = file != nullptr;
      if (was_opened) code_ = coffer_file_read_at(file, 0, out.data(), out.size(), &done, error_.out());
      coffer_file_abandon(file);
      if (code_ == COFFER_OK) break;
      ASSERT_LT(calls, 100);
      EXPECT_EQ(code_, expected) << error_.text();
      EXPECT_THAT(error_.text(), HasSubstr("the program's callback"));
      if (was_opened) {
        EXPECT_EQ(out, std::string(10'000, '\0'));
      }
    }
  }
}

TEST_P(CFileFaultTest, AfterAWriteThatFailedNothingMoreIsWritten) {
  for (int calls = 1;; ++calls) {
    MemoryFile failing;
    coffer_file_t* file = nullptr;
    failing.calls_left = calls;
    if ((file = create(failing)) == nullptr) continue;
    const std::string text = text_of(50'000);
    const coffer_code_t appended = coffer_file_append(file, text.data(), text.size(), error_.out());
    const coffer_code_t synced = coffer_file_sync(file, error_.out());
    if (appended != COFFER_OK) {
      EXPECT_EQ(synced, COFFER_IO);
    }
    const std::string then = failing.bytes;
    failing.calls_left = 1'000'000;
    if (appended != COFFER_OK || synced != COFFER_OK) {
      EXPECT_EQ(coffer_file_append(file, "x", 1, error_.out()), COFFER_IO);
      (void)coffer_file_close(file, nullptr);
      EXPECT_EQ(failing.bytes, then);
      continue;
    }
    coffer_file_abandon(file);
    EXPECT_GT(calls, 1);
    break;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, CFileFaultTest, testing::Values(kBlocksFile, kLogFile, kCtrFile), name_of);

}  // namespace
}  // namespace coffer
