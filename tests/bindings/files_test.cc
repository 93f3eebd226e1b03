// Files that a program reads and writes by its callbacks, by the C library.
#include <thread>

#include "bindings/c_fixture.h"
#include "coffer/format/envelope.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct KindOfFile {
  const char* kind;
  coffer_role_t role;
  const char* yaml;
};

// The kinds by the roles and configurations that lead to them. One for each.
class CFileTest : public CFixture, public testing::WithParamInterface<KindOfFile> {
 protected:
  void SetUp() override {
    CFixture::SetUp();
    if (*GetParam().yaml == '\0') return;
    coffer_close(c_);
    configure("data_files", GetParam().yaml);
    c_ = open_c();
  }
  bool is(const char* kind) const { return std::string_view(GetParam().kind) == kind; }

  coffer_file_t* create(MemoryFile& memory, const char* domain = nullptr) {
    coffer_file_t* file = nullptr;
    const coffer_io_t io = memory.io();
    code_ = coffer_file_create(c_, path().c_str(), GetParam().role, domain, &io, &file, error_.out());
    return file;
  }
  coffer_file_t* open(MemoryFile& memory, const std::string& path) {
    coffer_file_t* file = nullptr;
    const coffer_io_t io = memory.io();
    code_ = coffer_file_open(c_, path.c_str(), GetParam().role, &io, &file, error_.out());
    return file;
  }
  coffer_file_t* open(MemoryFile& memory) { return open(memory, path()); }
  coffer_file_t* reopen(MemoryFile& memory) {
    coffer_file_t* file = nullptr;
    const coffer_io_t io = memory.io();
    code_ = coffer_file_reopen(c_, path().c_str(), GetParam().role, &io, &file, error_.out());
    return file;
  }
  std::string path() const { return db("file"); }

  void append(coffer_file_t* file, const std::string& text) {
    ASSERT_C_OK(error_, coffer_file_append(file, text.data(), text.size(), error_.out()));
  }
  void close(coffer_file_t* file) { ASSERT_C_OK(error_, coffer_file_close(file, error_.out())); }
  void write_file(MemoryFile& memory, const std::string& text, const char* domain = nullptr) {
    coffer_file_t* const file = create(memory, domain);
    ASSERT_NE(file, nullptr) << error_.text();
    for (size_t at = 0; at < text.size(); at += 1000) append(file, text.substr(at, 1000));
    close(file);
  }
  std::string read_all(coffer_file_t* file) {
    uint64_t size = 0;
    EXPECT_EQ(coffer_file_size(file, &size, error_.out()), COFFER_OK) << error_.text();
    std::string out(size + 10, '?');
    size_t done = 0;
    code_ = coffer_file_read_at(file, 0, out.data(), out.size(), &done, error_.out());
    EXPECT_EQ(done, code_ == COFFER_OK ? size : 0) << error_.text();
    out.resize(done);
    return out;
  }
  static std::string text_of(size_t size) {
    std::string out;
    while (out.size() < size) out += "contents " + std::to_string(out.size()) + ";";
    out.resize(size);
    return out;
  }

  coffer_code_t code_ = COFFER_OK;
  CError error_;
};

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

