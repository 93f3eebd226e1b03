// What the C library leaves in memory, and what it says when there is none.
#include "bindings/c_fixture.h"
#include "coffer/crypto/random.h"
#include "support/allocations.h"
#include "support/memory_search.h"

namespace coffer {
namespace {

class CMemoryTest : public CFixture {
 protected:
  // Makes `call` with the first, the second … allocation failing, until none does any more.
  template <class Call>
  static void fail_each_allocation(const Call& call) {
    for (int number = 0;; ++number) {
      ASSERT_LT(number, 2000);
      coffer_error_t* error = nullptr;
      fail_allocation(number);
      const coffer_code_t code = call(&error);
      const bool all_made = !fail_no_allocation();
      EXPECT_EQ(coffer_error_code(error), code);
      const std::string message = coffer_error_message(error);
      coffer_error_free(error);
      if (all_made) {
        EXPECT_EQ(code, COFFER_OK) << message;
        return;
      }
      EXPECT_TRUE(code == COFFER_NO_MEMORY || code == COFFER_OK)
          << number << ": " << coffer_code_name(code) << ": " << message;
    }
  }
};

TEST_F(CMemoryTest, NeitherAWrappedKeyNorAMessageIsLeftBehind) {
  Bytes secret(64);
  ASSERT_OK(random_bytes(secret));
  const Needle needle(secret);
  std::string blob(secret.size() + COFFER_BLOB_OVERHEAD, '?'), message = blob;
  ASSERT_EQ(coffer_wrap_key(c_, "tenant", "", 0, secret.data(), 64, blob.data(), blob.size(), nullptr), COFFER_OK);
  ASSERT_EQ(coffer_seal(c_, "tenant", "", 0, secret.data(), 64, message.data(), message.size(), nullptr), COFFER_OK);
  wipe(secret.data(), secret.size());
  for (int turn = 0; turn < 3; ++turn) {
    ASSERT_EQ(coffer_rewrap(c_, "", 0, blob.data(), blob.size(), blob.data(), blob.size(), nullptr), COFFER_OK);
    ASSERT_EQ(coffer_unwrap_key(c_, "", 0, blob.data(), blob.size(), secret.data(), 64, nullptr), COFFER_OK);
    ASSERT_EQ(needle.count_in(secret.data(), secret.data() + 64), 1u);
    ASSERT_EQ(coffer_unseal(c_, "", 0, message.data(), message.size(), secret.data(), 64, nullptr), COFFER_OK);
    wipe(secret.data(), secret.size());
  }
  const FoundPlaces found = find(needle);
  EXPECT_EQ(found.secret + found.other, 0u);
}

TEST_F(CMemoryTest, OutOfMemoryIsAnErrorOfBlobs) {
  const std::string blob = sealed(c_, "message");
  std::string room(200, '?');
  fail_each_allocation([&](coffer_error_t** error) {
    return coffer_seal(c_, "tenant", "c", 1, "m", 1, room.data(), room.size(), error);
  });
  fail_each_allocation([&](coffer_error_t** error) {
    return coffer_unseal(c_, "place", 5, blob.data(), blob.size(), room.data(), room.size(), error);
  });
  fail_each_allocation([&](coffer_error_t** error) {
    return coffer_rewrap(c_, "place", 5, blob.data(), blob.size(), room.data(), room.size(), error);
  });
}

TEST_F(CMemoryTest, OutOfMemoryIsAnErrorOfOpeningAFile) {
  MemoryFile memory;
  const coffer_io_t io = memory.io();
  const std::string path = db("log");
  coffer_file_t* file = nullptr;
  ASSERT_EQ(coffer_file_create(c_, path.c_str(), COFFER_ROLE_LOG, nullptr, &io, &file, nullptr), COFFER_OK);
  ASSERT_EQ(coffer_file_append(file, "text", 4, nullptr), COFFER_OK);
  ASSERT_EQ(coffer_file_close(file, nullptr), COFFER_OK);
  fail_each_allocation([&](coffer_error_t** error) {
    const coffer_code_t code = coffer_file_open(c_, path.c_str(), COFFER_ROLE_LOG, &io, &file, error);
    EXPECT_EQ(file != nullptr, code == COFFER_OK);
    coffer_file_abandon(file);
    return code;
  });
}

TEST_F(CMemoryTest, AnErrorThatThereIsNoMemoryForIsOneAllTheSame) {
  coffer_error_t* error = nullptr;
  fail_allocation(0);
  const coffer_code_t code = coffer_refresh(nullptr, &error);
  EXPECT_TRUE(fail_no_allocation());
  EXPECT_EQ(code, COFFER_NO_MEMORY);
  EXPECT_EQ(coffer_error_code(error), COFFER_NO_MEMORY);
  EXPECT_STREQ(coffer_error_message(error), "out of memory");
  coffer_error_free(error);
}

}  // namespace
}  // namespace coffer
