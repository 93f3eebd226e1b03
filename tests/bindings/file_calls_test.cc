// What calls of one file may do beside and after each other, and what they are given, by the C library.
#include <thread>

#include "bindings/c_fixture.h"
#include "coffer/format/envelope.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

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
  for (const coffer_role_t role : {0, 8, -1}) EXPECT_EQ(create(path.c_str(), role, whole), COFFER_INVALID_ARGUMENT);
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

TEST_F(CFileArgumentTest, DataFilesBelowAConfirmedStoreBelongToItAndOthersMakeStoresOfTheirOwn) {
  CError error;
  std::filesystem::create_directories(root_ + "/db/sub");
  std::filesystem::create_directories(root_ + "/loose/sub");
  const auto store_of = [&](const std::string& path) {
    MemoryFile memory;
    const coffer_io_t io = memory.io();
    coffer_file_t* file = nullptr;
    EXPECT_EQ(coffer_file_create(c_, path.c_str(), COFFER_ROLE_DATA, nullptr, &io, &file, error.out()), COFFER_OK)
        << error.text();
    EXPECT_EQ(coffer_file_close(file, error.out()), COFFER_OK) << error.text();
    return scan_envelope(as_bytes(memory.bytes).first(kEnvelopeSize)).value().fields.store_id;
  };
  EXPECT_EQ(coffer_confirm_store(c_, "db", error.out()), COFFER_INVALID_ARGUMENT);
  ASSERT_C_OK(error, coffer_confirm_store(c_, (root_ + "/db").c_str(), error.out()));
  EXPECT_EQ(store_of(db("a")), store_of(db("sub/a")));
  EXPECT_NE(store_of(root_ + "/loose/a"), store_of(root_ + "/loose/sub/a"));
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