TEST_P(CFileTest, AtAnotherPlaceItIsForeignAndWhatIsInClearIsRefused) {
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

TEST_P(CFileTest, EachByteOfAHeaderIsNoticedAndSoIsACutBody) {
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

TEST_P(CFileTest, WhicheverCallbackFailsTheCallSaysItAndNothingIsReleased) {
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

TEST_P(CFileTest, AfterAWriteThatFailedNothingMoreIsWritten) {
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

constexpr KindOfFile kBlocksFile{"blocks", COFFER_ROLE_DATA, ""};
constexpr KindOfFile kLogFile{"log", COFFER_ROLE_LOG, ""};
constexpr KindOfFile kCtrFile{"ctr", COFFER_ROLE_DATA, "data_files: ctr"};

std::string name_of(const testing::TestParamInfo<KindOfFile>& each) { return each.param.kind; }

INSTANTIATE_TEST_SUITE_P(Kinds, CFileTest, testing::Values(kBlocksFile, kLogFile, kCtrFile), name_of);
INSTANTIATE_TEST_SUITE_P(Kinds, CDataFileTest, testing::Values(kBlocksFile, kCtrFile), name_of);

class CLogTest : public CFixture {};

TEST_F(CLogTest, ATornTailIsCutAtReopeningAndDamageNeverIs) {
  MemoryFile memory;
  const coffer_io_t io = memory.io();
  const std::string path = db("log");
  coffer_file_t* file = nullptr;
  CError error;
  ASSERT_C_OK(error, coffer_file_create(c_, path.c_str(), COFFER_ROLE_LOG, nullptr, &io, &file, error.out()));
  ASSERT_C_OK(error, coffer_file_append(file, "durable;", 8, error.out()));
  ASSERT_C_OK(error, coffer_file_sync(file, error.out()));
  const size_t durable = memory.bytes.size();
  ASSERT_C_OK(error, coffer_file_append(file, "torn;", 5, error.out()));
  coffer_file_abandon(file);
  const std::string whole = memory.bytes;

  memory.bytes = whole.substr(0, whole.size() - 3);
  ASSERT_C_OK(error, coffer_file_reopen(c_, path.c_str(), COFFER_ROLE_LOG, &io, &file, error.out()));
  EXPECT_EQ(memory.bytes.size(), durable);
  ASSERT_C_OK(error, coffer_file_append(file, "after;", 6, error.out()));
  ASSERT_C_OK(error, coffer_file_close(file, error.out()));
  ASSERT_C_OK(error, coffer_file_open(c_, path.c_str(), COFFER_ROLE_LOG, &io, &file, error.out()));
  char out[100] = {};
  size_t done = 0;
  ASSERT_C_OK(error, coffer_file_read_at(file, 0, out, sizeof out, &done, error.out()));
  EXPECT_EQ(std::string(out, done), "durable;after;");
  ASSERT_C_OK(error, coffer_file_close(file, error.out()));

  memory.bytes = whole;
  memory.bytes[durable - 20] = static_cast<char>(memory.bytes[durable - 20] ^ 1);
  EXPECT_EQ(coffer_file_reopen(c_, path.c_str(), COFFER_ROLE_LOG, &io, &file, error.out()), COFFER_DAMAGED);
  EXPECT_EQ(file, nullptr);
  EXPECT_EQ(memory.bytes.size(), whole.size());
}

TEST_F(CLogTest, SyncGoesOnBesideAppend) {
  MemoryFile memory;
  const coffer_io_t io = memory.io();
  const std::string path = db("log");
  coffer_file_t* file = nullptr;
  CError error;
  ASSERT_C_OK(error, coffer_file_create(c_, path.c_str(), COFFER_ROLE_LOG, nullptr, &io, &file, error.out()));
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&, number] {
      for (int turn = 0; turn < 200; ++turn) {
        const coffer_code_t code = number < 2 ? coffer_file_sync(file, nullptr)
                                               : coffer_file_append(file, "0123456789", 10, nullptr);
        if (code != COFFER_OK) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  uint64_t size = 0;
  ASSERT_C_OK(error, coffer_file_close(file, error.out()));
  ASSERT_C_OK(error, coffer_file_open(c_, path.c_str(), COFFER_ROLE_LOG, &io, &file, error.out()));
  ASSERT_C_OK(error, coffer_file_size(file, &size, error.out()));
  EXPECT_EQ(size, 4000u);
  coffer_file_abandon(file);
}

class CFileArgumentTest : public CFixture {};

TEST_F(CFileArgumentTest, RolesPathsAndCallbacksThatAreNoneAreRefused) {
  MemoryFile memory;
  const coffer_io_t whole = memory.io();
  coffer_file_t* file = nullptr;
  CError error;
  const auto create = [&](const char* path, coffer_role_t role, const coffer_io_t& io, const char* domain = nullptr) {
    const coffer_code_t code = coffer_file_create(c_, path, role, domain, &io, &file, error.out());
    EXPECT_EQ(file, nullptr);
    return code;
  };
  const std::string path = db("f");
  for (const coffer_role_t role : {0, 7, -1}) EXPECT_EQ(create(path.c_str(), role, whole), COFFER_INVALID_ARGUMENT);
  for (const char* other : {"", "f", "db/f"}) {
    EXPECT_EQ(create(other, COFFER_ROLE_LOG, whole), COFFER_INVALID_ARGUMENT);
    EXPECT_THAT(error.text(), HasSubstr("from the root on"));
  }
  EXPECT_EQ(create(path.c_str(), COFFER_ROLE_DATA, whole, "nobody"), COFFER_NOT_FOUND);
  for (int missing = 0; missing < 5; ++missing) {
    coffer_io_t io = whole;
    if (missing == 0) io.read = nullptr;
    if (missing == 1) io.write = nullptr;
    if (missing == 2) io.sync = nullptr;
    if (missing == 3) io.truncate = nullptr;
    if (missing == 4) io.size = nullptr;
    EXPECT_EQ(create(path.c_str(), COFFER_ROLE_LOG, io), COFFER_INVALID_ARGUMENT);
    const coffer_code_t opened = coffer_file_open(c_, path.c_str(), COFFER_ROLE_LOG, &io, &file, error.out());
    EXPECT_EQ(opened, missing == 0 || missing == 4 ? COFFER_INVALID_ARGUMENT : COFFER_OK);
    coffer_file_abandon(file);
    file = nullptr;
  }
  coffer_io_t io = whole;
  io.struct_size = sizeof io - 1;
  EXPECT_EQ(create(path.c_str(), COFFER_ROLE_LOG, io), COFFER_INVALID_ARGUMENT);
  EXPECT_THAT(error.text(), HasSubstr("sizeof(coffer_io_t)"));
}

TEST_F(CFileArgumentTest, ACallbackThatReadsMoreThanItWasAskedForIsNotBelieved) {
  MemoryFile memory;
  coffer_io_t io = memory.io();
  io.read = [](void*, uint64_t, void*, size_t size, size_t* done) -> coffer_code_t {
    *done = size + 1;
    return COFFER_OK;
  };
  coffer_file_t* file = nullptr;
  CError error;
  EXPECT_EQ(coffer_file_open(c_, db("f").c_str(), COFFER_ROLE_LOG, &io, &file, error.out()), COFFER_IO);
}

}  // namespace
}  // namespace coffer
